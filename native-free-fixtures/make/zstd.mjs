// Zstandard frames by hand (RFC 8878): raw and RLE blocks, a content checksum, a skippable frame. No entropy coding,
// so nothing that a library would have to do.

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a53;
const BLOCK_BYTES = 128 * 1024;
const SHORTEST_RUN = 64;
const MASK = 0xffffffffffffffffn;
const PRIMES = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
];
const [P1 = 0n, P2 = 0n, P3 = 0n, P4 = 0n, P5 = 0n] = PRIMES;

/**
 * A skippable frame, then two frames that hold the data, the second with a checksum.
 * @param {Uint8Array} data
 */
export function zstd(data) {
  const half = data.length >> 1;
  return Buffer.concat([
    skippable('shipper fixture'),
    frame(data.subarray(0, half), false),
    frame(data.subarray(half), true),
  ]);
}

/** @param {string} text */
function skippable(text) {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(SKIPPABLE, 0);
  head.writeUInt32LE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

/** @param {Uint8Array} data @param {boolean} isChecked */
function frame(data, isChecked) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(MAGIC, 0);
  // Frame content size of 4 bytes, single segment, checksum flag.
  head.writeUInt8(0xa0 | (isChecked ? 0x04 : 0), 4);
  head.writeUInt32LE(data.length, 5);
  const runs = runsOf(data);
  const blocks = runs.map((run, at) => block(run, at === runs.length - 1));
  const check = Buffer.alloc(isChecked ? 4 : 0);
  if (isChecked) check.writeUInt32LE(Number(xxh64(data) & 0xffffffffn), 0);
  return Buffer.concat([head, ...blocks, check]);
}

/** Cuts data so that long runs of one byte stand alone. @param {Uint8Array} data */
function runsOf(data) {
  const runs = [];
  let start = 0;
  for (let at = 0; at < data.length; ) {
    let end = at;
    while (end < data.length && data[end] === data[at]) end += 1;
    if (end - at >= SHORTEST_RUN) {
      if (at > start) runs.push(data.subarray(start, at));
      runs.push(data.subarray(at, end));
      start = end;
    }
    at = end;
  }
  if (start < data.length || runs.length === 0) runs.push(data.subarray(start));
  return runs.flatMap(inBlocks);
}

/** @param {Uint8Array} run */
function inBlocks(run) {
  const parts = [];
  for (let at = 0; at < run.length; at += BLOCK_BYTES)
    parts.push(run.subarray(at, at + BLOCK_BYTES));
  return parts.length === 0 ? [run] : parts;
}

/** @param {Uint8Array} data @param {boolean} isLast */
function block(data, isLast) {
  const isRun = data.length >= SHORTEST_RUN && data.every((byte) => byte === data[0]);
  const head = Buffer.alloc(3);
  head.writeUIntLE((data.length << 3) | (isRun ? 0b010 : 0) | (isLast ? 1 : 0), 0, 3);
  return Buffer.concat([head, isRun ? data.subarray(0, 1) : data]);
}

/** XXH64 with seed 0. @param {Uint8Array} data */
function xxh64(data) {
  const bytes = Buffer.from(data);
  let at = 0;
  let hash = P5;
  if (bytes.length >= 32) {
    const lanes = [(P1 + P2) & MASK, P2, 0n, -P1 & MASK];
    for (; at + 32 <= bytes.length; at += 32) {
      for (let lane = 0; lane < 4; lane += 1) {
        lanes[lane] = round(lanes[lane] ?? 0n, bytes.readBigUInt64LE(at + lane * 8));
      }
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & MASK;
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  return avalanche(tail(bytes, at, hash));
}

/** @param {Buffer} bytes @param {number} start @param {bigint} seed */
function tail(bytes, start, seed) {
  let at = start;
  let hash = seed;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * P1 + P4) & MASK;
  }
  for (; at + 4 <= bytes.length; at += 4) {
    const word = (BigInt(bytes.readUInt32LE(at)) * P1) & MASK;
    hash = (rotate(hash ^ word, 23n) * P2 + P3) & MASK;
  }
  for (; at < bytes.length; at += 1) {
    const byte = (BigInt(bytes[at] ?? 0) * P5) & MASK;
    hash = (rotate(hash ^ byte, 11n) * P1) & MASK;
  }
  return hash;
}

/** @param {bigint} hash */
function avalanche(hash) {
  let mixed = ((hash ^ (hash >> 33n)) * P2) & MASK;
  mixed = ((mixed ^ (mixed >> 29n)) * P3) & MASK;
  return mixed ^ (mixed >> 32n);
}

/** @param {bigint} lane @param {bigint} word */
function round(lane, word) {
  return (rotate((lane + word * P2) & MASK, 31n) * P1) & MASK;
}

/** @param {bigint} value @param {bigint} count */
function rotate(value, count) {
  return ((value << count) | (value >> (64n - count))) & MASK;
}
