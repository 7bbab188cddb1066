// The bytes of an upload on their way: hashed as they pass, the same again where a part is sent once more, and checked against
// what is expected of them.
import { algorithmOf } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { BlobId } from './blobs.ts';
import { PassingHash } from './passing-hash.ts';
import type { BlobUpload } from './registry.ts';

/** Known blobs up to this size go in one request. */
const WHOLE_BYTES = 1_048_576;

/** What is sent of one blob. */
export class UploadBytes {
  readonly #upload: BlobUpload;
  readonly #hash: PassingHash;
  #total: number | undefined;
  #failure: unknown;

  constructor(upload: BlobUpload) {
    this.#upload = upload;
    const { expected } = upload;
    this.#hash = new PassingHash(expected === undefined ? 'sha256' : algorithmOf(expected.digest));
  }

  /** Length of the blob, once its end was seen. */
  get total(): number | undefined {
    return this.#total;
  }

  /** How many have passed, counted once. */
  get passed(): number {
    return this.#hash.bytes;
  }

  /** Whether `error` came up where the bytes are made: to send them again does not help. */
  isOwn(error: unknown): boolean {
    return this.#failure !== undefined && error === this.#failure;
  }

  /** What the blob is called, once all of it has passed. */
  blob(): BlobId {
    return { digest: this.#hash.digest(), size: this.#hash.bytes };
  }

  /** All of a small blob that is known; undefined for any other. */
  async whole(): Promise<Uint8Array | undefined> {
    const { expected } = this.#upload;
    if (expected === undefined || expected.size > WHOLE_BYTES) return undefined;
    const parts: Uint8Array[] = [];
    for await (const chunk of this.from(0)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  /** The bytes from `offset` on; `DIGEST_MISMATCH` where they are not what is expected, or other ones than before. */
  async *from(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { expected, onProgress } = this.#upload;
    let at = offset;
    try {
      for await (const chunk of this.#upload.open(offset)) {
        const end = at + chunk.length;
        if (end > (expected?.size ?? this.#total ?? end)) throw this.#changed(end);
        const fresh = this.#hash.pass(at, chunk);
        at = end;
        yield chunk;
        if (fresh > 0) onProgress?.(fresh);
      }
      this.#total ??= at;
      if (at !== this.#total || at !== (expected?.size ?? at)) throw this.#changed(at);
      const digest = expected === undefined ? undefined : this.#hash.digest();
      if (digest !== expected?.digest) throw this.#changed(at, digest);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #changed(size: number, digest?: string): ShipperError {
    const { expected } = this.#upload;
    const name = expected === undefined ? 'a blob' : `blob ${expected.digest}`;
    const state =
      digest === undefined
        ? `it is not the ${expected?.size ?? this.#total} bytes that it should be, but ${size} or more`
        : `its bytes have the digest ${digest}`;
    return new ShipperError('DIGEST_MISMATCH', `Cannot upload ${name}: ${state}`);
  }
}
