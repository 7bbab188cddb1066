// What a shipper.yaml says once it is read, checked and resolved: plain values, JSON-able, that the pipeline and the
// rollout work from. Paths are absolute, durations milliseconds, sizes bytes, text is interpolated.
import type { Compression } from '../blob/compressor.ts';
import type { Place } from '../core/errors.ts';
import type { MergePolicy } from '../flatten/policy.ts';
import type { Environment } from './environment-types.ts';

/** A whole configuration. */
export interface Project {
  /** The file it was read from. */
  readonly file: string;
  /** The folder of `file`: what relative paths in it are relative to, and where hooks run. */
  readonly folder: string;
  /** Every file that was read, `file` first, then included ones. */
  readonly files: readonly string[];
  /** `project`, else the name of the folder, made fit for container names: lowercase, digits, `_`, `-`. */
  readonly name: string;
  /** `registry`: the prefix of image names, without a slash at the end. */
  readonly registry?: string;
  /** `builder`: name of the buildx builder that builds images. */
  readonly builder?: string;
  /** Images of the file in its order, then those of included files. */
  readonly images: readonly ProjectImage[];
  /** Groups of the file in its order, then those of included files. */
  readonly groups: readonly ProjectGroup[];
  /** Names of all environments, in the order of the file. */
  readonly environmentNames: readonly string[];
  /** The environment that was asked for; its text is interpolated, that of others is only checked as far as it goes. */
  readonly environment?: Environment;
}

/** A name for several images. */
export interface ProjectGroup {
  readonly name: string;
  /** Names of images, without repetition, groups in it expanded, in the order in which they are listed. */
  readonly images: readonly string[];
  readonly place: Place;
}

/** One image: where it comes from, what is done with it, what it is called. */
export interface ProjectImage {
  readonly name: string;
  /** How it comes to be: built, or an image that exists. */
  readonly source: ImageOrigin;
  /** Images that must be there first: `needs`, `additional_contexts` that name images, `flatten.keep_base`. Acyclic. */
  readonly needs: readonly Need[];
  /** How it is flattened; absent where it is not. */
  readonly flatten?: FlattenChoice;
  /** Whole names to publish, at least one, without repetition: `registry.example.com/shop/api:1.2`. */
  readonly references: readonly string[];
  /** Where the image is declared, for messages. */
  readonly place: Place;
}

/** How an image comes to be. */
export type ImageOrigin =
  | { readonly kind: 'build'; readonly build: BuildChoice }
  /** An image that exists, as people write it, with a tag or digest. */
  | { readonly kind: 'image'; readonly reference: string };

/** An image of this file that another one needs. */
export interface Need {
  readonly image: string;
  /** The name of the build context under which a Dockerfile sees it (`FROM base`); absent where it is only built first. */
  readonly as?: string;
}

/** The build keys of Compose, resolved. */
export interface BuildChoice {
  /** An absolute folder, or a URL that the builder fetches. */
  readonly context: string;
  readonly contextKind: 'folder' | 'remote';
  /** An absolute path; relative to the context where that is remote. Absent: `Dockerfile` in the context. */
  readonly dockerfile?: string;
  readonly dockerfileInline?: string;
  readonly target?: string;
  /** Values are text; arguments that get theirs from the environment have it, and are left out where it has none. */
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: readonly BuildSecret[];
  readonly ssh: readonly BuildSsh[];
  /** As buildx takes them: `type=registry,ref=…`, or a reference. */
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  /** `os/arch[/variant]`; none is the builder's own. */
  readonly platforms: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: readonly string[];
  readonly network?: string;
  /** Ask registries for newer base images. */
  readonly pull: boolean;
  readonly noCache: boolean;
  /** Stages that are built anew. */
  readonly noCacheFilter: readonly string[];
  /** `host=address`. */
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes?: number;
  readonly ulimits: readonly Ulimit[];
  readonly entitlements: readonly string[];
  /** Named contexts that are no images of this file: absolute folders, `docker-image://…`, URLs. */
  readonly additionalContexts: Readonly<Record<string, string>>;
  /** `true`, `false` or the builder's words (`mode=max`). */
  readonly provenance?: string;
  readonly sbom?: string;
}

/** A secret of a build; its value is never read by the configuration. */
export interface BuildSecret {
  readonly id: string;
  /** Absolute. */
  readonly file?: string;
  /** Name of a variable of the environment. */
  readonly variable?: string;
}

/** An SSH agent or keys that a build may use. */
export interface BuildSsh {
  readonly id: string;
  /** Absolute paths of keys or of a socket; none is the agent of the environment. */
  readonly paths: readonly string[];
}

/** A limit of a container's or a build's processes; -1 is unlimited. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** How an image is flattened: the options of `shipper flatten`, under the names of the library's request. */
export interface FlattenChoice {
  /** What stays below the new layer: an image of this file, or one that exists. */
  readonly keepBase?:
    | { readonly kind: 'need'; readonly image: string }
    | { readonly kind: 'image'; readonly reference: string };
  readonly from?: number;
  readonly platform?: string;
  readonly compression?: Compression;
  readonly verify?: boolean;
  readonly timestamp?: string;
  readonly history?: 'summary' | 'keep' | 'none';
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly exclude?: readonly string[];
  readonly policy?: Partial<MergePolicy>;
  readonly attestations?: 'drop' | 'fail';
  readonly allowNondistributable?: boolean;
  readonly maxSizeBytes?: number;
  readonly minSavingPercent?: number;
}
