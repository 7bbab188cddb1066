// Hostile layers: A1-A16 and B1-B9 of `faults.md`. A refusal has its code, names its entry, comes in bounded time and
// leaves nothing of the attack behind; what is odd but legal passes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitPlan } from '../../src/flatten/emit.ts';
import { planFlatten } from '../../src/flatten/plan.ts';
import { DEFAULT_POLICY } from '../../src/flatten/policy.ts';
import { scanTar } from '../../src/tar/scan.ts';
import { amount } from '../support/amount.ts';
import { inMemory, silent } from '../support/flatten.ts';
import { layers } from '../support/layers.ts';
import {
  base256,
  entry,
  gnuLong,
  header,
  padded,
  paxGlobal,
  paxHeader,
  paxRecord,
  paxRecords,
  rawEntry,
  sparse00,
  sparse01,
  sparse10,
  sparseOld,
  tar,
  tarOf,
} from '../support/tar-builder.ts';
import { type FlattenOptions, flat, flatten, refusal, type Stack } from './flat.ts';

const SECOND = 1000;
const MIB = 2 ** 20;
const MANY = amount(10_000, 50_000);

/** A refusal that comes soon and takes no memory to speak of. */
async function refusedSoon(
  stack: Stack,
  options: FlattenOptions = {},
): Promise<{ code: string; message: string }> {
  const started = performance.now();
  const before = process.memoryUsage().rss;
  const { code, message } = await refusal(stack, options);
  expect(performance.now() - started).toBeLessThan(5 * SECOND);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB);
  return { code, message };
}

async function expectCode(code: string, stack: Stack, named = ''): Promise<void> {
  const error = await refusedSoon(stack);
  expect(error).toMatchObject({ code });
  expect(error.message).toContain(named);
}

function file(name: string, body = ''): Buffer {
  return entry({ name, type: 'file', body });
}

describe('A1: names that leave the root', () => {
  it.each(['../x', 'a/../../x', '/../x', './../x', 'a/b/../../../x', '..'])('%s', async (name) => {
    for (const type of ['file', 'dir', 'symlink', 'fifo'] as const) {
      const linkname = type === 'symlink' ? 'y' : '';
      await expectCode('UNSAFE_ENTRY', [tarOf({ name, type, linkname })], name);
    }
  });

  it('in PAX and GNU long names', async () => {
    const name = `${'d/'.repeat(80)}${'../'.repeat(81)}x`;
    for (const format of ['pax', 'gnu'] as const) {
      await expectCode('UNSAFE_ENTRY', [tarOf({ name, type: 'file', format })]);
    }
  });

  it('a leading slash is no harm', async () => {
    expect(await flat('/a=1 //b=2 /./c=3 d/.././e=4')).toBe('a=1 b=2 c=3 e=4');
  });
});

describe('A2: writes through symlinked parents', () => {
  it.each([
    ['l->/etc | l/x=1', 'etc/ etc/x=1 l->/etc'],
    ['l->../../../../etc | l/x=1', 'etc/ etc/x=1 l->../../../../etc'],
    ['d/ l->d l/x=1 l->e l/y=2', 'd/ d/x=1 e/ e/y=2 l->e'],
    ['d=1 d->/tmp d/x=1', 'd->/tmp tmp/ tmp/x=1'],
    ['d/ d/l->.. | d/l/d/l/x=1', 'd/ d/l->.. x=1'],
    ['l->/ | l/l/l/x=1', 'l->/ x=1'],
  ])('%s stays in the image', async (stack, tree) => expect(await flat(stack)).toBe(tree));
});

describe('A3: the root as something else than a directory', () => {
  it.each(['./', '/.', '/', '.', '', 'a/..'])('%j', async (name) => {
    for (const typeflag of ['0', '1', '2', '6']) {
      const layer = tar([file('x'), rawEntry({ name, typeflag, linkname: 'x' })]);
      const { code } = await refusedSoon([layer]);
      expect(['UNSAFE_ENTRY', 'BAD_LAYER']).toContain(code);
    }
  });
});

