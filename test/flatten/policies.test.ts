// Every row of `flatten.md` 2 that the merge decides, with its option and its warning, and the rules R4-R8 that need
// a warning or a refusal. Rows about media types, attestations and `os: windows` are the business of other tests.
import { describe, expect, it } from 'vitest';
import { layers } from '../support/layers.ts';
import {
  entry,
  header,
  paxGlobal,
  paxHeader,
  paxRecord,
  paxRecords,
  rawEntry,
  sparseOld,
  tar,
  tarOf,
} from '../support/tar-builder.ts';
import { type FlattenOptions, flat, flatten, refusal } from './flat.ts';

const SHADOW: FlattenOptions = { implicitParents: 'shadow' };
const OCI: FlattenOptions = { whiteouts: 'oci' };
const OVERLAY: FlattenOptions = { whiteouts: 'overlay' };

/** A stack that is flattened, with the codes of all its warnings. */
type Row = readonly [name: string, stack: string, tree: string, ...codes: readonly string[]];

async function check(row: Row, options: FlattenOptions = {}): Promise<void> {
  const [, stack, tree, ...codes] = row;
  const result = await flatten(stack, options);
  expect(result.text).toBe(tree);
  expect(result.codes).toEqual(codes);
}

/** Rows with their names in front, as `it.each` prints them. */
function titled(rows: readonly Row[]): [name: string, row: Row][] {
  return rows.map((row) => [row[0], row]);
}

describe('a missing parent directory', () => {
  const follow: readonly Row[] = [
    [
      'keeps what the lower layer has',
      't/[1777,1:2,@5] | t/x=1',
      't/[1777,1:2,@5] t/x=1',
      'implied-parent',
    ],
    ['is 0755 root:root where no layer has it', 'a/b/c=1', 'a/ a/b/ a/b/c=1', 'implied-parent'],
    ['may come later', 'a/x=1 a/[700,@5]', 'a/[700,@5] a/x=1', 'implied-parent'],
    [
      'is not below an opaque marker',
      'd/[700] d/e/[700] | d/! d/e/x=1',
      'd/[700] d/e/ d/e/x=1',
      'implied-parent',
    ],
    ['is not what the layer whites out', 'd/[700] | -d d/x=1', 'd/ d/x=1', 'implied-parent'],
    ['may be the root', './[1777] | x=1', './[1777] x=1', 'root-attributes'],
  ];
  it.each(titled(follow))('%s', async (_, row) => check(row));

  const shadow: readonly Row[] = [
    [
      'is 0755 over any lower directory',
      't/[1777,1:2,@5] t/a=1 | t/x=1',
      't/ t/a=1 t/x=1',
      'implied-parent',
    ],
    ['keeps an entry of its own', 't/[1777] | t/[700] t/x=1', 't/[700] t/x=1'],
  ];
  it.each(titled(shadow))('with shadow %s', async (_, row) => check(row, SHADOW));

  it('is named in the warning, with the layer', async () => {
    const { warnings } = await flatten('x=1 | a/b=1');
    const warning = warnings.find(({ code }) => code === 'implied-parent');
    expect(warning).toMatchObject({ path: 'a', layer: 1 });
    expect(warning?.message).toContain('a');
  });
});

