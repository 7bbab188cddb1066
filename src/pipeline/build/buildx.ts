// BuildKit through `docker buildx bake`: an OCI archive where the builder writes one, else an image in the engine's store.
import { join } from 'node:path';
import type { BuildChoice, ProjectImage } from '../../config/types.ts';
import { type Context, note } from '../../core/context.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import { ShipperError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Engine } from '../../engine/engine.ts';
import { isObject, parseObject } from '../../engine/wire.ts';
import type { System } from '../../system/system.ts';
import { cleanUpIn } from '../../transport/engine-target.ts';
import type { MediaChoice } from '../../transport/open.ts';
import { temporaryName } from '../../transport/temporary-names.ts';
import { bakeDefinition, csv, TARGET } from './bake-definition.ts';
import { BuildLog } from './build-log.ts';
import type { Builder, BuildRequest, BuildResult } from './builder.ts';
import { buildOf, checkContext, notSupported } from './check-build.ts';
import { dockerCall, type FoundBuildx } from './find-buildx.ts';
import { maskSecrets } from './mask.ts';
import { type PlacedParents, parentsInEngine, parentsInLayouts } from './parents.ts';

const PRINT_MS = 60_000;
/** Keys that older versions of bake pass over in silence. */
const YOUNG_KEYS: readonly (readonly [
  key: string,
  ours: string,
  isAsked: (build: BuildChoice) => boolean,
])[] = [
  ['extra-hosts', 'extra_hosts', ({ extraHosts }) => extraHosts.length > 0],
  ['entitlements', 'entitlements', ({ entitlements }) => entitlements.length > 0],
  ['annotations', 'annotations', ({ annotations }) => annotations.length > 0],
  ['ulimits', 'ulimits', ({ ulimits }) => ulimits.length > 0],
];

/** What buildx works with. */
export interface BuildxOptions {
  readonly media: MediaChoice;
  readonly found: FoundBuildx;
  /** The builder that was asked for by name. */
  readonly wanted?: string | undefined;
  /** The engine whose store takes the results, where the builder writes no OCI archives. */
  readonly engine: Engine | undefined;
  readonly name: string;
}

