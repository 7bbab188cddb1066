// Ports of a container as the API has them: `80/tcp` to where it is published. Pure.
import type { ContainerChoice } from '../config/service-types.ts';

/** Every port that is open, published or not. */
export function exposedPorts({
  ports,
  expose,
}: Pick<ContainerChoice, 'ports' | 'expose'>): Readonly<Record<string, object>> {
  const published = ports.map(({ target, protocol }) => `${target}/${protocol}`);
  const all = [...published, ...expose.map((port) => (port.includes('/') ? port : `${port}/tcp`))];
  return Object.fromEntries(all.map((port) => [port, {}]));
}

/** Where ports are published; `HostPort` is a number, a range that the engine takes from, or empty: any. */
export function portBindings({
  ports,
}: Pick<ContainerChoice, 'ports'>): Readonly<Record<string, readonly object[]>> {
  const bindings: Record<string, object[]> = {};
  for (const { target, protocol, hostIp = '', published = '' } of ports) {
    const own = bindings[`${target}/${protocol}`] ?? [];
    bindings[`${target}/${protocol}`] = [...own, { HostIp: hostIp, HostPort: published }];
  }
  return bindings;
}
