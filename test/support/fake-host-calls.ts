// The calls about containers on a host in memory, in the words of the API: what both of its faces share. Throws `Refusal`s.
import type {
  ExecSpec,
  LogLine,
  NetworkSpec,
  RestartPolicy,
  VolumeSpec,
} from '../../src/engine/containers.ts';
import type { EngineLogin } from '../../src/engine/engine.ts';
import { type FakeContainer, type FakeHost, hostConfigOf, isAlive } from './fake-host.ts';
import { offered, pulled } from './fake-host-images.ts';
import { Refusal } from './fake-host-terms.ts';
import type { Watcher } from './fake-host-watch.ts';

type Json = Readonly<Record<string, unknown>>;

/** Goes on whatever becomes of who called. False when there is nothing to stop. */
export async function stopContainer(
  host: FakeHost,
  container: FakeContainer,
  graceMs: number,
): Promise<boolean> {
  host.settle();
  if (!isAlive(container)) return false;
  await host.clock.sleep(host.stopMs(container, graceMs));
  host.stop(container, graceMs);
  return true;
}

/** Stopped, and started. */
export async function restartContainer(
  host: FakeHost,
  container: FakeContainer,
  graceMs: number,
): Promise<void> {
  await stopContainer(host, container, graceMs);
  host.start(container);
}

/** Removed when it resolves. */
export async function removeContainer(host: FakeHost, container: FakeContainer): Promise<void> {
  const { removeMs = 0 } = host.behaviourOf(container);
  host.remove(container);
  if (removeMs <= 0) return;
  await host.clock.sleep(removeMs);
  host.removed(container);
}

/** Changes when the engine starts it again. */
export function updatePolicy(
  host: FakeHost,
  container: FakeContainer,
  policy: RestartPolicy,
): void {
  container.policy = policy;
  host.tell(container, 'update');
  host.onChange();
}

/** A command in a running container. */
export function execIn(
  host: FakeHost,
  container: FakeContainer,
  spec: ExecSpec,
): { readonly code: number; readonly lines: readonly LogLine[] } {
  host.settle();
  if (container.status !== 'running') {
    throw new Refusal(409, `Container ${container.id} is not running`);
  }
  return host.behaviourOf(container).exec?.(spec) ?? { code: 0, lines: [] };
}

/** `GET /containers/{id}/stats`: a hundredth of a core, one MiB. */
export function statsJson(host: FakeHost, { status }: FakeContainer): Json {
  host.settle();
  if (status !== 'running') return {};
  const cpu = (total: number, system: number) => ({
    cpu_usage: { total_usage: total },
    system_cpu_usage: system,
    online_cpus: 1,
  });
  return {
    cpu_stats: cpu(2e7, 2e9),
    precpu_stats: cpu(1e7, 1e9),
    memory_stats: { usage: 1_048_576, stats: {} },
  };
}

/** The limit that a container was made with; 0 without. */
export function memoryLimit({ spec }: FakeContainer): number {
  return hostConfigOf(spec).Memory ?? 0;
}

/** Takes the time that the image takes. */
export async function pullImage(
  host: FakeHost,
  reference: string,
  login: EngineLogin | undefined,
  { clock, signal, check }: Watcher,
): Promise<void> {
  const pullable = offered(host, reference, login);
  await clock.sleep(pullable.afterMs ?? 100, signal);
  check?.();
  pulled(host, reference, pullable);
}

/** `GET /networks/{name}`. */
export function networkJson(host: FakeHost, name: string): Json | undefined {
  const spec = host.networks.get(name);
  if (spec === undefined) return undefined;
  const { driver = 'bridge', labels } = spec;
  return { Id: `network-${name}`, Name: name, Driver: driver, Labels: labels };
}

/** False when there is one of that name. */
export function createNetwork(host: FakeHost, spec: NetworkSpec): boolean {
  if (host.hasNetwork(spec.name)) return false;
  host.networks.set(spec.name, spec);
  host.onChange();
  return true;
}

/** A container that runs has joined it at once. */
export function connectNetwork(
  host: FakeHost,
  network: string,
  container: string,
  settings: Json,
): void {
  if (!host.hasNetwork(network)) throw new Refusal(404, `network ${network} not found`);
  host.need(container).networks.set(network, settings);
  host.onChange();
}

/** One that a running container has joined stays. */
export function removeNetwork(host: FakeHost, name: string): void {
  if (!host.networks.has(name)) throw new Refusal(404, `network ${name} not found`);
  if (host.running().some(({ networks }) => networks.has(name))) {
    throw new Refusal(403, `error while removing network: network ${name} has active endpoints`);
  }
  host.networks.delete(name);
  host.onChange();
}

/** `GET /volumes/{name}`. */
export function volumeJson(host: FakeHost, name: string): Json | undefined {
  const spec = host.volumes.get(name);
  return spec && { Name: name, Driver: spec.driver ?? 'local', Labels: spec.labels };
}

/** That of the same name where there is one. */
export function createVolume(host: FakeHost, spec: VolumeSpec): Json {
  const there = host.volumes.get(spec.name);
  if (there !== undefined && (there.driver ?? 'local') !== (spec.driver ?? 'local')) {
    throw new Refusal(409, `a volume named ${spec.name} already exists with another driver`);
  }
  if (there === undefined) host.volumes.set(spec.name, spec);
  host.onChange();
  return volumeJson(host, spec.name) ?? {};
}