/** Builds with buildx. */
export function buildxBuilder(system: System, options: BuildxOptions): Builder {
  return {
    name: options.name,
    build: (ctx, request) => new BuildxRun(system, ctx, options, request).run(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Where the result goes. */
interface Output {
  /** As buildx takes it. */
  readonly wish: string;
  readonly tags: readonly string[];
  /** As shipper names images. */
  readonly source: string;
  remove(): Promise<void>;
}

class BuildxRun {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #options: BuildxOptions;
  readonly #request: BuildRequest;
  readonly #build: BuildChoice;

  constructor(system: System, ctx: Context, options: BuildxOptions, request: BuildRequest) {
    this.#system = system;
    this.#ctx = ctx;
    this.#options = options;
    this.#request = request;
    this.#build = buildOf(request.image);
  }

  async run(): Promise<BuildResult> {
    const { image } = this.#request;
    const { engine } = this.#options;
    const mask = await maskSecrets(this.#system, image);
    await checkContext(this.#system, image);
    if (engine !== undefined && this.#build.platforms.length > 1) {
      throw notSupported(
        image,
        'platforms',
        `${this.#options.name} makes one platform at a time`,
        'Turn on the containerd image store of the engine, or make a builder with `docker buildx create --use`',
      );
    }
    await using parents = await this.#placeParents();
    const output = this.#output();
    try {
      const log = new BuildLog(this.#request.log, mask);
      const digest = await this.#bake(log, output, parents);
      return {
        source: output.source,
        digest,
        platforms: this.#build.platforms,
        [Symbol.asyncDispose]: () => output.remove(),
      };
    } catch (error) {
      await output.remove();
      throw error;
    }
  }

  #placeParents(): Promise<PlacedParents> {
    const { media, engine } = this.#options;
    const [system, ctx, request] = [this.#system, this.#ctx, this.#request];
    if (engine === undefined) return parentsInLayouts(system, ctx, request, media);
    return parentsInEngine(system, ctx, request, media, engine);
  }

  #output(): Output {
    const { engine } = this.#options;
    if (engine === undefined) {
      const path = join(this.#request.folder, 'image.tar');
      // What is flattened is read once more at once; what is pushed as it is has to be compressed in any case.
      const isRead = this.#request.image.flatten !== undefined;
      const wish = csv([
        'type=oci',
        `dest=${path}`,
        ...(isRead ? ['compression=uncompressed'] : []),
      ]);
      return {
        wish,
        tags: [],
        source: `oci-archive:${path}`,
        remove: async () => undefined,
      };
    }
    const name = temporaryName(this.#system);
    const remove = () => cleanUpIn(this.#system, engine)(name);
    return { wish: 'type=docker', tags: [name], source: `docker-daemon:${name}`, remove };
  }

  /** Returns the digest that the builder says. */
  async #bake(log: BuildLog, output: Output, parents: PlacedParents): Promise<Digest | undefined> {
    const { image, folder } = this.#request;
    const definition = bakeDefinition(this.#build, {
      output: output.wish,
      tags: output.tags,
      contexts: this.#contexts(parents),
      noCache: this.#request.noCache === true || this.#build.noCache,
      pull: this.#pull(parents),
    });
    const { media, wanted } = this.#options;
    const chosen = wanted === undefined ? [] : ['--builder', wanted];
    const call = dockerCall(media, ['buildx', 'bake', ...chosen, '--file', '-']);
    await this.#refuseUnheard(call, definition);
    const allowed = this.#build.entitlements.map((what) => `--allow=${what}`);
    const metadata = join(folder, 'metadata.json');
    const more = ['--progress=rawjson', `--metadata-file=${metadata}`, ...allowed, TARGET];
    const code = await this.#system.follow('docker', [...call.args, ...more], {
      input: definition,
      env: call.env,
      signal: this.#ctx.signal,
      onError: log.take,
    });
    if (code !== 0) throw failed(image, log);
    return this.#digestIn(metadata);
  }

  #contexts({ places }: PlacedParents): Readonly<Record<string, string>> {
    const isEngine = this.#options.engine !== undefined;
    const contexts = [...places].map(([as, place]) => [
      as,
      isEngine ? `docker-image://${place}` : place,
    ]);
    return Object.fromEntries(contexts);
  }

  /** An engine that is told to ask registries asks them for our temporary names as well, where nobody has them. */
  #pull({ places }: PlacedParents): boolean {
    const isAsked = this.#request.pull === true || this.#build.pull;
    const isPossible = this.#options.engine === undefined || places.size === 0;
    if (isAsked && !isPossible) {
      const { name } = this.#request.image;
      const state = `base images of ${name} are taken as they are in the engine, as this builder would ask a registry for its parents too`;
      note(this.#ctx, 'warn', state);
    }
    return isAsked && isPossible;
  }

  /** Refuses keys that this version of bake would pass over. */
  async #refuseUnheard(call: ReturnType<typeof dockerCall>, definition: string): Promise<void> {
    const asked = YOUNG_KEYS.filter(([, , isAsked]) => isAsked(this.#build));
    if (asked.length === 0) return;
    const { signal } = this.#ctx;
    const options = { input: definition, env: call.env, signal, timeoutMs: PRINT_MS };
    const ran = await this.#system.run('docker', [...call.args, '--print', TARGET], options);
    // What makes it fail, the build itself says better.
    if (ran.code !== 0) return;
    for (const [key, ours] of asked) {
      if (ran.stdout.includes(`"${key}":`)) continue;
      const { version } = this.#options.found;
      const state = `docker buildx ${version} does not know it in a definition`;
      throw notSupported(this.#request.image, ours, state, 'Update docker buildx');
    }
  }

  async #digestIn(metadata: string): Promise<Digest | undefined> {
    const { files } = this.#system;
    if ((await files.stat(metadata)) === undefined) return undefined;
    const text = new TextDecoder().decode(await files.read(metadata, LIMITS.metadataBytes));
    const built = parseObject(text)?.[TARGET];
    const digest = isObject(built) ? built['containerimage.digest'] : undefined;
    return isDigest(digest) ? digest : undefined;
  }
}

/** The failure of a build whose lines `log` has. */
function failed(image: ProjectImage, log: BuildLog): ShipperError {
  const { reason, log: lines } = log.failure();
  return new ShipperError('BUILD', `Cannot build image ${JSON.stringify(image.name)}: ${reason}`, {
    image: image.name,
    log: lines,
    ...(/ (?:COPY|ADD) .*: not found$/.test(reason)
      ? { hint: 'Paths are those in the context, without what .dockerignore leaves out' }
      : {}),
  });
}