describe('A4, A5: hard links to what is no file of the image', () => {
  it.each([
    ['h=>..', 'UNSAFE_ENTRY'],
    ['h=>../../etc/passwd', 'UNSAFE_ENTRY'],
    ['h=>/etc/passwd', 'BAD_LAYER'],
    ['l->/etc h=>l/passwd', 'BAD_LAYER'],
    ['l->../../etc h=>l/passwd', 'BAD_LAYER'],
    ['h=>gone', 'BAD_LAYER'],
    ['h=>later later=1', 'BAD_LAYER'],
    ['d/ h=>d', 'BAD_LAYER'],
    ['h=>h', 'BAD_LAYER'],
    ['a=>b b=>a', 'BAD_LAYER'],
    ['h=>.', 'BAD_LAYER'],
  ])('%s', async (stack, code) => {
    const error = await refusedSoon(`x=1 | ${stack}`);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/\b[ah]\b/);
  });

  it('an empty link name', async () => {
    const { code } = await refusedSoon([tar([rawEntry({ name: 'h', typeflag: '1' })])]);
    expect(['BAD_LAYER', 'UNSAFE_ENTRY']).toContain(code);
  });
});

describe('A6: one side of a lower pair changes', () => {
  it.each([
    ['a=1 b=>a | a=2', 'a=2 b=1'],
    ['a=1 b=>a | b=2', 'a=1 b=2'],
    ['a=1 b=>a | -a', 'b=1'],
    ['a=1 b=>a | -b', 'a=1'],
    ['a=1 b=>a | a/', 'a/ b=1'],
  ])('%s', async (stack, tree) => expect(await flat(stack)).toBe(tree));
});

describe('A7: whiteouts of the directory or its parent', () => {
  it.each([
    '.wh.',
    '.wh..',
    '.wh...',
    'd/.wh.',
    'd/.wh..',
    'd/.wh...',
    './/.wh.',
  ])('%s', async (name) => {
    const [lower = new Uint8Array()] = layers('a=1 d/ d/x=2');
    await expectCode('BAD_LAYER', [lower, tar([file(name)])], '.wh.');
  });
});

describe('A8: opaque markers', () => {
  it.each([
    ['at the root', 'a=1 d/ d/x=2 | ./! n=3', 'n=3'],
    ['in an absent directory', 'a=1 | d/!', /^a=1( d\/)?$/],
    ['in an absent directory of the first layer', 'a=1 d/!', /^a=1( d\/)?$/],
    ['before', 'd/ d/x=1 | d/! d/e/f=2', 'd/ d/e/ d/e/f=2'],
    ['after', 'd/ d/x=1 | d/e/f=2 d/!', 'd/ d/e/ d/e/f=2'],
    ['over a file', 'd=1 | d/ d/!', 'd/'],
    ['twice', 'd/ d/x=1 | d/! d/! d/y=2', 'd/ d/y=2'],
    ['one below another', 'd/ d/e/ d/e/x=1 | d/e/! d/! d/e/y=2', 'd/ d/e/ d/e/y=2'],
    ['of two layers', 'd/ d/x=1 | d/! d/y=2 | d/! d/z=3', 'd/ d/z=3'],
  ])('%s', async (_, stack, tree) => {
    const text = await flat(stack);
    if (typeof tree === 'string') expect(text).toBe(tree);
    else expect(text).toMatch(tree);
  });

  it('do not loop in what they have emptied', async () => {
    expect(await flat('a/b->/ | a/! | -a')).toBe('');
    expect(await flat('a/b/c=1 a/d=2 | a/! | a/! | -a | a/e=1')).toBe('a/ a/e=1');
  });
});

describe('A9: whiteout and re-creation in either order', () => {
  it.each([
    'a=1 | -a a=2',
    'a=1 | a=2 -a',
    'a/ a/x=1 | -a a=2',
    'a/ a/x=1 | a=2 -a',
  ])('%s', async (stack) => {
    expect(await flat(stack)).toBe('a=2');
  });
});

describe('A10: AUFS metadata', () => {
  it('is skipped', async () => {
    const stack = '.wh..wh.aufs= .wh..wh.orph/ .wh..wh.plnk/ .wh..wh.plnk/9.1=x a=1';
    expect(await flat(stack)).toBe('a=1');
  });

  it('a link into it is resolved, as moby does', async () => {
    const stack = '.wh..wh.plnk/ .wh..wh.plnk/9.1=x[600] a=>.wh..wh.plnk/9.1 b=>.wh..wh.plnk/9.1';
    expect(await flat(stack)).toBe('a=x[600] b=>a');
  });
});

