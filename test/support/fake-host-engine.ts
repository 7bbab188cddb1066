// The face of an Engine for a host in memory, with faults: every call may be lost before or after it had its effect, delayed,
// refused, or be the last thing that its caller ever did. Nothing but promises and the clock inside.
import { type Context, interruption, throwIfAborted } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Clock } from '../../src/core/events.ts';
import { imageOf, tagsOf } from '../../src/engine/answers.ts';
import type { Containers } from '../../src/engine/containers.ts';
import type {
  BuildImageOptions,
  Engine,
  EngineFacts,
  EngineImage,
  ImportOptions,
} from '../../src/engine/engine.ts';
import type { SwarmCalls } from '../../src/engine/swarm.ts';
import { isFor } from '../../src/engine/terms.ts';
import { EngineRefusal } from './engine-store.ts';
import type { FakeHost } from './fake-host.ts';
import { hostContainers } from './fake-host-containers.ts';
import { imageJson, imageList, removeImage, tagImage } from './fake-host-images.ts';
import { Refusal } from './fake-host-terms.ts';

/** One call that comes in. */
export interface FakeCall {
  readonly host: string;
  /** `containers.start`, `loadImages` … */
  readonly method: string;
  /** What it was called with, without the context and what is too much to show. */
  readonly args: readonly unknown[];
  /** Counts all calls of all hosts that share the hook, from 1. */
  readonly number: number;
}

/** What happens to a call. */
export type CallFault =
  | 'pass'
  /** The connection breaks before the engine has read it. */
  | 'drop-before'
  /** It has its effect, and the answer is lost. */
  | 'drop-after'
  | { readonly delayMs: number }
  | { readonly status: number }
  /** Nothing comes until the caller gives up. */
  | 'hang'
  /** Nothing comes, and the client gives the connection up. */
  | { readonly hangMs: number }
  /** The caller dies before the call (`kill` is that too), or right after its effect. */
  | 'kill'
  | 'kill-before'
  | 'kill-after';

/** How an engine is reached. */
export interface HostEngineOptions {
  /** The caller's own clock; default the host's. */
  readonly clock?: Clock;
  /** Of each call. Default 0. */
  readonly latencyMs?: number;
  readonly intercept?: (call: FakeCall) => CallFault;
  /** Called for a `kill`. */
  readonly onKill?: () => void;
  /** Once the caller is dead, what it began has its effect, and nobody hears of it. */
  readonly isDead?: () => boolean;
  /** While it says true, nothing answers. */
  readonly isCut?: () => boolean;
  /** What it is as a manager; default: it is in no swarm, and nobody may ask. */
  readonly swarm?: SwarmCalls;
}

/** How `fake-host-containers.ts` makes a call: with the fault that was ordered for it. */
export type Perform = <T>(
  ctx: Context,
  method: string,
  args: readonly unknown[],
  effect: () => T | Promise<T>,
) => Promise<T>;

/** An engine that is `host`. */
export function hostEngine(host: FakeHost, options: HostEngineOptions = {}): Engine {
  return new HostEngine(host, options);
}

const counters = new WeakMap<object, number>();

class HostEngine implements Engine {
  readonly containers: Containers;
  readonly swarm: SwarmCalls;
  readonly #host: FakeHost;
  readonly #options: HostEngineOptions;
  readonly #facts: EngineFacts;

  constructor(host: FakeHost, options: HostEngineOptions) {
    this.#host = host;
    this.#options = options;
    this.#facts = factsOf(host);
    this.swarm = options.swarm ?? ({} as SwarmCalls);
    this.containers = hostContainers(host, {
      perform: (ctx, method, args, effect) => this.#call(ctx, `containers.${method}`, args, effect),
      clock: options.clock ?? host.clock,
      check: (method) => {
        if (options.isCut?.() === true) throw this.#lost(method);
      },
    });
  }

  facts(ctx: Context): Promise<EngineFacts> {
    return this.#call(ctx, 'facts', [], () => this.#facts);
  }

  inspectImage(ctx: Context, name: string): Promise<EngineImage | undefined> {
    return this.#call(ctx, 'inspectImage', [name], () => this.#image(name));
  }

