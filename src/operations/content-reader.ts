// The content of a file of a plan at any position, holes of sparse files included.
import { ShipperError } from '../core/errors.ts';
import { atOnce } from '../core/slices.ts';
import type { Content } from '../flatten/inodes.ts';
import type { SameContent } from '../flatten/keep-base.ts';
import type { RandomAccess } from '../image/image.ts';
import { quote } from '../tar/path.ts';

/** Fills `target` with the content from `position`, which must lie inside the file. */
export type ContentReader = (target: Uint8Array, position: number) => void;

/** A reader of a file; `name` is what messages call it. */
export function contentReader(
  content: Content | undefined,
  layers: readonly RandomAccess[],
  name: string,
): ContentReader {
  const layer = content === undefined ? undefined : layers[content.layer];
  if (content === undefined || layer === undefined) return (target) => target.fill(0);
  const readStored = (target: Uint8Array, position: number) =>
    readFully(layer, target, content.offset + position, name);
  const { sparse } = content;
  if (sparse === undefined) return readStored;
  return (target, position) => {
    target.fill(0);
    let stored = 0;
    for (let i = 0; i < sparse.length; i += 2) {
      const start = sparse[i] ?? 0;
      const length = sparse[i + 1] ?? 0;
      const from = Math.max(start, position);
      const to = Math.min(start + length, position + target.length);
      if (from < to)
        readStored(target.subarray(from - position, to - position), stored + from - start);
      stored += length;
    }
  };
}

const CHUNK_BYTES = 262_144;

/** Offset of the first byte in which two files of `size` bytes differ; undefined where they are the same. */
export function* firstDifference(
  readA: ContentReader,
  readB: ContentReader,
  size: number,
): Generator<undefined, number | undefined, undefined> {
  const chunkA = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
  const chunkB = Buffer.allocUnsafe(chunkA.length);
  for (let at = 0; at < size; at += chunkA.length) {
    const length = Math.min(chunkA.length, size - at);
    yield;
    readA(chunkA.subarray(0, length), at);
    readB(chunkB.subarray(0, length), at);
    if (chunkA.compare(chunkB, 0, length, 0, length) === 0) continue;
    for (let i = 0; i < length; i += 1) if (chunkA[i] !== chunkB[i]) return at + i;
  }
  return undefined;
}

/** Compares files of one size in these layers by their bytes. */
export function sameContentIn(layers: readonly RandomAccess[]): SameContent {
  return (a, b) => {
    const [readA, readB] = [a, b].map((content) => contentReader(content, layers, 'a file'));
    if (readA === undefined || readB === undefined) return false;
    return atOnce(firstDifference(readA, readB, a.size)) === undefined;
  };
}

function readFully(layer: RandomAccess, target: Uint8Array, position: number, path: string): void {
  for (let at = 0; at < target.length; ) {
    const read = layer.readSync(target.subarray(at), position + at);
    if (read === 0)
      throw new ShipperError(
        'SOURCE_CHANGED',
        `Cannot read ${quote(path)}: the source became shorter while it was read`,
      );
    at += read;
  }
}
