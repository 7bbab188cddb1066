// Reading an answer in few pieces: a turn of the event loop brings an engine's stream in several chunks of 32 KiB, and taking each
// of them by itself through a chain of iterators costs more than copying it.
import { finished, type Readable } from 'node:stream';

/** So much may wait for the reader, in bytes; the most that is put together but for one chunk. */
const WAITING_BYTES = 262_144;

/**
 * What `stream` gives, in pieces of all that has come since the last one, which are the reader's to keep. Throws the stream's
 * error, and one where it is closed before its end.
 */
export async function* gathered(stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  if (stream.readableEnded) return;
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let ending: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  const onData = (chunk: Uint8Array): void => {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes >= WAITING_BYTES) stream.pause();
    // Not before the event loop has read what else there is.
    if (wake !== undefined) setImmediate(wake);
    wake = undefined;
  };
  const unlisten = finished(stream, { writable: false }, (error) => {
    ending = { error };
    wake?.();
  });
  stream.on('data', onData);
  try {
    for (;;) {
      if (parts.length > 0) {
        const [first, ...others] = parts;
        const piece = others.length === 0 ? first : Buffer.concat(parts, bytes);
        parts = [];
        bytes = 0;
        stream.resume();
        if (piece !== undefined) yield piece;
      } else if (ending !== undefined) {
        if (ending.error) throw ending.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stream.off('data', onData);
    unlisten();
  }
}