describe('A11: one thing in place of another', () => {
  const forms = ['x=1', 'x/ x/y=1', 'x->y', 'x=fifo:', 'x=char:1,3', 'y=1 x=>y'];
  it.each(forms.flatMap((a) => forms.map((b) => [a, b] as const)))('%s then %s', async (a, b) => {
    const second = await flat(b);
    expect(await flat(`${a} | -x -y | ${b}`)).toBe(second);
    expect(await flat(`${a} | -y | ${b}`)).toBe(second);
    expect(await flat(`${a} | -y ${b}`)).toBe(second);
  });
});

describe('A12: what a container needs to the bit', () => {
  it('setuid, sticky, devices, fifos, capabilities', async () => {
    const stack =
      'b=block:4095,1048575[660,0:6] f=1[6755,security.capability=\\x01\\x00\\x00\\x02\\x00\\xff] p=fifo:[622] t/[1777]';
    expect(await flat(stack)).toBe(stack);
  });
});

function isControl(char: string): boolean {
  const code = char.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

describe('A13: odd names', () => {
  it('all stay distinct', async () => {
    const names = [
      'A',
      'a',
      'e\xcc\x81',
      '\xc3\xa9',
      '\xe9',
      'a\\b',
      'a\rb',
      '\x1b[2J',
      'CON',
      'a ',
      'a.',
    ];
    const { tree } = await flatten([
      tarOf(...names.map((name) => ({ name, type: 'file' }) as const)),
    ]);
    expect(new Set(tree.keys())).toEqual(new Set(names));
  });

  it('are escaped in messages and warnings', async () => {
    const error = await refusal([tar([file('../\x1b[31m\r\n\x9bevil\xff')])]);
    const { warnings } = await flatten([tarOf({ name: '\x1b[2J\n/x', type: 'file' })]);
    for (const text of [error.message, ...warnings.map(({ message }) => message)]) {
      expect([...text].filter(isControl)).toEqual([]);
    }
  });
});

describe('A14: names of Object.prototype', () => {
  const names = [
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
    'prototype',
    '__defineGetter__',
  ];
  const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));

  it('as files, directories, links, xattrs and PAX keys', async () => {
    const records = paxRecords(names.map((name) => [name, 'polluted']));
    const xattrs = names.map((name) => [name, 'polluted'] as const);
    const files = names.map((name) => ({ name, type: 'file', xattrs, records }) as const);
    const links = names.map(
      (name) => ({ name: `d/${name}`, type: 'link', linkname: name }) as const,
    );
    const below = names.map((name) => ({ name: `e/${name}/${name}`, type: 'fifo' }) as const);
    const { tree } = await flatten([tarOf(...files, ...links, ...below)]);
    for (const name of names) {
      expect(new Map(tree.get(`d/${name}`)?.xattrs)).toEqual(new Map(xattrs));
      expect(tree.get(`e/${name}/${name}`)?.type).toBe('fifo');
    }
    const markers = names.map((name) => ({ name: `.wh.${name}`, type: 'file' }) as const);
    expect(await flat([tarOf(...files), tarOf(...markers)])).toBe('');
  });

  it('leave the prototype alone', () => {
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(before);
    expect(Object.hasOwn({}, 'polluted')).toBe(false);
  });
});

