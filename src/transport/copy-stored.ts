// Passes a layer on as it is stored. It was checked when it was opened and is read once more here, from a medium that
// anybody may write to, so it is checked again on the way.
import { createHash } from 'node:crypto';
import { type Context, throwIfAborted } from '../core/context.ts';
import { algorithmOf, digestFromHex } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Descriptor, RandomAccess } from '../image/image.ts';
import type { PositionedWriter } from './store-layer.ts';

const COPY_BYTES = 1_048_576;

/** Writes all bytes of `source`; rejects with `SOURCE_CHANGED` unless they are what `expected` describes. */
export async function copyStored(
  ctx: Context,
  source: RandomAccess,
  expected: Pick<Descriptor, 'digest' | 'size'>,
  write: PositionedWriter,
): Promise<void> {
  const { digest, size } = expected;
  if (source.size !== size) throw changed(`it has ${source.size} bytes where there were ${size}`);
  const algorithm = algorithmOf(digest);
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, Math.max(1, size)));
  for (let at = 0; at < size; ) {
    throwIfAborted(ctx);
    const read = source.readSync(buffer.subarray(0, Math.min(buffer.length, size - at)), at);
    if (read === 0) throw changed(`it ended after ${at} of ${size} bytes`);
    const chunk = buffer.subarray(0, read);
    hash.update(chunk);
    await write(chunk, at);
    at += read;
  }
  const actual = digestFromHex(algorithm, hash.digest('hex'));
  if (actual !== digest) throw changed(`its digest is ${actual} where it was ${digest}`);
}

function changed(reason: string): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot copy a layer: it changed while it was read: ${reason}`,
  );
}
