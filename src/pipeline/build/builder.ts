// What builds one image of shipper.yaml, whoever does it: BuildKit through `docker buildx bake`, or an engine's classic
// builder. `find-builder.ts` tells which there is.
import type { ProjectImage } from '../../config/types.ts';
import type { Context } from '../../core/context.ts';
import type { Digest } from '../../core/digest.ts';
import type { MediaChoice } from '../../transport/open.ts';

/** What a parent looks like to a build: its published form, flattened where it is flattened. */
export interface ParentForm {
  /** Its name under `images:`. */
  readonly image: string;
  /** As shipper names images: `oci:PATH`, `oci-archive:PATH`, `docker-daemon:REF`, `docker://REF`. */
  readonly source: string;
  /** Of the manifest or index in `source`; in an engine without manifests the image id. */
  readonly digest: Digest;
  /** What it will be published as. */
  readonly reference: string;
}

/** One image to build. */
export interface BuildRequest {
  /** Its `source` is a build. */
  readonly image: ProjectImage;
  /** At least the images that `image.needs` names with `as`; others are passed over. */
  readonly parents: readonly ParentForm[];
  /** A private folder for this build alone; it exists, and the caller removes it after the result was disposed. */
  readonly folder: string;
  /** Takes lines of the build's own output, without line ends, secrets masked. Must not throw. */
  readonly log: (line: string) => void;
  /** Build everything anew, also where the image does not say so. */
  readonly noCache?: boolean;
  /** Ask registries for newer base images, also where the image does not say so. */
  readonly pull?: boolean;
}

/** What a build made. Disposing it removes temporary names in an engine; files stay in the request's folder. */
export interface BuildResult extends AsyncDisposable {
  /** As shipper names images: `oci-archive:PATH`, or `docker-daemon:REF` with a temporary name. */
  readonly source: string;
  /** Of the manifest or index, in a graph-driver engine the image id; undefined where the builder does not say. */
  readonly digest: Digest | undefined;
  /** `os/arch[/variant]` as the image asks for them; none is the builder's own. */
  readonly platforms: readonly string[];
}

/** Builds images. Builds may run beside each other. */
export interface Builder extends AsyncDisposable {
  /** For people: `buildx (docker driver, containerd store)`, `classic build of Docker Engine 20.10.24`. */
  readonly name: string;
  /**
   * Builds one image. Rejects with a ShipperError that names the image: `BUILD` with the last lines of the failing
   * step's log in `details.log`, `UNSUPPORTED` where this builder cannot do what a key of the image asks for, `USAGE`
   * where a secret, context or Dockerfile is not there, `INTERRUPTED` after the builder was stopped.
   */
  build(ctx: Context, request: BuildRequest): Promise<BuildResult>;
}

/** How the builder is found. */
export interface BuilderOptions extends MediaChoice {
  /** Default `auto`: buildx where the docker command has it and its engine takes named contexts, else classic. */
  readonly kind?: 'auto' | 'buildx' | 'classic';
  /** Name of a buildx builder, which then has to be there. Default: the current one, or that of `BUILDX_BUILDER`. */
  readonly builder?: string;
}
