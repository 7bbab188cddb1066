// The use case: read an image anywhere, merge its layers into one, write it anywhere.
import { type Context, narrow, note } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type {
  Image,
  ImageSet,
  ImageSink,
  ImageSource,
  MediaFamily,
  Platform,
  Publication,
} from '../image/image.ts';
import { buildIndex } from '../image/manifest.ts';
import { formatPlatform, parsePlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import {
  formatLocation,
  isStdout,
  type Location,
  parseLocation,
  resolvePath,
} from '../transport/location.ts';
import { Transports } from '../transport/open.ts';
import { createdTime } from './created.ts';
import { type Destination, resolveDestinations } from './destination.ts';
import {
  checkGates,
  isCanonical,
  type OneOptions,
  reportImage,
  type SunkImage,
  sinkImage,
} from './flatten-one.ts';
import type { FlattenedImage, FlattenReport, FlattenRequest } from './flatten-types.ts';
import { remarksOn } from './remarks.ts';
import { type OpenRoot, openRoot } from './root.ts';
import { compareSets } from './verify-images.ts';

/**
 * Flattens an image. Nothing becomes visible before everything was read, checked and written. Errors: `NOT_FOUND`,
 * `AMBIGUOUS_IMAGE`, `BAD_*`, `DIGEST_MISMATCH`, `UNSAFE_ENTRY`, `UNSUPPORTED`, `LIMIT_EXCEEDED`, `POLICY` for gates,
 * `OUTPUT_CONFLICT`, `NO_SPACE`, `IO`, `ENGINE*`, `USAGE` for requests that contradict themselves.
 */
export async function flattenImage(
  system: System,
  ctx: Context,
  request: FlattenRequest,
): Promise<FlattenReport> {
  const started = ctx.clock.monotonic();
  const run = new FlattenRun(system, narrow(ctx, { image: request.source }), request);
  try {
    const done = await run.run();
    const seconds = (ctx.clock.monotonic() - started) / 1000;
    const bytes = done.images.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0);
    return { ...done, seconds, megabytesPerSecond: seconds > 0 ? bytes / 1e6 / seconds : 0 };
  } catch (error) {
    throw named(error, request.source);
  } finally {
    await system.threads.close();
  }
}

/** Every error of a flatten names the image that it is about. */
function named(error: unknown, image: string): unknown {
  if (!isShipperError(error) || error.details.image !== undefined) return error;
  return new ShipperError(error.code, error.message, {
    ...error.details,
    image,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: error.retryable,
    cause: error.cause,
  });
}

class FlattenRun {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #request: FlattenRequest;
  readonly #options: OneOptions;
  readonly #platform: Platform | undefined;

  constructor(system: System, ctx: Context, request: FlattenRequest) {
    this.#system = system;
    this.#ctx = ctx;
    this.#request = request;
    this.#platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
    const created = createdTime(request.timestamp, system.env['SOURCE_DATE_EPOCH']);
    this.#options = { request, created, jobs: request.jobs ?? system.cores };
  }

