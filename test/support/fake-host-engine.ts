// The face of an Engine for a host in memory, with faults: every call may be lost before or after it had its effect, delayed,
// refused, or be the last thing that its caller ever did. Nothing but promises and the clock inside.
import type { Context } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Clock } from '../../src/core/events.ts';
import type { Containers, EngineContainer, ListedContainer } from '../../src/engine/containers.ts';
import type { Engine, EngineFacts, EngineImage } from '../../src/engine/engine.ts';
import { EngineRefusal, type FakeImage } from './engine-store.ts';
import { type FakeContainer, type FakeHost, portsOf, Refusal } from './fake-host.ts';

/** One call that comes in. */
export interface FakeCall {
  readonly host: string;
  /** `containers.start`, `loadImages` … */
  readonly method: string;
  /** Counts all calls of all hosts that share the hook. */
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
  /** The caller dies before the call, or right after its effect. */
  | 'kill-before'
  | 'kill-after';

/** How an engine is reached. */
export interface HostEngineOptions {
  /** The caller's own clock; default the host's. */
  readonly clock?: Clock;
  /** Of each call. Default 0. */
  readonly latencyMs?: number;
  readonly intercept?: (call: Omit<FakeCall, 'number'>) => CallFault;
  /** Called for a `kill`. */
  readonly onKill?: () => void;
  /** Once the caller is dead, what it began has its effect, and nobody hears of it. */
  readonly isDead?: () => boolean;
  /** While it says true, nothing answers. */
  readonly isCut?: () => boolean;
}

/** An engine that is `host`. */
export function hostEngine(host: FakeHost, options: HostEngineOptions = {}): Engine {
  return new HostEngine(host, options);
}

class HostEngine implements Engine {
  readonly containers: Containers;
  readonly #host: FakeHost;
  readonly #options: HostEngineOptions;

  constructor(host: FakeHost, options: HostEngineOptions) {
    this.#host = host;
    this.#options = options;
    this.containers = this.#makeContainers();
  }