  async *saveImage(
    ctx: Context,
    name: string,
    platform?: string,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    yield await this.#call(ctx, 'saveImage', [name, platform], () => {
      const image = this.#host.images.find(name);
      const found = this.#image(name);
      const isOther = platform !== undefined && found !== undefined && !isFor(found, platform);
      if (image === undefined || isOther) throw new Refusal(404, `No such image: ${name}`);
      return this.#host.images.save(image, name);
    });
  }

  async loadImages(ctx: Context, body: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
    const tar = await collect(ctx, body);
    return this.#call(ctx, 'loadImages', [], async () => {
      const lines = await this.#host.images.load(tar);
      this.#host.onChange();
      return lines.map((line) => line.replace(/^Loaded image(?: ID)?: /, ''));
    });
  }

  async importLayer(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    { name, platform = '' }: ImportOptions,
  ): Promise<string> {
    const tar = await collect(ctx, body);
    return this.#call(ctx, 'importLayer', [name, platform], async () => {
      const id = await this.#host.images.importLayer(tar, name, platform);
      this.#host.onChange();
      return id;
    });
  }

  async buildImage(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    { name, dockerfile = 'Dockerfile', log }: BuildImageOptions,
  ): Promise<string> {
    const tar = await collect(ctx, body);
    return this.#call(ctx, 'buildImage', [name, dockerfile], async () => {
      const query = new URLSearchParams({ t: name, dockerfile });
      const lines = (await this.#host.images.build(tar, query)) as readonly BuildLine[];
      for (const { stream } of lines) if (stream?.trim()) log?.(stream.trimEnd());
      this.#host.onChange();
      return lines.map(({ aux }) => aux?.ID).findLast((id) => id !== undefined) ?? '';
    });
  }

  tagImage(ctx: Context, source: string, name: string): Promise<void> {
    return this.#call(ctx, 'tagImage', [source, name], () => tagImage(this.#host, source, name));
  }

  listTags(ctx: Context, repository: string): Promise<readonly string[]> {
    return this.#call(ctx, 'listTags', [repository], () =>
      tagsOf(imageList(this.#host, []), repository),
    );
  }

  removeImage(ctx: Context, name: string): Promise<void> {
    return this.#call(ctx, 'removeImage', [name], () => void removeImage(this.#host, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #image(name: string): EngineImage | undefined {
    const json = imageJson(this.#host, name);
    return json && imageOf(json);
  }

  /** One call with its fault. */
  async #call<T>(
    ctx: Context,
    method: string,
    args: readonly unknown[],
    effect: () => T | Promise<T>,
  ): Promise<T> {
    throwIfAborted(ctx);
    const { latencyMs = 0, onKill, isCut, clock = this.#host.clock } = this.#options;
    const isDead = () => this.#options.isDead?.() === true;
    if (isDead()) return die(undefined);
    const fault = this.#faultOf(method, args);
    if (fault === 'kill' || fault === 'kill-before') return die(onKill);
    if (latencyMs > 0) await pause(ctx, clock, latencyMs);
    if (isCut?.() === true || fault === 'drop-before') throw this.#lost(method);
    if (typeof fault === 'object' && 'hangMs' in fault) {
      await pause(ctx, clock, fault.hangMs);
      throw this.#lost(method);
    }
    if (fault === 'hang') return abortable(ctx, new Promise(() => undefined));
    if (typeof fault === 'object' && 'delayMs' in fault) await pause(ctx, clock, fault.delayMs);
    if (typeof fault === 'object' && 'status' in fault) {
      throw refusalOf(method, new Refusal(fault.status, `status ${fault.status}`));
    }
    try {
      // An effect goes on when its caller gives up.
      const result = await abortable(ctx, Promise.resolve().then(effect));
      if (fault === 'kill-after' || isDead()) return die(onKill);
      if (fault === 'drop-after' || isCut?.() === true) throw this.#lost(method);
      return result;
    } catch (error) {
      if (fault === 'kill-after' || isDead()) return die(onKill);
      if (error instanceof ShipperError) throw error;
      if (error instanceof EngineRefusal) throw refusalOf(method, new Refusal(400, error.message));
      throw error instanceof Refusal ? refusalOf(method, error) : error;
    }
  }

  #faultOf(method: string, args: readonly unknown[]): CallFault {
    const { intercept } = this.#options;
    if (intercept === undefined) return 'pass';
    const number = (counters.get(intercept) ?? 0) + 1;
    counters.set(intercept, number);
    return intercept({ host: this.#host.name, method, args, number });
  }

  #lost(method: string): ShipperError {
    const message = `Cannot ${method} in the engine at ${this.#host.name}: the connection broke`;
    return new ShipperError('ENGINE_UNREACHABLE', message, { retryable: true });
  }
}

interface BuildLine {
  readonly stream?: string;
  readonly aux?: { readonly ID?: string };
}

function factsOf({ name }: FakeHost): EngineFacts {
  return {
    endpoint: `fake://${name}`,
    id: `ID-${name}`,
    hostname: name,
    product: 'docker',
    version: '26.1.5',
    apiVersion: '1.45',
    store: 'graph-driver',
    driver: 'overlay2',
    os: 'linux',
    architecture: 'amd64',
    rootDirectory: '/var/lib/docker',
  };
}

async function collect(ctx: Context, body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) {
    throwIfAborted(ctx);
    parts.push(part.slice());
  }
  return Buffer.concat(parts);
}

function die(onKill: (() => void) | undefined): Promise<never> {
  onKill?.();
  return new Promise(() => undefined);
}

async function pause(ctx: Context, clock: Clock, ms: number): Promise<void> {
  try {
    await clock.sleep(ms, ctx.signal);
  } catch (error) {
    throw ctx.signal.aborted ? interruption(ctx.signal) : error;
  }
}

/** `work`, or the cancellation that comes first. */
function abortable<T>(ctx: Context, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(interruption(ctx.signal));
    ctx.signal.addEventListener('abort', abort);
    const end = () => ctx.signal.removeEventListener('abort', abort);
    work.then(resolve, reject).finally(end);
  });
}

/** As the real client has it: what cannot go better another time is not to be tried again. */
function refusalOf(method: string, { status, message }: Refusal): ShipperError {
  const isPull = method.endsWith('.pull');
  const code =
    status === 404
      ? 'NOT_FOUND'
      : isPull && /credentials|unauthorized|denied/.test(message)
        ? 'UNAUTHORIZED'
        : status === 409 && /\.create(?:Volume)?$/.test(method)
          ? 'CONFLICT'
          : 'ENGINE';
  const isOnce = /\.(?:create|start|restart|exec)$/.test(method);
  const retryable = code === 'ENGINE' && status >= (isOnce ? 502 : 500);
  const text = `Cannot ${method} in the engine: ${message}`;
  return new ShipperError(code, text, { status, retryable });
}
