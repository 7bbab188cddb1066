// Where images are, in skopeo's words (containers-transports(5); `product.md`).
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { refuseForeignTransport } from './foreign-transports.ts';

/** A place that was named by its form alone. */
export type Location =
  | { readonly kind: 'docker-daemon'; readonly reference: string }
  /** A registry. */
  | { readonly kind: 'docker'; readonly reference: string }
  | {
      readonly kind: 'docker-archive';
      readonly path: string;
      readonly reference: string | undefined;
    }
  | { readonly kind: 'oci'; readonly path: string; readonly reference: string | undefined }
  | { readonly kind: 'oci-archive'; readonly path: string; readonly reference: string | undefined }
  /** A path whose content is sniffed. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'stdio' };

/** A name without a transport: an image of the engine, or of a registry where the engine does not have it. */
export interface BareName {
  readonly kind: 'name';
  readonly reference: string;
}

const PATH_KINDS = ['docker-archive', 'oci-archive', 'oci'] as const;
const ARCHIVE_NAME = /\.(?:tar|tar\.gz|tgz|tar\.zst)$/;

/**
 * Parses what a user named. A word is a path only if it holds `/` and exists, ends like an archive or begins with `.`,
 * so that a folder `app` never hides an image `app`; every other word is the bare name of an image.
 */
export async function parseLocation(system: System, text: string): Promise<Location | BareName> {
  if (text === '-') return { kind: 'stdio' };
  if (text.startsWith('docker://')) {
    return { kind: 'docker', reference: required(text.slice('docker://'.length), text) };
  }
  if (text.startsWith('docker-daemon:')) {
    return {
      kind: 'docker-daemon',
      reference: required(text.slice('docker-daemon:'.length), text),
    };
  }
  for (const kind of PATH_KINDS) {
    if (text.startsWith(`${kind}:`)) return pathLocation(kind, text.slice(kind.length + 1), text);
  }
  refuseForeignTransport(text);
  if (await isPath(system, text)) return { kind: 'path', path: text };
  return { kind: 'name', reference: required(text, text) };
}

/** As {@link parseLocation}, for a place to write to: a bare name is one of the engine's. */
export async function parseDestination(system: System, text: string): Promise<Location> {
  const location = await parseLocation(system, text);
  return location.kind === 'name' ? { ...location, kind: 'docker-daemon' } : location;
}

/** `PATH[:REF]`; the path ends at the first colon. */
function pathLocation(kind: (typeof PATH_KINDS)[number], rest: string, text: string): Location {
  const colon = rest.indexOf(':');
  const path = required(colon < 0 ? rest : rest.slice(0, colon), text);
  const reference = colon < 0 ? '' : rest.slice(colon + 1);
  return { kind, path, reference: reference === '' ? undefined : reference };
}

function required(part: string, text: string): string {
  if (part !== '') return part;
  throw new ShipperError('BAD_REFERENCE', `Cannot open ${JSON.stringify(text)}: it names nothing`);
}

async function isPath(system: System, text: string): Promise<boolean> {
  // No name of an image ends in a slash.
  if (text.startsWith('.') || text.endsWith('/') || ARCHIVE_NAME.test(text)) return true;
  if (!text.includes('/')) return false;
  if (text.startsWith('/')) return true;
  return (await system.files.stat(resolvePath(system, text))) !== undefined;
}

/** A path from the folder that the run works in. */
export function resolvePath(system: System, path: string): string {
  return path.startsWith('/') ? path : `${system.cwd}/${path}`;
}

/** As {@link resolvePath}; where that is a symbolic link, what it leads to: a link that is written to stays. */
export async function resolveLink(system: System, path: string): Promise<string> {
  const full = resolvePath(system, path);
  const isLink = (await system.files.lstat(full.replace(/(?<=[^/])\/+$/, '')))?.kind === 'symlink';
  return isLink ? system.files.realPath(full) : full;
}

/** Whether an image that is written there goes to standard output. */
export function isStdout(location: Location): boolean {
  if (location.kind === 'stdio') return true;
  // The file behind /dev/stdout is not to be replaced under the shell that opened it.
  if (!('path' in location) || location.kind === 'oci') return false;
  return /^(?:-|\/dev\/stdout)$/.test(location.path);
}

/** The inverse of {@link parseLocation}, with the transport spelled out. */
export function formatLocation(location: Location): string {
  switch (location.kind) {
    case 'docker-daemon':
      return `docker-daemon:${location.reference}`;
    case 'docker':
      return `docker://${location.reference}`;
    case 'path':
      return location.path;
    case 'stdio':
      return '-';
    default: {
      const suffix = location.reference === undefined ? '' : `:${location.reference}`;
      return `${location.kind}:${location.path}${suffix}`;
    }
  }
}
