// An engine of which only exist the calls that locks, journals and garbage need: in memory, on a clock that jumps.
import type { Context } from '../../src/core/context.ts';
import { interruption } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Clock, ShipperEvent } from '../../src/core/events.ts';
import type {
  ContainerSpec,
  Containers,
  EngineContainer,
  ListedContainer,
  ListedImage,
} from '../../src/engine/containers.ts';
import type { Engine, EngineImage } from '../../src/engine/engine.ts';
import { scanTar } from '../../src/tar/scan.ts';

/** A clock whose time passes when nobody does anything but sleep. */
export class JumpingClock implements Clock {
  #ms = 0;
  #isDue = false;
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  now = (): number => 1_790_000_000_000 + this.#ms;
  monotonic = (): number => this.#ms;

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(interruption(signal));
        return;
      }
      const stop = () => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(interruption(signal));
      };
      const wake = () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const sleeper = { at: this.#ms + ms, wake };
      signal?.addEventListener('abort', stop, { once: true });
      this.#sleepers.push(sleeper);
      this.#pump();
    });

  #pump(): void {
    if (this.#isDue || this.#sleepers.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const [next] = this.#sleepers.toSorted((a, b) => a.at - b.at);
      if (next === undefined) return;
      this.#sleepers.splice(this.#sleepers.indexOf(next), 1);
      this.#ms = Math.max(this.#ms, next.at);
      next.wake();
      this.#pump();
    });
  }
}

/** A context of a clock, whose events are kept. */
export function contextOf(
  clock: Clock,
  signal: AbortSignal = new AbortController().signal,
): Context & { readonly events: ShipperEvent[] } {
  const events: ShipperEvent[] = [];
  return { report: (event) => void events.push(event), signal, clock, scope: {}, events };
}

interface StubContainer {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly createdAt: number;
  status: ListedContainer['status'];
  readonly files: Map<string, Uint8Array>;
}

/** One host. `before` is told each call, and may throw instead of it; `after` may throw although it had its effect. */
export class StubHost {
  readonly containersNow: StubContainer[] = [];
  readonly images: ListedImage[] = [];
  readonly calls: string[] = [];
  before: (call: string) => void | Promise<void> = () => undefined;
  after: (call: string) => void | Promise<void> = () => undefined;
  #made = 0;
  readonly clock: Clock;
  readonly name: string;

  constructor(clock: Clock, name: string) {
    this.clock = clock;
    this.name = name;
  }

  named(name: string): StubContainer | undefined {
    return this.containersNow.find((each) => each.name === name || each.id === name);
  }

  add(name: string, spec: ContainerSpec, status: StubContainer['status'] = 'created'): string {
    this.#made += 1;
    const id = this.#made.toString(16).padStart(64, '0');
    const createdAt = Math.floor(this.clock.now() / 1000);
    this.containersNow.push({ id, name, spec, createdAt, status, files: new Map() });
    return id;
  }

  addImage(image: Partial<ListedImage> & { readonly id: string }): void {
    const rest = { tags: [], digests: [], labels: {}, sizeBytes: 1000, createdAt: 0 };
    this.images.push({ ...rest, ...image });
  }

