// The digest of bytes that pass by once or more often: what is sent again after a cut is not hashed again.
import { createHash, type Hash } from 'node:crypto';
import { type Digest, type DigestAlgorithm, digestFromHex } from '../core/digest.ts';

/** Hashes a stream whose parts may come again from an earlier offset. */
export class PassingHash {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #bytes = 0;
  #digest: Digest | undefined;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  /** How many bytes were hashed, from the first on. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the bytes at `offset`, which is not beyond `bytes`; returns how many of them were new. */
  pass(offset: number, chunk: Uint8Array): number {
    const fresh = chunk.subarray(Math.min(chunk.length, this.#bytes - offset));
    // Nothing new may come after the digest was made, and even nothing would be refused then.
    if (fresh.length > 0) this.#hash.update(fresh);
    this.#bytes += fresh.length;
    return fresh.length;
  }

  /** The digest of all bytes. Nothing may pass after it. */
  digest(): Digest {
    this.#digest ??= digestFromHex(this.#algorithm, this.#hash.digest('hex'));
    return this.#digest;
  }
}
