// The test side itself: the notation round-trips, and the strict reader objects to every broken output rule.
import { describe, expect, it } from 'vitest';
import { layers, notationOf, parseLayers } from '../support/layers.ts';
import {
  type EntrySpec,
  entry,
  header,
  paxHeader,
  paxRecord,
  tar,
  tarOf,
} from '../support/tar-builder.ts';
import { comparePaths, OracleError, readFlat } from '../support/tar-oracle.ts';

describe('layers()', () => {
  it.each([
    'a/ a/f=1',
    './[1777,5:6] a=x[4755,1:2,@-1.5,user.a=\\x00b]',
    'a=1 b=>a c->../x d=char:1,3[600] e=block:8,0 p=fifo:',
    'f=\\x5b\\x5d\\x7c\\x2c\\x5c\\x0a g=a=b',
  ])('%s reads back as it was written', (notation) => {
    const [layer] = layers(notation);
    expect(notationOf(readFlat(layer ?? new Uint8Array()))).toBe(notation);
  });

  it('places whiteouts and opaque markers', () => {
    const names = parseLayers('-a/f ./! | -x /d/!').map((specs) => specs.map((spec) => spec.name));
    expect(names).toEqual([
      ['a/.wh.f', './.wh..wh..opq'],
      ['.wh.x', '/d/.wh..wh..opq'],
    ]);
  });

  it('refuses what is not in the notation', () => {
    expect(() => layers('word')).toThrow(SyntaxError);
    expect(() => layers('a=1[what]')).toThrow(SyntaxError);
  });
});

describe('comparePaths()', () => {
  it('puts / below every other byte', () => {
    const sorted = ['.', 'a', 'a/b', 'a/b/c', 'a/b!', 'a!', 'a\x01', 'b', '\xff'];
    const shuffled = ['a\x01', 'b', 'a/b!', '\xff', 'a!', 'a', 'a/b/c', '.', 'a/b'];
    expect(shuffled.sort(comparePaths)).toEqual(sorted.toSorted((x, y) => comparePaths(x, y)));
    expect(comparePaths('a/b', 'a!')).toBeLessThan(0);
    expect(comparePaths('a\x01', 'a!')).toBeLessThan(0);
  });
});

const FILE: EntrySpec = { name: 'a', type: 'file', body: '1' };

/** Outputs that break one rule each. */
const BROKEN: readonly (readonly [rule: string, bytes: Uint8Array])[] = [
  ['order', tarOf({ ...FILE, name: 'b' }, FILE)],
  [
    'order of directories',
    tarOf({ name: 'd/', type: 'dir' }, { ...FILE, name: 'd!' }, { ...FILE, name: 'd/x' }),
  ],
  ['duplicates', tarOf(FILE, FILE)],
  ['parents', tarOf({ ...FILE, name: 'd/a' })],
  ['parents that are directories', tarOf(FILE, { ...FILE, name: 'a/b' })],
  ['links to what is not there', tarOf({ name: 'b', type: 'link', linkname: 'a' })],
  [
    'links to links',
    tarOf(
      FILE,
      { name: 'b', type: 'link', linkname: 'a' },
      { name: 'c', type: 'link', linkname: 'b' },
    ),
  ],
  ['attributes of links', tarOf(FILE, { name: 'b', type: 'link', linkname: 'a', uid: 5 })],
  [
    'xattrs of links',
    tarOf({ ...FILE, xattrs: [['user.a', '1']] }, { name: 'b', type: 'link', linkname: 'a' }),
  ],
  ['mode of symlinks', tarOf({ name: 's', type: 'symlink', linkname: 'a', mode: 0o755 })],
  ['whiteouts', tarOf({ name: '.wh.a', type: 'file' })],
  ['user names', tarOf({ ...FILE, uname: 'root' })],
  ['clean names', tarOf({ ...FILE, name: './a' })],
  ['the slash of directories', tarOf({ name: 'd', type: 'dir' })],
  ['needless records', tarOf({ ...FILE, format: 'pax-all' })],
  ['unknown records', tar([paxHeader(paxRecord('comment', 'x')), entry(FILE)])],
  ['overlay xattrs', tarOf({ ...FILE, xattrs: [['trusted.overlay.opaque', 'y']] })],
  ['a root that says nothing', tarOf({ name: './', type: 'dir' })],
  [
    'a root with an mtime',
    tarOf({ name: './', type: 'dir', mode: 0o700, mtimeNs: 5_000_000_000n }),
  ],
  ['the magic', tarOf({ ...FILE, format: 'gnu' })],
  ['the checksum', tar([header({ name: 'a', checksum: '000000\0 ' })])],
  ['the end marker', tar([entry(FILE)], { zeroBlocks: 1 })],
  ['nothing behind the end marker', tar([entry(FILE)], { zeroBlocks: 3 })],
  ['the padding', tar([header({ name: 'a', size: 1 }), new Uint8Array(512).fill(1)])],
];

describe('readFlat()', () => {
  it.each(BROKEN)('objects to a broken rule: %s', (_, bytes) => {
    expect(() => readFlat(bytes)).toThrow(OracleError);
  });

  it('takes an empty layer', () => {
    expect(readFlat(tar([])).size).toBe(0);
  });
});