describe('A15: long and deep names', () => {
  it('a component of 255 bytes and a path of 4,095 pass', async () => {
    const long = 'n'.repeat(255);
    const path = `${`${'d'.repeat(99)}/`.repeat(40)}${'x'.repeat(95)}`;
    expect(path.length).toBe(4095);
    for (const format of ['pax', 'gnu'] as const) {
      const { tree } = await flatten([
        tarOf({ name: long, type: 'file', format }, { name: path, type: 'file', format }),
      ]);
      expect(tree.has(long) && tree.has(path)).toBe(true);
    }
  });

  it('a name of 255 bytes can be whited out', async () => {
    const long = 'n'.repeat(255);
    const marker = tarOf({ name: `d/.wh.${long}`, type: 'file' });
    expect(await flat([tarOf({ name: `d/${long}`, type: 'file' }), marker])).toBe('d/');
  });

  it('1,000 levels pass, also as something to remove', async () => {
    const name = `${'d/'.repeat(1000)}x`;
    const layer = tarOf({ name, type: 'file' });
    expect((await flatten([layer])).tree.size).toBe(1001);
    expect(await flat([layer, ...layers('-d')])).toBe('');
    expect(await flat([layer, ...layers('d=1')])).toBe('d=1');
    expect(await flat([layer, ...layers('d/!')])).toBe('d/');
  });

  it.each([
    ['a component of 256 bytes', 'n'.repeat(256)],
    ['a path of 5,000 bytes', `${'d/'.repeat(2499)}xx`],
    ['400,000 levels', `${'d/'.repeat(400_000)}x`],
  ])('%s is refused with a reason', async (_, name) => {
    const { code, message } = await refusedSoon([tarOf({ name, type: 'file' })]);
    expect(['UNSAFE_ENTRY', 'LIMIT_EXCEEDED']).toContain(code);
    expect(message.length).toBeLessThan(1000);
  });

  it('long link texts pass up to PATH_MAX', async () => {
    const linkname = 't'.repeat(4095);
    const { tree } = await flatten([tarOf({ name: 'l', type: 'symlink', linkname })]);
    expect(tree.get('l')?.target).toBe(linkname);
  });

  it('a maze of symlinks ends', async () => {
    const links = Array.from({ length: 300 }, (_, at) => `l${at}->l${at + 1}/l${at + 1}`).join(' ');
    const error = await refusedSoon(`${links} l300->. l0/x=1`);
    expect(error.code).toBe('BAD_LAYER');
  });
});

describe('A16: types', () => {
  it.each([
    'D',
    'M',
    'V',
    'N',
    'A',
    'Z',
    '8',
    '9',
    'E',
    '\xff',
  ])('%j is refused', async (typeflag) => {
    const error = await refusedSoon([tar([rawEntry({ name: 'odd', typeflag }, 'x')])]);
    expect(error.code).toBe('UNSUPPORTED');
    expect(error.message).toContain('odd');
  });

  it.each([
    'path',
    'linkpath',
    'size',
    'GNU.sparse.size',
    'GNU.sparse.map',
  ])('a global header that sets %s for all entries is refused', async (key) => {
    const global = paxGlobal(paxRecord(key, '3'));
    await expectCode('BAD_LAYER', [tar([global, file('a', 'abc'), file('z')])], key);
  });

  it('7 (contiguous) is a file or refused', async () => {
    const layer = tar([rawEntry({ name: 'c', mode: 0o644, typeflag: '7' }, 'x')]);
    const outcome = await flat([layer]).catch(async () => (await refusal([layer])).code);
    expect(['c=x', 'UNSUPPORTED']).toContain(outcome);
  });

  it('a v7 directory is a name that ends in a slash', async () => {
    const layer = tar([rawEntry({ name: 'd/', mode: 0o755, typeflag: '\0', magic: 'v7' })]);
    expect(await flat([layer])).toBe('d/');
  });
});

describe('B1: PAX size against header size', () => {
  const hidden = (): Buffer => file('hidden', 'x');

  it('a larger PAX size hides the entry inside the body', async () => {
    const body = hidden();
    const main = header({ name: 'a', mode: 0o644, size: 0 });
    const layer = tar([paxHeader(paxRecord('size', String(body.length))), main, body, file('z')]);
    const { tree } = await flatten([layer]);
    expect([...tree.keys()]).toEqual(['a', 'z']);
    expect(tree.get('a')?.body.equals(body)).toBe(true);
  });

  it('a smaller PAX size shows the entry behind the body', async () => {
    const main = header({ name: 'a', mode: 0o644, size: 4096 });
    const layer = tar([
      paxHeader(paxRecord('size', '3')),
      main,
      padded('abc'),
      hidden(),
      file('z'),
    ]);
    expect(await flat([layer])).toBe('a=abc hidden=x z=');
  });
});