  async #call<T>(ctx: Context, call: string, act: () => T): Promise<T> {
    this.calls.push(call);
    if (ctx.signal.aborted) throw interruption(ctx.signal);
    await Promise.resolve();
    await this.before(call);
    const result = act();
    await this.after(call);
    return result;
  }

  #list = (container: StubContainer): ListedContainer => ({
    id: container.id,
    name: container.name,
    image: container.spec.Image,
    imageId: this.#image(container.spec.Image)?.id ?? container.spec.Image,
    command: '',
    status: container.status,
    about: '',
    labels: container.spec.Labels,
    ports: [],
    createdAt: container.createdAt,
  });

  #image(name: string): ListedImage | undefined {
    return this.images.find(
      ({ id, tags, digests }) => id === name || tags.includes(name) || digests.includes(name),
    );
  }

  #load(tar: Uint8Array): void {
    const readSync = (target: Uint8Array, position: number) => {
      const part = tar.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    };
    const files = new Map(
      [...scanTar({ size: tar.length, readSync })].map(({ path, dataOffset, size }) => [
        path,
        Buffer.from(tar.subarray(dataOffset, dataOffset + size)),
      ]),
    );
    const [listed] = JSON.parse(String(files.get('manifest.json')));
    const labels = JSON.parse(String(files.get(listed.Config))).config.Labels;
    const id = listed.Config.replace(/^blobs\/sha256\//, 'sha256:');
    for (const tag of listed.RepoTags) this.#untag(tag);
    const other = this.#image(id);
    if (other === undefined) this.addImage({ id, tags: listed.RepoTags, labels });
    else this.#replace(other, { ...other, tags: [...other.tags, ...listed.RepoTags] });
  }

  #untag(name: string): void {
    const image = this.#image(name);
    if (image === undefined) return;
    const tags = image.tags.filter((tag) => tag !== name);
    const digests = image.digests.filter((digest) => digest !== name);
    this.#replace(image, { ...image, tags, digests });
  }

  #replace(image: ListedImage, by?: ListedImage): void {
    this.images.splice(this.images.indexOf(image), 1, ...(by === undefined ? [] : [by]));
  }

  readonly #containers: Partial<Containers> = {
    list: (ctx, labels = []) =>
      this.#call(ctx, 'list', () =>
        this.containersNow.map(this.#list).filter((each) =>
          labels.every((label) => {
            const [key = '', value] = label.split('=');
            return value === undefined ? key in each.labels : each.labels[key] === value;
          }),
        ),
      ),
    inspect: (ctx, name) =>
      this.#call(ctx, `inspect ${name}`, () => {
        const found = this.named(name);
        if (found === undefined) return undefined;
        const { status } = found;
        return { ...this.#list(found), state: { status } } as unknown as EngineContainer;
      }),
    create: (ctx, name, spec) =>
      this.#call(ctx, `create ${name}`, () => {
        if (this.#image(spec.Image) === undefined) throw new ShipperError('NOT_FOUND', 'no image');
        if (this.named(name) !== undefined) throw new ShipperError('CONFLICT', 'in use');
        return this.add(name, spec);
      }),
    remove: (ctx, name) =>
      this.#call(ctx, `remove ${name}`, () => {
        const found = this.named(name);
        if (found?.status === 'running') throw new ShipperError('ENGINE', 'it runs');
        if (found !== undefined) this.containersNow.splice(this.containersNow.indexOf(found), 1);
      }),
    putArchive: (ctx, name, path, tar) =>
      this.#call(ctx, `put ${name}`, () => {
        const found = this.named(name);
        if (found === undefined) throw new ShipperError('NOT_FOUND', 'no container');
        found.files.set(path === '/' ? '/lease' : path, tar);
      }),
    getArchive: (ctx, name, path) =>
      this.#call(ctx, `get ${name}`, () => this.named(name)?.files.get(path)),
    listImages: (ctx, labels = []) =>
      this.#call(ctx, 'list images', () =>
        this.images.filter((image) => labels.every((label) => label in image.labels)),
      ),
  };

  readonly engine: Engine = {
    containers: this.#containers as Containers,
    facts: async () => ({ endpoint: this.name, os: 'linux', architecture: 'amd64' }),
    inspectImage: (ctx: Context, name: string) =>
      this.#call(ctx, `inspect image ${name}`, () => {
        const image = this.#image(name);
        if (image === undefined) return undefined;
        const raw = { Config: { Labels: image.labels } };
        return { ...image, raw } as unknown as EngineImage;
      }),
    loadImages: async (ctx: Context, body: AsyncIterable<Uint8Array>) => {
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      return this.#call(ctx, 'load', () => this.#load(Buffer.concat(parts)));
    },
    removeImage: (ctx: Context, name: string) =>
      this.#call(ctx, `remove image ${name}`, () => {
        const image = this.#image(name);
        if (image === undefined) return;
        const isId = image.id === name;
        if (this.containersNow.some(({ spec }) => this.#image(spec.Image) === image)) {
          throw new ShipperError('ENGINE', 'it is in use', { status: 409 });
        }
        if (!isId) this.#untag(name);
        const now = this.#image(image.id);
        if (now !== undefined && now.tags.length + now.digests.length === 0) this.#replace(now);
      }),
    async [Symbol.asyncDispose]() {},
  } as unknown as Engine;
}
