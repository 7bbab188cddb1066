// Passes a layer on as it is stored. It was checked when it was opened and is read once more here, from a medium that
// anybody may write to, so it is checked again on the way.
import { createHash } from 'node:crypto';
import { type Context, throwIfAborted } from '../core/context.ts';
import { algorithmOf, digestFromHex } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Descriptor, StoredContent } from '../image/image.ts';
import type { PositionedWriter } from './store-layer.ts';

/** Writes all bytes of `source`; rejects with `SOURCE_CHANGED` unless they are what `expected` describes. */
export async function copyStored(
  ctx: Context,
  source: Pick<StoredContent, 'size' | 'stream'>,
  expected: Pick<Descriptor, 'digest' | 'size'>,
  write: PositionedWriter,
): Promise<void> {
  const { digest, size } = expected;
  if (source.size !== size) throw changed(`it has ${source.size} bytes where there were ${size}`);
  const algorithm = algorithmOf(digest);
  const hash = createHash(algorithm);
  let at = 0;
  for await (const chunk of source.stream(0)) {
    throwIfAborted(ctx);
    hash.update(chunk);
    await write(chunk, at);
    at += chunk.length;
  }
  if (at !== size) throw changed(`it ended after ${at} of ${size} bytes`);
  const actual = digestFromHex(algorithm, hash.digest('hex'));
  if (actual !== digest) throw changed(`its digest is ${actual} where it was ${digest}`);
}

function changed(reason: string): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot copy a layer: it changed while it was read: ${reason}`,
  );
}
