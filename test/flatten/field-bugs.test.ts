// Known bugs of other tools that concern the merge of layers, one named test for each (`flatten-bugs.md`).
// Elsewhere, because they are not about the merge: 36-39 (keep-base), 40 and 45 (configuration, platforms, history),
// 41 and 42 (media types, sniffing, attestations), 46 (size of a blob).
import { describe, expect, it } from 'vitest';
import { layers } from '../support/layers.ts';
import {
  base256,
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
  tarOf,
  utf8,
} from '../support/tar-builder.ts';
import { flat, flatten, refusal } from './flat.ts';

/** A bug whose right answer is a tree: number, short name, stack, tree. */
type Row = readonly [bug: number, name: string, stack: string, tree: string];

const TREES: readonly Row[] = [
  [1, 'hl_target_deleted', 'a=1 b=>a | -a', 'b=1'],
  [1, 'hl_target_deleted with its directory', 'd/ d/a=1 b=>d/a | -d', 'b=1'],
  [1, 'hl_target_deleted by an opaque marker', 'd/ d/a=1 b=>d/a | d/!', 'b=1 d/'],
  [2, 'hl_target_overwritten', 'a=1 b=>a | a=2', 'a=2 b=1'],
  [2, 'hl_target_overwritten by a symlink', 'a=1 b=>a | a->x', 'a->x b=1'],
  [2, 'hl_target_overwritten by a directory', 'a=1 b=>a | a/ a/c=2', 'a/ a/c=2 b=1'],
  [3, 'two siblings of an overwritten target', 'a=1 b=>a c=>a | a=2', 'a=2 b=1 c=>b'],
  [3, 'siblings overwritten one by one', 'a=1 b=>a c=>a | a=2 | b=3', 'a=2 b=3 c=1'],
  [4, 'hl_upper_to_lower', 'z=1 | a=>z', 'a=1 z=>a'],
  [4, 'hl_upper_to_lower in a directory', 'a!/ a!/z=1 | a/ a/b=>a!/z', 'a/ a/b=1 a!/ a!/z=>a/b'],
  [5, 'hl_chain_cross_layer', 'a=1 | b=>a | c=>b | -b', 'a=1 c=>a'],
  [5, 'hl_chain_cross_layer, first deleted', 'a=1 | b=>a | c=>b | -a', 'b=1 c=>b'],
  [6, 'hl_dotslash', 'a=1 b=>./a | -a', 'b=1'],
  [6, 'hl_abs', 'a=1 b=>/a | -a', 'b=1'],
  [6, 'hl_dotslash of both names', './d/a=1 ./b=>.//d/./a | -/d/a', 'b=1 d/'],
  [7, 'hl_to_symlink', 't=1 s->t h=>s', 'h->t s=>h t=1'],
  [7, 'hl_to_symlink, symlink deleted', 't=1 s->t h=>s | -s', 'h->t t=1'],
  [7, 'hl_to_symlink that dangles', 's->gone | h=>s', 'h->gone s=>h'],
  [9, 'hardlinks added again', 'a=1 b=>a | a=1 b=>a', 'a=1 b=>a'],
  [9, 'hardlinks added again the other way round', 'a=1 b=>a | b=1 a=>b', 'a=1 b=>a'],
  [10, 'links that a layer border cuts', 'a=1 b=>a | c=>b | d=>c', 'a=1 b=>a c=>a d=>a'],
  [11, 'wh_file_and_file_same_layer', 'a=1 | -a a=2', 'a=2'],
  [11, 'the same, whiteout last', 'a=1 | a=2 -a', 'a=2'],
  [11, 'the same in the first layer', 'a=2 -a', 'a=2'],
  [12, 'wh_and_recreate_same_layer_wh_first', 'd/ d/x=1 | -d d/ d/y=2', 'd/ d/y=2'],
  [13, 'wh_and_recreate_same_layer_wh_last', 'd/ d/x=1 | d/ d/y=2 -d', 'd/ d/y=2'],
  [14, 'an opaque marker is no whiteout of .wh..opq', 'd/ d/x=1 | d/ d/!', 'd/'],
  [14, 'an opaque marker reaches any depth', 'd/ d/e/ d/e/f/ d/e/f/x=1 | d/!', 'd/'],
  [15, 'opq_implicit_parent_last', 'd/ d/x=1 | d/n/y=2 d/!', 'd/ d/n/ d/n/y=2'],
  [15, 'the same below a lower directory', 'd/ d/s/ d/s/x=1 | d/s/y=2 d/!', 'd/ d/s/ d/s/y=2'],
  [15, 'opaque first', 'd/ d/s/ d/s/x=1 | d/! d/s/y=2', 'd/ d/s/ d/s/y=2'],
  [16, 'opq_no_dir_entry', 'd/[1700,5:6,@5] d/x=1 | d/!', 'd/[1700,5:6,@5]'],
  [17, 'an opaque marker stays out of the result', 'd/ d/! d/x=1', 'd/ d/x=1'],
  [17, 'so does a whiteout of nothing', 'a=1 -b d/ -d/c', 'a=1 d/'],
  [18, 'opaque through a symlinked directory', 'u/ u/x=1 l->u | l/!', 'l->u u/'],
  [19, 'whiteout_prefix_in_middle', 'foo.wh.bar=1 bar=2 | x=3', 'bar=2 foo.wh.bar=1 x=3'],
  [19, 'the same in a directory', 'd.wh.e/ d.wh.e/f=1 .wh=2', '.wh=2 d.wh.e/ d.wh.e/f=1'],
  [21, 'dir_to_file', 'd/ d/x=1 d/e/ d/e/y=2 | d=f', 'd=f'],
  [21, 'dir_to_file and back', 'd/ d/x=1 | d=f | d/ d/y=2', 'd/ d/y=2'],
  [22, 'dir_to_symlink', 'd/ d/x=1 t/ | d->t', 'd->t t/'],
  [22, 'dir_to_symlink, then below it', 'd/ d/x=1 t/ | d->t | d/y=2', 'd->t t/ t/y=2'],
  [22, 'symlink to directory', 'd->t t/ t/x=1 | d/ d/y=2', 'd/ d/y=2 t/ t/x=1'],
  [24, 'symlink_parent_implicit', 'u/ u/l/ l->u/l | l/n=1', 'l->u/l u/ u/l/ u/l/n=1'],
  [24, 'symlink_parent_implicit_wh', 'u/ u/l/ u/l/o=1 l->u/l | -l/o', 'l->u/l u/ u/l/'],
  [25, 'missing_parent_lower_has', 'tmp/[1777,@5] | tmp/x=1', 'tmp/[1777,@5] tmp/x=1'],
  [25, 'missing parents that no layer has', 'a/b/c=1', 'a/ a/b/ a/b/c=1'],
  [26, 'dotslash_mixed', 'a=1 | ./a=2 | /a=3', 'a=3'],
  [26, 'dotslash_mixed with whiteouts', './d/ ./d/x=1 d/y=2 /d/z=3 | -/d/x -./d/y -d/z', 'd/'],
  [27, 'dup_in_layer', 'a=1 a=2', 'a=2'],
  [27, 'dup_dir_then_file_in_layer', 'd/ d/x=1 d=f', 'd=f'],
  [27, 'a link means what its target was there', 'a=1 b=>a a=2', 'a=2 b=1'],
  [28, 'links that leave the root', 'd/ d/l->../../x m->/../etc', 'd/ d/l->../../x m->/../etc'],
  [30, 'names that are not UTF-8', '\\xff\\xfe=1 caf\\xe9=2', 'caf\\xe9=2 \\xff\\xfe=1'],
  [30, 'link texts that are not UTF-8', 'l->caf\\xe9/\\x80', 'l->caf\\xe9/\\x80'],
  [34, 'char00', 'a=1 | a=char:0,0', 'a=char:0,0'],
  [
    35,
    'fifos and devices',
    'b=block:8,17[660,0:6] c=char:1,3[666] p=fifo:[600] | d=>c',
    'b=block:8,17[660,0:6] c=char:1,3[666] d=>c p=fifo:[600]',
  ],
];

