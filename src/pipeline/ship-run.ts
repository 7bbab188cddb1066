// One run of the pipeline: images are made and delivered beside each other, then all tags move, then there is a report.
import type { Project } from '../config/types.ts';
import { type Context, note } from '../core/context.ts';
import { failureOf, isShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import type { System } from '../system/system.ts';
import type { Transports } from '../transport/open.ts';
import { sweepTemporaryNames } from '../transport/temporary-names.ts';
import type { Builder } from './build/builder.ts';
import { checkContext } from './build/check-build.ts';
import { capsFor } from './caps.ts';
import { checkPush } from './check-push.ts';
import { ContextDigests } from './context-digest.ts';
import { type Delivered, deliver, findRemembered } from './delivery.ts';
import type { Selected } from './graph.ts';
import { type Form, ImageMaker, imageFolder, type MakerTools } from './image-maker.ts';
import type { Memory } from './memory.ts';
import type { Remembered } from './memory-file.ts';
import { homesOf, type PlannedTag, placesOf } from './places.ts';
import { Publisher, type Ready } from './publish.ts';
import { type Ending, openGates, runImages } from './schedule.ts';
import type { ShipParts } from './ship.ts';
import { outcomeOf, reportImage } from './ship-report-of.ts';
import type { ShipFailure, ShipReport, ShipRequest } from './ship-types.ts';
import { Track } from './track.ts';

/** What a run is about. */
export interface ShipJob {
  readonly project: Project;
  readonly request: ShipRequest;
  readonly images: readonly Selected[];
  /** The names of each image; none where it is only needed. */
  readonly tags: ReadonlyMap<string, readonly PlannedTag[]>;
  readonly memory: Memory;
  readonly transports: Transports;
  /** Private to the run. */
  readonly folder: string;
}

type Endings = ReadonlyMap<string, Ending<Delivered>>;

/** Dispose it before its folder and transports. */
export class ShipRun implements AsyncDisposable {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #parts: ShipParts;
  readonly #job: ShipJob;
  readonly #tracks: ReadonlyMap<string, Track>;
  readonly #publisher: Publisher;
  readonly #tools: MakerTools;
  readonly #kept: AsyncDisposable[] = [];
  readonly #notes: string[] = [];
  #builder: Promise<Builder> | undefined;
  #builderName: string | undefined;
  #mayPush: Promise<void> | undefined;

  constructor(system: System, ctx: Context, parts: ShipParts, job: ShipJob) {
    this.#system = system;
    this.#ctx = ctx;
    this.#parts = parts;
    this.#job = job;
    this.#tracks = new Map(
      job.images.map(({ image: { name } }) => [name, new Track(name, ctx.report)]),
    );
    this.#tools = this.#makeTools();
    this.#publisher = new Publisher(this.#tools);
  }

  /** Carries the run out; see `shipProject`. */
  async run(): Promise<ShipReport> {
    const ctx = this.#ctx;
    const { images, memory, request } = this.#job;
    const startedAt = new Date(ctx.clock.now()).toISOString();
    const started = ctx.clock.monotonic();
    this.#note(await memory.read());
    await this.#publisher.begin(ctx, [...this.#job.tags.values()].flat());
    const endings = await runImages(
      ctx,
      images,
      {
        check: (selected) => this.#check(selected),
        make: (own, selected, forms: ReadonlyMap<string, Form>) => this.#make(own, selected, forms),
        deliver: (own, selected, form) => this.#deliver(own, selected, form),
      },
      request.keepGoing ?? false,
    );
    const error = await this.#publishAll(endings);
    await this.#sweepEngine();
    return this.#report(endings, error, startedAt, (ctx.clock.monotonic() - started) / 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const builder = await this.#builder?.catch(() => undefined);
    const all = [...this.#kept.reverse(), ...(builder === undefined ? [] : [builder])];
    // Each is let go, whatever became of the others.
    for (const each of all) await letGo(each);
  }

  #makeTools(): MakerTools {
    const { request, memory, transports, folder, images } = this.#job;
    const caps = capsFor(this.#system.cores, this.#system.freeMemory(), request.jobs);
    const byName = new Map(images.map(({ image }) => [image.name, image]));
    return {
      system: this.#system,
      transports,
      media: mediaOf(request),
      cache: request.cache ?? `${folder}/cache`,
      request,
      contexts: new ContextDigests(this.#system),
      gates: openGates(caps),
      memory,
      version: this.#parts.version,
      folder,
      builder: () => this.#findBuilder(),
      checkPush: () => this.#checkPush(),
      find: (ctx, selected, remembered) => this.#find(ctx, selected, remembered),
      referenceOf: (image) => byName.get(image)?.references[0] ?? image,
      keep: (resource) => void this.#kept.push(resource),
    };
  }

  async #findBuilder(): Promise<Builder> {
    const { project, request } = this.#job;
    // As with docker buildx, the environment goes before what is written down, and the command line before both.
    const wanted = request.builder ?? (this.#system.env['BUILDX_BUILDER'] || project.builder);
    const options = { ...mediaOf(request), ...given({ builder: wanted }) };
    this.#builder ??= this.#parts.findBuilder(this.#ctx, options);
    const builder = await this.#builder;
    this.#builderName = builder.name;
    return builder;
  }

  /**
   * Takes back the temporary names of dead runs, also where nothing was built now. At the end, because a builder that lost
   * its run may have gone on for a moment.
   */
  async #sweepEngine(): Promise<void> {
    const { images, tags, transports } = this.#job;
    const isBuilt = images.some(({ image }) => image.source.kind === 'build');
    const isNamed = [...tags.values()].flat().some(({ place }) => place === 'engine');
    if (this.#ctx.signal.aborted || !(isBuilt || isNamed)) return;
    try {
      await sweepTemporaryNames(this.#system, this.#ctx, await transports.engine());
    } catch (error) {
      // An engine that cannot be reached keeps what it has until the next run, and a report is not lost to a late signal.
      if (!isShipperError(error)) throw error;
    }
  }

  /** Once in a run, and only where something is made: a run that finds everything there asks for nothing. */
  #checkPush(): Promise<void> {
    this.#mayPush ??= this.#askForPush();
    return this.#mayPush;
  }

  async #askForPush(): Promise<void> {
    const homes = homesOf([...this.#job.tags.values()].flat());
    if (homes.length === 0) return;
    await checkPush(this.#ctx, await this.#job.transports.registry(), homes);
  }

  /** Where what is remembered lies; what is only needed may have been published by an earlier run. */
  async #find(
    ctx: Context,
    { image }: Selected,
    remembered: Remembered,
  ): Promise<string | undefined> {
    const { project, request } = this.#job;
    const tags = placesOf(project, image.references, request.until ?? 'ship');
    const { homes, engineId } = await findRemembered(this.#tools, ctx, tags, remembered);
    const [home] = homes;
    if (home !== undefined) return `docker://${home.name}@${remembered.digest}`;
    return engineId === undefined ? undefined : `docker-daemon:${engineId}`;
  }

  /** A folder or Dockerfile that is not there is told before an hour of builds. */
  async #check({ image }: Selected): Promise<void> {
    if (image.source.kind === 'build') await checkContext(this.#system, image);
  }

  #make(ctx: Context, selected: Selected, forms: ReadonlyMap<string, Form>): Promise<Form> {
    const track = this.#trackOf(selected.image.name);
    return new ImageMaker(this.#tools, selected, track).make(track.context(ctx), forms);
  }

  async #deliver(ctx: Context, selected: Selected, form: Form): Promise<Delivered> {
    const { name } = selected.image;
    const track = this.#trackOf(name);
    const own = track.context(ctx);
    const tags = this.#tagsOf(name);
    const delivered = await deliver(this.#tools, own, selected, tags, form, track);
    await this.#clear(name);
    if (this.#isAtomic || !this.#movesTags || !selected.isWanted) return delivered;
    const seen = await this.#publisher.publish(own, [{ name, tags, ...delivered }]);
    for (const sentence of seen) this.#note(sentence);
    return delivered;
  }

  /** Files of an image that is delivered, and that no other one is built on: disks are small. */
  async #clear(image: string): Promise<void> {
    if (this.#job.images.some(({ needs }) => needs.includes(image))) return;
    await this.#system.files.remove(imageFolder(this.#job.folder, image));
  }

  /** Nothing moves before everything is ready. */
  async #publishAll(endings: Endings): Promise<unknown> {
    const ready: Ready[] = [];
    for (const { image, isWanted } of this.#job.images) {
      const ending = endings.get(image.name);
      if (ending?.kind !== 'ready') return undefined;
      const { name } = image;
      if (isWanted) ready.push({ name, tags: this.#tagsOf(name), ...ending.result });
    }
    if (!this.#isAtomic || !this.#movesTags) return undefined;
    try {
      for (const sentence of await this.#publisher.publish(this.#ctx, ready)) this.#note(sentence);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  get #movesTags(): boolean {
    return this.#job.request.until !== 'push';
  }

  get #isAtomic(): boolean {
    const { atomic = true } = this.#job.request;
    return atomic;
  }

  #report(endings: Endings, error: unknown, startedAt: string, seconds: number): ShipReport {
    const { project, request, images } = this.#job;
    const shipped = images.map((selected) => {
      const { name } = selected.image;
      return reportImage(selected, this.#trackOf(name), endings.get(name), {
        tags: this.#tagsOf(name).map((tag) => this.#publisher.stateOf(tag)),
        planned: this.#tagsOf(name),
      });
    });
    const failure: ShipFailure | undefined = error === undefined ? undefined : failureOf(error);
    const isStopped = this.#ctx.signal.aborted || isShipperError(error, 'INTERRUPTED');
    return {
      schema: 1,
      shipper: this.#parts.version,
      project: project.name,
      until: request.until ?? 'ship',
      outcome: outcomeOf(shipped, error, this.#publisher.hasMoved, isStopped),
      startedAt,
      seconds,
      ...(this.#builderName === undefined ? {} : { builder: this.#builderName }),
      images: inConfigOrder(project, shipped),
      notes: this.#notes,
      ...(failure === undefined ? {} : { error: failure }),
    };
  }

  #note(sentence: string | undefined): void {
    if (sentence === undefined) return;
    this.#notes.push(sentence);
    note(this.#ctx, 'warn', sentence);
  }

  #tagsOf(image: string): readonly PlannedTag[] {
    return this.#job.tags.get(image) ?? [];
  }

  #trackOf(image: string): Track {
    const track = this.#tracks.get(image);
    if (track === undefined) throw new RangeError(`${image} is no image of this run`);
    return track;
  }
}

/** What cannot be taken back now is swept by the next run. */
async function letGo(resource: AsyncDisposable): Promise<void> {
  try {
    await resource[Symbol.asyncDispose]();
  } catch (error) {
    if (!isShipperError(error)) throw error;
  }
}

function inConfigOrder<T extends { readonly name: string }>(
  { images }: Project,
  shipped: readonly T[],
): readonly T[] {
  const order = new Map(images.map(({ name }, at) => [name, at]));
  return [...shipped].sort((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0));
}

function mediaOf({ context, host, creds, authfile, insecure, mirrors }: ShipRequest): MediaOptions {
  return given({ context, host, creds, authfile, insecure, mirrors });
}