describe('B2: broken PAX records', () => {
  const good = paxRecord('uid', '5');
  it.each([
    ['zero length', '0 a=b\n'],
    ['negative length', '-6 a=b\n'],
    ['length with a sign', '+6 a=b\n'],
    ['length in hex', '0x6 a=b\n'],
    ['length past the end', '99 a=b\n'],
    ['length beyond 2^53', '99999999999999999999 a=b\n'],
    ['length too short', '4 a=b\n'],
    ['length that ends in the next record', `7 a=b\n${good}`],
    ['no length', 'a=b\n'],
    ['no blank', '6a=bc\n'],
    ['no newline', '6 a=bc'],
    ['no equals sign', '5 ab\n'],
    ['no key', '5 =b\n'],
    ['rest without a record', `${good}rest`],
    ['blank first', ` ${good}`],
    ['NUL in a path', paxRecord('path', 'a\0b')],
    ['NUL in a link path', paxRecord('linkpath', 'a\0b')],
    ['NUL in a key', paxRecord('u\0id', '5')],
  ])('%s', async (_, records) => {
    await expectCode('BAD_LAYER', [tar([paxHeader(records), file('x')])]);
  });

  it.each([
    ['size', '-1'],
    ['size', '1.5'],
    ['size', '0x10'],
    ['size', '1e3'],
    ['size', '18446744073709551616'],
    ['uid', '-1'],
    ['uid', 'root'],
    ['gid', '99999999999999999999999'],
    ['mtime', 'now'],
    ['mtime', '1e3'],
    ['mtime', '--1'],
    ['mtime', '.'],
  ])('%s=%s', async (key, value) => {
    await expectCode('BAD_LAYER', [tar([paxHeader(paxRecord(key, value)), file('x')])]);
  });

  it('a header that governs nothing', async () => {
    await expectCode('BAD_LAYER', [tar([file('a'), paxHeader(good)])]);
    await expectCode('BAD_LAYER', [tar([file('a'), gnuLong('L', 'name')])]);
  });
});

describe('B3: extension headers over 1 MiB', () => {
  it.each(['x', 'g', 'L', 'K'])('%s that claims more than it has', async (typeflag) => {
    for (const size of [MIB + 1, 2 ** 33 - 1, base256(2n ** 62n, 12)]) {
      const layer = tar([header({ name: 'long', typeflag, size }), file('x')]);
      const { code } = await refusedSoon([layer]);
      expect(['LIMIT_EXCEEDED', 'BAD_LAYER']).toContain(code);
    }
  });

  it('x that has it', async () => {
    const records = paxRecord('SCHILY.xattr.user.a', 'v'.repeat(MIB));
    await expectCode('LIMIT_EXCEEDED', [tar([paxHeader(records), file('x')])]);
  });

  it('an xattr of 64 KiB passes', async () => {
    const xattrs = [['user.a', 'v'.repeat(65_536)]] as const;
    const { tree } = await flatten([tarOf({ name: 'a', type: 'file', xattrs })]);
    expect(tree.get('a')?.xattrs.get('user.a')?.length).toBe(65_536);
  });
});

describe('B4: numbers', () => {
  it.each([
    ['negative base-256', base256(-1, 12)],
    ['very negative base-256', base256(-(2n ** 60n), 12)],
    ['beyond int64', base256(2n ** 64n, 12)],
    ['the largest base-256', `\x80${'\xff'.repeat(11)}`],
    ['a digit 9', '00000000009\0'],
    ['letters', '12abc\0\0\0\0\0\0\0'],
    ['a sign', '-0000000001\0'],
    ['a fraction', '1.5\0\0\0\0\0\0\0\0\0'],
  ])('a size that is %s is refused', async (_, size) => {
    const layer = tar([header({ name: 'bad', mode: 0o644, size }), padded('x')]);
    await expectCode('BAD_LAYER', [layer]);
  });

  it.each([
    ['blanks first', '          3\0'],
    ['a blank last', '00000000003 '],
    ['no terminator', '000000000003'],
    ['short', '3\0\0\0\0\0\0\0\0\0\0\0'],
    ['base-256', base256(3, 12)],
  ])('a size that is written with %s passes', async (_, size) => {
    const layer = tar([header({ name: 'a', mode: 0o644, size }), padded('abc'), file('z')]);
    expect(await flat([layer])).toBe('a=abc z=');
  });

  it('a number over 2^53 loses no digit, or is refused', async () => {
    const records = paxRecord('mtime', '9007199254740993.000000001');
    const layer = tarOf({ name: 'a', type: 'file', records });
    const outcome = await flat([layer]).catch(async () => (await refusal([layer])).code);
    expect(['a=[@9007199254740993.000000001]', 'BAD_LAYER']).toContain(outcome);
  });

  it('the largest owner of Linux passes, a larger one is refused or kept', async () => {
    const owned = (uid: string): Buffer =>
      tarOf({ name: 'a', type: 'file', records: paxRecord('uid', uid) });
    expect(await flat([owned('4294967295')])).toBe('a=[4294967295:0]');
    for (const key of ['uid', 'gid']) {
      for (const id of ['4294967296', '9007199254740993']) {
        const layer = tarOf({ name: 'a', type: 'file', records: paxRecord(key, id) });
        const outcome = await flat([layer]).catch(async () => (await refusal([layer])).code);
        expect(['a=[4294967296:0]', 'a=[0:4294967296]', 'BAD_LAYER']).toContain(outcome);
      }
    }
  });

  it('times have forms', async () => {
    const times = ['1.', '0.5', '-0.5', '1.1234567899', '00012.50'];
    const specs = times.map((time, at) => {
      return { name: `${at}`, type: 'file', records: paxRecord('mtime', time) } as const;
    });
    const { tree } = await flatten([tarOf(...specs)]);
    const read = [...tree.values()].map(({ mtimeNs }) => mtimeNs);
    expect(read).toEqual([
      1_000_000_000n,
      500_000_000n,
      -500_000_000n,
      1_123_456_789n,
      12_500_000_000n,
    ]);
  });
});

