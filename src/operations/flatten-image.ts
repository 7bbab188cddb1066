// The use case: read an image anywhere, merge its layers into one, write it anywhere.
import { type Context, narrow } from '../core/context.ts';
import { IgnoreRules } from '../core/dockerignore.ts';
import { withDetails } from '../core/errors.ts';
import type { Image, ImageSet, ImageSource, Platform } from '../image/image.ts';
import { parsePlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import { type Location, resolvePath } from '../transport/location.ts';
import { Transports } from '../transport/open.ts';
import type { SinkOptions } from '../transport/sink.ts';
import { createdTime } from './created.ts';
import { placesOf, resolveDestinations } from './destination.ts';
import { platformsFor } from './engine-platform.ts';
import type { OneOptions } from './flatten-one.ts';
import { flattenPlatforms, platformsAtOnce } from './flatten-platforms.ts';
import type { FlattenReport, FlattenRequest } from './flatten-types.ts';
import { type KeptLayers, keepRule } from './kept-layers.ts';
import { type PartialSet, withOtherPlatforms } from './other-platforms.ts';
import { checkReadable, readBack } from './read-back.ts';
import { remarksOn } from './remarks.ts';
import { Sinks } from './sinks.ts';
import {
  droppedBy,
  droppedByPlan,
  findStatements,
  refuseDropped,
  reportStatements,
  type Statements,
  surelyDropped,
} from './statements.ts';

/**
 * Flattens an image. Nothing becomes visible before everything was read, checked and written. Errors: `NOT_FOUND`,
 * `AMBIGUOUS_IMAGE`, `BAD_*`, `DIGEST_MISMATCH`, `UNSAFE_ENTRY`, `UNSUPPORTED`, `LIMIT_EXCEEDED`, `POLICY` for gates,
 * `OUTPUT_CONFLICT`, `NO_SPACE`, `IO`, `ENGINE*`, `USAGE` for requests that contradict themselves.
 */
export async function flattenImage(
  system: System,
  ctx: Context,
  request: FlattenRequest,
  outputs: Pick<SinkOptions, 'isPrivate'> = {},
): Promise<FlattenReport> {
  const started = ctx.clock.monotonic();
  const run = new FlattenRun(system, narrow(ctx, { image: request.source }), request, outputs);
  try {
    const done = await run.run();
    const seconds = (ctx.clock.monotonic() - started) / 1000;
    const bytes = done.images.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0);
    return { ...done, seconds, megabytesPerSecond: seconds > 0 ? bytes / 1e6 / seconds : 0 };
  } catch (error) {
    // Every error of a flatten names the image that it is about.
    throw withDetails(error, { image: request.source });
  } finally {
    await system.threads.close();
  }
}

/** Refuses patterns that are not well formed before anything is read. */
function checkPatterns({ exclude = [] }: FlattenRequest): void {
  new IgnoreRules(exclude);
}

class FlattenRun {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #request: FlattenRequest;
  readonly #options: OneOptions;
  readonly #platform: Platform | undefined;
  readonly #outputs: Pick<SinkOptions, 'isPrivate'>;

  constructor(
    system: System,
    ctx: Context,
    request: FlattenRequest,
    outputs: Pick<SinkOptions, 'isPrivate'>,
  ) {
    this.#system = system;
    this.#ctx = ctx;
    this.#request = request;
    this.#outputs = outputs;
    this.#platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
    const created = createdTime(request.timestamp, system.env['SOURCE_DATE_EPOCH']);
    this.#options = { request, created, jobs: request.jobs ?? system.cores };
  }

  async run(): Promise<Omit<FlattenReport, 'seconds' | 'megabytesPerSecond'>> {
    checkPatterns(this.#request);
    await using transports = new Transports(this.#system, this.#request);
    const location = await transports.find(this.#ctx, this.#request.source);
    await using source = await transports.openSource(this.#ctx, location);
    const { set: all, others } = await this.#readSet(transports, source, location);
    const destinations = await resolveDestinations(this.#system, this.#request, {
      location,
      tags: all.images[0]?.tags ?? [],
      isLayout: location.kind === 'path' && (await this.#isFolder(location.path)),
      isIndex: all.images.length > 1,
      imagesInMedium: all.imagesInMedium ?? 1,
    });
    checkReadable(this.#request, destinations);
    const keep = await keepRule(this.#ctx, transports, this.#request, this.#platform);
    const set = await platformsFor(this.#ctx, transports, all, destinations);
    const kept = new Map(
      set.images.filter((image) => !others.has(image)).map((image) => [image, keep(image)]),
    );
    const statements = await this.#statements(source, set, kept);
    const atOnce = platformsAtOnce(this.#system, set.images.length, this.#options.jobs);
    // The threads are shared: as many blocks are compressed at once as for one platform.
    const options = { ...this.#options, jobs: Math.ceil(this.#options.jobs / atOnce) };
    const keepsLayers = others.size > 0 || [...kept.values()].some(({ layers }) => layers > 0);
    await using sinks = new Sinks(this.#ctx, transports, destinations, {
      ...this.#outputs,
      jobs: options.jobs,
      keepsLayers,
    });
    const images = await flattenPlatforms(this.#ctx, {
      system: this.#system,
      options,
      set,
      kept,
      sinks,
      atOnce,
    });
    const dropped = this.#request.dryRun
      ? droppedByPlan(statements, images)
      : droppedBy(statements, sinks.publications(set));
    refuseDropped(this.#request, source.name, dropped);
    const index = await sinks.publish(set);
    const verified = await readBack(
      this.#system,
      this.#ctx,
      transports,
      this.#request,
      set,
      sinks.published,
      others.size === 0 ? this.#platform : undefined,
    );
    return {
      source: this.#request.source,
      resolvedSource: source.name,
      outputs: destinations.flatMap(placesOf),
      tags: [...new Set(destinations.flatMap(({ names }) => names))],
      images,
      indexDigest: index,
      dropped: reportStatements(dropped),
      remarks: remarksOn(images),
      dryRun: this.#request.dryRun ?? false,
      verified,
    };
  }

  /** Reads manifests and configurations. What is replaced in place must not lose its other platforms. */
  async #readSet(
    transports: Transports,
    source: ImageSource,
    location: Location,
  ): Promise<PartialSet> {
    const isPart = this.#request.inPlace && this.#platform !== undefined;
    if (!isPart || (await this.#holdsOne(transports, location)))
      return { set: await source.read(this.#ctx, this.#platform), others: new Set() };
    // All of it first: an engine exports what it is asked for at first, and only that.
    const all = await source.read(this.#ctx);
    return withOtherPlatforms(all, await source.read(this.#ctx, this.#platform));
  }

  /** Whether a name stands for one platform only there. */
  async #holdsOne(transports: Transports, { kind }: Location): Promise<boolean> {
    if (kind !== 'docker-daemon') return false;
    const engine = await transports.engine();
    return (await engine.facts(this.#ctx)).store !== 'containerd';
  }

  /** What speaks about the source; refused here already where it is sure to be dropped and must not be. */
  async #statements(
    source: ImageSource,
    set: ImageSet,
    kept: ReadonlyMap<Image, KeptLayers>,
  ): Promise<Statements> {
    const isRequired = this.#request.attestations === 'fail';
    const statements = await findStatements(this.#ctx, source, set, kept, isRequired);
    refuseDropped(this.#request, source.name, surelyDropped(statements, set, kept));
    return statements;
  }

  async #isFolder(path: string): Promise<boolean> {
    const facts = await this.#system.files.stat(resolvePath(this.#system, path));
    return facts?.kind === 'directory';
  }
}
