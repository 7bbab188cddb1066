// What can be told of a build before a builder is started: that there is something to build, and where it lies.
import { isAbsolute, join, relative, sep } from 'node:path';
import type { BuildChoice, ProjectImage } from '../../config/types.ts';
import { bug, type ErrorOptions, ShipperError } from '../../core/errors.ts';
import type { System } from '../../system/system.ts';

/** The build keys of `image`. */
export function buildOf(image: ProjectImage): BuildChoice {
  if (image.source.kind === 'build') return image.source.build;
  throw bug(`Cannot build image ${JSON.stringify(image.name)}: it is one that exists`);
}

/** A refusal to build `image`, as `USAGE`. */
export function cannotBuild(
  image: ProjectImage,
  state: string,
  options: ErrorOptions = {},
): ShipperError {
  return new ShipperError('USAGE', `Cannot build image ${JSON.stringify(image.name)}: ${state}`, {
    image: image.name,
    ...options,
  });
}

/** What a builder cannot do that `key` of `image` asks for, as `UNSUPPORTED`; `hint` is how to mend it. */
export function notSupported(
  image: ProjectImage,
  key: string,
  state: string,
  hint: string,
): ShipperError {
  return new ShipperError(
    'UNSUPPORTED',
    `Cannot build image ${JSON.stringify(image.name)} with "${key}": ${state}`,
    { image: image.name, hint },
  );
}

/** The absolute path of the Dockerfile of a folder: as it is named, else `Dockerfile`, else `dockerfile`. */
export async function findDockerfile(
  { files }: Pick<System, 'files'>,
  image: ProjectImage,
): Promise<string> {
  const { context, dockerfile } = buildOf(image);
  const candidates =
    dockerfile === undefined
      ? ['Dockerfile', 'dockerfile'].map((name) => join(context, name))
      : [dockerfile];
  for (const path of candidates) {
    if ((await files.stat(path))?.kind === 'file') return path;
  }
  const [path = ''] = candidates;
  throw cannotBuild(image, `there is no Dockerfile ${path}`, {
    path,
    hint: 'Name it with dockerfile:, from the context',
  });
}

/** Refuses a folder that is not there, or has no Dockerfile. */
export async function checkContext(system: System, image: ProjectImage): Promise<void> {
  const { context, contextKind, dockerfileInline } = buildOf(image);
  if (contextKind === 'remote') return;
  const facts = await system.files.stat(context);
  if (facts?.kind !== 'directory') {
    const state = facts === undefined ? 'is not there' : 'is no folder';
    throw cannotBuild(image, `its context ${context} ${state}`, { path: context });
  }
  if (dockerfileInline === undefined) await findDockerfile(system, image);
}

/** `path` from `folder`, with slashes; undefined where it lies outside. */
export function within(folder: string, path: string): string | undefined {
  const inside = relative(folder, path);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside)) return undefined;
  return inside.split(sep).join('/');
}
