// What bytes are, by their magic numbers: never by media type or file name (`flatten.md` R10).

/** How bytes are compressed. */
export type StoredAs = 'plain' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

/** Bytes that {@link sniffCompression} wants to see. */
export const SNIFF_BYTES = 6;

const MAGIC: readonly (readonly [StoredAs, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** Tells compression by the first bytes. A zstd stream may begin with a skippable frame. */
export function sniffCompression(head: Uint8Array): StoredAs {
  for (const [kind, magic] of MAGIC) {
    if (magic.every((byte, i) => head[i] === byte)) return kind;
  }
  const isSkippable =
    ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return isSkippable ? 'zstd' : 'plain';
}
