// K18: over hostile archives, as root, every path that the program opens for writing, makes, moves, removes or changes
// lies in its temporary folder or is its output. K10: pairs of processes with one output.
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ProcessPlace, processPlace } from '../process/cli.ts';
import {
  archive,
  hybridArchive,
  legacyArchive,
  legacyMembers,
  ociArchive,
} from '../support/archives.ts';
import { requireParts } from './support/places.ts';

beforeAll(() => requireParts('the tests with hostile images', 'strace'));

const UP = '../'.repeat(20);
/** Stacks that write outside where they are extracted without care. */
const STACKS: readonly string[] = [
  `${UP}tmp/evil=1`,
  '/../../../../tmp/evil=1',
  'l->/ l/tmp/evil=1',
  `l->${UP}tmp | l/evil=1`,
  'l->/tmp | l/ l/evil=1 | l=2',
  `etc=>${UP}etc/passwd`,
  'x=>/etc/passwd',
  'x->/etc/passwd y=>x | y=evil',
  `a->${UP}etc b->a/shadow | b=evil`,
  'd/ d/e/ | d->/etc | d/passwd=evil',
  'z->/ | z/etc/.wh.passwd=',
  'null=char:1,3 sda=block:8,0 pipe=fifo: s=1[6755]',
  'proc/ proc/self->/proc/1 proc/self/environ=x',
  'dev/shm/evil=1 run/evil=2 tmp/evil=3',
  '.wh..=',
  '.wh...=',
  '.wh.=',
  `-${UP}etc/passwd`,
  './->/etc',
];

const WRITES = /^(?:open|openat|openat2|creat)$/;
const CHANGES =
  /^(?:mkdir|mkdirat|rmdir|rename|renameat|renameat2|unlink|unlinkat|link|linkat|symlink|symlinkat|mknod|mknodat|truncate|chmod|fchmodat|fchmodat2|chown|lchown|fchownat|utime|utimes|utimensat|futimesat|setxattr|lsetxattr|removexattr|lremovexattr|mount|umount2|chroot|pivot_root)$/;

/** Paths that a trace changes. */
function changedPaths(log: string): string[] {
  return log.split('\n').flatMap((line) => {
    const match = /^\d+\s+(\w+)\((.*)$/.exec(line);
    const [, name = '', text = ''] = match ?? [];
    const isWrite = WRITES.test(name) && /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE/.test(text);
    if (!isWrite && !CHANGES.test(name)) return [];
    return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((path) => path[1] ?? '');
  });
}

async function traced(
  place: ProcessPlace,
  args: readonly string[],
): Promise<{ code: number | null; changed: string[] }> {
  const log = place.path('../trace');
  const { code } = await place.run(args, {
    under: ['strace', '-f', '-qq', '-s', '4096', '-o', log, '-e', 'trace=%file'],
  });
  return { code, changed: changedPaths(readFileSync(log, 'latin1')) };
}

/** Archives by what they are. */
function hostile(): [string, Uint8Array][] {
  const stacks = STACKS.flatMap((layers): [string, Uint8Array][] => [
    [`${layers}, gzip`, ociArchive([{ layers, wrap: 'gzip' }])],
    [layers, legacyArchive([{ layers }])],
  ]);
  const named = legacyArchive([{}], { extra: [[`${UP}tmp/evil`, 'x']] });
  const linked = archive([
    ...legacyMembers([{}]),
    ['evil', { symlink: '/etc/passwd' }],
    ['more', { link: '/etc/shadow' }],
  ]);
  const tagged = hybridArchive([{ tags: [`${UP}etc/evil`, '/etc/evil', 'a\0b'] }]);
  return [
    ...stacks,
    ['a member outside', named],
    ['links outside', linked],
    ['tags that are paths', tagged],
  ];
}

describe('K18: a hostile image, as root', () => {
  it('is only ever written to the temporary folder and the output', async () => {
    using place = processPlace();
    let flattened = 0;
    for (const [what, bytes] of hostile()) {
      writeFileSync(place.path('x.tar'), bytes);
      for (const output of ['out.tar', 'oci:out']) {
        const { code, changed } = await traced(place, ['flatten', 'x.tar', '-o', output]);
        if (code === 0) flattened += 1;
        expect([0, 1], what).toContain(code);
        const inside = (path: string) =>
          path.startsWith(`${place.tmp}/`) ||
          path === place.tmp ||
          path === place.path('out.tar') ||
          path === place.path('out') ||
          path.startsWith(place.path('out/')) ||
          path.startsWith(place.path('.out.tar.shipper-')) ||
          path === '/dev/null';
        expect(
          changed.filter((path) => !inside(path)),
          what,
        ).toEqual([]);
      }
      expect(place.leftovers(), what).toEqual([]);
    }
    expect(flattened).toBeGreaterThan(10);
  });
});

describe('K10: two processes with one output', () => {
  it('50 pairs leave a whole file of one of them', async () => {
    using place = processPlace();
    const whole: Buffer[] = [];
    for (const [name, layers] of [
      ['a', 'a=1 | b=2'],
      ['b', 'a=2 | c=3'],
    ] as const) {
      writeFileSync(place.path(`${name}.tar`), ociArchive([{ layers, wrap: 'gzip' }]));
      expect((await place.run(['flatten', `${name}.tar`, '-o', `whole-${name}.tar`])).code).toBe(0);
      whole.push(readFileSync(place.path(`whole-${name}.tar`)));
    }
    for (let pair = 0; pair < 50; pair += 1) {
      const ended = await Promise.all(
        ['a.tar', 'b.tar'].map((source) => place.run(['flatten', source, '-o', 'out.tar'])),
      );
      expect(ended.map(({ code }) => code)).toEqual([0, 0]);
      const out = readFileSync(place.path('out.tar'));
      expect(whole.some((bytes) => bytes.equals(out))).toBe(true);
    }
    expect(place.leftovers()).toEqual([]);
  });
});