  async run(): Promise<Omit<FlattenReport, 'seconds' | 'megabytesPerSecond'>> {
    const location = await parseLocation(this.#system, this.#request.source);
    await using transports = new Transports(this.#system, this.#request);
    if (formatLocation(location) !== this.#request.source && location.kind === 'docker-daemon') {
      note(this.#ctx, 'info', `${this.#request.source} is taken for ${formatLocation(location)}`);
    }
    await using source = await transports.openSource(this.#ctx, location);
    const set = await this.#readSet(source, location, transports);
    const destinations = await resolveDestinations(this.#system, this.#request, {
      location,
      tags: set.images[0]?.tags ?? [],
      isLayout: location.kind === 'path' && (await this.#isFolder(location.path)),
      isIndex: set.images.length > 1,
    });
    if (this.#request.verify === true && destinations.some(({ location: to }) => isStdout(to))) {
      throw new ShipperError(
        'USAGE',
        'Cannot verify standard output: what was written there cannot be read back',
      );
    }
    await using sinks = new Sinks(this.#ctx, transports, destinations, this.#options.jobs);
    const images = await this.#flattenAll(set, sinks);
    const index = await this.#publish(set, sinks);
    const verified = await this.#verify(set, transports, destinations);
    return {
      source: this.#request.source,
      resolvedSource: source.name,
      outputs: destinations.map((destination) => formatLocation(destination.location)),
      tags: [...new Set(destinations.flatMap(({ names }) => names))],
      images,
      indexDigest: index,
      dropped: set.attestations.map(({ descriptor, kind, subject }) => ({
        digest: descriptor.digest,
        kind,
        subject,
      })),
      remarks: remarksOn(images),
      dryRun: this.#request.dryRun ?? false,
      verified,
    };
  }

  /** Reads manifests and configurations; picks the platform that a graph driver can take. */
  async #readSet(
    source: ImageSource,
    location: Location,
    transports: Transports,
  ): Promise<ImageSet> {
    const set = await source.read(this.#ctx, this.#platform);
    if (this.#request.attestations === 'fail' && set.attestations.length > 0) {
      const [first] = set.attestations;
      throw new ShipperError(
        'POLICY',
        `Cannot flatten ${source.name}: ${set.attestations.length} attestations or signatures would be dropped, the first is ${first?.descriptor.digest}`,
      );
    }
    const goesToEngine =
      [...(this.#request.outputs ?? []), ...(this.#request.tags ?? [])].some((text) =>
        text.startsWith('docker-daemon:'),
      ) || location.kind === 'docker-daemon';
    if (set.images.length < 2 || !goesToEngine) return set;
    const engine = await transports.engine();
    const facts = await engine.facts(this.#ctx);
    if (facts.store !== 'graph-driver') return set;
    const own = { os: facts.os, architecture: facts.architecture };
    const images = set.images.filter(({ platform }) =>
      formatPlatform(platform).startsWith(formatPlatform(own)),
    );
    if (images.length === 0) {
      throw new ShipperError(
        'NOT_FOUND',
        `Cannot flatten ${source.name}: it has no image for the engine's own platform ${formatPlatform(own)}`,
        { hint: 'Choose one with --platform' },
      );
    }
    return { ...set, images: images.slice(0, 1), isIndex: false };
  }

  async #isFolder(path: string): Promise<boolean> {
    const facts = await this.#system.files.stat(resolvePath(this.#system, path));
    return facts?.kind === 'directory';
  }

  async #flattenAll(set: ImageSet, sinks: Sinks): Promise<FlattenedImage[]> {
    const reports: FlattenedImage[] = [];
    for (const image of set.images) reports.push(await this.#flattenOne(image, set, sinks));
    return reports;
  }

  /** One platform into every sink; its layers are closed again before the next is opened. */
  async #flattenOne(image: Image, set: ImageSet, sinks: Sinks): Promise<FlattenedImage> {
    const isZstd = this.#request.compression?.kind === 'zstd';
    // Docker's family has no type for zstd.
    const family: MediaFamily = isZstd ? 'oci' : (set.images[0]?.family ?? image.family);
    const { policy, allowNondistributable = false } = this.#request;
    await using root = await openRoot(
      this.#ctx,
      { ...image, family },
      {
        jobs: this.#options.jobs,
        allowNondistributable,
        ...(policy === undefined ? {} : { policy }),
      },
    );
    checkGates(root, this.#request);
    const isAlreadyFlat = await isCanonical(this.#system, this.#ctx, root);
    if (this.#request.dryRun) {
      await root.verified();
      return reportImage(root, isAlreadyFlat, undefined);
    }
    const sunk = await this.#sinkAll(root, await sinks.open(family), isAlreadyFlat);
    await root.verified();
    return reportImage(root, isAlreadyFlat, sunk);
  }

  async #sinkAll(
    root: OpenRoot,
    open: readonly OpenSink[],
    isAlreadyFlat: boolean,
  ): Promise<SunkImage | undefined> {
    let first: SunkImage | undefined;
    for (const { sink, images } of open) {
      const sunk = await sinkImage(this.#ctx, root, sink, isAlreadyFlat, this.#options);
      images.push(sunk);
      first ??= sunk;
    }
    return first;
  }

  /** Makes everything visible; returns the digest of the index where the result is one. */
  async #publish(set: ImageSet, sinks: Sinks): Promise<string | undefined> {
    let indexDigest: string | undefined;
    for (const { sink, images, destination } of sinks.opened) {
      const finished = images.map((image) => image.finished);
      const isIndex = set.isIndex || finished.length > 1;
      const family = finished[0]?.manifest.descriptor.mediaType.startsWith(
        'application/vnd.docker.',
      )
        ? 'docker'
        : 'oci';
      const index = isIndex
        ? buildIndex(
            family,
            finished.map(({ manifest, platform }) => ({
              descriptor: manifest.descriptor,
              platform,
            })),
            set.annotations,
          )
        : undefined;
      const publication: Publication = { images: finished, index, tags: destination.names };
      await sink.commit(this.#ctx, publication);
      indexDigest ??= index?.descriptor.digest;
    }
    return indexDigest;
  }

  /** Reads every output back and compares it with the source. */
  async #verify(
    set: ImageSet,
    transports: Transports,
    destinations: readonly Destination[],
  ): Promise<boolean | undefined> {
    if (this.#request.verify !== true || this.#request.dryRun === true) return undefined;
    for (const { location, names } of destinations) {
      await using written = await transports.openSource(this.#ctx, readable(location, names));
      const result = await written.read(this.#ctx, this.#platform);
      const options = {
        ...(this.#request.policy === undefined ? {} : { policy: this.#request.policy }),
        allowNondistributable: true,
      };
      const report = await compareSets(this.#system, this.#ctx, set, result, {
        ...options,
        ignoreLabels: Object.keys(this.#request.labels ?? {}),
      });
      if (!report.same) return false;
    }
    return true;
  }
}

/** The place where a destination is read back: a layout that holds several images is asked for ours. */
function readable(location: Location, names: readonly string[]): Location {
  const [name] = names;
  if (location.kind !== 'oci' || location.reference !== undefined || name === undefined)
    return location;
  return { ...location, reference: name };
}

interface OpenSink {
  readonly sink: ImageSink;
  readonly destination: Destination;
  readonly images: SunkImage[];
}

/** The sinks of a run, opened when the first image is known to be good. */
class Sinks implements AsyncDisposable {
  readonly #ctx: Context;
  readonly #transports: Transports;
  readonly #destinations: readonly Destination[];
  readonly #jobs: number;
  opened: OpenSink[] = [];

  constructor(
    ctx: Context,
    transports: Transports,
    destinations: readonly Destination[],
    jobs: number,
  ) {
    this.#ctx = ctx;
    this.#transports = transports;
    this.#destinations = destinations;
    this.#jobs = jobs;
  }

  async open(family: MediaFamily): Promise<readonly OpenSink[]> {
    if (this.opened.length > 0) return this.opened;
    for (const destination of this.#destinations) {
      const options = { jobs: this.#jobs, family };
      const sink = await this.#transports.openSink(this.#ctx, destination.location, options);
      this.opened.push({ sink, destination, images: [] });
    }
    return this.opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { sink } of this.opened) await sink[Symbol.asyncDispose]();
    this.opened = [];
  }
}
