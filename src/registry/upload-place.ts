// Where an upload stands: how a registry says how much it has and where the rest goes, and how we say where a part belongs.
import { failure } from './failures.ts';
import type { Answer, Session } from './session.ts';

/** One chunk, held in memory, where the registry wants none larger. */
const CHUNK_BYTES = 8_388_608;
/** The largest chunk that a registry can make us hold. */
const MAX_CHUNK_BYTES = 67_108_864;

/** An upload that the registry has begun. */
export interface UploadPlace {
  readonly target: URL;
  /** How many bytes the registry has. */
  readonly offset: number;
  readonly chunkBytes: number;
}

/** The place of an upload that an answer says was begun. */
export function placeOf(session: Session, answer: Answer): UploadPlace {
  const { response, doing } = answer;
  if (response.status !== 202) {
    throw failure(doing, 'REGISTRY', `it answered ${response.status} where 202 begins one`);
  }
  const least = Number(response.header('oci-chunk-min-length')[0] ?? 0);
  const chunkBytes = Math.max(CHUNK_BYTES, Number.isSafeInteger(least) ? least : 0);
  if (chunkBytes > MAX_CHUNK_BYTES) {
    throw failure(doing, 'LIMIT_EXCEEDED', `it wants chunks of at least ${least} bytes`);
  }
  return { target: targetOf(session, answer), offset: 0, chunkBytes };
}

/** Where the upload goes on; `otherwise` where the answer does not say. */
export function targetOf(session: Session, answer: Answer, otherwise?: URL): URL {
  const location = answer.response.header('location')[0];
  if (location === undefined && otherwise !== undefined) return otherwise;
  return session.goingTo(answer, location);
}

/**
 * How many bytes an upload has, by its `Range: 0-LAST`. The distribution registry says `0-0` for none as well as for one:
 * then it is `sent` if that is one of the two.
 */
export function offsetOf({ response }: Answer, sent: number | undefined): number | undefined {
  const found = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.header('range')[0] ?? '');
  if (found === null) return undefined;
  const last = Number(found[1]);
  if (last > 0) return last + 1;
  return sent === 0 || sent === 1 ? sent : undefined;
}

/** Headers of a part of an upload. */
export function rangeHeaders(offset: number, length: number): Readonly<Record<string, string>> {
  return {
    'content-length': String(length),
    'content-range': `${offset}-${offset + length - 1}`,
  };
}