describe('bugs whose right answer is a tree', () => {
  it.each(TREES)('bug %i, %s: %s', async (_bug, _name, stack, tree) => {
    expect(await flat(stack)).toBe(tree);
  });
});

describe('bug 8: a promoted link keeps the attributes of its inode', () => {
  const attributes = '[4755,5:6,@7.5,security.capability=\\x01\\x00\\xff]';

  it('HardLinkDeleteXattr', async () => {
    expect(await flat(`a=1${attributes} b=>a c=>a | -a`)).toBe(`b=1${attributes} c=>b`);
  });

  it('also where the link entry says otherwise', async () => {
    expect(await flat(`a=1${attributes} b=>a[777,9:9,user.x=y] | -a`)).toBe(`b=1${attributes}`);
  });

  it('also when a higher layer changes the mode of the carrier', async () => {
    expect(await flat(`a=1${attributes} b=>a | a=1[600]`)).toBe(`a=1[600] b=1${attributes}`);
  });
});

describe('bug 20, empty_wh_name: a whiteout of nothing is refused', () => {
  it.each(['.wh.=', 'd/.wh.=', '.wh..=', 'd/.wh...=', './.wh.='])('%s', async (word) => {
    const error = await refusal(`a=1 d/ d/x=2 | ${word}`);
    expect(error.code).toBe('BAD_LAYER');
    expect(error.message + String(error.details.entry)).toContain('.wh.');
  });
});

