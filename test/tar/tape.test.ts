// Tapes: what is recorded from a stream gives the same entries and the same errors as the tar at any position.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fastPacker } from '../../src/blob/packer.ts';
import type { Entry } from '../../src/tar/entry.ts';
import { scanTar } from '../../src/tar/scan.ts';
import { type Tape, TapeRecorder } from '../../src/tar/tape.ts';
import { decodeTape, encodeTape } from '../../src/tar/tape-file.ts';
import { createRandom } from '../flatten/random/random.ts';
import { amount } from '../support/amount.ts';
import { inMemory } from '../support/flatten.ts';
import { randomStack } from '../support/random-stack.ts';
import {
  entry,
  paxGlobal,
  paxRecord,
  paxRecords,
  rawEntry,
  sparse00,
  sparse01,
  sparse10,
  sparseOld,
  tar,
} from '../support/tar-builder.ts';

const FIXTURES = fileURLToPath(new URL('../../native-free-fixtures/', import.meta.url));

const MANY = amount(50_000, 1_000_000);

/** Records a tar that comes in chunks of `chunkBytes` at most. */
function record(bytes: Uint8Array, chunkBytes = 4096, seed = 1): Tape {
  const recorder = new TapeRecorder(fastPacker);
  const random = createRandom(seed);
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(chunkBytes);
    recorder.push(bytes.subarray(at, at + length));
    at += length;
  }
  return recorder.finish();
}

/** The entries, and the error in place of those that cannot be read. */
function read(entries: Iterable<Entry>): unknown[] {
  const found: unknown[] = [];
  try {
    for (const each of entries) found.push(each);
  } catch (error) {
    found.push(String(error));
  }
  return found;
}

function expectSame(bytes: Uint8Array, chunkBytes = 4096, seed = 1): void {
  const tape = record(bytes, chunkBytes, seed);
  expect(tape.size).toBe(bytes.length);
  const expected = read(scanTar(inMemory(bytes)));
  expect(read(tape.entries())).toEqual(expected);
  expect(read(tape.entries())).toEqual(expected);
}

const SEGMENTS = Array.from({ length: 60 }, (_, i) => ({ offset: i * 1024, data: 'x'.repeat(7) }));
const STRANGE: Readonly<Record<string, Uint8Array>> = {
  'an empty file': new Uint8Array(),
  'only an end mark': tar([]),
  'sparse files of every form': tar([
    sparseOld('old', 70_000, SEGMENTS),
    sparse00('00', 70_000, SEGMENTS),
    sparse01('01', 70_000, SEGMENTS),
    sparse10('10', 70_000, SEGMENTS),
  ]),
  'global headers': tar([
    paxGlobal(paxRecord('uname', 'x') + paxRecord('mtime', '12.5')),
    rawEntry({ name: 'a' }, 'content'),
    entry({ name: 'é'.repeat(200), type: 'file', body: 'y', format: 'pax' }),
    entry({ name: 'l'.repeat(300), type: 'file', body: 'y', format: 'gnu' }),
  ]),
  'an extension of a MiB': tar([
    Buffer.concat([
      entry({
        name: 'big',
        type: 'file',
        format: 'pax',
        body: 'z',
        xattrs: [['user.big', 'v'.repeat(1_000_000)]],
      }),
      entry({
        name: 'big2',
        type: 'file',
        format: 'pax',
        body: 'z',
        xattrs: [['user.big', 'w'.repeat(1_000_000)]],
      }),
    ]),
  ]),
  'bytes behind the end': tar([rawEntry({ name: 'a' }, 'b')], { trailing: 'garbage'.repeat(999) }),
  'no end': tar([rawEntry({ name: 'a' }, 'b')], { zeroBlocks: 0 }),
  'one zero block': tar([rawEntry({ name: 'a' }, 'b')], { zeroBlocks: 1 }),
  'an unknown type': tar([rawEntry({ name: 'a' }, 'b'), rawEntry({ name: 'q', typeflag: '!' })]),
  'an extension without an entry': Buffer.from(paxGlobal(paxRecords([['size', '5']]))),
};

describe('a tape', () => {
  it.each(Object.entries(STRANGE))('replays %s', (_, bytes) => {
    for (const chunk of [1 << 20, 700, 13]) expectSame(bytes, chunk);
  });

  it('replays every archive of the fixtures, also cut anywhere', () => {
    const names = readdirSync(FIXTURES).filter((name) => name.endsWith('.tar'));
    expect(names.length).toBeGreaterThan(5);
    for (const [seed, name] of names.entries()) {
      const bytes = readFileSync(join(FIXTURES, name));
      expectSame(bytes, 100_000, seed + 1);
      for (let cut = 1; cut < 12; cut += 1)
        expectSame(bytes.subarray(0, Math.floor((bytes.length * cut) / 12) + cut), 100_000);
    }
  });

  it('replays random layers', () => {
    for (let seed = 1; seed <= amount(15, 60); seed += 1)
      for (const layer of randomStack(seed).layers) expectSame(layer, 3000, seed);
  });

  it(`keeps ${MANY} headers in 80 bytes each, and reads them again`, () => {
    const recorder = new TapeRecorder(fastPacker);
    const group = 1000;
    for (let i = 0; i < MANY; i += group) recorder.push(someHeaders(i, group));
    recorder.push(new Uint8Array(1024));
    const tape = recorder.finish();
    const packed = tape.blocks.reduce((sum, block) => sum + block.packed.length, 0);
    expect(packed).toBeLessThan(80 * MANY);
    let entries = 0;
    for (const each of tape.entries()) entries += each.type === 'file' ? 1 : 0;
    expect(entries).toBe(MANY);
  }, 120_000);
});

/** Headers of empty files with all that varies in real ones. */
function someHeaders(first: number, count: number): Buffer {
  const template = rawEntry({ name: 'x'.repeat(60), mode: 0o644, mtime: 1_700_000_000 });
  const all = Buffer.alloc(count * 512);
  for (let i = 0; i < count; i += 1) {
    const at = i * 512;
    template.copy(all, at);
    const id = first + i;
    all.fill(0, at, at + 100);
    all.write(`usr/lib/python3/dist-packages/package${id % 977}/module_${id}.py`, at, 'latin1');
    all.write((1_700_000_000 + ((id * 7919) % 86_400)).toString(8).padStart(11, '0'), at + 136);
    all.fill(' ', at + 148, at + 156);
    let sum = 0;
    for (let k = 0; k < 512; k += 1) sum += all[at + k] ?? 0;
    all.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
  }
  return all;
}

describe('a tape as bytes', () => {
  const tape = record(readFileSync(join(FIXTURES, 'app.tar')));
  const bytes = encodeTape(tape, 'label');

  it('is read back', () => {
    const again = decodeTape(bytes, 'label', fastPacker);
    expect(again?.size).toBe(tape.size);
    expect(again && read(again.entries())).toEqual(read(tape.entries()));
  });

  it('is refused under another label', () => {
    expect(decodeTape(bytes, 'other', fastPacker)).toBeUndefined();
    expect(decodeTape(bytes, 'labels', fastPacker)).toBeUndefined();
  });

  it('is refused where any byte is another, or missing', () => {
    for (let at = 0; at < bytes.length; at += 1 + Math.floor(bytes.length / 300)) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(decodeTape(changed, 'label', fastPacker)).toBeUndefined();
      expect(decodeTape(bytes.subarray(0, at), 'label', fastPacker)).toBeUndefined();
    }
    expect(decodeTape(Buffer.concat([bytes, bytes]), 'label', fastPacker)).toBeUndefined();
  });
});