describe('an entry below a symlinked parent', () => {
  const code = 'parent-through-symlink';
  const follow: readonly Row[] = [
    ['goes where the link leads', 'u/ u/l/ l->u/l | l/n=1', 'l->u/l u/ u/l/ u/l/n=1', code],
    [
      'follows an absolute link inside the root',
      'u/ d/ d/l->/u | d/l/n=1',
      'd/ d/l->/u u/ u/n=1',
      code,
    ],
    [
      'stays inside the root',
      'd/ d/l->../../../u u/ | d/l/n=1',
      'd/ d/l->../../../u u/ u/n=1',
      code,
    ],
    ['may be in the root through the link', 'l->/../.. | l/n=1', 'l->/../.. n=1', code],
    ['follows chains', 'a->b b->c c/ | a/x=1', 'a->b b->c c/ c/x=1', code],
    [
      'follows links in the middle',
      'u/ u/v/ u/w->v | u/w/d/ u/w/d/x=1',
      'u/ u/v/ u/v/d/ u/v/d/x=1 u/w->v',
      code,
    ],
    ['follows a link of the same layer', 'u/ l->u l/n=1', 'l->u u/ u/n=1', code],
    [
      'follows .. behind a link as a path does',
      'a/ a/b/ c->a/b d->c/../x a/x/ | d/n=1',
      'a/ a/b/ a/x/ a/x/n=1 c->a/b d->c/../x',
      code,
    ],
    ['is deleted there', 'u/ u/o=1 l->u | -l/o', 'l->u u/', code],
    ['is opaque there', 'u/ u/o=1 l->u | l/! l/n=1', 'l->u u/ u/n=1', code],
    ['is a directory there', 'u/ u/d/ u/d/x=1 l->u | l/d/[700]', 'l->u u/ u/d/[700] u/d/x=1', code],
    ['is linked from there', 'u/ u/f=1 l->u | l/h=>l/f', 'l->u u/ u/f=1 u/h=>u/f', code],
    ['leaves the link itself replaceable', 'u/ u/x=1 l->u | l/', 'l/ u/ u/x=1'],
  ];
  it.each(titled(follow))('%s', async (_, row) => check(row));

  it('is a link target too', async () => {
    expect(await flat('u/ u/f=1 l->u h=>l/f | -u/f')).toBe('h=1 l->u u/');
  });

  it('with shadow replaces the link by a directory, as overlay engines do', async () => {
    const { text } = await flatten('u/ u/l/ u/l/o=1 l->u/l | l/n=1', SHADOW);
    expect(text).toBe('l/ l/n=1 u/ u/l/ u/l/o=1');
  });

  it.each([
    'l->l | l/x=1',
    'a->b b->a | a/x=1',
    'd/ d/a->../d/a/b | d/a/x=1',
    'a->a h=>a/x',
  ])('a loop is refused: %s', async (stack) => {
    expect((await refusal(stack)).code).toBe('BAD_LAYER');
  });

  it('a symlink to a file is no directory', async () => {
    const error = await refusal('f=1 l->f | l/x=1');
    expect(error.code).toBe('BAD_LAYER');
    expect(error.message).toContain('l/x');
  });

  it('a symlink that dangles leads to a new directory', async () => {
    expect(await flat('l->u/v | l/x=1')).toBe('l->u/v u/ u/v/ u/v/x=1');
  });
});

describe('a directory in place of a lower symlink', () => {
  // What overlay2 writes for `rm lib && mkdir lib`, seen on 20.10: the mark must not reach what the link pointed to.
  const rows: readonly (readonly [string, string, string])[] = [
    ['with an opaque mark', 'u/ u/keep=1 l->u | l/ l/! l/new=2', 'l/ l/new=2 u/ u/keep=1'],
    ['with the mark in front', 'u/ u/keep=1 l->u | l/! l/ l/new=2', 'l/ l/new=2 u/ u/keep=1'],
    ['with a whiteout in it', 'u/ u/keep=1 l->u | l/ -l/keep', 'l/ u/ u/keep=1'],
    [
      'and a mark below it',
      'u/ u/d/ u/d/keep=1 l->u | l/ l/d/ l/d/!',
      'l/ l/d/ u/ u/d/ u/d/keep=1',
    ],
    [
      'with the attribute of overlay',
      'u/ u/keep=1 l->u | l/[755,0:0,@0,trusted.overlay.opaque=y]',
      'l/ u/ u/keep=1',
    ],
  ];
  it.each(rows)('%s leaves the link target alone', async (_name, stack, tree) => {
    for (const options of [{}, SHADOW]) expect(await flat(stack, options)).toBe(tree);
  });
});

describe('the same path twice in one layer', () => {
  const rows: readonly Row[] = [
    ['last wins', 'a=1 a=2', 'a=2', 'duplicate-path'],
    ['in another spelling', 'a=1 ./a=2', 'a=2', 'duplicate-path'],
    ['file, then directory', 'd=1 d/ d/x=2', 'd/ d/x=2', 'duplicate-path'],
    ['directory, then file', 'd/ d/x=1 d=2', 'd=2', 'duplicate-path'],
    ['directory, then directory', 'd/[700] d/x=1 d/[711]', 'd/[711] d/x=1', 'duplicate-path'],
    ['link, then file', 'a=1 b=>a b=2', 'a=1 b=2', 'duplicate-path'],
    ['file, then link', 'a=1 b=2 b=>a', 'a=1 b=>a', 'duplicate-path'],
    ['once in each of two layers is no duplicate', 'a=1 | a=2', 'a=2'],
  ];
  it.each(titled(rows))('%s', async (_, row) => check(row));
});

