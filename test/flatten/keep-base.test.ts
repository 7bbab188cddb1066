// Fidelity: one layer over kept ones (`flatten.md` 5), in the notation; the bugs of the field that have to do with it.
import { describe, expect, it } from 'vitest';
import { flattenTars } from '../support/flatten.ts';
import { layers, notationOf } from '../support/layers.ts';
import { readUpper } from '../support/tar-oracle.ts';
import { flat } from './flat.ts';

/** The layer over the first `keptLayers` layers of a stack, in the notation and the order of the tar. */
async function over(keptLayers: number, stack: string, exclude: readonly string[] = []) {
  const { tar } = await flattenTars(layers(stack), { keptLayers, exclude });
  return readUpper(tar)
    .map(({ path, isWhiteout, node, target }) => {
      if (isWhiteout) return `-${path}`;
      return target === undefined ? notationOf(new Map([[path, node]])) : `${path}=>${target}`;
    })
    .join(' ');
}

/** Name, stack with a base of one layer, and what stands over it. */
type Case = readonly [name: string, stack: string, upper: string];

const BUGS: readonly Case[] = [
  [
    'bug 36, kb_whiteout_of_base: a deleted file of the base does not come back',
    'a=1 b=2 | -a | c=3',
    '-a c=3',
  ],
  [
    'bug 36, kb_opaque_over_base: nor does what an opaque marker hides',
    'd/ d/a=1 d/b=2 | d/ d/! d/c=3 | e=4',
    'd/ -d/a -d/b d/c=3 e=4',
  ],
  [
    'bug 37, kb_dir_recreated_over_base: a directory deleted and made again is without the children of the base',
    'd/ d/a=1 d/s/ d/s/x=1 | -d | d/ d/new=1',
    'd/ -d/a -d/s d/new=1',
  ],
  [
    'bug 38, kb_hardlink_to_base: a hard link to a file of the base is a copy of the whole group',
    'a=1[600,1:2] z=3 | b=>a | c=1',
    'a=1[600,1:2] b=>a c=1',
  ],
  [
    'bug 39, kb_whiteout_dir_of_base_no_entries: implied directories count as existing',
    'd/s/x=1 e=2 | -d',
    '-d',
  ],
  ['a file of the base becomes a directory', 'a=1 | -a | a/ a/b=2', 'a/ a/b=2'],
];

const RULES: readonly Case[] = [
  ['a directory becomes a file', 'a/ a/b=1 a/c/ a/c/d=2 | -a a=3', 'a=3'],
  [
    'a directory becomes a symlink, with the same names behind it',
    'a/ a/b=1 | -a | a->c c/ c/b=1',
    'a->c c/ c/b=1',
  ],
  [
    'only the topmost path that vanished is hidden',
    'd/ d/e/ d/e/f=1 d/e/g=2 | -d/e/f -d/e/g | -d/e',
    'd/ -d/e',
  ],
  [
    'whiteouts come first in their directory, each by path bytes',
    'd/ d/z=1 d/y=1 d/m/ | -d/z -d/y d/a=1 d/m/n=2',
    'd/ -d/y -d/z d/a=1 d/m/ d/m/n=2',
  ],
  [
    'parents that did not change have an entry with their attributes',
    'd/[1777,1:1,@5] d/e/[700] d/e/f=1 | d/e/f=2',
    'd/[1777,1:1,@5] d/e/[700] d/e/f=2',
  ],
  ['a change of attributes alone', 'a=1[644] b=1 d/ d/x=1 | a=1[600] d/[700]', 'a=1[600] d/[700]'],
  ['what is the same again stays in the base', 'a=1[@7] b=2 | -a | a=1[@7] b=3 | b=2', ''],
  ['the same size and other bytes do not', 'a=1[@7] | a=2[@7]', 'a=2[@7]'],
  ['a file and its whiteout never both', 'a=1 | -a a=2', 'a=2'],
  ['what only came and went between leaves no trace', 'a=1 | t/ t/x=1 | -t', ''],
  ['a hard link that loses a name keeps the other in the base', 'a=1 b=>a | -a', '-a'],
  ['one name of a group is written to: the other stays', 'a=1 b=>a | a=2', 'a=2'],
  ['a group that is cut in two: the first lives on', 'a=1 b=>a | -b | b=1', 'b=1'],
  ['two files that become one are copied together', 'a=1 b=1 | -b | b=>a', 'a=1 b=>a'],
  [
    'a change of the attributes of a group copies all its names',
    'a=1 d/ d/b=>a c=2 | a=1[600] d/b=>a',
    'a=1[600] d/ d/b=>a',
  ],
  ['a symlink with two names', 'a->x | b=>a', 'a->x b=>a'],
  ['devices and fifos', 'p=fifo: d=char:1,3 e=block:8,0 | d=char:1,5 -e', '-e d=char:1,5'],
  ['the root where its attributes differ', './[700] a=1 | ./[711] b=2', './[711] b=2'],
  [
    'a name of 255 bytes is hidden',
    `${'n'.repeat(255)}=1 a=2 | -${'n'.repeat(255)}`,
    `-${'n'.repeat(255)}`,
  ],
  [
    'an implied parent keeps the attributes of the base',
    'tmp/[1777] | tmp/x=1',
    'tmp/[1777] tmp/x=1',
  ],
];

