// One engine, registry and podman per test file, started on first use and stopped after the file's last test. Import
// this only from a test file: the `afterAll` below belongs to the file that imports it.
import { afterAll } from 'vitest';
import { type EngineKind, type RunningEngine, startEngine } from './engines.ts';
import { type RunningPodman, startPodman } from './podman.ts';
import { type RunningRegistry, startRegistry } from './registry.ts';

const started = new Map<string, Promise<AsyncDisposable>>();

/** The file's engine of this kind; the first call takes a second or so. */
export function sharedEngine(kind: EngineKind): Promise<RunningEngine> {
  return once(kind, () => startEngine(kind));
}

/** The file's registry, without a login. */
export function sharedRegistry(): Promise<RunningRegistry> {
  return once('registry', () => startRegistry());
}

/** The file's podman. */
export function sharedPodman(): Promise<RunningPodman> {
  return once('podman', () => startPodman());
}

function once<T extends AsyncDisposable>(name: string, start: () => Promise<T>): Promise<T> {
  const found = started.get(name) as Promise<T> | undefined;
  if (found !== undefined) return found;
  const starting = start();
  started.set(name, starting);
  return starting;
}

afterAll(async () => {
  const parts = await Promise.allSettled(started.values());
  const stops = parts.flatMap((part) => (part.status === 'fulfilled' ? [part.value] : []));
  await Promise.all(stops.map((part) => part[Symbol.asyncDispose]()));
});