describe('B5: sparse maps', () => {
  const TIB = 2 ** 40;

  it('a hole of 1 TiB, in each form', async () => {
    const runs = [{ offset: 0, data: 'x' }];
    const old = sparseOld('big', TIB, runs);
    for (const part of [
      old,
      sparse00('big', TIB, runs),
      sparse01('big', TIB, runs),
      sparse10('big', TIB, runs),
    ]) {
      expect((await refusedSoon([tar([part])])).code).toBe('LIMIT_EXCEEDED');
    }
  });

  it('a map that claims 10^8 entries', async () => {
    const claims = [
      sparse10('big', 5, [], '100000000\n0\n1\n'),
      sparse10('big', 5, [], `${'9'.repeat(30)}\n`),
      Buffer.concat([
        paxHeader(
          paxRecords([
            ['GNU.sparse.size', '5'],
            ['GNU.sparse.numblocks', '100000000'],
            ['GNU.sparse.map', '0,1'],
          ]),
        ),
        file('big', 'x'),
      ]),
    ];
    for (const part of claims) {
      const { code } = await refusedSoon([tar([part])]);
      expect(['BAD_LAYER', 'LIMIT_EXCEEDED']).toContain(code);
    }
  });

  it('a map with 1,100,000 empty entries', async () => {
    const map = `1100000\n${'0\n0\n'.repeat(1_100_000)}`;
    const { code } = await refusedSoon([tar([sparse10('big', 5, [], map)])]);
    expect(['BAD_LAYER', 'LIMIT_EXCEEDED']).toContain(code);
  });

  it.each([
    [
      'out of order',
      [
        { offset: 10, data: 'ab' },
        { offset: 0, data: 'cd' },
      ],
    ],
    [
      'overlapping',
      [
        { offset: 0, data: 'abcd' },
        { offset: 2, data: 'ef' },
      ],
    ],
    ['past the end', [{ offset: 99, data: 'ab' }]],
    ['far past the end', [{ offset: 2 ** 52, data: 'ab' }]],
  ] as const)('a map that is %s', async (_, runs) => {
    for (const make of [sparseOld, sparse00, sparse01, sparse10]) {
      await expectCode('BAD_LAYER', [tar([make('bad', 100, runs)])]);
    }
  });

  it.each([
    ['negative', '1\n-5\n1\n'],
    ['words', '1\nx\ny\n'],
    ['no newline', '1'],
    ['odd', '2\n0\n1\n'],
  ])('a map of form 1.0 that is %s', async (_, map) => {
    await expectCode('BAD_LAYER', [tar([sparse10('bad', 100, [], map)])]);
  });

  it('a map that needs more data than there is', async () => {
    const part = sparseOld('bad', 100, [{ offset: 0, data: 'abcd' }], { size: 2 });
    await expectCode('BAD_LAYER', [tar([part])]);
  });

  it('an old map whose extension never ends', async () => {
    const more = Buffer.alloc(512);
    more[504] = 1;
    const head = header({
      name: 'bad',
      magic: 'gnu',
      typeflag: 'S',
      patches: [
        [482, '\x01'],
        [483, '00000000100\0'],
      ],
    });
    const layer = tar([head, ...Array<Buffer>(2000).fill(more)], { zeroBlocks: 0 });
    await expectCode('BAD_LAYER', [layer]);
  });
});

