// What a flatten is asked and what it answers: plain values that the CLI, `--json` and library users share.
import type { Compression } from '../blob/compressor.ts';
import type { MergePolicy, Warning } from '../flatten/policy.ts';
import type { RemovedSummary } from '../flatten/removed.ts';
import type { Platform } from '../image/image.ts';
import type { RegistryChoice } from '../registry/registry.ts';

/** How an engine is found and registries are reached; all optional, as docker and skopeo have them. */
export interface MediaOptions extends RegistryChoice {
  /** `--context`. */
  readonly context?: string;
  /** `--host`. */
  readonly host?: string;
}

/** A flatten. Everything but `source` is optional. */
export interface FlattenRequest extends MediaOptions {
  /**
   * As skopeo names it: `docker-archive:PATH[:REF]`, `oci:PATH[:REF]`, `docker-daemon:REF`, `docker://REF`, a path, a
   * bare reference (the engine's, else the registry's), `-`.
   */
  readonly source: string;
  /** `-t`: names of the result. */
  readonly tags?: readonly string[];
  /** `-o`: where it goes; several for several copies. */
  readonly outputs?: readonly string[];
  /** Replace the source's own tag. Default false. */
  readonly inPlace?: boolean;
  /** `os/architecture[/variant]`; default every platform of an index, on a graph-driver engine its own. */
  readonly platform?: string;
  /** Default by destination: none for archives and graph drivers, gzip for layouts and the containerd store. */
  readonly compression?: Compression;
  /** Read the written output back and compare. Default false. */
  readonly verify?: boolean;
  /** `created` of the result: RFC 3339, seconds since the epoch. Default SOURCE_DATE_EPOCH, else the source's. */
  readonly timestamp?: string;
  /** `summary` one line, `keep` the source's lines as empty layers and one line, `none`. Default `summary`. */
  readonly history?: 'summary' | 'keep' | 'none';
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The first layers, which stay as they are; what stands above becomes one layer. Default 0. */
  readonly from?: number;
  /** An image whose layers begin the source's: they stay as they are. Not with `from`. */
  readonly keepBase?: string;
  /** Paths that are left out, by the rules of `.dockerignore`, from the root of the image. */
  readonly exclude?: readonly string[];
  readonly policy?: Partial<MergePolicy>;
  /** What to do where attestations or signatures would be dropped. Default `drop`. */
  readonly attestations?: 'drop' | 'fail';
  readonly allowNondistributable?: boolean;
  /** Gate: the new layer of every platform, uncompressed, in bytes: known before anything is written. */
  readonly maxSizeBytes?: number;
  /** Gate: percent of the uncompressed layers that must be saved. */
  readonly minSavingPercent?: number;
  /** Threads for compression and hashing. Default the machine's cores. */
  readonly jobs?: number;
  /** Plan and report, write nothing. */
  readonly dryRun?: boolean;
}

/** One platform of the result. */
export interface FlattenedImage {
  readonly platform: Platform;
  /** The source's configuration digest. */
  readonly sourceConfigDigest: string;
  /** The source was one canonical layer already, over those that are kept, and is passed on as it is. */
  readonly alreadyFlat: boolean;
  readonly layersBefore: number;
  readonly layersAfter: number;
  /** Of `layersAfter`, those of the source that stayed as they are. */
  readonly layersKept: number;
  /** Names of kept layers that the new layer hides. */
  readonly baseNamesHidden: number;
  /** Uncompressed layer tars, in bytes. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Layers as stored in source and result, in bytes; undefined after a dry run. */
  readonly storedBefore: number;
  readonly storedAfter: number | undefined;
  readonly entriesBefore: number;
  readonly entriesAfter: number;
  /** The layer that is new, as stored; after a dry run uncompressed. */
  readonly newLayerBytes: number;
  readonly removed: RemovedSummary;
  readonly warnings: readonly Warning[];
  /** How often each warning came, also past the ones listed. */
  readonly warningCounts: Readonly<Record<string, number>>;
  /** Of the topmost layer and the whole result; undefined after a dry run. */
  readonly diffId: string | undefined;
  readonly layerDigest: string | undefined;
  readonly configDigest: string | undefined;
  readonly manifestDigest: string | undefined;
}

/** What a flatten did. JSON-able. */
export interface FlattenReport {
  readonly source: string;
  /** What a bare name was taken for, for example `docker-daemon:app:latest`. */
  readonly resolvedSource: string;
  /** Where the result is, as skopeo names it. */
  readonly outputs: readonly string[];
  readonly tags: readonly string[];
  readonly images: readonly FlattenedImage[];
  /** Digest of the index, where the result is one. */
  readonly indexDigest: string | undefined;
  /** Attestations and signatures that were dropped, by digest. */
  readonly dropped: readonly {
    readonly digest: string;
    readonly kind: string;
    readonly subject: string | undefined;
  }[];
  /** Where flattening made something worse: sharing lost, a blob too large, nothing saved. Sentences. */
  readonly remarks: readonly string[];
  readonly dryRun: boolean;
  /** Whether the output was read back and compared; undefined without `verify`. */
  readonly verified: boolean | undefined;
  readonly seconds: number;
  /** Uncompressed bytes read per second, in MB (10^6). */
  readonly megabytesPerSecond: number;
}

/** One thing that two images differ in. */
export interface Difference {
  readonly kind: 'path' | 'config' | 'platform';
  /** Printable path in the image, or a member of the configuration as `config.Env`. */
  readonly path: string;
  /** One phrase: `only in A`, `mode 0644 in A, 0755 in B`, `content differs at byte 12`. */
  readonly what: string;
}

/** What `verify` found. */
export interface VerifyReport {
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  readonly platforms: readonly VerifiedPlatform[];
}

/** One platform of both sides. */
export interface VerifiedPlatform {
  readonly platform: Platform;
  readonly same: boolean;
  /** Canonical digests of both root file systems: equal exactly when they are the same. */
  readonly rootDigestA: string | undefined;
  readonly rootDigestB: string | undefined;
  /** At most 1000. */
  readonly differences: readonly Difference[];
  /** All of them. */
  readonly differenceCount: number;
}

/** What `inspect` says. */
export interface InspectReport {
  readonly image: string;
  readonly resolvedImage: string;
  readonly tags: readonly string[];
  readonly platforms: readonly InspectedImage[];
  readonly attestations: readonly {
    readonly digest: string;
    readonly kind: string;
    readonly subject: string | undefined;
  }[];
}

/** One platform. */
export interface InspectedImage {
  readonly platform: Platform;
  readonly configDigest: string;
  readonly manifestDigest: string | undefined;
  readonly created: string | undefined;
  readonly layers: readonly InspectedLayer[];
  /** Of the root file system. */
  readonly entries: number;
  readonly flatBytes: number;
  readonly layerBytes: number;
  readonly removed: RemovedSummary;
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Record<string, number>>;
}

/** One layer, base first. */
export interface InspectedLayer {
  readonly index: number;
  readonly digest: string;
  readonly diffId: string;
  readonly mediaType: string;
  readonly storedBytes: number;
  readonly tarBytes: number;
  readonly entries: number;
  readonly addedPaths: number;
  readonly addedBytes: number;
  readonly hiddenPaths: number;
  readonly hiddenBytes: number;
  /** Of `addedBytes`, bytes of files that replace a file of a lower layer: what a chown or chmod duplicates. */
  readonly replacingBytes: number;
  /** The history line that made it, shortened. */
  readonly createdBy: string | undefined;
}
