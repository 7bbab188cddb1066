// Images on their way to hosts: pulled there by digest, or streamed from this machine where no registry has them or the
// environment wants it so. What arrived is compared by digest, never by a tag.
import { type Context, narrow, note } from '../core/context.ts';
import { isShipperError, reworded, ShipperError } from '../core/errors.ts';
import type { EngineLogin } from '../engine/engine.ts';
import { copyImage } from '../operations/copy-image.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import type { System } from '../system/system.ts';
import { loginsFor } from '../transport/engine-logins.ts';
import { Transports } from '../transport/open.ts';
import type { Opened } from './environment.ts';
import type { RolloutHost } from './host.ts';
import type { Images } from './parts.ts';
import type { DeployScope, ReleasedService } from './release.ts';
import { shortName } from './short-name.ts';

/** The name under which a host keeps an image that it did not pull; none for one that it did. */
export function keptNames(scope: DeployScope, { name, image }: ReleasedService): readonly string[] {
  const repository = [scope.project, scope.environment, name].map(shortName).join('/');
  const kept = `shipper.local/${repository}:${image.digest.replace('sha256:', '').slice(0, 12)}`;
  return image.pinned === undefined ? [kept] : [image.pinned, kept];
}

/** Brings the images of an environment to its hosts. Dispose it after the last call. */
export class Delivery implements Images, AsyncDisposable {
  readonly #system: System;
  readonly #opened: Opened;
  readonly #media: MediaOptions;
  readonly #transports: Transports;

  constructor(opened: Opened, media: MediaOptions) {
    this.#system = opened.system;
    this.#opened = opened;
    this.#media = media;
    this.#transports = new Transports(opened.system, media);
  }

  async deliver(
    ctx: Context,
    host: RolloutHost,
    services: readonly ReleasedService[],
  ): Promise<void> {
    const inside = narrow(ctx, { host: host.name });
    for (const service of services) {
      if (await this.#isThere(inside, host, service)) continue;
      note(inside, 'info', `${service.name}: fetching ${service.image.name}`);
      await this.#bring(inside, host, service);
    }
  }

  async imageOn(
    ctx: Context,
    host: RolloutHost,
    service: ReleasedService,
    isAgain: boolean,
  ): Promise<string> {
    if (isAgain) await this.#bring(ctx, host, service);
    return this.#nameOn(service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transports[Symbol.asyncDispose]();
  }

  #isDirect({ image }: ReleasedService): boolean {
    return image.pinned === undefined || this.#opened.environment.transfer === 'direct';
  }

  #nameOn(service: ReleasedService): string {
    const names = keptNames(this.#opened.scope, service);
    const { pinned = '' } = service.image;
    return this.#isDirect(service) ? (names.at(-1) ?? pinned) : pinned;
  }

  async #isThere(
    ctx: Context,
    { engine }: RolloutHost,
    service: ReleasedService,
  ): Promise<boolean> {
    return (await engine.inspectImage(ctx, this.#nameOn(service))) !== undefined;
  }

  async #bring(ctx: Context, host: RolloutHost, service: ReleasedService): Promise<void> {
    const name = this.#nameOn(service);
    try {
      if (this.#isDirect(service)) await this.#stream(ctx, host, service, name);
      else await this.#pull(ctx, host, name);
    } catch (error) {
      if (!isShipperError(error) || error.code === 'INTERRUPTED') throw error;
      const what = `${service.image.name} of service ${service.name}`;
      const message = `Cannot bring ${what} to ${host.name}: ${error.message}`;
      throw reworded(error, message, { host: host.name });
    }
  }

  async #pull(ctx: Context, { engine }: RolloutHost, pinned: string): Promise<void> {
    const login = await this.#login(ctx, pinned);
    await engine.containers.pull(ctx, pinned, login === undefined ? {} : { login });
  }

  async #login(ctx: Context, pinned: string): Promise<EngineLogin | undefined> {
    const [login] = Object.values(await loginsFor(this.#system, ctx, this.#media, [pinned]));
    return login;
  }

  async #stream(
    ctx: Context,
    { name: address, engine }: RolloutHost,
    { image }: ReleasedService,
    name: string,
  ): Promise<void> {
    if (image.pinned !== undefined) {
      const choice = this.#opened.environment.hosts.find((each) => each.address === address);
      const target = choice?.kind === 'context' ? { context: address } : { host: address };
      const { context: _, host: __, ...media } = this.#media;
      const request = { ...media, ...target, source: `docker://${image.pinned}` };
      await copyImage(this.#system, ctx, { ...request, destination: `docker-daemon:${name}` });
      return;
    }
    const local = await this.#transports.engine();
    const source = await local.inspectImage(ctx, image.digest);
    if (source === undefined) {
      const message = `Cannot find ${image.digest}: the engine of this machine does not have it`;
      throw new ShipperError('NOT_FOUND', message, { image: image.name });
    }
    await local.tagImage(ctx, image.digest, name);
    await engine.loadImages(ctx, local.saveImage(ctx, name));
    const arrived = await engine.inspectImage(ctx, name);
    const isWhole = source.diffIds.join(' ') === arrived?.diffIds.join(' ');
    if (isWhole && source.diffIds.length > 0) return;
    const message = `Cannot take what arrived: it is ${arrived?.id ?? 'nothing'}, not what was sent`;
    throw new ShipperError('DIGEST_MISMATCH', message, { image: image.name });
  }
}