describe('a name with ..', () => {
  it.each([
    ['../x=1', '../x'],
    ['a/../../x=1', 'a/../../x'],
    ['/../x=1', '/../x'],
    ['..=1', '..'],
    ['-../x', '../.wh.x'],
    ['a/ h=>../a', '../a'],
    ['a/ h=>a/../../../etc/passwd', 'a/../../../etc/passwd'],
  ])('%s is refused and named', async (stack, name) => {
    const error = await refusal(`x=0 | ${stack}`);
    expect(error.code).toBe('UNSAFE_ENTRY');
    expect(error.message).toContain(name);
    expect(error.details.layer).toBe(1);
  });

  it('that stays inside is cleaned by text', async () => {
    expect(await flat('a/../b=1')).toBe('b=1');
    expect(await flat('d/ d/e/ l->d/e | l/../b=1')).toBe('b=1 d/ d/e/ l->d/e');
    expect(await flat('d/ d/a=1 | -d/e/../a')).toBe('d/');
    expect(await flat('a=1 h=>x/../a')).toBe('a=1 h=>a');
    expect(await flat('a/b/..=1')).toBe('a=1');
  });
});

describe('a character device 0:0', () => {
  it('is kept, with a warning that names it', async () => {
    const { text, warnings } = await flatten('d/ d/a=1 | d/ d/a=char:0,0[600]');
    expect(text).toBe('d/ d/a=char:0,0[600]');
    expect(warnings).toMatchObject([{ code: 'device-zero', path: 'd/a', layer: 1 }]);
  });

  it('is a whiteout with whiteouts=overlay', async () => {
    expect(await flat('d/ d/a=1 d/b=2 | d/a=char:0,0', OVERLAY)).toBe('d/ d/b=2');
    expect(await flat('d/ d/a=1 | d=char:0,0', OVERLAY)).toBe('');
    expect(await flat('a=char:0,0', OVERLAY)).toBe('');
  });
});

describe('overlay xattrs', () => {
  const lower = 'd/ d/x=1 d/e/ d/e/y=2 z=3';

  it.each(['trusted', 'user'])('%s.overlay.opaque=y is an opaque marker', async (space) => {
    const stack = `${lower} | d/[700,${space}.overlay.opaque=y,user.a=b] d/n=4`;
    await check(['', stack, 'd/[700,user.a=b] d/n=4 z=3', 'overlay-xattr']);
  });

  it('counts as applied first', async () => {
    const { text, codes } = await flatten(`${lower} | d/n=4 d/[trusted.overlay.opaque=y]`);
    expect(text).toBe('d/ d/n=4 z=3');
    expect(codes).toContain('overlay-xattr');
  });

  it('is read with whiteouts=overlay too', async () => {
    expect(await flat(`${lower} | d/[trusted.overlay.opaque=y]`, OVERLAY)).toBe('d/ z=3');
  });

  it('is ignored and not written with whiteouts=oci', async () => {
    const { text } = await flatten(`${lower} | d/[trusted.overlay.opaque=y]`, OCI);
    expect(text).toBe('d/ d/e/ d/e/y=2 d/x=1 z=3');
  });

  it.each([
    'trusted.overlay.redirect=/x',
    'user.overlay.redirect=/x',
    'trusted.overlay.metacopy=',
    'user.overlay.metacopy=',
  ])('%s is refused', async (xattr) => {
    const error = await refusal(`d/ f=1 | d/[${xattr}]`);
    expect(['UNSUPPORTED', 'BAD_LAYER']).toContain(error.code);
    expect(error.message).toContain('overlay');
    expect((await refusal(`f=1[${xattr}]`)).code).toBe(error.code);
  });

  it('of other kinds are dropped with a warning', async () => {
    const origin = 'trusted.overlay.origin=\\x00\\xfb,user.overlay.impure=y,user.overlayed=1';
    await check(['', `f=1[${origin}]`, 'f=1[user.overlayed=1]', 'overlay-xattr']);
  });
});

