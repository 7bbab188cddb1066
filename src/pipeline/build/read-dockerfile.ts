// The Dockerfile of an image, wherever it stands.
import type { ProjectImage } from '../../config/types.ts';
import type { System } from '../../system/system.ts';
import { buildOf, findDockerfile } from './check-build.ts';

/** A Dockerfile is no larger. */
const DOCKERFILE_BYTES = 4_194_304;

/** A Dockerfile as text. */
export interface Dockerfile {
  readonly text: string;
  /** Absolute; undefined for one that stands in shipper.yaml. */
  readonly path: string | undefined;
}

/** Reads it; `USAGE` where there is none. */
export async function readDockerfile(
  system: Pick<System, 'files'>,
  image: ProjectImage,
): Promise<Dockerfile> {
  const { dockerfileInline } = buildOf(image);
  if (dockerfileInline !== undefined) return { text: dockerfileInline, path: undefined };
  const path = await findDockerfile(system, image);
  return { text: await readText(system, path), path };
}

/** A file of a build that a person wrote. */
export async function readText({ files }: Pick<System, 'files'>, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path, DOCKERFILE_BYTES));
}
