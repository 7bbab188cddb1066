// Bodies that are read whole, under a cap.
import { LIMITS } from '../core/limits.ts';
import { failure } from './failures.ts';
import type { Answer } from './session.ts';

/** The whole body of a manifest or list; `LIMIT_EXCEEDED` past 4 MiB (`faults.md` R18). */
export async function readBody({ response, doing }: Answer): Promise<Uint8Array> {
  const capBytes = LIMITS.metadataBytes;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > capBytes) {
      throw failure(doing, 'LIMIT_EXCEEDED', `the answer is over ${capBytes} bytes`);
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** The length that the head of an answer claims; undefined where it claims none. */
export function claimedLength({ response }: Answer): number | undefined {
  const text = response.header('content-length')[0];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
