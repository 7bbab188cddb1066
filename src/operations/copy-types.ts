// What a copy and a tag are asked and what they answer: plain values that the CLI, `--json` and library users share.
import type { Compression } from '../blob/compressor.ts';
import type { Platform } from '../image/image.ts';
import type { MediaOptions } from './flatten-types.ts';

/** A copy. Everything but `source` and `destination` is optional. */
export interface CopyRequest extends MediaOptions {
  /** As for a flatten. */
  readonly source: string;
  /** One place, named in the same way; a bare name is one of the engine. */
  readonly destination: string;
  /** `os/architecture[/variant]`; default every platform of an index, on a graph-driver engine its own. */
  readonly platform?: string;
  /** Whether attestations of an index go along. Default `copy`. */
  readonly attestations?: 'copy' | 'drop';
  /**
   * For layers that are stored without compression; others stay as they are. Default: layers of a manifest stay as they
   * are, those of a source without one are stored as the destination has them (gzip in registries and layouts).
   */
  readonly compression?: Compression;
  /** Fail with `POLICY` where the digest would not stay what it is. Default false. */
  readonly preserveDigests?: boolean;
  /** Copy layers that are marked as not to be passed on. Default false: they are named and left where they are. */
  readonly allowNondistributable?: boolean;
  /** Blobs copied at once, and threads for compression. Default the machine's cores, for blobs at least 4. */
  readonly jobs?: number;
  /** Plan and report, write nothing. */
  readonly dryRun?: boolean;
}

/** One platform of a copy. */
export interface CopiedImage {
  readonly platform: Platform;
  /** Undefined where the source has no manifest. */
  readonly sourceDigest: string | undefined;
  /** Undefined after a dry run that would make another manifest. */
  readonly manifestDigest: string | undefined;
  /** The image id on a graph-driver engine; never changes. */
  readonly configDigest: string;
  readonly layers: number;
  /** Layers as stored in the source, in bytes. */
  readonly bytes: number;
}

/** An attestation or signature that the source has. */
export interface CopiedAttestation {
  readonly digest: string;
  readonly kind: string;
  readonly subject: string | undefined;
}

/** What a copy did. JSON-able. */
export interface CopyReport {
  readonly source: string;
  /** What a bare name was taken for, for example `docker-daemon:app:latest`. */
  readonly resolvedSource: string;
  readonly output: string;
  /** Names that it has there. */
  readonly tags: readonly string[];
  readonly images: readonly CopiedImage[];
  /** Digest of the index, where the result is one. */
  readonly indexDigest: string | undefined;
  /** What pulls the result: of the index, else of the manifest, else (in an engine that keeps none) the image id. */
  readonly digest: string | undefined;
  /** Whether that is the digest of the source. */
  readonly digestKept: boolean;
  /** Why it is not. Sentences. */
  readonly changes: readonly string[];
  /** Attestations and signatures that went along, and those that did not. */
  readonly attestations: readonly CopiedAttestation[];
  readonly dropped: readonly CopiedAttestation[];
  readonly remarks: readonly string[];
  readonly dryRun: boolean;
  /** Blobs that had to be read, and how many bytes: what the destination had already, or mounted, does not count. */
  readonly blobsRead: number;
  readonly bytesRead: number;
  readonly seconds: number;
}

/** More names for an image. */
export interface TagRequest extends MediaOptions {
  /** An image of a registry, an engine or an OCI layout. */
  readonly source: string;
  /** A word is a tag beside the source's own; `NAME:TAG` or `REGISTRY/NAME:TAG` is a whole name. In layouts: any text. */
  readonly names: readonly string[];
  /** Report, change nothing. */
  readonly dryRun?: boolean;
}

/** One name. */
export interface TaggedName {
  readonly name: string;
  /** The digest (in an engine: the id) that it named before; undefined when it is new. */
  readonly before: string | undefined;
}

/** What a tag did. JSON-able. */
export interface TagReport {
  readonly source: string;
  readonly resolvedSource: string;
  /** Of the manifest or index; in an engine the image id. */
  readonly digest: string;
  readonly names: readonly TaggedName[];
  readonly dryRun: boolean;
}
