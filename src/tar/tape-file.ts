// A tape as bytes, to be kept for another run: a version, what the tape belongs to, the blocks, and a digest of it all.
import { latin1 } from '../core/bytes.ts';
import { digestOf } from '../core/digest.ts';
import { type Packer, TAPE_BLOCK_BYTES, Tape, type TapeBlock } from './tape.ts';

/** To be raised whenever `parser.ts` asks for other bytes than before, or the format changes. */
const VERSION = 1;
const MAGIC = `shipper tape ${VERSION}\n`;
const DIGEST_BYTES = 71;

/** The bytes of a tape. `label` says what it belongs to; it must be asked for again with the same. */
export function encodeTape(tape: Tape, label: string): Uint8Array {
  const labelBytes = Buffer.from(label, 'latin1');
  const head = Buffer.alloc(MAGIC.length + 16 + labelBytes.length);
  head.write(MAGIC, 'latin1');
  head.writeDoubleLE(tape.size, MAGIC.length);
  head.writeUInt32LE(tape.blocks.length, MAGIC.length + 8);
  head.writeUInt32LE(labelBytes.length, MAGIC.length + 12);
  labelBytes.copy(head, MAGIC.length + 16);
  const body = Buffer.concat([head, ...tape.blocks.flatMap(encodeBlock)]);
  return Buffer.concat([body, Buffer.from(digestOf(body), 'latin1')]);
}

function encodeBlock({ size, packed }: TapeBlock): Uint8Array[] {
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(size, 0);
  sizes.writeUInt32LE(packed.length, 4);
  return [sizes, packed];
}

/** The tape; undefined where the bytes are not one of this version and label, whole and unchanged. */
export function decodeTape(bytes: Uint8Array, label: string, packer: Packer): Tape | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = all.length - DIGEST_BYTES;
  const headBytes = MAGIC.length + 16 + label.length;
  if (end < headBytes || latin1(all.subarray(0, MAGIC.length)) !== MAGIC) return undefined;
  if (latin1(all.subarray(end)) !== digestOf(all.subarray(0, end))) return undefined;
  const size = all.readDoubleLE(MAGIC.length);
  const count = all.readUInt32LE(MAGIC.length + 8);
  if (all.readUInt32LE(MAGIC.length + 12) !== label.length) return undefined;
  if (latin1(all.subarray(MAGIC.length + 16, headBytes)) !== label) return undefined;
  if (!Number.isSafeInteger(size) || size < 0) return undefined;
  const blocks = decodeBlocks(all.subarray(headBytes, end), count);
  return blocks === undefined ? undefined : new Tape(size, blocks, packer);
}

function decodeBlocks(bytes: Buffer, count: number): TapeBlock[] | undefined {
  const blocks: TapeBlock[] = [];
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    if (at + 8 > bytes.length) return undefined;
    const size = bytes.readUInt32LE(at);
    const end = at + 8 + bytes.readUInt32LE(at + 4);
    if (size > TAPE_BLOCK_BYTES || end > bytes.length) return undefined;
    blocks.push({ size, packed: bytes.subarray(at + 8, end) });
    at = end;
  }
  return at === bytes.length ? blocks : undefined;
}
