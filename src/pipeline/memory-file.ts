// The form of the file that a project's memory is kept in, and its checks. Pure.
import { anyText, type Check, listOf, mapOf, shapeOf, whole } from '../core/checks.ts';
import { isDigest } from '../core/digest.ts';
import { messageOf, ShipperError } from '../core/errors.ts';
import type { Platform } from '../image/image.ts';

/** What came of a content key. */
export interface Remembered {
  /** What pulls it. */
  readonly digest: string;
  /** Absent where there are several platforms. */
  readonly configDigest?: string;
  readonly platforms: readonly RememberedPlatform[];
  /** Layers as stored, in bytes. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The image id in an engine, where it was loaded into one. */
  readonly engineId?: string;
}

/** One platform of it. */
export interface RememberedPlatform {
  readonly platform: Platform;
  readonly digest?: string;
  readonly configDigest: string;
}

/** The file: of each image its keys, the one used last first. */
export interface MemoryFile {
  readonly schema: 1;
  readonly images: Readonly<Record<string, readonly KeyedMemory[]>>;
}

/** One key and what came of it. */
export interface KeyedMemory extends Remembered {
  readonly key: string;
}

/** Nothing is remembered. */
export const EMPTY_MEMORY: MemoryFile = { schema: 1, images: {} };

const digest: Check = (value, name) => {
  if (!isDigest(value)) throw new TypeError(`Cannot use ${name}: it is not a digest`);
};

const PLATFORM = shapeOf(
  { os: anyText, architecture: anyText, variant: anyText, osVersion: anyText },
  ['os', 'architecture'],
);
const ENTRY = shapeOf(
  {
    key: digest,
    digest,
    configDigest: digest,
    platforms: listOf(
      shapeOf({ platform: PLATFORM, digest, configDigest: digest }, ['platform', 'configDigest']),
    ),
    bytesBefore: whole(0),
    bytesAfter: whole(0),
    engineId: digest,
  },
  ['key', 'digest', 'platforms', 'bytesBefore', 'bytesAfter'],
);
const FILE = shapeOf({ schema: whole(1, 1), images: mapOf(listOf(ENTRY)) }, ['schema', 'images']);

/** The memory in `text`; `IO` where it is not of the form that this version writes. */
export function parseMemory(text: string, path: string): MemoryFile {
  try {
    const value: unknown = JSON.parse(text);
    FILE(value, 'the file');
    return value as MemoryFile;
  } catch (error) {
    // What JSON.parse says quotes the text, which says nothing to anybody.
    const state = error instanceof SyntaxError ? 'it is not JSON' : stateIn(messageOf(error));
    throw new ShipperError('IO', `Cannot use ${path}: ${state}`, { path, cause: error });
  }
}

/** `memory` with `what` put first of the keys of `image`, of which `most` are kept. */
export function withKey(
  { images }: MemoryFile,
  image: string,
  what: KeyedMemory,
  most: number,
): MemoryFile {
  const others = keysOf(images, image).filter(({ key }) => key !== what.key);
  return { schema: 1, images: { ...images, [image]: [what, ...others].slice(0, most) } };
}

/** The keys of an image. */
export function keysOf(images: MemoryFile['images'], image: string): readonly KeyedMemory[] {
  return (Object.hasOwn(images, image) ? images[image] : undefined) ?? [];
}

function stateIn(message: string): string {
  return message.replace(/^Cannot use /, '').replace(/^the file: /, '');
}
