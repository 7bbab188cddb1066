// The networks of a container: the first when it is created, as engines below API 1.44 take only one, the others after. Pure.
import type { ContainerChoice, NetworkJoin } from '../config/service-types.ts';
import { given } from '../core/given.ts';
import { namespaceOf } from './namespaces.ts';
import type { ReleasedService } from './release.ts';

/** Names in the engine by key. */
export type NetworkNames = ReadonlyMap<string, string>;

/** How a container joins its networks. */
export interface JoinedNetworks extends Pick<ReleasedService, 'moreNetworks'> {
  readonly hostConfig: Readonly<Record<string, unknown>>;
  readonly networkingConfig: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Every container answers to its service's name in networks of their own, as with Compose. The network of the highest priority
 * comes first; of several, the first by its key.
 */
export function joinedNetworks(
  service: string,
  { networks, networkMode }: Pick<ContainerChoice, 'networks' | 'networkMode'>,
  names: NetworkNames,
): JoinedNetworks {
  const joins = [...networks]
    .sort((a, b) => b.priority - a.priority || (a.network < b.network ? -1 : 1))
    .map((join) => [names.get(join.network) ?? join.network, endpoint(service, join)] as const);
  const [first, ...moreNetworks] = joins;
  if (first === undefined) {
    const hostConfig = given({ NetworkMode: namespaceOf(service, 'network_mode', networkMode) });
    return { hostConfig, networkingConfig: undefined, moreNetworks: [] };
  }
  return {
    hostConfig: { NetworkMode: first[0] },
    networkingConfig: { EndpointsConfig: Object.fromEntries([first]) },
    moreNetworks,
  };
}

function endpoint(service: string, join: NetworkJoin): Readonly<Record<string, unknown>> {
  const { aliases, ipv4Address, ipv6Address, macAddress } = join;
  const addresses = given({ IPv4Address: ipv4Address, IPv6Address: ipv6Address });
  return {
    Aliases: [service, ...aliases],
    ...given({
      IPAMConfig: Object.keys(addresses).length === 0 ? undefined : addresses,
      MacAddress: macAddress,
    }),
  };
}