describe("the root's own entry", () => {
  const rows: readonly Row[] = [
    [
      'is written where it says something',
      './[1777,1:2] a=1',
      './[1777,1:2] a=1',
      'root-attributes',
    ],
    ['counts in the topmost layer', './[1777] a=1 | ./[700]', './[700] a=1', 'root-attributes'],
    ['stays from below', './[700] | a=1', './[700] a=1', 'root-attributes'],
    ['carries xattrs', './[user.a=b]', './[user.a=b]', 'root-attributes'],
    ['has no mtime', './[700,@5]', './[700]', 'root-attributes'],
    ['is left out where it says nothing', './[@5] a=1', 'a=1'],
    ['is left out where the topmost says nothing', './[700] | ./[755] a=1', 'a=1'],
    ['may be written /', '/[700]', './[700]', 'root-attributes'],
  ];
  it.each(titled(rows))('%s', async (_, row) => check(row));

  it('may be written . and a/..', async () => {
    const specs = ['.', './.', '//', 'a/..'].map(
      (name) => ({ name, type: 'dir', mode: 0o700 }) as const,
    );
    for (const spec of specs) expect(await flat([tarOf(spec)])).toBe('./[700]');
  });

  it('can be opaque', async () => {
    expect(await flat('./[700] a=1 d/ d/x=2 | ./! b=3')).toBe('./[700] b=3');
  });
});

describe('sparse files', () => {
  const hole = (size: number): Buffer => sparseOld('big', size, [{ offset: size - 1, data: 'x' }]);

  it('are expanded with a warning that names them', async () => {
    const { tree, warnings } = await flatten([tar([hole(5000)])]);
    expect(tree.get('big')?.body.length).toBe(5000);
    expect(warnings).toMatchObject([{ code: 'sparse-expanded', path: 'big', layer: 0 }]);
  });

  it('are refused where the output would pass its limit', async () => {
    const error = await refusal([tar([hole(2 ** 40)])]);
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect((await refusal([tar([hole(100_000)])], { maxOutput: 50_000 })).code).toBe(
      'LIMIT_EXCEEDED',
    );
    expect((await flatten([tar([hole(40_000)])], { maxOutput: 50_000 })).tree.size).toBe(1);
  });

  it('do not count where they do not survive', async () => {
    expect(await flat([tar([hole(2 ** 40)]), ...layers('-big a=1')])).toBe('a=1');
  });

  it('the limit holds for plain files too', async () => {
    expect((await refusal('a=1 b=2', { maxOutput: 2048 })).code).toBe('LIMIT_EXCEEDED');
  });
});

describe('PAX records', () => {
  it('of unknown keys are dropped, with one warning for each key', async () => {
    const records = paxRecords([
      ['VENDOR.a', '1'],
      ['LIBARCHIVE.creationtime', '5'],
      ['SCHILY.fflags', 'nodump'],
    ]);
    const specs = ['a', 'b', 'c'].map((name) => ({ name, type: 'file', records }) as const);
    const { text, warnings } = await flatten([tarOf(...specs), tarOf(...specs)]);
    expect(text).toBe('a= b= c=');
    expect(warnings.map(({ code }) => code)).toEqual(Array(3).fill('pax-unknown-key'));
    const said = warnings.map(({ message }) => message).join('\n');
    for (const key of ['VENDOR.a', 'LIBARCHIVE.creationtime', 'SCHILY.fflags']) {
      expect(said).toContain(key);
    }
  });

  it('of times and names that are not carried go without a word', async () => {
    const file = {
      name: 'a',
      type: 'file',
      uname: 'root',
      gname: 'wheel',
      format: 'pax-all',
    } as const;
    const { text, codes } = await flatten([tarOf(file)]);
    expect(text).toBe('a=');
    expect(codes).toEqual([]);
  });

  it('with an empty value leave the header alone', async () => {
    const records = paxRecords([
      ['path', ''],
      ['uid', ''],
      ['mtime', ''],
    ]);
    const layer = tar([paxHeader(records), rawEntry({ name: 'a', mode: 0o644, uid: 5, mtime: 6 })]);
    expect(await flat([layer])).toBe('a=[5:0,@6]');
  });

  it('with an empty value take back what a global header said', async () => {
    const layer = tar([
      paxGlobal(
        paxRecords([
          ['uid', '9'],
          ['SCHILY.xattr.user.a', 'g'],
        ]),
      ),
      paxHeader(paxRecord('uid', '')),
      rawEntry({ name: 'a', mode: 0o644, uid: 3 }),
    ]);
    expect(await flat([layer])).toBe('a=[3:0,user.a=g]');
  });

  it('count the last of a key', async () => {
    const records = paxRecord('uid', '1') + paxRecord('uid', '2');
    expect(await flat([tarOf({ name: 'a', type: 'file', records })])).toBe('a=[2:0]');
  });
});