describe('B6: damage', () => {
  const whole = tar([
    file('a', 'x'.repeat(700)),
    entry({ name: 'p'.repeat(120), type: 'file', format: 'pax' }),
  ]);

  it('a wrong checksum is refused, with its offset', async () => {
    const error = await refusal([tar([file('a'), header({ name: 'b', checksum: '012345\0 ' })])]);
    expect(error.code).toBe('BAD_LAYER');
    expect(error.details.offset).toBe(512);
    expect(error.details.layer).toBe(0);
  });

  it('the checksum of signed bytes passes, as old producers wrote it', async () => {
    const right = header({ name: '\xff\xfe', mode: 0o644 });
    const sum = Number.parseInt(right.toString('latin1', 148, 154), 8) - 2 * 256;
    const checksum = `${sum.toString(8).padStart(6, '0')}\0 `;
    expect(await flat([tar([header({ name: '\xff\xfe', mode: 0o644, checksum })])])).toBe(
      '\\xff\\xfe=',
    );
  });

  it('a bit that flips anywhere in a header is refused or harmless', async () => {
    const intact = await flat([whole]);
    for (let bit = 0; bit < 512 * 8; bit += amount(29, 7)) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const outcome = await flat([bytes]).catch(async () => (await refusal([bytes])).code);
      expect([intact, 'BAD_LAYER']).toContain(outcome);
    }
  });

  it('a cut at any byte is refused, or accepted at the border of an entry', async () => {
    const borders = new Set([0, 512 + 1024, whole.length - 1024, whole.length - 512]);
    for (let end = 0; end < whole.length; end += end % 512 === 0 ? 1 : 37) {
      const cut = whole.subarray(0, end);
      const code = await flat([cut]).then(
        () => 'passes',
        async () => (await refusal([cut])).code,
      );
      if (borders.has(end)) expect([end, code]).toEqual([end, 'passes']);
      else if (end > 512 + 700 && end < 512 + 1024) expect(['passes', 'BAD_LAYER']).toContain(code);
      else if (end < whole.length - 1024) expect([end, code]).toEqual([end, 'BAD_LAYER']);
      else expect(['passes', 'BAD_LAYER']).toContain(code);
    }
  });

  it('something else than a tar is refused', async () => {
    const gzip = Buffer.from('1f8b0800000000000003', 'hex');
    for (const bytes of [
      Buffer.concat([gzip, Buffer.alloc(2000, 7)]),
      Buffer.from('{"a":1}'),
      Buffer.alloc(512, 32),
    ]) {
      await expectCode('BAD_LAYER', [bytes]);
    }
  });
});

describe('B7: the end', () => {
  const one = (): Buffer => file('a', '1');

  it.each([
    ['no end marker', tar([file('a', '1')], { zeroBlocks: 0 })],
    ['one zero block', tar([file('a', '1')], { zeroBlocks: 1 })],
    ['many zero blocks', tar([file('a', '1')], { zeroBlocks: 40 })],
    ['garbage behind the end', tar([file('a', '1')], { trailing: 'garbage'.repeat(99) })],
    ['another archive behind the end', tar([file('a', '1'), Buffer.alloc(1024), file('b', '2')])],
    ['no padding of the last body', tar([file('a', '1')], { zeroBlocks: 0 }).subarray(0, 513)],
  ])('%s is accepted', async (_, layer) => expect(await flat([layer])).toBe('a=1'));

  it('nothing at all is an empty layer', async () => {
    expect(await flat([new Uint8Array(), tar([one()])])).toBe('a=1');
  });

  it('one zero block and then data is refused', async () => {
    await expectCode('BAD_LAYER', [tar([one(), Buffer.alloc(512), file('b')])]);
  });
});

