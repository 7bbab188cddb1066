// Where in each layer the content lies that survives: what a reader that only goes forward must stop for.
import type { Content } from './inodes.ts';
import type { FlatPlan } from './plan.ts';

/** Runs of bytes of one layer tar, ascending. They never overlap. */
export interface Pieces {
  readonly offsets: Float64Array;
  /** Where each ends. */
  readonly ends: Float64Array;
}

/** The pieces of each layer that is `wanted`; undefined for the others, and for layers of which nothing survives. */
export function piecesOf(
  plan: FlatPlan,
  layers: number,
  wanted: (layer: number) => boolean,
): readonly (Pieces | undefined)[] {
  const counts = new Uint32Array(layers);
  for (const content of plan.contents()) {
    if (storedBytes(content) > 0 && wanted(content.layer)) add(counts, content.layer);
  }
  const found = Array.from(counts, (count): Pieces | undefined =>
    count === 0 ? undefined : { offsets: new Float64Array(count), ends: new Float64Array(count) },
  );
  counts.fill(0);
  for (const content of plan.contents()) {
    const size = storedBytes(content);
    const pieces = size === 0 ? undefined : found[content.layer];
    if (pieces === undefined) continue;
    const at = add(counts, content.layer);
    pieces.offsets[at] = content.offset;
    pieces.ends[at] = content.offset + size;
  }
  for (const pieces of found) {
    // Apart from each other: as pieces do not overlap, the n-th offset and the n-th end belong together.
    pieces?.offsets.sort();
    pieces?.ends.sort();
  }
  return found;
}

/** The piece that `offset` lies in; -1 where there is none. */
export function pieceAt({ offsets, ends }: Pieces, offset: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((offsets[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return offset >= (offsets[low] ?? 0) && offset < (ends[low] ?? 0) ? low : -1;
}

/** Increments a count; returns what it was. */
function add(counts: Uint32Array, index: number): number {
  const before = counts[index] ?? 0;
  counts[index] = before + 1;
  return before;
}

/** Bytes in the layer: less than the file's where it is sparse. */
function storedBytes({ size, sparse }: Content): number {
  if (sparse === undefined) return size;
  let stored = 0;
  for (let i = 1; i < sparse.length; i += 2) stored += sparse[i] ?? 0;
  return stored;
}
