// The builder that every engine has: a context as a tar to `POST /build`, for where there is no buildx and for engines
// whose BuildKit knows no named contexts.
import { join } from 'node:path';
import type { BuildChoice, ProjectImage } from '../../config/types.ts';
import type { Context } from '../../core/context.ts';
import { isDigest } from '../../core/digest.ts';
import { isShipperError, messageOf, ShipperError } from '../../core/errors.ts';
import { tidy } from '../../core/tidy.ts';
import type { BuildImageOptions, Engine } from '../../engine/engine.ts';
import type { System } from '../../system/system.ts';
import { loginsFor } from '../../transport/engine-logins.ts';
import { cleanUpIn } from '../../transport/engine-target.ts';
import type { MediaChoice } from '../../transport/open.ts';
import { temporaryName } from '../../transport/temporary-names.ts';
import { LOG_LINES } from './build-log.ts';
import type { Builder, BuildRequest, BuildResult } from './builder.ts';
import { buildOf, checkContext, within } from './check-build.ts';
import { refuseForClassic } from './classic-limits.ts';
import { contextTar, type SentContext } from './context-tar.ts';
import { withParents } from './dockerfile.ts';
import { ignoreRules } from './ignore-file.ts';
import { namedImages } from './named-images.ts';
import { type PlacedParents, parentsInEngine } from './parents.ts';
import { readDockerfile, readText } from './read-dockerfile.ts';

/** Where a Dockerfile lies in a context that does not have it, or not so. */
const SENT_DOCKERFILE = '.dockerfile.shipper';
const DOCKERIGNORE = '.dockerignore';

/** What a classic build works with. */
export interface ClassicOptions {
  readonly media: MediaChoice;
  readonly engine: Engine;
  readonly name: string;
}

/** Builds with an engine's classic builder. */
export function classicBuilder(system: System, options: ClassicOptions): Builder {
  return {
    name: options.name,
    build: (ctx, request) => buildClassic(system, ctx, options, request),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function buildClassic(
  system: System,
  ctx: Context,
  { engine, media }: ClassicOptions,
  request: BuildRequest,
): Promise<BuildResult> {
  const { image } = request;
  const build = buildOf(image);
  refuseForClassic(image);
  await checkContext(system, image);
  await using parents = await parentsInEngine(system, ctx, request, media, engine);
  const sent = await whatIsSent(system, image, parents);
  const name = temporaryName(system);
  // Images of its steps are its cache, and stay as after any `docker build`.
  const remove = () => cleanUpIn(system, engine, { keepParents: true })(name);
  const lines: string[] = [];
  const log = (line: string) => {
    if (lines.push(line) > LOG_LINES) lines.shift();
    request.log(line);
  };
  try {
    const logins = await loginsFor(system, ctx, media, sent.images);
    const options = {
      ...optionsOf(build, request),
      name,
      dockerfile: sent.dockerfile,
      logins,
      log,
    };
    const id = await engine.buildImage(ctx, contextTar(system, ctx, sent), options);
    return {
      source: `docker-daemon:${name}`,
      digest: isDigest(id) ? id : undefined,
      platforms: build.platforms,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw failed(image, error, lines);
  }
}

function optionsOf(
  build: BuildChoice,
  { noCache, pull }: BuildRequest,
): Omit<BuildImageOptions, 'name'> {
  const { target, network, shmSizeBytes } = build;
  const [platform] = build.platforms;
  return {
    args: build.args,
    labels: build.labels,
    noCache: noCache === true || build.noCache,
    pull: pull === true || build.pull,
    extraHosts: build.extraHosts.map((line) => line.replace('=', ':')),
    ulimits: build.ulimits,
    cacheFrom: build.cacheFrom.map((from) => /^type=registry,ref=(.+)$/.exec(from)?.[1] ?? from),
    ...(target === undefined ? {} : { target }),
    ...(network === undefined ? {} : { network }),
    ...(shmSizeBytes === undefined ? {} : { shmSizeBytes }),
    ...(platform === undefined ? {} : { platform }),
  };
}

/** A context, where the Dockerfile is in it, and the images that it begins with. */
interface Sent extends SentContext {
  readonly dockerfile: string;
  readonly images: readonly string[];
}

async function whatIsSent(
  system: System,
  image: ProjectImage,
  { places }: PlacedParents,
): Promise<Sent> {
  const { context, args } = buildOf(image);
  const { text, path } = await readDockerfile(system, image);
  const inside = path === undefined ? undefined : within(context, path);
  const rules = await ignoreRules(system, context, path, inside);
  const images = namedImages(text, args).images.filter((name) => !places.has(name));
  if (inside !== undefined && places.size === 0) {
    return { folder: context, rules, files: new Map(), dockerfile: inside, images };
  }
  const files = new Map([
    [SENT_DOCKERFILE, Buffer.from(withParents(text, places, args), 'utf8')],
    // As the docker command does: the engine leaves out of the build what it needed for itself.
    [DOCKERIGNORE, Buffer.from(await ignoringToo(system, join(context, DOCKERIGNORE)), 'utf8')],
  ]);
  return { folder: context, rules, files, dockerfile: SENT_DOCKERFILE, images };
}

async function ignoringToo(system: System, path: string): Promise<string> {
  const isThere = (await system.files.stat(path))?.kind === 'file';
  const own = isThere ? `${await readText(system, path)}\n` : `${DOCKERIGNORE}\n`;
  return `${own}${SENT_DOCKERFILE}\n`;
}

/** What the engine says of a step that failed is about the build, not about the engine. */
function failed(image: ProjectImage, error: unknown, log: readonly string[]): unknown {
  if (!isShipperError(error, 'ENGINE')) return error;
  const reason = messageOf(error).replace(/^Cannot build an image in the engine at \S+: /, '');
  return new ShipperError(
    'BUILD',
    `Cannot build image ${JSON.stringify(image.name)}: ${tidy(reason)}`,
    { image: image.name, log, cause: error },
  );
}
