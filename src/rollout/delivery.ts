// Images on their way to hosts: pulled there by digest, or streamed from this machine where no registry has them or the
// environment wants it so (decision 26). What is there is compared by digest, never by a tag.
import { type Context, narrow, note } from '../core/context.ts';
import { isShipperError, reworded, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { chanceOf, withRetries } from '../core/retry.ts';
import type { EngineImage, EngineLogin } from '../engine/engine.ts';
import { isFor } from '../engine/terms.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import { loginsFor } from '../transport/engine-logins.ts';
import { Transports } from '../transport/open.ts';
import type { Opened } from './environment.ts';
import type { RolloutHost } from './host.ts';
import { isImage } from './image-identity.ts';
import { ImageStreams } from './image-streams.ts';
import { keptName } from './kept-names.ts';
import type { Images } from './parts.ts';
import type { ReleasedService } from './release.ts';

/** Of what is opened, as much as images need. */
export type DeliveryPlace = Pick<Opened, 'system' | 'environment' | 'scope'>;

/** Brings the images of an environment to its hosts. Dispose it after the last call. */
export class Delivery implements Images, AsyncDisposable {
  readonly #place: DeliveryPlace;
  readonly #media: MediaOptions;
  readonly #transports: Transports;
  readonly #streams: ImageStreams;
  /** By host, then by image: the name that is sure to lead to it. */
  readonly #sure = new Map<RolloutHost, Map<string, string>>();

  constructor(place: DeliveryPlace, media: MediaOptions) {
    this.#place = place;
    this.#media = media;
    this.#transports = new Transports(place.system, media);
    this.#streams = new ImageStreams(place.system, media, this.#transports);
  }

  async deliver(
    ctx: Context,
    host: RolloutHost,
    services: readonly ReleasedService[],
  ): Promise<void> {
    const inside = narrow(ctx, { host: host.name });
    for (const service of services) await this.#ensure(inside, host, service);
  }

  async imageOn(
    ctx: Context,
    host: RolloutHost,
    service: ReleasedService,
    isAgain: boolean,
  ): Promise<string> {
    const key = keyOf(service);
    if (isAgain) this.#sureOn(host).delete(key);
    return this.#sureOn(host).get(key) ?? (await this.#ensure(ctx, host, service));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#streams[Symbol.asyncDispose]();
    await this.#transports[Symbol.asyncDispose]();
  }

  /** Resolves with a name under which `host` has exactly the image of `service`, and keeps it. */
  async #ensure(ctx: Context, host: RolloutHost, service: ReleasedService): Promise<string> {
    const sure = this.#sureOn(host);
    const key = keyOf(service);
    try {
      const name = sure.get(key) ?? (await this.#find(ctx, host, service));
      const found = name ?? (await this.#bring(ctx, host, service));
      await this.#keep(ctx, host, service, found);
      sure.set(key, found);
      return found;
    } catch (error) {
      if (!isShipperError(error) || error.code === 'INTERRUPTED') throw error;
      const what = `${service.image.name} of service ${service.name}`;
      const message = `Cannot bring ${what} to ${host.name}: ${error.message}`;
      throw reworded(error, message, { host: host.name });
    }
  }

  /** A name that leads to the image already. */
  async #find(
    ctx: Context,
    host: RolloutHost,
    service: ReleasedService,
  ): Promise<string | undefined> {
    const { pinned } = service.image;
    const isRenewed = this.#policyOf(service) === 'always' && !this.#isDirect(service);
    if (isRenewed) return undefined;
    const pulled = pinned && (await host.engine.inspectImage(ctx, pinned));
    // A name with a digest cannot lead to anything else, but for the platform.
    if (pinned && pulled && isForPlatform(pulled, host, service)) return pinned;
    const name = keptName(this.#place.scope, service);
    const kept = await host.engine.inspectImage(ctx, name);
    if (kept === undefined) return undefined;
    return (await this.#isWanted(ctx, host, service, kept)) ? name : undefined;
  }

  async #isWanted(
    ctx: Context,
    host: RolloutHost,
    service: ReleasedService,
    found: EngineImage,
  ): Promise<boolean> {
    const { image } = service;
    if (found.id === image.digest) return isForPlatform(found, host, service);
    // What may be pulled is pulled: that is cheap where the layers are there.
    if (!this.#isDirect(service)) return false;
    return isImage(found, await this.#streams.identity(ctx, host, image));
  }

  async #bring(ctx: Context, host: RolloutHost, service: ReleasedService): Promise<string> {
    const { image, name } = service;
    if (this.#policyOf(service) === 'never') {
      throw new ShipperError('NOT_FOUND', 'Cannot fetch it: its pull_policy is never', {
        hint: `load or pull it there, or change pull_policy of ${name}`,
      });
    }
    note(ctx, 'info', `${name}: fetching ${image.name}`);
    const { pinned } = image;
    if (pinned !== undefined && !this.#isDirect(service)) {
      await this.#pull(ctx, host, pinned, image.platform);
      return pinned;
    }
    const kept = keptName(this.#place.scope, service);
    await this.#streams.send(ctx, host, image, kept);
    return kept;
  }

  async #pull(
    ctx: Context,
    { engine }: RolloutHost,
    pinned: string,
    platform: string | undefined,
  ): Promise<void> {
    const { system } = this.#place;
    const login = await this.#login(ctx, pinned);
    await withRetries(ctx, chanceOf(system), () =>
      engine.containers.pull(ctx, pinned, given({ platform, login })),
    );
    if ((await engine.inspectImage(ctx, pinned)) !== undefined) return;
    throw new ShipperError(
      'ENGINE',
      'Cannot pull it: the engine says that it did, and does not have it',
    );
  }

  async #login(ctx: Context, pinned: string): Promise<EngineLogin | undefined> {
    const logins = await loginsFor(this.#place.system, ctx, this.#media, [pinned]);
    return Object.values(logins)[0];
  }

  /** Without a tag, `docker image prune` would take it, and without one of ours nobody would know whose it is. */
  async #keep(
    ctx: Context,
    { engine }: RolloutHost,
    service: ReleasedService,
    found: string,
  ): Promise<void> {
    const name = keptName(this.#place.scope, service);
    if (name === found) return;
    const [kept, image] = [
      await engine.inspectImage(ctx, name),
      await engine.inspectImage(ctx, found),
    ];
    if (kept === undefined || kept.id !== image?.id) await engine.tagImage(ctx, found, name);
  }

  #isDirect({ image }: ReleasedService): boolean {
    return image.pinned === undefined || this.#place.environment.transfer === 'direct';
  }

  /** A service that the configuration knows no more is fetched where it is missing. */
  #policyOf({ name }: ReleasedService): 'always' | 'missing' | 'never' {
    const service = this.#place.environment.services.find((each) => each.name === name);
    return service?.container.pullPolicy ?? 'missing';
  }

  #sureOn(host: RolloutHost): Map<string, string> {
    const sure = this.#sure.get(host) ?? new Map<string, string>();
    this.#sure.set(host, sure);
    return sure;
  }
}

/** Services of one image share what was brought. */
function keyOf({ image }: ReleasedService): string {
  return `${image.pinned ?? image.digest} ${image.platform ?? ''}`;
}

/** Containerd's store shows one platform of many, whichever is asked for. */
function isForPlatform(
  found: EngineImage,
  { facts }: RolloutHost,
  { image }: ReleasedService,
): boolean {
  const { platform } = image;
  return platform === undefined || facts.store === 'containerd' || isFor(found, platform);
}
