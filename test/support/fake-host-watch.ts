// What takes time on a host in memory: to wait for it, to follow it. The clock is that of who waits, so that it dies with him.
import type { Clock } from '../../src/core/events.ts';
import type { LogLine, LogOptions } from '../../src/engine/containers.ts';
import { type FakeContainer, type FakeHost, type HostEvent, isAlive } from './fake-host.ts';
import { timeOf } from './fake-host-json.ts';
import { hasLabel } from './fake-host-terms.ts';

/** Between two looks. */
const LOOK_MS = 50;

/** Who looks, until when. */
export interface Watcher {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called at every look: throws when the connection breaks. */
  readonly check?: () => void;
}

/** The exit code, once the container has ended. */
export async function waitForEnd(
  host: FakeHost,
  container: FakeContainer,
  { clock, signal, check }: Watcher,
): Promise<number> {
  for (;;) {
    host.settle();
    if (!isAlive(container)) return container.exitCode;
    await clock.sleep(LOOK_MS, signal);
    check?.();
  }
}

interface Written extends LogLine {
  readonly atMs: number;
}

/** All that a container has written until now, oldest first. */
export function written(host: FakeHost, container: FakeContainer): readonly Written[] {
  host.settle();
  const { log = [], talksEveryMs } = host.behaviourOf(container);
  const nowMs = host.clock.now();
  return container.runs.flatMap(({ fromMs, toMs }) => {
    const endMs = Math.min(toMs, nowMs);
    const said = log
      .map((line) =>
        typeof line === 'string'
          ? { atMs: fromMs, stream: 'stdout' as const, text: line }
          : { atMs: fromMs + line.afterMs, stream: line.stream, text: line.text },
      )
      .filter(({ atMs }) => atMs <= endMs);
    if (talksEveryMs === undefined) return said;
    const count = Math.floor((endMs - fromMs) / talksEveryMs);
    const talk = Array.from({ length: count }, (_, at) => ({
      atMs: fromMs + (at + 1) * talksEveryMs,
      stream: 'stdout' as const,
      text: `line ${at + 1}`,
    }));
    return [...said, ...talk];
  });
}

/** `GET /containers/{id}/logs`. */
export async function* readLog(
  host: FakeHost,
  container: FakeContainer,
  options: LogOptions,
  { clock, signal, check }: Watcher,
): AsyncGenerator<LogLine, void, undefined> {
  const { tail, since, follow, timestamps } = options;
  const sinceMs = since === undefined ? 0 : Number(since) * 1000;
  const all = written(host, container).length;
  let next = tail === undefined ? 0 : Math.max(0, all - tail);
  for (;;) {
    // Before the lines: what it writes last is read all the same.
    const isOver = follow !== true || !isAlive(container);
    const lines = written(host, container);
    for (; next < lines.length; next += 1) {
      const line = lines[next];
      if (line === undefined || line.atMs < sinceMs) continue;
      const text = timestamps === true ? `${timeOf(line.atMs)} ${line.text}` : line.text;
      yield { stream: line.stream, text };
    }
    if (isOver) return;
    await clock.sleep(LOOK_MS, signal);
    check?.();
  }
}

/** `GET /events`: never ends of itself. */
export async function* readEvents(
  host: FakeHost,
  filters: Readonly<Record<string, readonly string[]>>,
  since: string | undefined,
  { clock, signal, check }: Watcher,
): AsyncGenerator<HostEvent, void, undefined> {
  host.settle();
  let next =
    since === undefined
      ? host.events.length
      : host.events.findIndex(({ timeNano }) => BigInt(timeNano) >= BigInt(since));
  if (next < 0) next = host.events.length;
  for (;;) {
    host.settle();
    for (; next < host.events.length; next += 1) {
      const event = host.events[next];
      if (event !== undefined && isWanted(event, filters)) yield event;
    }
    await clock.sleep(LOOK_MS, signal);
    check?.();
  }
}

function isWanted(
  { type, action, id, attributes }: HostEvent,
  filters: Readonly<Record<string, readonly string[]>>,
): boolean {
  const has = (name: string, test: (wanted: string) => boolean) =>
    filters[name] === undefined || filters[name].length === 0 || filters[name].some(test);
  const labels = filters['label'] ?? [];
  return (
    has('type', (wanted) => wanted === type) &&
    has('event', (wanted) => wanted === action || action.startsWith(`${wanted}:`)) &&
    has('container', (wanted) => wanted === id || wanted === attributes['name']) &&
    labels.every((label) => hasLabel(attributes, label))
  );
}
