// The Docker Engine's API as shipper uses it: the calls of `Engine`, each one exchange.
import { type Context, note } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { tidy } from '../core/tidy.ts';
import { imageOf, loadedNames, tagsOf } from './answers.ts';
import { BareAnswer } from './bare-get.ts';
import { buildQuery, loginHeaders, StepLog } from './build-call.ts';
import { containersOf } from './container-client.ts';
import type { Containers } from './containers.ts';
import type { Endpoint } from './endpoint.ts';
import type {
  BuildImageOptions,
  Engine,
  EngineFacts,
  EngineImage,
  ImportOptions,
} from './engine.ts';
import type { Exchange } from './exchange.ts';
import { failure, notFound } from './failures.ts';
import {
  type Call,
  type EngineOptions,
  type EngineSystem,
  expectSuccess,
  Session,
} from './session.ts';
import type { SwarmCalls } from './swarm.ts';
import { swarmOf } from './swarm-client.ts';
import { apiHas, inPath, isFor, platformJson, splitName } from './terms.ts';
import { type Progress, parseArray, readProgress } from './wire.ts';

const FIRST_API_WITH_PLATFORMS = '1.48';

/** The engine at `endpoint`. Connects on the first call, not before. Dispose it: it may hold an ssh connection. */
export function connectEngine(
  endpoint: Endpoint,
  system: EngineSystem,
  options: EngineOptions = {},
): Engine {
  return new ApiEngine(new Session(endpoint, system, options));
}

