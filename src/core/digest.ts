// Content digests as the OCI image specification writes them (descriptor.md, "Digests").
import { createHash } from 'node:crypto';
import { ShipperError } from './errors.ts';

declare const brand: unique symbol;
/** `sha256:` and 64 hex digits, or `sha512:` and 128. Only {@link parseDigest} and the hashers make one. */
export type Digest = string & { readonly [brand]: 'Digest' };

/** The algorithms that may stand in an image. */
export type DigestAlgorithm = 'sha256' | 'sha512';

const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Whether `text` is a digest that is safe to use in a path or URL. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && DIGEST.test(text);
}

/** Parses a digest; anything else is `BAD_REFERENCE` with `what` named. */
export function parseDigest(text: unknown, what: string): Digest {
  if (isDigest(text)) return text;
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 100)) : typeof text;
  throw new ShipperError(
    'BAD_REFERENCE',
    `Cannot use ${what}: ${shown} is not a sha256 or sha512 digest`,
  );
}

/** The algorithm of a digest. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hex part of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Makes a digest of the hex that a hasher gave. */
export function digestFromHex(algorithm: DigestAlgorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex}`, 'a computed digest');
}

/** The digest of bytes that are in memory. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return digestFromHex(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

/** The first 12 hex digits, for people. */
export function shortDigest(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}