describe('bug 23, file_to_dir_implicit: a file used as a directory', () => {
  it.each(['x=1 | x/y=2', 'x=1 x/y=2', 'd/ d/x=1 | d/x/y/z=2'])('%s is refused', async (stack) => {
    const error = await refusal(stack);
    expect(error.code).toBe('BAD_LAYER');
    expect(error.message).toMatch(/x\/y/);
    expect(error.message).toMatch(/"?(d\/)?x"?(?!\/)/);
  });

  it('with a directory entry the directory replaces the file', async () => {
    expect(await flat('x=1 | x/ x/y=2')).toBe('x/ x/y=2');
  });
});

describe('bug 29: extended attributes are bytes', () => {
  const all = String.fromCharCode(...Array(256).keys());
  const values: readonly (readonly [string, string])[] = [
    ['security.capability', '\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'],
    ['security.ima', all],
    ['system.posix_acl_access', '\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff'],
    ['user.records', '12 user.b=x\n'],
    ['user.empty', ''],
    ['user.caf\xe9', '\xff'],
  ];

  it('on files, directories and symlinks, through two layers', async () => {
    const lower = tarOf(
      { name: 'd/', type: 'dir', xattrs: values },
      { name: 'f', type: 'file', xattrs: values },
      { name: 's', type: 'symlink', linkname: 'f', xattrs: values },
    );
    const { tree } = await flatten([lower, ...layers('x=1')]);
    for (const path of ['d', 'f', 's']) {
      expect(new Map(tree.get(path)?.xattrs)).toEqual(new Map(values));
    }
  });

  it('an upper entry without them takes them away', async () => {
    expect(await flat('a=1[user.a=b] d/[user.a=b] | a=1 d/')).toBe('a=1 d/');
  });
});

describe('bug 30: names are bytes', () => {
  const names = [
    '\xff\xfe',
    'caf\xe9',
    utf8('café'),
    utf8('cafe\u0301'),
    'a\nb',
    '\x01',
    'n'.repeat(140),
  ];

  it.each(['ustar', 'gnu', 'pax', 'pax-all'] as const)('in %s', async (format) => {
    const specs = names.map((name) => ({ name, type: 'file', body: name, format }) as const);
    const { tree } = await flatten([tarOf(...specs)]);
    expect([...tree.keys()].sort()).toEqual([...names].sort());
    for (const name of names) expect(tree.get(name)?.body.toString('latin1')).toBe(name);
  });

  it('a whiteout finds them', async () => {
    const markers = names.map((name) => ({ name: `.wh.${name}`, type: 'file' }) as const);
    const files = names.map((name) => ({ name, type: 'file' }) as const);
    expect(await flat([tarOf(...files), tarOf(...markers)])).toBe('');
  });
});

describe('bug 31: sparse files are expanded', () => {
  const segments = [
    { offset: 0, data: 'head' },
    { offset: 1000, data: 'x'.repeat(700) },
    { offset: 2000, data: 'tail' },
  ];
  const many = Array.from({ length: 60 }, (_, at) => ({ offset: at * 10, data: `${at % 10}` }));

  function expanded(runs: readonly { offset: number; data: string }[], size: number): string {
    const bytes = Buffer.alloc(size);
    for (const { offset, data } of runs) bytes.write(data, offset, 'latin1');
    return bytes.toString('latin1');
  }

  it.each([
    ['old', sparseOld],
    ['0.0', sparse00],
    ['0.1', sparse01],
    ['1.0', sparse10],
  ] as const)('form %s', async (_, make) => {
    const layer = tar([
      make('a', 3000, segments),
      make('b', 600, many),
      make('hole', 1500, [{ offset: 1500, data: '' }]),
      make('none', 0, []),
      entry({ name: 'z', type: 'file', body: 'after' }),
    ]);
    const { tree, codes } = await flatten([layer, ...layers('x=1')]);
    expect([...tree.keys()]).toEqual(['a', 'b', 'hole', 'none', 'x', 'z']);
    expect(tree.get('a')?.body.toString('latin1')).toBe(expanded(segments, 3000));
    expect(tree.get('b')?.body.toString('latin1')).toBe(expanded(many, 600));
    expect(tree.get('hole')?.body.equals(Buffer.alloc(1500))).toBe(true);
    expect(tree.get('none')?.body.length).toBe(0);
    expect(tree.get('z')?.body.toString('latin1')).toBe('after');
    expect(codes).toContain('sparse-expanded');
  });
});