describe('eStargz landmarks', () => {
  it('are stripped with a warning', async () => {
    const stack = 'stargz.index.json={} .no.prefetch.landmark=x a=1 | .prefetch.landmark=x b=2';
    await check(['', stack, 'a=1 b=2', 'estargz-removed']);
  });

  it('are ordinary names in a directory', async () => {
    await check(['', 'd/ d/stargz.index.json={}', 'd/ d/stargz.index.json={}']);
  });
});

describe('names that begin with .wh.', () => {
  it.each([
    '.wh.d/',
    '.wh.d/x=1',
    'a/ a/.wh.b/ a/.wh.b/x=1',
    '.wh..wh..opq/',
    'a/ a/.wh..wh..opq/x=1',
  ])('%s is refused', async (stack) => {
    const error = await refusal(stack);
    expect(error.code).toBe('BAD_LAYER');
    expect(error.message).toContain('.wh.');
  });

  it.each([
    '.wh..wh.plnk/ .wh..wh.plnk/1.2=x',
    '.wh..wh.aufs=',
    '.wh..wh.orph/',
    'd/ d/.wh..wh.tmp=',
  ])('AUFS metadata is skipped: %s', async (stack) => {
    const { text, codes } = await flatten(`${stack} a=1`);
    expect(text.replace('d/', '').trim()).toBe('a=1');
    expect(codes).toContain('aufs-metadata');
  });
});

describe('what one layer deletes and uses at once', () => {
  it('whiteouts do not see symlinks of their own layer', async () => {
    expect(await flat('etc/ etc/passwd=1 | z->/ -z/etc/passwd')).toBe('etc/ etc/passwd=1 z->/');
    expect(await flat('etc/ etc/passwd=1 | -z/etc/passwd z->/')).toBe('etc/ etc/passwd=1 z->/');
    expect(await flat('etc/ etc/passwd=1 | z->/etc z/!')).toBe('etc/ etc/passwd=1 z->/etc');
  });

  it.each([
    'a=1 | b=>a -a',
    'a=1 | -a b=>a',
    'd/ d/a=1 | b=>d/a d/!',
    'd/ d/a=1 | b=>d/a -d',
  ])('links see what stands after the whiteouts: %s', async (stack) => {
    const error = await refusal(stack);
    expect(error.code).toBe('BAD_LAYER');
    expect(error.message).toContain('a');
  });

  it('a whiteout of nothing hides nothing, and its directory is made as engines make it', async () => {
    expect(await flat('a=1 | -gone')).toBe('a=1');
    expect(await flat('a=1 | -gone/x')).toBe('a=1 gone/');
  });

  it('a link names its own layer again after a whiteout', async () => {
    expect(await flat('a=1 | -a a=2 b=>a')).toBe('a=2 b=>a');
  });
});

