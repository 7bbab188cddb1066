// Round trips of the layer codec against the independent builder and reader of `test/support`, and tar-stream as a
// second reader of what it can read.
import { Readable } from 'node:stream';
import tarStream from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { encodeHeader, headerLength } from '../../src/tar/encode.ts';
import type { Entry, EntryHead } from '../../src/tar/entry.ts';
import { formatPaxRecord, formatPaxTime, parsePax, parsePaxTime } from '../../src/tar/pax.ts';
import { scanTar } from '../../src/tar/scan.ts';
import { createRandom, type Random } from '../flatten/random/random.ts';
import { inMemory } from '../support/flatten.ts';
import {
  type EntrySpec,
  entry,
  fits,
  padded,
  paxRecord,
  paxTime,
  type TarFormat,
  tar,
} from '../support/tar-builder.ts';
import { readFlat } from '../support/tar-oracle.ts';

const ROUNDS = 1500;
const SECOND = 1_000_000_000n;
const FORMATS: readonly TarFormat[] = ['v7', 'ustar', 'gnu', 'pax', 'pax-all'];
const TYPES = ['file', 'link', 'symlink', 'char', 'block', 'dir', 'fifo'] as const;

function drawName(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(4) }, () => {
    const size = random.pick([1, 3, 12, 40, 99, 100, 101, 155, 250]);
    const alphabet = random.pick(['ab', 'a.b-_', '\xff\xc3\xa9x', ' \n\t=\\', '01 =\n']);
    const text = Array.from({ length: size }, () => alphabet[random.below(alphabet.length)]);
    return `n${text.join('')}`;
  });
  return parts
    .join('/')
    .slice(0, random.pick([20, 99, 100, 101, 256, 257, 900]))
    .replace(/\/$/, 'x');
}

function drawXattrs(random: Random): [string, string][] {
  const values = ['', 'v', '\0\xff\n', '9 user.x=1\n', 'z'.repeat(random.below(1200))];
  const names = random.shuffled([
    'user.a',
    'security.capability',
    'user.\xe9',
    '__proto__',
    'user.b c',
  ]);
  return names.slice(0, random.below(4)).map((name) => [name, random.pick(values)]);
}

function drawSpec(random: Random): EntrySpec {
  const type = random.pick(TYPES);
  const ids = [0, 1, 1000, 0o7777777, 0o10000000, 4294967295];
  const seconds = [
    0n,
    1n,
    1700000000n,
    0o77777777777n,
    0o100000000000n,
    -1n,
    -(2n ** 33n),
    2n ** 50n,
  ];
  const nanos = random.chance(0.5) ? 0n : random.pick([1n, 10n, 500_000_000n, 999_999_999n]);
  const isDevice = type === 'char' || type === 'block';
  return {
    name: drawName(random),
    type,
    mode: random.below(0o10000),
    uid: random.pick(ids),
    gid: random.pick(ids),
    mtimeNs: random.pick(seconds) * SECOND + nanos,
    body: type === 'file' ? 'x'.repeat(random.pick([0, 1, 511, 512, 513])) : '',
    linkname: type === 'link' || type === 'symlink' ? drawName(random) : '',
    major: isDevice ? random.below(4096) : 0,
    minor: isDevice ? random.below(1_048_576) : 0,
    xattrs: random.chance(0.5) ? [] : drawXattrs(random),
  };
}

/** What a scanned entry says, in the words of the builder. */
function specOf(found: Entry): EntrySpec {
  return {
    name: found.path.replace(/\/$/, ''),
    type: found.type === 'directory' ? 'dir' : found.type,
    mode: found.mode,
    uid: found.uid,
    gid: found.gid,
    mtimeNs: BigInt(found.mtimeSeconds) * SECOND + BigInt(found.mtimeNanos),
    body: 'x'.repeat(found.size),
    linkname: found.linkTarget,
    major: found.devMajor,
    minor: found.devMinor,
    xattrs: sorted(found.xattrs ?? []),
  };
}

function sorted(xattrs: Iterable<readonly [string, string]>): (readonly [string, string])[] {
  return [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1));
}

