// All that goes into a build, as one digest, so that a build whose inputs are known need not be run. Where an input cannot be
// known beforehand there is no digest: the build is run, and its result decides whether there is more to do.
import type { BuildChoice, ProjectImage } from '../config/types.ts';
import type { Context } from '../core/context.ts';
import { digestOfValue } from '../core/sorted.ts';
import { parseReference } from '../image/reference.ts';
import type { System } from '../system/system.ts';
import { engineName } from '../transport/daemon-source.ts';
import type { Transports } from '../transport/open.ts';
import { namedImages } from './build/named-images.ts';
import { readDockerfile } from './build/read-dockerfile.ts';
import type { ContextDigests } from './context-digest.ts';
import { orUndefined } from './or-undefined.ts';
import { inEngine, inRegistry } from './origin.ts';
import type { ShipRequest } from './ship-types.ts';

/** What is asked of the machine and of registries. */
export interface InputTools {
  readonly system: System;
  readonly transports: Transports;
  readonly request: ShipRequest;
  readonly contexts: ContextDigests;
}

/**
 * The digest of the inputs of `image`, without those of the images that it needs. Undefined where a build may come out
 * otherwise than the last time although nothing here has changed. Values of secrets do not count, as for BuildKit.
 */
export async function buildInputs(
  tools: InputTools,
  ctx: Context,
  image: ProjectImage,
  build: BuildChoice,
): Promise<string | undefined> {
  const { request, system } = tools;
  const isAnew = build.noCache || build.pull || build.noCacheFilter.length > 0;
  if (isAnew || request.noCache || request.pull || build.contextKind === 'remote') return undefined;
  // One that cannot be read is the builder's to complain about.
  const found = await orUndefined(readDockerfile(system, image));
  if (found === undefined) return undefined;
  const { text, path } = found;
  const names = image.needs.map((need) => need.as ?? need.image);
  const named = new Set([...names, ...Object.keys(build.additionalContexts)]);
  const { images, isComplete } = namedImages(text, build.args);
  const folders = folderContexts(build);
  if (!isComplete || folders === undefined) return undefined;
  const [bases, content, more] = await Promise.all([
    baseDigests(
      tools,
      ctx,
      images.filter((name) => !named.has(name)),
    ),
    orUndefined(tools.contexts.of(ctx, build.context, path)),
    orUndefined(
      Promise.all(folders.map(([, folder]) => tools.contexts.of(ctx, folder, undefined))),
    ),
  ]);
  // A file that cannot be read is the builder's to complain about: it may not even send it.
  if (bases === undefined || content === undefined || more === undefined) return undefined;
  const { secrets, cacheFrom: _, cacheTo: __, context: ___, dockerfile: ____, ...choices } = build;
  return digestOfValue({
    ...choices,
    text,
    content,
    more,
    bases,
    secrets: secrets.map(({ id }) => id),
    engine: engineOf(tools),
  });
}

/** Folders among the additional contexts; undefined where one is fetched. */
function folderContexts({
  additionalContexts,
}: BuildChoice): readonly (readonly [string, string])[] | undefined {
  const all = Object.entries(additionalContexts);
  return all.every(([, place]) => place.startsWith('/')) ? all : undefined;
}

/** Which engine builds decides what its own platform is, and which local images it knows. */
function engineOf({ system: { env }, request: { context, host } }: InputTools): readonly unknown[] {
  const docker = [env['DOCKER_HOST'], env['DOCKER_CONTEXT'], env['BUILDX_BUILDER']];
  return [context, host, ...docker].map((word) => word ?? null);
}

/** What `images` name now, in their registries and in the engine; undefined where one is in neither. */
async function baseDigests(
  tools: InputTools,
  ctx: Context,
  images: readonly string[],
): Promise<readonly BaseDigests[] | undefined> {
  const found = await Promise.all(
    images.map(async (image) => {
      const [registry, engine] = await Promise.all([
        orUndefined(digestOf(tools, ctx, image)),
        orUndefined(inEngine(ctx, tools.transports, engineName(image))),
      ]);
      return [image, registry ?? null, engine?.digest ?? null] as const;
    }),
  );
  return found.every(([, registry, engine]) => registry !== null || engine !== null)
    ? found
    : undefined;
}

/** An image, its digest in its registry and its id in the engine: which of them a builder takes is its own affair. */
type BaseDigests = readonly [image: string, registry: string | null, engine: string | null];

async function digestOf(
  { transports }: InputTools,
  ctx: Context,
  image: string,
): Promise<string | undefined> {
  const { digest } = parseReference(image);
  return digest ?? (await inRegistry(ctx, transports, image))?.digest;
}
