// Images that hosts get from this machine: fetched from their registry once, or taken from the engine here, and loaded on each
// host. What arrived is compared before anybody uses it.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { type Gate, gate } from '../core/pool.ts';
import { chanceOf, withRetries } from '../core/retry.ts';
import { copyImage } from '../operations/copy-image.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import type { System } from '../system/system.ts';
import { createTempFolder, type TempFolder } from '../system/temp-folder.ts';
import { cleanUpIn } from '../transport/engine-target.ts';
import type { Transports } from '../transport/open.ts';
import { temporaryName } from '../transport/temporary-names.ts';
import type { RolloutHost } from './host.ts';
import {
  engineIdentity,
  type ImageIdentity,
  isImage,
  platformOn,
  type RegistryImage,
  registryImage,
} from './image-identity.ts';
import type { ReleasedImage } from './release.ts';

/** Each takes this machine's network, and room in TMPDIR. */
const STREAMS_AT_ONCE = 4;

/** See the head of this file. Dispose it after the last call. */
export class ImageStreams implements AsyncDisposable {
  readonly #system: System;
  readonly #media: MediaOptions;
  readonly #transports: Transports;
  readonly #turn: Gate = gate(STREAMS_AT_ONCE);
  /** By reference and platform. */
  readonly #identities = new Map<string, Promise<RegistryImage>>();
  /** Layouts of this run by reference of a manifest. */
  readonly #fetched = new Map<string, Promise<string>>();
  #folder: Promise<TempFolder> | undefined;

  constructor(system: System, media: MediaOptions, transports: Transports) {
    this.#system = system;
    this.#media = media;
    this.#transports = transports;
  }

  /** What `image` is on `host`. */
  async identity(
    ctx: Context,
    host: RolloutHost,
    { pinned, digest, name, platform }: ReleasedImage,
  ): Promise<ImageIdentity | RegistryImage> {
    if (pinned !== undefined) return this.#registryImage(ctx, pinned, platformOn(host, platform));
    const local = await this.#transports.engine();
    const found = await local.inspectImage(ctx, digest);
    if (found !== undefined) return engineIdentity(found);
    const message = `Cannot find ${digest}: the engine of this machine does not have it`;
    throw new ShipperError('NOT_FOUND', message, { image: name });
  }

  /** Brings `image` to `host`, where it is called `name` then. `DIGEST_MISMATCH` where something else arrived. */
  async send(ctx: Context, host: RolloutHost, image: ReleasedImage, name: string): Promise<void> {
    const wanted = await this.identity(ctx, host, image);
    const send = () =>
      isFetched(wanted)
        ? this.#sendFetched(ctx, host, wanted, name)
        : this.#sendOwn(ctx, host, image, name);
    await this.#turn(() => withRetries(ctx, chanceOf(this.#system), send));
    const arrived = await host.engine.inspectImage(ctx, name);
    if (arrived !== undefined && isImage(arrived, wanted)) return;
    const message = `Cannot take what arrived: it is ${arrived?.id ?? 'nothing'}, not what was sent`;
    throw new ShipperError('DIGEST_MISMATCH', message, { image: image.name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    await folder?.[Symbol.asyncDispose]();
  }

  #registryImage(ctx: Context, pinned: string, platform: string): Promise<RegistryImage> {
    return once(this.#identities, `${pinned} ${platform}`, () =>
      registryImage(ctx, this.#transports, pinned, platform),
    );
  }

  async #sendFetched(
    ctx: Context,
    { engine }: RolloutHost,
    { reference }: RegistryImage,
    name: string,
  ): Promise<void> {
    const layout = await once(this.#fetched, reference, () => this.#fetch(ctx, reference));
    const request = { ...this.#media, source: layout, destination: `docker-daemon:${name}` };
    await copyImage(this.#system, ctx, request, engine);
  }

  async #fetch(ctx: Context, reference: string): Promise<string> {
    this.#folder ??= createTempFolder(this.#system);
    const { path } = await this.#folder;
    const layout = `oci:${path}/${this.#fetched.size}`;
    const request = { ...this.#media, source: `docker://${reference}`, destination: layout };
    await copyImage(this.#system, ctx, request);
    return layout;
  }

  /** Through a name that nobody else has: an archive without a name is loaded as nothing that could be found. */
  async #sendOwn(
    ctx: Context,
    { engine }: RolloutHost,
    { digest }: ReleasedImage,
    name: string,
  ): Promise<void> {
    const local = await this.#transports.engine();
    const temporary = temporaryName(this.#system);
    try {
      await local.tagImage(ctx, digest, temporary);
      await engine.loadImages(ctx, local.saveImage(ctx, temporary));
      await engine.tagImage(ctx, temporary, name);
    } finally {
      for (const each of [engine, local]) await cleanUpIn(this.#system, each)(temporary);
    }
  }
}

function isFetched(image: ImageIdentity | RegistryImage): image is RegistryImage {
  return 'reference' in image;
}

/** The result of `work`, done once for a key; done again after a failure. */
function once<T>(known: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const working = work();
  known.set(key, working);
  working.catch(() => known.delete(key));
  return working;
}