function headOf(spec: EntrySpec): EntryHead {
  const ns = spec.mtimeNs ?? 0n;
  const seconds = ns < 0n ? -((-ns + SECOND - 1n) / SECOND) : ns / SECOND;
  const xattrs = new Map(sorted(spec.xattrs ?? []));
  return {
    type: spec.type === 'dir' ? 'directory' : spec.type,
    path: spec.name,
    linkTarget: spec.linkname ?? '',
    mode: spec.mode ?? 0,
    uid: spec.uid ?? 0,
    gid: spec.gid ?? 0,
    size: String(spec.body ?? '').length,
    mtimeSeconds: Number(seconds),
    mtimeNanos: Number(ns - seconds * SECOND),
    devMajor: spec.major ?? 0,
    devMinor: spec.minor ?? 0,
    xattrs: xattrs.size === 0 ? undefined : xattrs,
  };
}

function scan(bytes: Uint8Array): Entry[] {
  return [...scanTar(inMemory(bytes))];
}

/** A drawn entry for each seed, checked; a failure names the seed. */
function forSpecs(check: (spec: EntrySpec, random: Random) => void): void {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const random = createRandom(seed);
    const spec = drawSpec(random);
    try {
      check(spec, random);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

describe('scanTar()', () => {
  it.each(FORMATS)('reads what the builder writes in %s', (format) => {
    forSpecs((spec) => {
      const chosen = fits(spec, format) ? format : 'pax';
      const [found, ...rest] = scan(tar([entry({ ...spec, format: chosen })]));
      expect(rest).toEqual([]);
      expect(found === undefined ? undefined : specOf(found)).toEqual({
        ...spec,
        xattrs: sorted(spec.xattrs ?? []),
      });
    });
  });

  it('tells where the content of each entry stands', () => {
    const bodies = ['', 'a', 'b'.repeat(511), 'c'.repeat(512), 'd'.repeat(513)];
    const specs = bodies.map((body, at) => ({ name: `f${at}`, type: 'file', body }) as const);
    const bytes = tar(specs.map((spec, at) => entry({ ...spec, format: FORMATS[at] ?? 'ustar' })));
    const read = scan(bytes).map(({ dataOffset, storedSize }) =>
      bytes.toString('latin1', dataOffset, dataOffset + storedSize),
    );
    expect(read).toEqual(bodies);
  });

  it('may be started again', () => {
    const source = inMemory(tar([entry({ name: 'a', type: 'file', body: '1' })]));
    expect([...scanTar(source)]).toEqual([...scanTar(source)]);
  });
});

describe('encodeHeader()', () => {
  it('writes what the strict reader takes', () => {
    forSpecs((drawn) => {
      const type = drawn.type === 'link' ? 'file' : drawn.type;
      const spec = { ...drawn, type, name: drawn.name.replaceAll('/', '!') };
      const whole = { ...spec, ...(type === 'symlink' ? { mode: 0o777 } : { linkname: '' }) };
      const header = encodeHeader(headOf(whole));
      const node = readFlat(tar([header, padded(String(whole.body))])).get(whole.name);
      expect({
        ...node,
        body: node?.body.length,
        xattrs: sorted(node?.xattrs ?? []),
      }).toMatchObject({
        type,
        mode: whole.mode,
        uid: whole.uid,
        gid: whole.gid,
        mtimeNs: whole.mtimeNs,
        target: whole.linkname,
        body: String(whole.body).length,
        xattrs: sorted(whole.xattrs ?? []),
      });
    });
  });

  it('has the length that headerLength() says, and reads back', () => {
    forSpecs((spec) => {
      const head = headOf(spec);
      const header = encodeHeader(head);
      expect(headerLength(head)).toBe(header.length);
      const [found] = scan(tar([header, padded(String(spec.body))]));
      expect(found === undefined ? undefined : headOf(specOf(found))).toEqual(head);
    });
  });

  it('does not depend on the dialect that was read', () => {
    forSpecs((spec, random) => {
      const format = random.pick(FORMATS);
      const chosen = fits(spec, format) ? format : 'pax';
      const [found] = scan(tar([entry({ ...spec, format: chosen, uname: 'joe', gname: 'staff' })]));
      const again = found === undefined ? Buffer.alloc(0) : encodeHeader(headOf(specOf(found)));
      expect(Buffer.from(again).equals(Buffer.from(encodeHeader(headOf(spec))))).toBe(true);
    });
  });

  it.each([0o77777777777, 0o100000000000, 2 ** 52])('carries a size of %d', (size) => {
    const head = { ...headOf({ name: 'big', type: 'file' }), size };
    const header = Buffer.from(encodeHeader(head));
    const isLarge = size > 0o77777777777;
    expect(header.length).toBe(isLarge ? 3 * 512 : 512);
    expect(header.includes(paxRecord('size', String(size)))).toBe(isLarge);
  });

  it.each([
    ['a name of 100 bytes', 'n'.repeat(100), 512],
    ['a name of 101 bytes', 'n'.repeat(101), 1536],
    ['a prefix of 155 and a name of 100 bytes', `${'p'.repeat(155)}/${'n'.repeat(100)}`, 512],
    ['a prefix of 156 bytes', `${'p'.repeat(156)}/n`, 1536],
    ['a name of 101 bytes behind a prefix', `p/${'n'.repeat(101)}`, 1536],
  ])('needs for %s no more than it has to', (_, name, length) => {
    const header = encodeHeader(headOf({ name, type: 'file', mode: 0o644 }));
    expect(header.length).toBe(length);
    const [found] = scan(tar([header]));
    expect(found?.path).toBe(name);
  });

  it('does not take the slash of a directory for a prefix', () => {
    for (const size of [99, 100, 154, 155, 156]) {
      const header = encodeHeader(headOf({ name: 'd'.repeat(size), type: 'dir' }));
      expect(header.length).toBe(size === 99 ? 512 : 1536);
      expect(readFlat(tar([header])).has('d'.repeat(size))).toBe(true);
    }
  });

  it('is read by tar-stream where that can', async () => {
    const names = ['a', `${'d'.repeat(90)}/${'e'.repeat(90)}`, 'f'.repeat(200)];
    const heads = names.map((name) =>
      headOf({
        name,
        type: 'file',
        mode: 0o640,
        uid: 5,
        gid: 6,
        mtimeNs: 7n * SECOND,
        body: 'xyz',
      }),
    );
    const bytes = tar(heads.flatMap((head) => [encodeHeader(head), padded('xyz')]));
    const extract = tarStream.extract();
    Readable.from([bytes]).pipe(extract);
    const found: object[] = [];
    for await (const member of extract) {
      const { name, mode, uid, gid, size, mtime } = member.header;
      found.push({ name, mode, uid, gid, size, mtime: mtime?.getTime() });
      member.resume();
    }
    const expected = { mode: 0o640, uid: 5, gid: 6, size: 3, mtime: 7000 };
    expect(found).toEqual(names.map((name) => ({ name, ...expected })));
  });
});

describe('PAX records', () => {
  it('have the right length at every border of digits', () => {
    for (let size = 0; size < 1100; size += 1) {
      const value = '\xff'.repeat(size);
      expect(formatPaxRecord('k', value)).toBe(paxRecord('k', value));
    }
  });

  it('read back, binary values and all', () => {
    const all = String.fromCharCode(...Array(256).keys());
    const records = [
      ['SCHILY.xattr.user.a', all],
      ['path', 'a\nb=c'],
      ['SCHILY.xattr.user.b', ''],
    ] as const;
    const text = records.map(([key, value]) => formatPaxRecord(key, value)).join('');
    expect([...parsePax(text, 0)]).toEqual(records.map(([key, value]) => [key, value]));
  });

  it('carry times to the nanosecond, before and after the epoch', () => {
    for (const seconds of [-(2 ** 40), -2, -1, 0, 1, 2 ** 33, 2 ** 52]) {
      for (const nanos of [0, 1, 10, 500_000_000, 999_999_999]) {
        const text = formatPaxTime(seconds, nanos);
        expect(text).toBe(paxTime(BigInt(seconds) * SECOND + BigInt(nanos)));
        expect(parsePaxTime(text, 0)).toEqual({ seconds, nanos });
      }
    }
  });
});