  async facts(ctx: Context): Promise<EngineFacts> {
    return this.#call(ctx, 'facts', () => ({
      endpoint: `fake://${this.#host.name}`,
      id: `ID-${this.#host.name}`,
      hostname: this.#host.name,
      product: 'docker',
      version: '26.1.5',
      apiVersion: '1.45',
      store: 'graph-driver',
      driver: 'overlay2',
      os: 'linux',
      architecture: 'amd64',
      rootDirectory: '/var/lib/docker',
    }));
  }

  inspectImage(ctx: Context, name: string): Promise<EngineImage | undefined> {
    return this.#call(ctx, 'inspectImage', () => {
      const image = this.#host.images.find(name);
      if (image !== undefined) return imageOf(image);
      const id = this.#host.pulled.get(name);
      if (id === undefined) return undefined;
      const raw = { RepoDigests: [name], Config: {} };
      return {
        id,
        tags: [],
        diffIds: [],
        os: 'linux',
        architecture: 'amd64',
        variant: undefined,
        sizeBytes: 1,
        raw,
      };
    });
  }

  async *saveImage(ctx: Context, name: string): AsyncGenerator<Uint8Array, void, undefined> {
    const image = this.#host.images.find(name);
    if (image === undefined)
      throw refusalOf('saveImage', new Refusal(404, `No such image: ${name}`));
    yield await this.#call(ctx, 'saveImage', () => this.#host.images.save(image, name));
  }

  async loadImages(ctx: Context, body: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part.slice());
    return this.#call(ctx, 'loadImages', async () => {
      const lines = await this.#host.images.load(Buffer.concat(parts));
      this.#host.onChange();
      return lines.map((line) => line.replace(/^Loaded image(?: ID)?: /, ''));
    });
  }

  async importLayer(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    { name }: { readonly name: string },
  ): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part.slice());
    return this.#call(ctx, 'importLayer', () =>
      this.#host.images.importLayer(Buffer.concat(parts), name, ''),
    );
  }

  buildImage(): Promise<string> {
    throw new Error('a fake host builds nothing');
  }

  tagImage(ctx: Context, source: string, name: string): Promise<void> {
    return this.#call(ctx, 'tagImage', () => {
      const image = this.#host.images.find(source);
      if (image !== undefined) return this.#host.images.tag(image, name);
      const id = this.#host.imageId(source);
      if (id === undefined) throw new Refusal(404, `No such image: ${source}`);
      this.#host.pulled.set(name, id);
    });
  }

  listTags(ctx: Context, repository: string): Promise<readonly string[]> {
    return this.#call(ctx, 'listTags', () =>
      [...this.#host.images.images.values()].flatMap(({ tags }) =>
        tags.filter((tag) => tag.startsWith(`${repository}:`)),
      ),
    );
  }

  removeImage(ctx: Context, name: string): Promise<void> {
    return this.#call(ctx, 'removeImage', () => {
      const id = this.#host.imageId(name);
      const isUsed = [...this.#host.containers.values()].some(({ imageId }) => imageId === id);
      const isLastName = this.#host.images.find(name)?.tags.length ?? 0 <= 1;
      if (isUsed && isLastName)
        throw new Refusal(409, `conflict: image ${name} is in use by a container`);
      this.#host.pulled.delete(name);
      this.#host.images.remove(name);
      this.#host.onChange();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** One call with its fault. */
  async #call<T>(ctx: Context, method: string, effect: () => T | Promise<T>): Promise<T> {
    if (ctx.signal.aborted) throw ctx.signal.reason;
    const { latencyMs = 0, intercept, onKill, isCut, clock = this.#host.clock } = this.#options;
    const isDead = () => this.#options.isDead?.() === true;
    if (isDead()) return die(undefined);
    const fault = intercept?.({ host: this.#host.name, method }) ?? 'pass';
    if (fault === 'kill-before') return die(onKill);
    if (latencyMs > 0) await clock.sleep(latencyMs, ctx.signal);
    if (isCut?.() === true) throw this.#lost(method);
    if (fault === 'drop-before') throw this.#lost(method);
    if (typeof fault === 'object' && 'delayMs' in fault)
      await clock.sleep(fault.delayMs, ctx.signal);
    if (typeof fault === 'object' && 'status' in fault) {
      throw refusalOf(method, new Refusal(fault.status, `status ${fault.status}`));
    }
    try {
      const result = await effect();
      if (fault === 'kill-after' || isDead()) return die(onKill);
      if (fault === 'drop-after' || isCut?.() === true) throw this.#lost(method);
      return result;
    } catch (error) {
      if (error instanceof ShipperError) throw error;
      if (error instanceof EngineRefusal) throw refusalOf(method, new Refusal(400, error.message));
      throw error instanceof Refusal ? refusalOf(method, error) : error;
    }
  }

  #lost(method: string): ShipperError {
    const message = `Cannot ${method} in the engine at ${this.#host.name}: the connection broke`;
    return new ShipperError('ENGINE_UNREACHABLE', message, { retryable: true });
  }

  #makeContainers(): Containers {
    const host = this.#host;
    const call = <T>(ctx: Context, method: string, effect: () => T | Promise<T>): Promise<T> =>
      this.#call(ctx, `containers.${method}`, effect);
    const clock = () => this.#options.clock ?? host.clock;
    return {
      list: (ctx, labels = []) =>
        call(ctx, 'list', () => {
          host.settle();
          return [...host.containers.values()]
            .filter(({ spec }) => labels.every((label) => hasLabel(spec.Labels, label)))
            .map(listed);
        }),
      inspect: (ctx, container) =>
        call(ctx, 'inspect', () => {
          const found = host.find(container);
          return found === undefined ? undefined : inspected(host, found);
        }),
      create: (ctx, name, spec) => call(ctx, 'create', () => host.create(name, spec).id),
      start: (ctx, container) => call(ctx, 'start', () => host.start(host.need(container))),
      stop: async (ctx, container, graceMs) => {
        const found = host.find(container);
        const work = call(ctx, 'stop', async () => {
          if (found === undefined) return;
          // The stop goes on whatever becomes of the call.
          await host.clock.sleep(host.stopMs(found, graceMs));
          host.stop(found);
        });
        return work;
      },
      restart: (ctx, container) =>
        call(ctx, 'restart', () => {
          const found = host.need(container);
          host.stop(found);
          host.start(found);
        }),
      kill: (ctx, container) => call(ctx, 'kill', () => host.stop(host.need(container))),
      unpause: (ctx, container) =>
        call(ctx, 'unpause', () => {
          host.need(container).status = 'running';
        }),
      remove: (ctx, container) =>
        call(ctx, 'remove', () => {
          const found = host.find(container);
          if (found !== undefined) host.remove(found);
        }),
      setRestartPolicy: (ctx, container, policy) =>
        call(ctx, 'setRestartPolicy', () => {
          host.need(container).policy = policy;
          host.onChange();
        }),
      wait: async (ctx, container) => {
        for (;;) {
          const code = await call(ctx, 'wait', () => {
            const found = host.need(container);
            return found.status === 'running' ? undefined : found.exitCode;
          });
          if (code !== undefined) return code;
          await clock().sleep(100, ctx.signal);
        }
      },
      putArchive: (ctx, container, path, tar) =>
        call(ctx, 'putArchive', () => void host.need(container).files.set(path, tar.slice())),
      getArchive: (ctx, container, path) =>
        call(ctx, 'getArchive', () => {
          const found = host.find(container);
          const folder = path.slice(0, path.lastIndexOf('/')) || '/';
          return found?.files.get(path) ?? found?.files.get(folder);
        }),
      logs: async function* (ctx, container) {
        const lines = await call(
          ctx,
          'logs',
          () => host.behaviourOf(host.need(container)).log ?? [],
        );
        for (const text of lines) yield { stream: 'stdout', text } as const;
      },
      attach: async function* () {},
      exec: (ctx) => call(ctx, 'exec', () => 0),
      stats: (ctx) => call(ctx, 'stats', () => ({ cpus: 0, memoryBytes: 0, memoryLimitBytes: 0 })),
      events: async function* () {},
      pull: (ctx, reference) =>
        call(ctx, 'pull', async () => {
          const id = host.pullable.get(reference);
          if (id === undefined) throw new Refusal(404, `manifest for ${reference} not found`);
          await clock().sleep(100, ctx.signal);
          host.pulled.set(reference, id);
        }),
      listImages: (ctx) =>
        call(ctx, 'listImages', () =>
          [...host.images.images.values()].map((image) => ({
            id: image.id,
            tags: image.tags,
            digests: [],
            labels: labelsOf(image),
            sizeBytes: 1,
            createdAt: 0,
          })),
        ),
      inspectNetwork: (ctx, name) =>
        call(ctx, 'inspectNetwork', () => {
          const found = host.networks.get(name);
          return (
            found && { id: name, name, driver: found.driver ?? 'bridge', labels: found.labels }
          );
        }),
      createNetwork: (ctx, spec) =>
        call(ctx, 'createNetwork', () => {
          if (!host.networks.has(spec.name)) host.networks.set(spec.name, spec);
        }),
      connectNetwork: (ctx, network, container, settings) =>
        call(
          ctx,
          'connectNetwork',
          () => void host.need(container).networks.set(network, settings),
        ),
      removeNetwork: (ctx, name) =>
        call(ctx, 'removeNetwork', () => void host.networks.delete(name)),
      inspectVolume: (ctx, name) =>
        call(ctx, 'inspectVolume', () => {
          const found = host.volumes.get(name);
          return found && { name, driver: found.driver ?? 'local', labels: found.labels };
        }),
      createVolume: (ctx, spec) =>
        call(ctx, 'createVolume', () => {
          if (!host.volumes.has(spec.name)) host.volumes.set(spec.name, spec);
        }),
    };
  }
}

function die(onKill: (() => void) | undefined): Promise<never> {
  onKill?.();
  return new Promise(() => undefined);
}

function refusalOf(method: string, { status, message }: Refusal): ShipperError {
  const code =
    status === 404
      ? 'NOT_FOUND'
      : status === 409 && method.endsWith('create')
        ? 'CONFLICT'
        : 'ENGINE';
  const text = `Cannot ${method} in the engine: ${message}`;
  return new ShipperError(code, text, { status, retryable: status >= 500 });
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  return at < 0 ? wanted in labels : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

function listed(container: FakeContainer): ListedContainer {
  const { id, name, spec, imageId, status, createdMs } = container;
  const ports = status === 'running' ? portsOf(container) : [];
  return {
    id,
    name,
    image: spec.Image,
    imageId,
    status,
    labels: spec.Labels,
    ports: ports.map((published) => ({
      hostIp: '0.0.0.0',
      published,
      target: published,
      protocol: 'tcp',
    })),
    createdAt: Math.floor(createdMs / 1000),
  };
}

function inspected(host: FakeHost, container: FakeContainer): EngineContainer {
  const { id, name, spec, imageId, policy, status, exitCode, restartCount, networks } = container;
  const check = spec['Healthcheck'] as RawCheck | undefined;
  const time = (ms: number) => (ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString());
  return {
    id,
    name,
    image: spec.Image,
    imageId,
    labels: spec.Labels,
    state: {
      status,
      exitCode,
      oomKilled: false,
      error: '',
      startedAt: time(container.startedMs),
      finishedAt: time(container.finishedMs),
      restartCount,
      health: host.healthOf(container),
    },
    healthcheck:
      check === undefined
        ? undefined
        : {
            intervalMs: (check.Interval ?? 30e9) / 1e6,
            timeoutMs: (check.Timeout ?? 30e9) / 1e6,
            retries: check.Retries ?? 3,
            startPeriodMs: (check.StartPeriod ?? 0) / 1e6,
          },
    restartPolicy: policy,
    addresses: Object.fromEntries([...networks.keys()].map((network) => [network, ''])),
    ports: [],
    raw: { Config: spec },
  };
}

interface RawCheck {
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
}

function imageOf(image: FakeImage): EngineImage {
  const config = JSON.parse(Buffer.from(image.config).toString()) as { readonly config?: object };
  return {
    id: image.id,
    tags: image.tags,
    diffIds: image.diffIds,
    os: image.os,
    architecture: image.architecture,
    variant: image.variant,
    sizeBytes: 1,
    raw: { Config: config.config ?? {}, RepoTags: image.tags },
  };
}

function labelsOf(image: FakeImage): Readonly<Record<string, string>> {
  const { raw } = imageOf(image);
  return (raw['Config'] as { readonly Labels?: Readonly<Record<string, string>> }).Labels ?? {};
}
