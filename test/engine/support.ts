// What the tests of src/engine share: a context with the real clock, and a machine of a few files.
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Context } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { ShipperEvent } from '../../src/core/events.ts';
import { connectEngine } from '../../src/engine/client.ts';
import type { EndpointSystem } from '../../src/engine/endpoint.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/session.ts';
import { nodeClock } from '../../src/system/node.ts';
import type { FakeEngine } from '../support/engine-server.ts';

/** A context whose events are kept. */
export function testContext(
  signal: AbortSignal = new AbortController().signal,
): Context & { readonly events: ShipperEvent[] } {
  const events: ShipperEvent[] = [];
  const report = (event: ShipperEvent) => void events.push(event);
  return { report, signal, clock: nodeClock(), scope: {}, events };
}

/** The engine's client of a fake on a unix socket. */
export function clientOf(
  fake: FakeEngine,
  options: EngineOptions = {},
  env: Readonly<Record<string, string>> = {},
): Engine {
  const system = { env, clock: nodeClock(), spawnDuplex: () => dial(fake) };
  return connectEngine({ kind: 'unix', path: fake.socketPath }, system, options);
}

/** A connection to a fake, as `ssh … docker system dial-stdio` gives it. */
export function dial(fake: FakeEngine): Duplex {
  return createConnection(fake.socketPath);
}

/** All bytes of a stream, whose chunks may share their memory. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

/** `bytes` in pieces. */
export async function* pieces(
  bytes: Uint8Array,
  size: number = 65_536,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The ShipperError that `promise` rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<ShipperError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ShipperError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** A machine for endpoint discovery: files by path, `socket` for a socket. */
export function fakeMachine(
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
  platform: NodeJS.Platform = 'linux',
): EndpointSystem {
  const stat = async (path: string) => {
    const content = files[path];
    if (content === undefined) return undefined;
    const kind = content === 'socket' ? ('other' as const) : ('file' as const);
    return { kind, size: content.length, version: path, mtimeMs: 0 };
  };
  const read = async (path: string) => Buffer.from(files[path] ?? '');
  // Discovery may use nothing else of the files.
  const partial: Pick<EndpointSystem['files'], 'stat' | 'read'> = { stat, read };
  return { env, platform, homedir: '/home/me', files: partial as EndpointSystem['files'] };
}
