// What engines of different age make of one specification (the API's version history): they pass over in silence what they do
// not know, so it is looked for before anything is touched. Pure.
import type { ContainerSpec } from '../engine/containers.ts';
import { apiHas } from '../engine/terms.ts';
import { arrayOf, objectOf } from '../engine/wire.ts';
import type { ReleasedService } from './release.ts';

/** Since then a hardware address belongs to a network, before to the container. */
const MAC_ADDRESSES = '1.44';

/** What a specification has that came with a version of the API. */
const NEWER: readonly {
  readonly key: string;
  readonly api: string;
  /** Of the engine. */
  readonly version: string;
  readonly isUsed: (service: Pick<ReleasedService, 'spec' | 'moreNetworks'>) => boolean;
}[] = [
  {
    key: 'annotations',
    api: '1.43',
    version: '24',
    isUsed: ({ spec }) => memberOf(spec['HostConfig'], 'Annotations') !== undefined,
  },
  {
    key: 'healthcheck.start_interval',
    api: '1.44',
    version: '25',
    isUsed: ({ spec }) => memberOf(spec['Healthcheck'], 'StartInterval') !== undefined,
  },
  {
    key: 'devices by a vendor',
    api: '1.44',
    version: '25',
    isUsed: ({ spec }) => memberOf(spec['HostConfig'], 'DeviceRequests') !== undefined,
  },
  {
    key: 'mac_address in a second network',
    api: MAC_ADDRESSES,
    version: '25',
    isUsed: ({ moreNetworks }) =>
      moreNetworks.some(([, settings]) => settings['MacAddress'] !== undefined),
  },
  {
    key: 'volume.subpath',
    api: '1.45',
    version: '26',
    isUsed: ({ spec }) =>
      arrayOf(memberOf(spec['HostConfig'], 'Mounts')).some(
        (mount) => memberOf(memberOf(mount, 'VolumeOptions'), 'Subpath') !== undefined,
      ),
  },
];

/** What `service` says that an engine of `apiVersion` does not know: keys, each with the engine that does. */
export function beyondApi(
  service: Pick<ReleasedService, 'spec' | 'moreNetworks'>,
  apiVersion: string,
): readonly string[] {
  return NEWER.filter(({ api, isUsed }) => !apiHas(apiVersion, api) && isUsed(service)).map(
    ({ key, version }) => `${key} needs Docker Engine ${version}`,
  );
}

/** The specification as an engine of `apiVersion` is told it. */
export function specFor(spec: ContainerSpec, apiVersion: string): ContainerSpec {
  if (apiHas(apiVersion, MAC_ADDRESSES)) return spec;
  const endpoints = memberOf(spec['NetworkingConfig'], 'EndpointsConfig');
  const [first] = Object.values(objectOf(endpoints));
  const address = memberOf(first, 'MacAddress');
  return address === undefined ? spec : { ...spec, MacAddress: address };
}

function memberOf(value: unknown, key: string): unknown {
  return objectOf(value)[key];
}
