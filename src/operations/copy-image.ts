// The use case: an image from anywhere to anywhere, unchanged: blobs, manifests and index byte for byte.
import { type Context, narrow, throwIfAborted } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type {
  Artifact,
  Attestation,
  FinishedArtifact,
  FinishedImage,
  ImageSet,
  RawManifest,
} from '../image/image.ts';
import { formatPlatform, parsePlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import { formatLocation } from '../transport/location.ts';
import { Transports } from '../transport/open.ts';
import { changesOf } from './copy-changes.ts';
import { copyContent, type Tally } from './copy-content.ts';
import { type CopyDestination, copyDestination } from './copy-destination.ts';
import { attestationsInside, indexOf, isIndexType } from './copy-index.ts';
import { type ImagePlan, planImage } from './copy-plan.ts';
import type { CopiedAttestation, CopiedImage, CopyReport, CopyRequest } from './copy-types.ts';
import { platformsFor } from './engine-platform.ts';

/** Blobs that are copied at once on a machine of few cores: the network is waited for, not they. */
const LEAST_BLOBS = 4;

/**
 * Copies an image. Nothing becomes visible before everything was read, checked and written. Errors as those of a flatten;
 * `POLICY` where the digest was to stay and cannot. An `engine` that is connected already is taken for `docker-daemon:`,
 * and stays open.
 */
export async function copyImage(
  system: System,
  ctx: Context,
  request: CopyRequest,
  engine?: Engine,
): Promise<CopyReport> {
  const started = ctx.clock.monotonic();
  const run = new CopyRun(system, narrow(ctx, { image: request.source }), request, engine);
  try {
    const done = await run.run();
    return { ...done, seconds: (ctx.clock.monotonic() - started) / 1000 };
  } finally {
    await system.threads.close();
  }
}

/** What was decided before anything is written. */
interface Decision {
  readonly set: ImageSet;
  readonly destination: CopyDestination;
  readonly plans: readonly ImagePlan[];
  readonly artifacts: readonly Artifact[];
  /** The source's own top, where it is also that of the copy. */
  readonly kept: RawManifest | undefined;
  readonly keepsManifests: boolean;
  readonly changes: readonly string[];
}

class CopyRun {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #request: CopyRequest;
  readonly #engine: Engine | undefined;
  readonly #tally: Tally = { blobs: 0, bytes: 0 };

  constructor(system: System, ctx: Context, request: CopyRequest, engine: Engine | undefined) {
    this.#system = system;
    this.#ctx = ctx;
    this.#request = request;
    this.#engine = engine;
  }

  async run(): Promise<Omit<CopyReport, 'seconds'>> {
    const { platform } = this.#request;
    await using transports = new Transports(this.#system, this.#request, this.#engine);
    const location = await transports.find(this.#ctx, this.#request.source);
    await using source = await transports.openSource(this.#ctx, location);
    const wanted = platform === undefined ? undefined : parsePlatform(platform);
    const all = await source.read(this.#ctx, wanted);
    const destination = await copyDestination(this.#system, this.#request.destination, {
      location,
      tags: all.images[0]?.tags ?? [],
      hasSeveral: all.images.length > 1,
    });
    const decision = await this.#decide(transports, all, destination);
    this.#requireDigests(decision);
    const written = this.#request.dryRun ? undefined : await this.#write(transports, decision);
    return this.#report(source.name, all, decision, written);
  }

  async #decide(
    transports: Transports,
    all: ImageSet,
    destination: CopyDestination,
  ): Promise<Decision> {
    const set = await platformsFor(this.#ctx, transports, all, [destination]);
    const store = await this.#storeOf(transports, destination);
    const { compression, allowNondistributable = false } = this.#request;
    const plans: ImagePlan[] = [];
    for (const image of set.images) {
      const plan = await planImage(this.#ctx, image, {
        compression,
        allowNondistributable,
        isUnpacked: store === 'graph-driver',
        isWhole: store !== undefined || destination.location.kind === 'docker-archive',
      });
      plans.push(plan);
    }
    const keepsManifests = store === undefined || store === 'containerd';
    const artifacts = await this.#artifactsOf(set, plans, keepsManifests);
    const kept = keptTop(set, plans, artifacts);
    const changes = changesOf({
      set,
      plans,
      isTopKept: kept !== undefined,
      keepsManifests,
      request: this.#request,
    });
    return { set, destination, plans, artifacts, kept, keepsManifests, changes };
  }

  /** How the engine stores images, where the copy goes to one. */
  async #storeOf(transports: Transports, { location }: CopyDestination) {
    if (location.kind !== 'docker-daemon') return undefined;
    return (await (await transports.engine()).facts(this.#ctx)).store;
  }

  /** The attestations that go along, and the indexes inside the index. */
  async #artifactsOf(
    set: ImageSet,
    plans: readonly ImagePlan[],
    keepsManifests: boolean,
  ): Promise<Artifact[]> {
    if (!set.isIndex || !keepsManifests) return [];
    const nested = (set.nested ?? []).map((manifest) => ({ manifest, blobs: [] }));
    const inside = this.#request.attestations === 'drop' ? [] : attestationsInside(set);
    // What speaks about a manifest that is made anew speaks about nothing any more.
    const kept = new Set(plans.map(({ kept }): string | undefined => kept?.descriptor.digest));
    const fitting = inside.filter(({ subject }) => subject === undefined || kept.has(subject));
    const isWhole = fitting.length === set.attestations.length && plans.every((p) => p.kept);
    if (nested.length > 0 && (!isWhole || set.isPartial)) return [];
    const opened: Artifact[] = [];
    for (const attestation of fitting) {
      const artifact = await attestation.open(this.#ctx);
      if (artifact !== undefined) opened.push(artifact);
    }
    return [...opened, ...nested];
  }

  #requireDigests({ destination, changes, kept }: Decision): void {
    const { digest } = destination;
    if (digest !== undefined && digest !== kept?.descriptor.digest) {
      throw new ShipperError(
        'DIGEST_MISMATCH',
        `Cannot copy ${this.#request.source} to ${formatLocation(destination.location)}: its digest is ${kept?.descriptor.digest ?? 'not known before it is written'}`,
        { hint: 'Name the destination by a tag' },
      );
    }
    const [first] = changes;
    if (!this.#request.preserveDigests || first === undefined) return;
    throw new ShipperError(
      'POLICY',
      `Cannot copy ${this.#request.source} to ${formatLocation(destination.location)} with its digest: ${first}`,
    );
  }

  async #write(transports: Transports, decision: Decision): Promise<Written> {
    const { destination, plans, artifacts, set } = decision;
    const jobs = this.#request.jobs ?? this.#system.cores;
    const family = plans[0]?.family ?? 'oci';
    const options = { jobs, family, isCopy: true };
    await using sink = await transports.openSink(this.#ctx, destination.location, options);
    const sizes = plans.flatMap(({ image }) =>
      image.layers.map(({ descriptor }) => descriptor.size),
    );
    await sink.reserve(
      this.#ctx,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    const atOnce = this.#request.jobs ?? Math.max(LEAST_BLOBS, jobs);
    const images = await copyContent(this.#ctx, plans, artifacts, sink, {
      jobs: atOnce,
      tally: this.#tally,
    });
    const index = topIndex(decision, images);
    throwIfAborted(this.#ctx);
    await sink.commit(this.#ctx, {
      images,
      artifacts: artifacts.map(finished),
      index,
      tags: destination.names,
    });
    return { images, index: set.isIndex || images.length > 1 ? index : undefined };
  }

  #report(
    resolvedSource: string,
    all: ImageSet,
    decision: Decision,
    written: Written | undefined,
  ): Omit<CopyReport, 'seconds'> {
    const { plans, destination, artifacts, changes, keepsManifests } = decision;
    const images = plans.map((plan, i) => reportImage(plan, written?.images[i], keepsManifests));
    const copied = new Set(artifacts.map(({ manifest }) => manifest.descriptor.digest));
    const isCopied = ({ descriptor }: Attestation) => copied.has(descriptor.digest);
    const index = written === undefined ? keptIndex(decision) : written.index;
    const indexDigest = keepsManifests ? index?.descriptor.digest : undefined;
    return {
      source: this.#request.source,
      resolvedSource,
      output: formatLocation(destination.location),
      tags: destination.names,
      images,
      indexDigest,
      digest: digestOfResult(decision, images, indexDigest),
      digestKept: changes.length === 0,
      changes,
      attestations: all.attestations.filter(isCopied).map(reportAttestation),
      dropped: all.attestations.filter((each) => !isCopied(each)).map(reportAttestation),
      remarks: remarksOn(plans, destination),
      dryRun: this.#request.dryRun ?? false,
      blobsRead: this.#tally.blobs,
      bytesRead: this.#tally.bytes,
    };
  }
}

/** What became visible. */
interface Written {
  readonly images: readonly FinishedImage[];
  readonly index: RawManifest | undefined;
}

/** The source's own top, where everything that it names goes along. */
function keptTop(
  set: ImageSet,
  plans: readonly ImagePlan[],
  artifacts: readonly Artifact[],
): RawManifest | undefined {
  if (plans.some(({ kept }) => kept === undefined)) return undefined;
  if (!set.isIndex) return plans.length === 1 ? plans[0]?.kept : undefined;
  const expected = attestationsInside(set).length + (set.nested ?? []).length;
  return set.isPartial || artifacts.length < expected ? undefined : set.root;
}

function topIndex(decision: Decision, images: readonly FinishedImage[]): RawManifest | undefined {
  const { set, plans, artifacts } = decision;
  if (!set.isIndex && images.length < 2) return undefined;
  const own = keptIndex(decision);
  if (own !== undefined) return own;
  const origins = plans.map(({ image }) => image.manifest?.descriptor.digest);
  const kept = new Set<Digest>(artifacts.map(({ manifest }) => manifest.descriptor.digest));
  return indexOf(set, images, origins, kept);
}

function keptIndex({ kept }: Decision): RawManifest | undefined {
  return kept !== undefined && isIndexType(kept) ? kept : undefined;
}

function digestOfResult(
  { keepsManifests, kept }: Decision,
  images: readonly CopiedImage[],
  indexDigest: string | undefined,
): string | undefined {
  const [first] = images;
  if (!keepsManifests) return first?.configDigest;
  return indexDigest ?? (images.length === 1 ? first?.manifestDigest : kept?.descriptor.digest);
}

function finished({ manifest, blobs }: Artifact): FinishedArtifact {
  return { manifest, blobs: blobs.map(({ descriptor }) => descriptor) };
}

function reportImage(
  { image, kept }: ImagePlan,
  finishedImage: FinishedImage | undefined,
  keepsManifests: boolean,
): CopiedImage {
  const manifest = finishedImage?.manifest ?? kept;
  return {
    platform: image.platform,
    sourceDigest: image.manifest?.descriptor.digest,
    manifestDigest: keepsManifests ? manifest?.descriptor.digest : undefined,
    configDigest: image.config.descriptor.digest,
    layers: image.layers.length,
    bytes: image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  };
}

function reportAttestation({ descriptor, kind, subject }: Attestation): CopiedAttestation {
  return { digest: descriptor.digest, kind, subject };
}

/** What is left out, and what others may not find. */
function remarksOn(plans: readonly ImagePlan[], { location }: CopyDestination): string[] {
  const isLayout = location.kind === 'oci' || location.kind === 'oci-archive';
  const isDocker = plans.some(({ family }) => family === 'docker');
  const foreign =
    "The manifest is of Docker's kind and stays so: skopeo and umoci do not find it by its name in a layout";
  return [...(isLayout && isDocker ? [foreign] : []), ...leftOut(plans)];
}

/** Layers that nobody may pass on are named. */
function leftOut(plans: readonly ImagePlan[]): string[] {
  return plans.flatMap(({ image, steps }) =>
    steps.flatMap((step, index) =>
      step.kind === 'leave'
        ? [
            `${formatPlatform(image.platform)}: layer ${index + 1} may not be distributed and is not copied`,
          ]
        : [],
    ),
  );
}
