// What a ship is asked and what it answers: plain values that the command line, `--report FILE`, a rollout and users of
// the library share. The report's form is versioned: see docs/ship.md, "The report".
import type { Failure } from '../core/errors.ts';
import type { Platform } from '../image/image.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';

/** How far the pipeline goes: into the engine; into the registry by digest; until the tags have moved. */
export type ShipStage = 'build' | 'push' | 'ship';

/** A run of the pipeline. Everything is optional. */
export interface ShipRequest extends MediaOptions {
  /** The configuration; default as `loadProject` finds it. */
  readonly config?: string;
  /** Images and groups, with what they need; default every image. */
  readonly names?: readonly string[];
  /** Default `ship`. */
  readonly until?: ShipStage;
  /** A failed image stops only what needs it. Default false: it stops the run. */
  readonly keepGoing?: boolean;
  /** At most so many builds, so many flattens and so many pushes at once; default by cores and memory. */
  readonly jobs?: number;
  /** Tags move last, and only if every image of the run is ready. Default true; false: as each image is ready. */
  readonly atomic?: boolean;
  /** Do everything again, whatever is remembered. Default false. */
  readonly force?: boolean;
  /** Folder of a cache for fetched layers that outlives the run. Default: one of the run's own. */
  readonly cache?: string;
  /** Build everything anew, also where the image does not say so. */
  readonly noCache?: boolean;
  /** Ask registries for newer base images, also where the image does not say so. */
  readonly pull?: boolean;
  /** Name of a buildx builder. Default: `BUILDX_BUILDER`, else `builder` of the configuration, else the current one. */
  readonly builder?: string;
}

/** How a run ended. */
export type ShipOutcome =
  /** Everything is where it should be. */
  | 'done'
  /** Something failed, and no tag has moved. */
  | 'failed'
  /** Some tags have moved and others not. */
  | 'partial'
  /** Cancelled; no tag has moved. */
  | 'interrupted';

/** How an image ended. */
export type ShippedStatus =
  | 'done'
  /** Remembered: it was not made again. */
  | 'unchanged'
  | 'failed'
  /** Stopped because the run was. */
  | 'cancelled'
  /** Not begun: what it needs failed, or the run had stopped. */
  | 'not-started';

/** The report of a run. JSON-able. */
export interface ShipReport {
  /** Of this form; a reader refuses a higher one. */
  readonly schema: 1;
  readonly shipper: string;
  readonly project: string;
  readonly until: ShipStage;
  readonly outcome: ShipOutcome;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  /** What built images; absent where nothing had to be built. */
  readonly builder?: string;
  /** In the order of the configuration, those that were only needed among them. */
  readonly images: readonly ShippedImage[];
  /** What a person should know. Sentences. */
  readonly notes: readonly string[];
  /** The failure of the run itself, where it is not that of an image: tags that could not be moved. */
  readonly error?: ShipFailure;
}

/** One image. */
export interface ShippedImage {
  readonly name: string;
  /** Whether it was asked for, or is only needed by one that was. */
  readonly wanted: boolean;
  readonly status: ShippedStatus;
  readonly kind: 'build' | 'image';
  readonly flattened: boolean;
  /** What pulls it: of the index, else of the manifest, else (in an engine that keeps none) the image id. */
  readonly digest?: string;
  /** Of the configuration: the image id. Absent where there are several platforms. */
  readonly configDigest?: string;
  readonly platforms: readonly ShippedPlatform[];
  /** `registry.example.com/shop/api@sha256:…`, one for each repository that has it. */
  readonly pinned: readonly string[];
  readonly tags: readonly ShippedTag[];
  /** Layers as stored, of all platforms, before and after flattening, in bytes. */
  readonly bytesBefore?: number;
  readonly bytesAfter?: number;
  readonly seconds: StageSeconds;
  readonly cache: CacheFacts;
  readonly error?: ShipFailure;
}

/** One platform of an image. */
export interface ShippedPlatform {
  readonly platform: Platform;
  readonly digest?: string;
  readonly configDigest: string;
}

/** One name of an image. */
export interface ShippedTag {
  /** `registry.example.com/shop/api:1`. */
  readonly reference: string;
  readonly place: 'registry' | 'engine';
  /** What it named when the run began; absent where it named nothing, or where that is not known. */
  readonly before?: string;
  /** `moved` by this run; `kept`: it names the image already; `not-moved`: it names what it did before. */
  readonly state: 'moved' | 'kept' | 'not-moved';
}

/** How long each stage took, without waiting for its turn. */
export interface StageSeconds {
  readonly build?: number;
  readonly flatten?: number;
  readonly push?: number;
}

/** What had not to be done again. */
export interface CacheFacts {
  /** Inputs are those of a build that is remembered: nothing was built. */
  readonly build: boolean;
  /** The flat image is remembered. */
  readonly flatten: boolean;
  /** Blobs that had to be uploaded, and bytes that were read for that: what the registry had does not count. */
  readonly blobsPushed: number;
  readonly bytesPushed: number;
}

/** Why an image or a run failed. */
export interface ShipFailure extends Failure {}

/** What a run would do, without asking any engine or registry. JSON-able. */
export interface ShipPlan {
  readonly schema: 1;
  readonly project: string;
  readonly until: ShipStage;
  readonly atomic: boolean;
  readonly caps: ShipCaps;
  /** In an order in which each stands behind those that it needs. */
  readonly images: readonly PlannedImage[];
}

/** How many of a stage run at once. */
export interface ShipCaps {
  readonly build: number;
  readonly flatten: number;
  readonly push: number;
}

/** One image of a plan. */
export interface PlannedImage {
  readonly name: string;
  readonly wanted: boolean;
  readonly needs: readonly string[];
  readonly kind: 'build' | 'image';
  /** The context of a build (from the folder of the configuration where it lies there), or the image that exists. */
  readonly source: string;
  /** Absent where the image passes through unchanged. */
  readonly flatten?: { readonly keepBase?: string; readonly options: readonly string[] };
  /** Absent where it is only needed, and published by nobody. */
  readonly tags: readonly { readonly reference: string; readonly place: 'registry' | 'engine' }[];
}
