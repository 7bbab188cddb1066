// Which names of a layer are marks and not files (image-spec, layer.md, "Whiteouts"; AUFS; eStargz).
import { printable } from '../core/bytes.ts';
import { ShipperError } from '../core/errors.ts';
import type { CleanPath } from '../tar/path.ts';

const PREFIX = '.wh.';
const AUFS_PREFIX = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';
const AUFS_LINKS = '.wh..wh.plnk';
const ESTARGZ = new Set(['stargz.index.json', '.prefetch.landmark', '.no.prefetch.landmark']);

/** What a name stands for. */
export type NameKind =
  | { readonly kind: 'ordinary' }
  /** Hides `name` of lower layers in `directory`. */
  | { readonly kind: 'whiteout'; readonly directory: CleanPath; readonly name: string }
  /** Hides everything of lower layers below `directory`. */
  | { readonly kind: 'opaque'; readonly directory: CleanPath }
  /** A file of AUFS's own that hard links may name. */
  | { readonly kind: 'aufs-link' }
  | { readonly kind: 'aufs-metadata' }
  | { readonly kind: 'estargz' };

const ORDINARY: NameKind = { kind: 'ordinary' };

/** Classifies a clean path. Names that no image may have are refused. */
export function classifyName(path: CleanPath, isDirectory: boolean): NameKind {
  if (ESTARGZ.has(path)) return { kind: 'estargz' };
  const first = path.indexOf(PREFIX);
  if (first < 0) return ORDINARY;
  const slash = path.lastIndexOf('/');
  const directory = slash < 0 ? '' : path.slice(0, slash);
  const base = path.slice(slash + 1);
  const hidden = directory.split('/').find((part) => part.startsWith(PREFIX));
  if (hidden !== undefined) return belowMarker(path, hidden);
  if (base.startsWith(AUFS_PREFIX) && base !== OPAQUE) return { kind: 'aufs-metadata' };
  if (!base.startsWith(PREFIX)) return ORDINARY;
  if (isDirectory) refuse(path, 'a directory has the name of a whiteout');
  if (base === OPAQUE) return { kind: 'opaque', directory };
  const name = base.slice(PREFIX.length);
  if (name === '' || name === '.' || name === '..') refuse(path, 'the whiteout names nothing');
  return { kind: 'whiteout', directory, name };
}

function belowMarker(path: CleanPath, part: string): NameKind {
  if (part === AUFS_LINKS) return { kind: 'aufs-link' };
  if (part.startsWith(AUFS_PREFIX) && part !== OPAQUE) return { kind: 'aufs-metadata' };
  return refuse(path, 'it lies below the name of a whiteout');
}

/** Whether a link names a file of AUFS's link folder. */
export function isAufsLink(target: CleanPath): boolean {
  return target.startsWith(`${AUFS_LINKS}/`) || target.includes(`/${AUFS_LINKS}/`);
}

function refuse(path: CleanPath, reason: string): never {
  const entry = printable(path);
  throw new ShipperError('BAD_LAYER', `Cannot place entry "${entry}": ${reason}`, { entry });
}
