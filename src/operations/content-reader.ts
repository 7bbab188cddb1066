// The content of a file of a plan at any position, holes of sparse files included.
import { ShipperError } from '../core/errors.ts';
import type { PlanStep } from '../flatten/plan.ts';
import type { RandomAccess } from '../image/image.ts';
import { quote } from '../tar/path.ts';

/** Fills `target` with the content from `position`, which must lie inside the file. */
export type ContentReader = (target: Uint8Array, position: number) => void;

/** A reader of the file of `step`. */
export function contentReader(step: PlanStep, layers: readonly RandomAccess[]): ContentReader {
  const { content, head } = step;
  const layer = content === undefined ? undefined : layers[content.layer];
  if (content === undefined || layer === undefined) return (target) => target.fill(0);
  const readStored = (target: Uint8Array, position: number) =>
    readFully(layer, target, content.offset + position, head.path);
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
