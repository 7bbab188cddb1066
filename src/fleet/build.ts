// An image built on every host from one context of this machine, which is read anew for each, never held in memory.
import { resolve } from 'node:path';
import type { Context } from '../core/context.ts';
import { IgnoreRules } from '../core/dockerignore.ts';
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { BuildImageOptions } from '../engine/engine.ts';
import { contextTar, type SentContext } from '../pipeline/build/context-tar.ts';
import { ignoreRules } from '../pipeline/build/ignore-file.ts';
import { namedImages } from '../pipeline/build/named-images.ts';
import { readText } from '../pipeline/build/read-dockerfile.ts';
import type { RolloutHost } from '../rollout/host.ts';
import type { System } from '../system/system.ts';
import { loginsFor } from '../transport/engine-logins.ts';
import { onHosts, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetParts } from './fleet-parts.ts';
import type { GroupResult } from './group-result.ts';
import type { BuildCall } from './shipper-options.ts';

const USUAL_DOCKERFILE = 'Dockerfile';
/** Where a Dockerfile that was given as text stands in the context. */
const SENT_DOCKERFILE = '.dockerfile.shipper';

/** What is sent: nothing where the engine fetches its context itself. */
interface Sent {
  readonly context?: SentContext;
  readonly remote?: string;
  readonly dockerfile: string;
  /** Images that it begins from, as far as its text tells. */
  readonly images: readonly string[];
}

/** Builds it. A step that fails is the failure of its host, with the last lines of the build. */
export async function buildOnHosts(
  { ctx, spread }: FleetCall,
  { system, media }: FleetParts,
  call: BuildCall,
  dryRun: boolean,
  told?: Told<string>,
): Promise<GroupResult<string>> {
  const { context, remote, dockerfile, images } = await whatIsSent(system, call);
  const logins = await loginsFor(system, ctx, media, images);
  const { tag, args, labels, target, noCache, pull, platform, onLog } = call;
  const name = /:[^/]*$/.test(tag) ? tag : `${tag}:latest`;
  const common = {
    ...{ name, dockerfile, logins },
    ...given({ args, labels, target, noCache, pull, platform, remote }),
  };
  const work = async (inside: Context, { name: host, engine }: RolloutHost) => {
    if (dryRun) return name;
    const log = new BuildLog(inside, host, onLog);
    const options: BuildImageOptions = { ...common, log: (line) => log.take(line) };
    const body = context === undefined ? nothing() : contextTar(system, inside, context);
    try {
      return await engine.buildImage(inside, body, options);
    } catch (error) {
      throw log.failure(error, tag);
    }
  };
  return onHosts(ctx, spread, `build ${tag}`, work, told);
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

async function whatIsSent(
  system: System,
  { path, dockerfileText, dockerfile = USUAL_DOCKERFILE, args = {} }: BuildCall,
): Promise<Sent> {
  if (path !== undefined && /^(?:https?:\/\/|git:\/\/|git@|github\.com\/)/.test(path)) {
    if (dockerfileText === undefined) return { remote: path, dockerfile, images: [] };
    const message = `Cannot build ${path}: a Dockerfile as text does not go with what the engine fetches`;
    throw new ShipperError('USAGE', message);
  }
  if (path === undefined && dockerfileText === undefined) {
    const message = 'Cannot build: neither a folder nor a Dockerfile is given';
    throw new ShipperError('USAGE', message, { hint: 'give path or dockerfileText' });
  }
  const text =
    dockerfileText ?? (await readText(system, resolve(system.cwd, path ?? '', dockerfile)));
  const { images } = namedImages(text, args);
  const given = dockerfileText === undefined ? [] : [[SENT_DOCKERFILE, Buffer.from(text)] as const];
  const files = new Map<string, Uint8Array>(given);
  const inside = dockerfileText === undefined ? dockerfile : SENT_DOCKERFILE;
  if (path === undefined) {
    // Everything in this folder would be the context of a Dockerfile that knows of none.
    const folder = system.cwd;
    return {
      context: { folder, rules: new IgnoreRules(['*']), files },
      dockerfile: inside,
      images,
    };
  }
  const folder = resolve(system.cwd, path);
  const rules = await ignoreRules(system, folder, resolve(folder, dockerfile), inside);
  return { context: { folder, rules, files }, dockerfile: inside, images };
}

/** The last lines are told with a failure. */
const KEPT_LINES = 20;

/** What a build says. */
class BuildLog {
  readonly #ctx: Context;
  readonly #host: string;
  readonly #onLog: BuildCall['onLog'];
  readonly #lines: string[] = [];

  constructor(ctx: Context, host: string, onLog: BuildCall['onLog']) {
    this.#ctx = ctx;
    this.#host = host;
    this.#onLog = onLog;
  }

  take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    if (this.#onLog === undefined) {
      this.#ctx.report({ type: 'log', line, scope: this.#ctx.scope });
    } else this.#onLog(this.#host, line);
  }

  /** What the engine says of a step that failed is about the build, not about the engine. */
  failure(error: unknown, image: string): unknown {
    if (!(error instanceof ShipperError) || error.code !== 'ENGINE') return error;
    const reason = error.message.replace(/^Cannot build an image in the engine[^:]*: /, '');
    const message = `Cannot build image ${JSON.stringify(image)} on ${this.#host}: ${reason}`;
    return new ShipperError('BUILD', message, {
      ...{ image, host: this.#host, log: this.#lines, cause: error },
    });
  }
}