describe('hard links', () => {
  it.each([
    ['missing', 'x=1 | h=>gone'],
    ['later', 'x=1 | h=>y y=2'],
    ['a directory', 'd/ | h=>d'],
    ['the root', 'h=>/'],
    ['itself', 'x=1 | h=>h'],
    ['itself where a lower layer has it', 'h=1 | h=>h'],
    ['below a file', 'f=1 | h=>f/x'],
    ['below what is missing', 'x=1 | h=>gone/x'],
    ['a whiteout', 'f=1 | -f h=>.wh.f'],
  ])('to what is no file (%s) are refused, naming the entry', async (_, stack) => {
    const error = await refusal(stack);
    expect(error.code).toBe('BAD_LAYER');
    expect(error.message).toMatch(/\bh\b/);
  });

  it('an entry whose attributes differ gets a warning, the inode counts', async () => {
    await check(['', 'a=1[600,5:6] b=>a[644,1:1]', 'a=1[600,5:6] b=>a', 'link-attributes']);
    await check(['', 'a=1[600,5:6,@7] b=>a[600,5:6,@7]', 'a=1[600,5:6,@7] b=>a']);
  });

  it.each([
    '[644,5:6,@7]',
    '[600,1:6,@7]',
    '[600,5:1,@7]',
    '[600,5:6,@7,user.a=b]',
  ])('one attribute that differs is enough: %s', async (own) => {
    const inode = 'a=1[600,5:6,@7]';
    await check(['', `${inode} b=>a${own}`, `${inode} b=>a`, 'link-attributes']);
  });

  it('replace what stood there', async () => {
    expect(await flat('a=1 d/ d/x=2 | d=>a')).toBe('a=1 d=>a');
    expect(await flat('a=1 b=2 c=>b | b=>a')).toBe('a=1 b=>a c=2');
  });

  it('a link over its own name changes nothing', async () => {
    expect(await flat('a=1 b=>a | b=>a')).toBe('a=1 b=>a');
  });
});

describe('the canonical output', () => {
  it('is in order of path bytes, component by component', async () => {
    const stack = 'a!=1 a/ a/z=2 a.b/ a.b/c=3 \\xff=4 a\\x01=5 A=6';
    expect(await flat(stack)).toBe('A=6 a/ a/z=2 a\\x01=5 a!=1 a.b/ a.b/c=3 \\xff=4');
  });

  it('makes the first name by path bytes the file', async () => {
    expect(await flat('z=1 m=>z a=>z')).toBe('a=1 m=>a z=>a');
    expect(await flat('d!=1 d/ d/x=>d!')).toBe('d/ d/x=1 d!=>d/x');
  });

  it('gives symlinks the mode 0777', async () => {
    expect(await flat('l->x[644]')).toBe('l->x');
  });

  it('is empty for empty stacks', async () => {
    expect(await flat([])).toBe('');
    expect(await flat([tar([]), tar([])])).toBe('');
    expect(await flat('a=1 | -a')).toBe('');
  });

  it('is the same bytes for every dialect', async () => {
    const stack = 'd/[700,1:2] d/f=1[4755,@5] h=>d/f l->x c=char:1,3';
    const outputs = await Promise.all(
      (['ustar', 'gnu', 'pax', 'pax-all', 'v7'] as const).map(async (format) =>
        Buffer.from((await flatten(layers(stack, format))).tar).toString('latin1'),
      ),
    );
    expect(new Set(outputs).size).toBe(1);
  });

  it('ignores what a header has no use for', async () => {
    const layer = tar([
      rawEntry({ name: 'c', mode: 0o600, typeflag: '3', devmajor: 1, devminor: 3, linkname: 'x' }),
      rawEntry({ name: 'd/', mode: 0o755, typeflag: '5', linkname: 'x', devmajor: 4 }),
      rawEntry({ name: 'f', mode: 0o644, linkname: 'x', devmajor: 1, devminor: 2 }, '1'),
      paxHeader(paxRecord('linkpath', 'y')),
      rawEntry({ name: 'g', mode: 0o644 }, '2'),
      header({ name: 'h', mode: 0o644, typeflag: '1', linkname: 'f', size: 700 }),
      header({ name: 'l', mode: 0o777, typeflag: '2', linkname: 'f', size: 700, devmajor: 1 }),
    ]);
    expect(await flat([layer])).toBe('c=char:1,3[600] d/ f=1 g=2 h=>f l->f');
  });

  it('ignores what a header says beyond its mode bits', async () => {
    expect(await flat([tar([entry({ name: 'a', type: 'file', mode: 0o100600 })])])).toBe('a=[600]');
  });
});