describe('known bugs of keeping a base', () => {
  it.each(BUGS)('%s', async (_, stack, upper) => {
    expect(await over(1, stack)).toBe(upper);
    expect(await flat(stack)).toBe(await flat(`${layerOf(stack)} | ${upper}`));
  });
});

describe('one layer over kept ones', () => {
  it.each(RULES)('%s', async (_, stack, upper) => {
    expect(await over(1, stack)).toBe(upper);
    expect(await flat(stack)).toBe(await flat(`${layerOf(stack)} | ${upper}`));
  });

  it('the base may have layers that hide each other', async () => {
    expect(await over(2, 'a=1 b=2 | -a c=3 | a=4 -c')).toBe('-c a=4');
    expect(await over(3, 'a=1 | b=2 | c=3')).toBe('');
    expect(await over(0, 'a=1 | -a b=2')).toBe('b=2');
  });

  it('counts what it hides, and only what the result no longer carries as removed', async () => {
    const { plan } = await flattenTars(layers('a=11 b=22 | c=333 -a | -b -c'), { keptLayers: 1 });
    expect(plan).toMatchObject({ whiteouts: 2, entries: 2, size: 2048 });
    expect(plan.removed).toMatchObject({ paths: 1, bytes: 3 });
  });
});

describe('--exclude', () => {
  const STACK = 'etc/ etc/a=1 etc/b=2 var/ var/cache/ var/cache/x=3 var/cache/y=>etc/a';

  it('leaves paths out, and a link group lives on by its other names', async () => {
    const { tar, plan } = await flattenTars(layers(STACK), { exclude: ['/etc/a', 'var/cache/x'] });
    const text = readUpper(tar).map(({ path }) => path);
    expect(text).toEqual(['etc', 'etc/b', 'var', 'var/cache', 'var/cache/y']);
    expect(plan.removed).toMatchObject({ paths: 2, bytes: 1 });
    expect(plan.removed.largest).toMatchObject([{ path: 'var/cache/x', reason: 'excluded' }]);
  });

  it.each([
    [['var/cache'], 'etc/ etc/a=1 etc/b=2 var/'],
    [['var/cache/**'], 'etc/ etc/a=1 etc/b=2 var/ var/cache/'],
    [['**', '!etc/b'], 'etc/ etc/b=2'],
    [['var', '!var/cache/x'], 'etc/ etc/a=1 etc/b=2 var/ var/cache/ var/cache/x=3'],
    [['**/[xy]'], 'etc/ etc/a=1 etc/b=2 var/ var/cache/'],
    [['nothing', '!etc'], 'etc/ etc/a=1 etc/b=2 var/ var/cache/ var/cache/x=3 var/cache/y=>etc/a'],
  ])('%j', async (exclude, text) => {
    expect(await flat(STACK, { exclude })).toBe(text);
  });

  it('hides what the base has', async () => {
    expect(await over(1, `${STACK} | new=1`, ['var/cache', 'new'])).toBe('var/ -var/cache');
    expect(await over(1, `${STACK} | etc/c=4`, ['etc/a'])).toBe('etc/ -etc/a etc/c=4');
  });
});

function layerOf(stack: string): string {
  return stack.split('|')[0] ?? '';
}
