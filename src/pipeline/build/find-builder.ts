// Chooses what builds: buildx where the docker command has it, else the classic builder of the engine.
import { type Context, note } from '../../core/context.ts';
import { ShipperError } from '../../core/errors.ts';
import { findEndpoint } from '../../engine/endpoint.ts';
import type { Engine, EngineFacts } from '../../engine/engine.ts';
import { DEFAULT_SOCKET } from '../../engine/host.ts';
import type { System } from '../../system/system.ts';
import { Transports } from '../../transport/open.ts';
import { sweepTemporaryNames } from '../../transport/temporary-names.ts';
import type { Builder, BuilderOptions } from './builder.ts';
import { type BuildxOptions, buildxBuilder } from './buildx.ts';
import { classicBuilder } from './classic.ts';
import { type FoundBuildx, findBuildx } from './find-buildx.ts';

/** The first engine whose BuildKit takes named contexts. */
const FIRST_WITH_CONTEXTS = 23;

/**
 * Finds the builder and says which it is. Temporary names that dead runs left in its engine are removed. `UNSUPPORTED`
 * where buildx or a builder of it is asked for and cannot be used; failures of the engine pass through. Dispose it last.
 */
export async function findBuilder(
  system: System,
  ctx: Context,
  options: BuilderOptions = {},
): Promise<Builder> {
  const chosen = await withHost(system, options);
  const transports = new Transports(system, chosen);
  try {
    const builder = await choose(system, ctx, chosen, transports);
    note(ctx, 'info', `Builds run with ${builder.name}`);
    return { ...builder, [Symbol.asyncDispose]: () => transports[Symbol.asyncDispose]() };
  } catch (error) {
    await transports[Symbol.asyncDispose]();
    throw error;
  }
}

/** Where our engine is one that the docker command would not look for (rootless, of a desktop), it is told which. */
async function withHost(system: System, options: BuilderOptions): Promise<BuilderOptions> {
  const { origin, text } = await findEndpoint(system, options);
  const isUsual = origin !== 'default' || text === `unix://${DEFAULT_SOCKET}`;
  return isUsual || system.platform === 'win32' ? options : { ...options, host: text };
}

async function choose(
  system: System,
  ctx: Context,
  { kind = 'auto', builder, ...media }: BuilderOptions,
  transports: Transports,
): Promise<Builder> {
  const found =
    kind === 'classic' ? 'it was not asked for' : await findBuildx(system, ctx, media, builder);
  if (typeof found !== 'string' && found.driver !== 'docker') {
    const name = `buildx ${found.version} (builder ${found.builder}, ${found.driver} driver)`;
    return buildxBuilder(system, { media, found, wanted: builder, engine: undefined, name });
  }
  if (typeof found !== 'string' && builder !== undefined) {
    await requireOwn(system, media, found, builder);
  }
  const mustBuildx = kind === 'buildx' || builder !== undefined;
  if (typeof found === 'string' && mustBuildx) throw noBuildx(found, builder);
  const engine = await transports.engine();
  const facts = await engine.facts(ctx);
  await sweepTemporaryNames(system, ctx, engine);
  const classic = classicBuilder(system, { media, engine, name: classicName(facts) });
  if (typeof found === 'string') {
    if (kind === 'auto') note(ctx, 'info', `buildx is not used: ${found}`);
    return classic;
  }
  if (facts.product === 'podman') {
    if (mustBuildx) throw noBuildx('podman has no BuildKit', builder);
    return classic;
  }
  const hasContexts = Number.parseInt(facts.version, 10) >= FIRST_WITH_CONTEXTS;
  const buildx = inEngine(system, { media, found, wanted: builder }, engine, facts);
  return hasContexts || kind === 'buildx' ? buildx : byParents(buildx, classic);
}

/** Each docker context is a builder too, which buildx only lets build for who works with that context. */
async function requireOwn(
  system: System,
  media: BuilderOptions,
  found: FoundBuildx,
  wanted: string,
): Promise<void> {
  const { context, origin } = await findEndpoint(system, media);
  if (found.builder === context) return;
  const other = JSON.stringify(found.builder);
  throw new ShipperError(
    'UNSUPPORTED',
    `Cannot build with builder ${JSON.stringify(wanted)} of buildx: it is the engine of docker context ${other}, and this run works with another one (${origin})`,
    {
      hint: `Choose that engine with --context ${found.builder}, or another builder: see \`docker buildx ls\``,
    },
  );
}

/** Buildx with the BuildKit of an engine, which exports archives where images lie in containerd's store. */
function inEngine(
  system: System,
  chosen: Pick<BuildxOptions, 'media' | 'found' | 'wanted'>,
  engine: Engine,
  { store, version }: EngineFacts,
): Builder {
  const isContainerd = store === 'containerd';
  const kept = isContainerd ? 'containerd store' : 'graph-driver store';
  const name = `buildx ${chosen.found.version} (Docker Engine ${version}, ${kept})`;
  return buildxBuilder(system, { ...chosen, engine: isContainerd ? undefined : engine, name });
}

/** BuildKit for what needs no named context, the classic builder for the rest. */
function byParents(buildx: Builder, classic: Builder): Builder {
  return {
    name: `${buildx.name}; ${classic.name} for images that need others`,
    build: (ctx, request) => {
      const isChild = request.image.needs.some((need) => need.as !== undefined);
      return (isChild ? classic : buildx).build(ctx, request);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function classicName({ product, version }: EngineFacts): string {
  const engine = product === 'podman' ? 'podman' : 'Docker Engine';
  return `the classic builder of ${engine} ${version}`;
}

function noBuildx(reason: string, builder?: string): ShipperError {
  const what = builder === undefined ? 'buildx' : `builder ${JSON.stringify(builder)} of buildx`;
  return new ShipperError('UNSUPPORTED', `Cannot build with ${what}: ${reason}`, {
    hint:
      builder === undefined
        ? 'Install docker buildx, or leave the choice to shipper'
        : 'See `docker buildx ls`, or leave the choice to shipper',
  });
}
