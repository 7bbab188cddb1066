// What the tests of the registry client share: clients of a fake, a clock that the test moves, authorizers.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../src/core/context.ts';
import { interruption } from '../../src/core/context.ts';
import { parseDigest } from '../../src/core/digest.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Clock, ShipperEvent } from '../../src/core/events.ts';
import type { Authorizer } from '../../src/registry/authorizer.ts';
import { registryClient } from '../../src/registry/client.ts';
import type { Send } from '../../src/registry/exchange.ts';
import type { RegistryHost } from '../../src/registry/host.ts';
import type { Registry, Repository } from '../../src/registry/registry.ts';
import type { RegistryHosts } from '../../src/registry/session.ts';
import { undiciSend } from '../../src/registry/undici-exchange.ts';
import type { Patience } from '../../src/registry/watch.ts';
import type { FakeRegistry } from '../support/registry-server.ts';

/** A clock that only moves when it is told to, or when somebody sleeps up to `skipUpToMs`. */
export class TestClock implements Clock {
  /** What was slept without waiting, in milliseconds. */
  readonly sleeps: number[] = [];
  readonly #skipUpToMs: number;
  readonly #held = new Set<{ readonly at: number; wake(): void }>();
  #time = 1_700_000_000_000;

  constructor(skipUpToMs: number = 0) {
    this.#skipUpToMs = skipUpToMs;
  }

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  /** How many sleep until the time is moved. */
  get sleeping(): number {
    return this.#held.size;
  }

  /** Moves the time, and wakes who has slept long enough. */
  advance(ms: number): void {
    this.#time += ms;
    for (const sleeper of [...this.#held]) if (sleeper.at <= this.#time) sleeper.wake();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw interruption(signal);
    if (ms <= this.#skipUpToMs) {
      this.sleeps.push(ms);
      this.#time += ms;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const sleeper = { at: this.#time + ms, wake: () => end(resolve) };
      const stop = () => end(() => reject(interruption(signal)));
      const end = (settle: () => void) => {
        this.#held.delete(sleeper);
        signal?.removeEventListener('abort', stop);
        settle();
      };
      this.#held.add(sleeper);
      signal?.addEventListener('abort', stop);
    });
  }
}

/** A context over `clock` whose events are kept. */
export function contextOn(
  clock: Clock,
  signal: AbortSignal = new AbortController().signal,
): Context & { readonly events: ShipperEvent[] } {
  const events: ShipperEvent[] = [];
  return { report: (event) => void events.push(event), signal, clock, scope: {}, events };
}

/** A host as people mean it by `origin`. */
export function hostAt(origin: string, more: Partial<RegistryHost> = {}): RegistryHost {
  return {
    origin,
    domain: new URL(origin).host,
    isMirror: false,
    isInsecure: origin.startsWith('http:'),
    tls: {},
    ...more,
  };
}

/** One registry, with mirrors in front of it. */
export function hostsOf(origin: string, ...mirrors: readonly string[]): RegistryHosts {
  const all = [...mirrors.map((each) => hostAt(each, { isMirror: true })), hostAt(origin)];
  return { of: async () => all, at: async (_ctx, url) => hostAt(url.origin) };
}

/** Has no credentials. */
export const NOBODY: Authorizer = { current: () => undefined, challenged: async () => undefined };

/** Fetches a token for each challenge, and keeps one for all scopes: enough for one repository. */
export class TokenFetcher implements Authorizer {
  fetched = 0;
  readonly #send: Send;
  #token: string | undefined;

  constructor(send: Send) {
    this.#send = send;
  }

  current(): string | undefined {
    return this.#token;
  }

  async challenged(
    ctx: Context,
    host: RegistryHost,
    scopes: readonly string[],
  ): Promise<string | undefined> {
    this.fetched += 1;
    const url = new URL('/token?service=fake', host.origin);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const response = await this.#send(ctx, host, { method: 'GET', url, headers: {} });
    const { token } = JSON.parse((await collect(response.body)).toString('utf8'));
    this.#token = `Bearer ${token}`;
    return this.#token;
  }
}

/** A client of one fake. */
export interface TestClient extends AsyncDisposable {
  readonly registry: Registry;
  readonly ctx: Context & { readonly events: ShipperEvent[] };
  readonly clock: TestClock;
  readonly repository: Repository;
  readonly authorizer: Authorizer;
}

/** Options of {@link clientOf}. */
export interface TestClientOptions {
  readonly path?: string;
  readonly hosts?: RegistryHosts;
  readonly authorizer?: (send: Send) => Authorizer;
  readonly patience?: Partial<Patience>;
  /** Default: sleeps of up to a minute take no time, so that retries are quick. */
  readonly clock?: TestClock;
  readonly signal?: AbortSignal;
}

/** Patience that never ends while a clock skips the waits between tries. */
const ENDLESS: Partial<Patience> = { idleMs: 1e9, thinkMs: 1e9, progressMs: 1e9 };

/** A client of `fake`, with a clock of its own. */
export function clientOf(fake: FakeRegistry, options: TestClientOptions = {}): TestClient {
  const { path = 'team/app', clock = new TestClock(60_000), signal } = options;
  const { send, close } = undiciSend({
    proxyFor: () => undefined,
    patience: options.patience ?? ENDLESS,
  });
  const authorizer = options.authorizer?.(send) ?? NOBODY;
  const hosts = options.hosts ?? hostsOf(fake.origin);
  const registry = registryClient({ send, authorizer, hosts, chance: () => 0.5, close });
  return {
    registry,
    clock,
    authorizer,
    ctx: contextOn(clock, signal),
    repository: { domain: fake.address, path },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

/** All bytes of a stream. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

/** `bytes` from `offset` on, in pieces. */
export async function* pieces(
  bytes: Uint8Array,
  offset: number = 0,
  size: number = 65_536,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = offset; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
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

/** Waits until `holds`, in real time, for at most ten seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 2000; round += 1) {
    if (holds()) return;
    await sleep(5);
  }
  throw new Error('it did not come to pass');
}

/** Bytes that no two offsets of which look alike. */
export function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 0x2545_f491;
  for (let at = 0; at < size; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

/** A blob's name as the client wants it. */
export function blobId({ digest, size }: { readonly digest: string; readonly size: number }) {
  return { digest: parseDigest(digest, 'a test blob'), size };
}
