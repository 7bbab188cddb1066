// gzip of our own, because zlib's bytes differ between versions and processors: one block of fixed Huffman codes
// over matches found with a hash table.

const WINDOW = 32_768;
const MIN_MATCH = 3;
const MAX_MATCH = 258;
const MAX_TRIES = 32;

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const LENGTH_BITS = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
const DISTANCE_BITS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];

/**
 * One gzip member.
 * @param {Uint8Array} data
 */
export function gzip(data) {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length >>> 0, 4);
  return Buffer.concat([Buffer.from('1f8b08000000000000ff', 'hex'), deflate(data), trailer]);
}

/**
 * Several members in a row, as pigz and `cat` make them.
 * @param {Uint8Array} data
 * @param {number} memberBytes
 */
export function gzipMembers(data, memberBytes) {
  const members = [];
  for (let at = 0; at < data.length; at += memberBytes) {
    members.push(gzip(data.subarray(at, at + memberBytes)));
  }
  return Buffer.concat(members);
}

/** @param {Uint8Array} data */
function crc32(data) {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** @param {Uint8Array} data */
function deflate(data) {
  const out = createBits();
  const find = createFinder(data);
  out.bits(0b011, 3);
  for (let at = 0; at < data.length; ) {
    const match = find(at);
    if (match === undefined) putSymbol(out, data[at] ?? 0);
    else putMatch(out, match.length, match.distance);
    at += match?.length ?? 1;
  }
  putSymbol(out, 256);
  return out.done();
}

/** Bits, least significant first. */
function createBits() {
  /** @type {number[]} */
  const bytes = [];
  let held = 0;
  let count = 0;
  return {
    /** @param {number} value @param {number} width */
    bits(value, width) {
      held |= value << count;
      count += width;
      while (count >= 8) {
        bytes.push(held & 0xff);
        held >>>= 8;
        count -= 8;
      }
    },
    done() {
      if (count > 0) bytes.push(held & 0xff);
      return Buffer.from(bytes);
    },
  };
}

/** @typedef {ReturnType<typeof createBits>} Bits */

/** A Huffman code goes out from its highest bit. @param {Bits} out @param {number} code @param {number} width */
function putCode(out, code, width) {
  for (let bit = width - 1; bit >= 0; bit -= 1) out.bits((code >> bit) & 1, 1);
}

/** @param {Bits} out @param {number} symbol */
function putSymbol(out, symbol) {
  if (symbol < 144) putCode(out, 0x30 + symbol, 8);
  else if (symbol < 256) putCode(out, 0x190 + symbol - 144, 9);
  else if (symbol < 280) putCode(out, symbol - 256, 7);
  else putCode(out, 0xc0 + symbol - 280, 8);
}

/** @param {Bits} out @param {number} length @param {number} distance */
function putMatch(out, length, distance) {
  const l = LENGTH_BASE.findLastIndex((base) => base <= length);
  putSymbol(out, 257 + l);
  out.bits(length - (LENGTH_BASE[l] ?? 0), LENGTH_BITS[l] ?? 0);
  const d = DISTANCE_BASE.findLastIndex((base) => base <= distance);
  putCode(out, d, 5);
  out.bits(distance - (DISTANCE_BASE[d] ?? 0), DISTANCE_BITS[d] ?? 0);
}

/**
 * Finds the longest earlier match at a position; to be asked from left to right.
 * @param {Uint8Array} data
 */
function createFinder(data) {
  /** @type {Map<number, number[]>} */
  const seen = new Map();
  let known = 0;
  /** @param {number} at */
  const keyAt = (at) => ((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
  /** @param {number} at */
  return (at) => {
    for (; known < at; known += 1) {
      const places = seen.get(keyAt(known));
      if (places === undefined) seen.set(keyAt(known), [known]);
      else places.push(known);
    }
    if (at + MIN_MATCH > data.length) return undefined;
    let best = { length: MIN_MATCH - 1, distance: 0 };
    for (const from of (seen.get(keyAt(at)) ?? []).slice(-MAX_TRIES).reverse()) {
      if (at - from > WINDOW) break;
      const length = matchLength(data, from, at);
      if (length > best.length) best = { length, distance: at - from };
    }
    return best.length >= MIN_MATCH ? best : undefined;
  };
}

/** @param {Uint8Array} data @param {number} from @param {number} at */
function matchLength(data, from, at) {
  const limit = Math.min(MAX_MATCH, data.length - at);
  let length = 0;
  while (length < limit && data[from + length] === data[at + length]) length += 1;
  return length;
}