describe('B8: many entries', () => {
  it('over the cap are refused, counted over all layers', async () => {
    const error = await refusal('a=1 b=2 | c=3 d=4', { maxEntries: 3 });
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(await flat('a=1 b=2 | c=3', { maxEntries: 3 })).toBe('a=1 b=2 c=3');
  });

  it(`${2 * MANY} entries of one path are merged in time and order`, async () => {
    const started = performance.now();
    const parts = Array<Buffer>(2 * MANY).fill(file('same'));
    const { tree, warnings } = await flatten([tar(parts)]);
    expect(tree.size).toBe(1);
    expect(warnings.length).toBeLessThan(1001);
    expect(performance.now() - started).toBeLessThan(20 * SECOND);
  });

  it('entries without a name are refused', async () => {
    const { code } = await refusedSoon([tar(Array<Buffer>(1000).fill(file('')))]);
    expect(['BAD_LAYER', 'UNSAFE_ENTRY']).toContain(code);
  });

  it(`${MANY} files in one directory, removed one by one`, async () => {
    const started = performance.now();
    const names = Array.from({ length: MANY }, (_, at) => `d/f${at}`);
    const lower = tar(names.map((name) => file(name)));
    const upper = tar(names.map((name) => file(name.replace('d/', 'd/.wh.'))));
    expect(await flat([lower, upper])).toBe('d/');
    expect(performance.now() - started).toBeLessThan(20 * SECOND);
  });

  it('20,000 links of one file, renamed one by one', async () => {
    const started = performance.now();
    const links = Array.from({ length: 20_000 }, (_, at) => {
      return entry({ name: `l${at}`, type: 'link', linkname: at === 0 ? 'a' : `l${at - 1}` });
    });
    const removals = Array.from({ length: 20_000 }, (_, at) => file(`.wh.l${at}`));
    expect(await flat([tar([file('a', '1'), ...links]), tar(removals)])).toBe('a=1');
    expect(performance.now() - started).toBeLessThan(20 * SECOND);
  });
});

describe('B9: sizes', () => {
  it.each([
    8 * 2 ** 30,
    2 ** 53,
    2 ** 62,
  ])('a claim of %d bytes that are not there is refused', async (size) => {
    const field = base256(BigInt(size), 12);
    const { code } = await refusedSoon([tar([header({ name: 'big', size: field }), padded('x')])]);
    expect(['BAD_LAYER', 'LIMIT_EXCEEDED']).toContain(code);
    const records = paxRecord('size', BigInt(size).toString());
    const pax = await refusedSoon([tar([paxHeader(records), file('big')])]);
    expect(['BAD_LAYER', 'LIMIT_EXCEEDED']).toContain(pax.code);
  });

  it('a file over 8 GiB is written with a PAX size', async () => {
    const size = 9 * 2 ** 30;
    const source = inMemory(tar([sparseOld('big', size, [{ offset: 0, data: 'x' }])]));
    const plan = planFlatten([() => scanTar(source)], DEFAULT_POLICY);
    expect(plan.size).toBe(512 + 512 + 512 + size + 1024);
    const chunk = Buffer.alloc(4096);
    const stop = new Error('enough');
    const sink = { space: () => chunk, filled: () => Promise.reject(stop) };
    await expect(emitPlan(silent, plan, [source], sink)).rejects.toThrow();
    expect(chunk.toString('latin1', 156, 157)).toBe('x');
    expect(chunk.toString('latin1', 512, 1024)).toContain(paxRecord('size', String(size)));
  });
});

describe('afterwards', () => {
  const globals = { keys: [] as string[] };
  beforeAll(() => {
    globals.keys = Object.getOwnPropertyNames(Object.prototype);
  });
  afterAll(() => {
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(globals.keys);
  });

  it('an ordinary stack still flattens', async () => {
    expect(await flat('a=1 | b=>a | -a')).toBe('b=1');
  });
});

describe('headers with thousands of records', () => {
  const records = (count: number, key: string) =>
    paxRecords(Array.from({ length: count }, (_, i) => [`${key}${i}`, 'v'] as const));
  const file = entry({ name: 'a', type: 'file', body: '1' });

  it.each(['SCHILY.xattr.user.', 'VENDOR.'])('%s: eight thousand are quick', async (key) => {
    const started = performance.now();
    await flatten([tar([paxHeader(records(8000, key)), file])]);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('more are refused, and so are global ones by the hundred', async () => {
    const many = tar([paxHeader(records(9000, 'VENDOR.')), file]);
    expect((await refusal([many])).code).toBe('LIMIT_EXCEEDED');
    const globals = tar([paxGlobal(records(300, 'VENDOR.')), file]);
    expect((await refusal([globals])).code).toBe('LIMIT_EXCEEDED');
  });
});

describe('device numbers past 32 bits in all', () => {
  it('keep every digit', () => {
    const sources = layers('a=char:4194305,3').map(inMemory);
    const plan = planFlatten(
      sources.map((source) => () => scanTar(source)),
      DEFAULT_POLICY,
    );
    const [step] = plan.steps();
    expect([step?.head.devMajor, step?.head.devMinor]).toEqual([4194305, 3]);
  });
});
