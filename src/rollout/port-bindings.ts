// Ports of a container as the API has them: `80/tcp` to where it is published. Pure.
import type { ContainerChoice } from '../config/service-types.ts';
import { ShipperError } from '../core/errors.ts';

/** Every port that is open, published or not. */
export function exposedPorts(
  service: string,
  { ports, expose }: Pick<ContainerChoice, 'ports' | 'expose'>,
): Readonly<Record<string, object>> {
  const published = ports.map(({ target, protocol }) => `${target}/${protocol}`);
  const all = [...published, ...expose.flatMap((words) => exposed(service, words))];
  return Object.fromEntries(all.map((port) => [port, {}]));
}

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i;
const MOST_PORTS = 65_535;

/** `3000`, `53/udp` or `3000-3005`: an engine takes one by one. */
function exposed(service: string, words: string): readonly string[] {
  const [, from, to = from, protocol = 'tcp'] = PORTS.exec(words) ?? [];
  const first = Number(from ?? 0);
  const last = Number(to ?? 0);
  if (first < 1 || last < first || last > MOST_PORTS) {
    const message = `Cannot expose ${JSON.stringify(words)} of ${service}: it is no port`;
    throw new ShipperError('USAGE', message, { hint: 'write a port such as 3000 or 53/udp' });
  }
  const count = last - first + 1;
  return Array.from({ length: count }, (_, at) => `${first + at}/${protocol.toLowerCase()}`);
}

/** Where ports are published; `HostPort` is a number, a range that the engine takes from, or empty: any. */
export function portBindings({
  ports,
}: Pick<ContainerChoice, 'ports'>): Readonly<Record<string, readonly object[]>> {
  const bindings: Record<string, object[]> = {};
  for (const { target, protocol, hostIp = '', published = '' } of ports) {
    const own = bindings[`${target}/${protocol}`] ?? [];
    const [from = '', to] = published.split('-');
    const HostPort = from === to ? from : published;
    bindings[`${target}/${protocol}`] = [...own, { HostIp: hostIp, HostPort }];
  }
  return bindings;
}