describe('bug 32: PAX global headers', () => {
  const file = (name: string, records = ''): Buffer =>
    entry({ name, type: 'file', body: name, format: 'pax', records });

  it('govern the entries behind them, and local records win', async () => {
    const global = paxRecords([
      ['mtime', '5.5'],
      ['uid', '3000000'],
      ['SCHILY.xattr.user.a', 'g'],
    ]);
    const local = paxRecords([
      ['uid', '7'],
      ['SCHILY.xattr.user.a', 'l'],
    ]);
    const layer = tar([file('a'), paxGlobal(global), file('b'), file('c', local)]);
    const { text, codes } = await flatten([layer]);
    expect(text).toBe('a=a b=b[3000000:0,@5.5,user.a=g] c=c[7:0,@5.5,user.a=l]');
    expect(codes).toContain('pax-global-header');
  });

  it('replace one another key by key', async () => {
    const layer = tar([
      paxGlobal(
        paxRecords([
          ['uid', '1'],
          ['gid', '2'],
        ]),
      ),
      file('a'),
      paxGlobal(paxRecord('uid', '3')),
      file('b'),
    ]);
    expect(await flat([layer])).toBe('a=a[1:2] b=b[3:2]');
  });

  it('do not reach into the next layer', async () => {
    const first = tar([paxGlobal(paxRecord('uid', '9')), file('a')]);
    expect(await flat([first, tar([file('b')])])).toBe('a=a[9:0] b=b');
  });

  it('do no harm alone, at the end or with a comment', async () => {
    const comment = paxGlobal(paxRecord('comment', 'f'.repeat(40)));
    expect(await flat([tar([comment])])).toBe('');
    expect(await flat([tar([comment, file('a'), comment])])).toBe('a=a');
  });
});

describe('bug 33: numbers out of the octal range', () => {
  it('base-256 sizes, owners and times', async () => {
    const layer = tar([
      rawEntry(
        {
          name: 'a',
          mode: 0,
          magic: 'gnu',
          size: base256(3, 12),
          uid: base256(3_000_000, 8),
          gid: base256(4_294_967_294, 8),
          mtime: base256(2n ** 33n + 5n, 12),
        },
        'abc',
      ),
      rawEntry({ name: 'b', mode: 0o644, magic: 'gnu', mtime: base256(-5, 12) }),
    ]);
    expect(await flat([layer])).toBe('a=abc[0,3000000:4294967294,@8589934597] b=[@-5]');
  });

  it('mode 0 and times before 1970, far off and with nanoseconds', async () => {
    const stack =
      'a=[0,@-1.000000001] b/[0,@9000000000] c=[@253402300800.123456789] d=[@0.000000001]';
    expect(await flat(stack)).toBe(stack);
  });
});

describe('bug 34, char00: a device 0:0', () => {
  it('is kept with a warning, also with oci whiteouts', async () => {
    expect((await flatten('a=1 | a=char:0,0')).codes).toContain('device-zero');
    expect(await flat('a=1 | a=char:0,0', { whiteouts: 'oci' })).toBe('a=char:0,0');
  });

  it('is a whiteout with overlay whiteouts', async () => {
    const stack = 'a=1 d/ d/x=1 b=2 | a=char:0,0 d=char:0,0 c=char:1,3 e=block:0,0';
    const text = 'b=2 c=char:1,3 e=block:0,0';
    expect(await flat(stack, { whiteouts: 'overlay' })).toBe(text);
  });
});

describe('bug 43: the same layer twice', () => {
  it('counts at both places', async () => {
    const [layer = new Uint8Array()] = layers('a=1 b=>a d/ d/x=2');
    const [removal = new Uint8Array()] = layers('-a -d b=3');
    expect(await flat([layer, removal, layer])).toBe('a=1 b=>a d/ d/x=2');
    expect(await flat([layer, removal, layer, removal])).toBe('b=3');
  });
});

describe('bug 44: bytes behind the end of a layer', () => {
  it('are read over', async () => {
    const parts = [entry({ name: 'a', type: 'file', body: '1' })];
    expect(await flat([tar(parts, { trailing: 'x'.repeat(2000) })])).toBe('a=1');
    expect(await flat([tar(parts, { zeroBlocks: 20 })])).toBe('a=1');
  });
});
