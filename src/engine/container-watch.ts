// What goes on in an engine: its events, and what a container uses.
import type { Context } from '../core/context.ts';
import { LineSplitter } from '../core/lines.ts';
import { doingTo, namedPath } from './container-request.ts';
import type { ContainerStats, Containers, EngineEvent } from './containers.ts';
import { expectSuccess, type Session } from './session.ts';
import { arrayOf, type Json, numberOf, objectOf, parseObject, recordOf, textOf } from './wire.ts';

/** The calls that watch. */
export function watchCalls(session: Session): Pick<Containers, 'events' | 'stats'> {
  return {
    events: (ctx, filters, since) => events(session, ctx, filters, since),
    stats: (ctx, container) => stats(session, ctx, container),
  };
}

async function* events(
  session: Session,
  ctx: Context,
  filters: Readonly<Record<string, readonly string[]>>,
  since: string | undefined,
): AsyncGenerator<EngineEvent, void, undefined> {
  const exchange = await session.open(ctx, {
    method: 'GET',
    path: '/events',
    action: 'watch the engine',
    query: {
      filters: JSON.stringify(filters),
      ...(since === undefined ? {} : { since: inSeconds(since) }),
    },
  });
  const forever = Number.POSITIVE_INFINITY;
  const lines = new LineSplitter();
  try {
    // Engines answer when something happens, not before (podman).
    exchange.finishRequest(forever);
    await expectSuccess(exchange);
    for await (const chunk of exchange.chunks(forever, forever)) {
      for (const { text } of lines.split(chunk)) {
        const event = eventOf(text);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    exchange.close();
  }
}

/** One line of `GET /events`; undefined for what is none. */
export function eventOf(line: string): EngineEvent | undefined {
  const json = parseObject(line);
  const action = textOf(json?.['Action']);
  if (json === undefined || action === undefined) return undefined;
  const actor = objectOf(json['Actor']);
  return {
    type: textOf(json['Type']) ?? '',
    action,
    id: textOf(actor['ID']) ?? '',
    attributes: recordOf(actor['Attributes']),
    timeNano: nanoseconds(line) ?? `${numberOf(json['time']) ?? 0}000000000`,
  };
}

/** Taken from the text: the number is larger than those that JSON.parse keeps exactly. It is the last field. */
function nanoseconds(line: string): string | undefined {
  return [...line.matchAll(/(?<!\\)"timeNano":\s*(\d+)/g)].at(-1)?.[1];
}

/** Nanoseconds as the API wants them: `seconds.nanoseconds`. */
function inSeconds(nano: string): string {
  const digits = nano.padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

async function stats(session: Session, ctx: Context, container: string): Promise<ContainerStats> {
  const path = `/containers/${namedPath('container', container)}`;
  const action = doingTo('measure', container);
  const settings = await session.requestJson(ctx, { method: 'GET', path: `${path}/json`, action });
  const query = { stream: '0' };
  const call = { method: 'GET', path: `${path}/stats`, action, query, isLong: true } as const;
  const limit = numberOf(objectOf(settings['HostConfig'])['Memory']) ?? 0;
  return statsOf(await session.requestJson(ctx, call), limit);
}

/** `GET /containers/{id}/stats`: what the docker command makes of it (docker/cli, stats_helpers.go). */
export function statsOf(json: Json, memoryLimitBytes: number): ContainerStats {
  const now = objectOf(json['cpu_stats']);
  const before = objectOf(json['precpu_stats']);
  const busy = totalOf(now) - totalOf(before);
  const spent = systemOf(now) - systemOf(before);
  const usage = objectOf(objectOf(now['cpu_usage'])['percpu_usage']);
  const cores = numberOf(now['online_cpus']) || arrayOf(usage).length || 1;
  const memory = objectOf(json['memory_stats']);
  const details = objectOf(memory['stats']);
  const used = numberOf(memory['usage']) ?? 0;
  const cache = numberOf(details['total_inactive_file']) ?? numberOf(details['inactive_file']) ?? 0;
  return {
    cpus: systemOf(before) > 0 && spent > 0 && busy >= 0 ? (busy / spent) * cores : undefined,
    memoryBytes: cache < used ? used - cache : used,
    memoryLimitBytes,
  };
}

function totalOf(stats: Json): number {
  return numberOf(objectOf(stats['cpu_usage'])['total_usage']) ?? 0;
}

function systemOf(stats: Json): number {
  return numberOf(stats['system_cpu_usage']) ?? 0;
}