class ApiEngine implements Engine {
  readonly containers: Containers;
  readonly swarm: SwarmCalls;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    this.containers = containersOf(session);
    this.swarm = swarmOf(session);
  }

  facts(ctx: Context): Promise<EngineFacts> {
    return this.#session.facts(ctx);
  }

  async inspectImage(ctx: Context, name: string): Promise<EngineImage | undefined> {
    const path = `/images/${inPath(name)}/json`;
    const action = `inspect image ${JSON.stringify(name)} in the engine`;
    const call = { method: 'GET', path, action, image: name } as const;
    try {
      const image = imageOf(await this.#session.requestJson(ctx, call));
      if (image !== undefined) return image;
    } catch (error) {
      if (isShipperError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
    throw failure(this.#session.doing(call, path), 'the answer is not an image');
  }

  async *saveImage(
    ctx: Context,
    name: string,
    platform?: string,
    framing: 'http' | 'tar' = 'http',
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const path = `/images/${inPath(name)}/get`;
    const action = `read image ${JSON.stringify(name)} from the engine`;
    const call = { method: 'GET', path, action, image: name } as const;
    const query = await this.#platformQuery(ctx, call, platform);
    const exchange = await this.#startSave(ctx, { ...call, query }, framing === 'tar');
    try {
      yield* exchange.chunks(this.#session.patience.thinkMs);
    } finally {
      exchange.close();
    }
  }

  async loadImages(ctx: Context, body: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
    // Not `quiet`: progress is the sign of life that the idle watch goes by.
    const call = {
      method: 'POST',
      path: '/images/load',
      action: 'load images into the engine',
      query: { quiet: '0' },
      isUpload: true,
    } as const;
    const names: string[] = [];
    await this.#upload(ctx, call, body, (progress) => {
      const said = progress.kind === 'message' ? progress.stream : undefined;
      if (said !== undefined && names.length < LIMITS.indexManifests) {
        names.push(...loadedNames(said));
      }
    });
    return names;
  }

  async importLayer(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    options: ImportOptions,
  ): Promise<string> {
    const { platform, name } = options;
    const call = {
      method: 'POST',
      path: '/images/create',
      action: 'import a layer into the engine',
      // The whole name as `repo`: podman does not look at `tag` here, and Docker takes both.
      query: { fromSrc: '-', repo: name, ...(platform === undefined ? {} : { platform }) },
      isUpload: true,
    } as const;
    let id: string | undefined;
    await this.#upload(ctx, call, body, (progress) => {
      if (progress.kind === 'message') id = idOf(progress.status) ?? idOf(progress.id) ?? id;
    });
    id ??= (await this.inspectImage(ctx, name))?.id;
    if (id !== undefined) return id;
    throw failure(
      this.#session.doing(call, call.path),
      'the engine did not say what the image became',
    );
  }

  async buildImage(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    options: BuildImageOptions,
  ): Promise<string> {
    const isPodman = (await this.facts(ctx)).product === 'podman';
    const call = {
      method: 'POST',
      path: '/build',
      action: 'build an image in the engine',
      image: options.name,
      query: buildQuery(options, isPodman),
      headers: loginHeaders(options.logins ?? {}),
      isUpload: true,
    } as const;
    const log = new StepLog(options.log ?? (() => undefined));
    let id: string | undefined;
    const take = (progress: Progress) => {
      if (progress.kind !== 'message') return;
      id = idOf(progress.auxId) ?? id;
      log.take(progress);
    };
    try {
      await this.#upload(ctx, call, body, take, Number.POSITIVE_INFINITY);
    } finally {
      log.end();
    }
    id ??= (await this.inspectImage(ctx, options.name))?.id;
    if (id !== undefined) return id;
    throw failure(this.#session.doing(call, call.path), 'the engine did not say what was built');
  }

  async tagImage(ctx: Context, source: string, name: string): Promise<void> {
    const path = `/images/${inPath(source)}/tag`;
    const action = `tag image ${JSON.stringify(source)} as ${JSON.stringify(name)} in the engine`;
    const call = { method: 'POST', path, action, image: source, query: splitName(name) } as const;
    await this.#session.request(ctx, call);
  }

  async listTags(ctx: Context, repository: string): Promise<readonly string[]> {
    const action = `list the images called ${JSON.stringify(repository)} in the engine`;
    const query = { filters: JSON.stringify({ reference: [repository] }) };
    const call = { method: 'GET', path: '/images/json', action, query } as const;
    const images = parseArray((await this.#session.request(ctx, call)).text);
    if (images === undefined) {
      throw failure(this.#session.doing(call, call.path), 'the answer is not a list of images');
    }
    return tagsOf(images, repository);
  }

  async removeImage(
    ctx: Context,
    name: string,
    options: { readonly keepParents?: boolean } = {},
  ): Promise<void> {
    const path = `/images/${inPath(name)}`;
    const action = `remove image ${JSON.stringify(name)} from the engine`;
    const query = { force: '0', ...(options.keepParents === true ? { noprune: '1' } : {}) };
    const call = { method: 'DELETE', path, action, image: name, query, isLong: true } as const;
    try {
      // A big image takes long to remove, and nothing comes meanwhile.
      await this.#session.request(ctx, call, this.#session.patience.thinkMs);
    } catch (error) {
      if (!isShipperError(error, 'NOT_FOUND')) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close();
  }

  /** Asks for an image, until the answer has begun; framed after all where it does not come bare. */
  async #startSave(ctx: Context, call: Call, isBare: boolean): Promise<Exchange> {
    const exchange = await this.#session.open(ctx, { ...call, isBare });
    try {
      exchange.finishRequest(this.#session.patience.thinkMs);
      const answer = await exchange.response;
      if (!(answer instanceof BareAnswer) || answer.isBare) {
        await expectSuccess(exchange);
        return exchange;
      }
    } catch (error) {
      exchange.close();
      throw error;
    }
    exchange.close();
    return this.#startSave(ctx, call, false);
  }

  /** Below API 1.48 an engine has one platform of each image: then it must be the wanted one. */
  async #platformQuery(
    ctx: Context,
    call: Call & { readonly image: string },
    platform: string | undefined,
  ): Promise<Readonly<Record<string, string>>> {
    if (platform === undefined) return {};
    const json = platformJson(platform);
    if (json === undefined) {
      const wanted = 'os/architecture or os/architecture/variant';
      const message = `Cannot use platform ${JSON.stringify(platform)}: it is not ${wanted}`;
      throw new ShipperError('USAGE', message);
    }
    if (apiHas(await this.#session.api(ctx), FIRST_API_WITH_PLATFORMS)) return { platform: json };
    const image = await this.inspectImage(ctx, call.image);
    if (image === undefined || isFor(image, platform)) return {};
    const state = `it is for ${image.os}/${image.architecture}, not for ${platform}`;
    throw notFound(this.#session.doing(call, call.path), { status: 404, body: state });
  }

  async #upload(
    ctx: Context,
    call: Call,
    body: AsyncIterable<Uint8Array>,
    take: (progress: Progress) => void,
    silenceMs: number = this.#session.patience.thinkMs,
  ): Promise<void> {
    const exchange = await this.#session.open(ctx, call);
    let unreadable = 0;
    try {
      // Both ways at once: an engine that reports while it reads would block on an answer that nobody takes.
      void exchange.send(body, silenceMs);
      await expectSuccess(exchange);
      for await (const progress of readProgress(exchange.lines())) {
        if (progress.kind === 'error') throw failure(exchange.doing, reason(progress.message));
        if (progress.kind === 'unreadable') unreadable += 1;
        take(progress);
      }
      if (exchange.reason !== undefined) throw exchange.reason;
    } finally {
      exchange.close();
      if (unreadable > 0) {
        note(ctx, 'warn', `${unreadable} lines of the engine's answer were unreadable`);
      }
    }
  }
}

function reason(message: string): string {
  return tidy(message) || 'it gave no reason';
}

function idOf(text: string | undefined): string | undefined {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(text ?? '') ? `sha256:${text?.slice(-64)}` : undefined;
}
