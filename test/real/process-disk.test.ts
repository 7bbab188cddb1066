// K3-K5: no space, failing disks and too few descriptors: exit code 1, one line that names the path, the old output, and
// no temporary file left.
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { BIN, type ProcessPlace, processPlace } from '../process/cli.ts';
import {
  archive,
  type ImageSpec,
  legacyMembers,
  ociArchive,
  ociMembers,
  writeMembers,
} from '../support/archives.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { requireParts } from './support/places.ts';
import { tryRun } from './support/run.ts';

beforeAll(() => requireParts('the disk tests', 'strace', 'prlimit', 'unshare', 'mount'));

const SMALL: ImageSpec = { layers: 'a/ a/b=1 c=2 | -c d=3', wrap: 'gzip' };

/** An image of 12 MB that gzip makes small. */
function large(wrap: 'gzip' | 'none'): Uint8Array {
  const layers = ['a', 'b', 'c'].map((name) =>
    tar([entry({ name, type: 'file', body: Buffer.alloc(4_000_000, name) })]),
  );
  return wrap === 'gzip' ? ociArchive([{ layers, wrap }]) : archive(legacyMembers([{ layers }]));
}

/** Runs with an error injected at the N-th call of a thread. */
async function withError(
  place: ProcessPlace,
  call: string,
  error: string,
  n: number,
  args: readonly string[],
) {
  const log = place.path('../trace');
  const under = [
    'strace',
    '-f',
    '-qq',
    '-o',
    log,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:error=${error}:when=${n}`,
  ];
  const ended = await place.run(args, { under, env: { UV_THREADPOOL_SIZE: '1' } });
  return { ...ended, calls: readFileSync(log, 'latin1').split('\n') };
}

const ARGS = ['flatten', 'x.tar', '-o', 'out.tar', '--progress', 'quiet'];
const INJECTED: readonly (readonly [id: string, call: string, error: string, words: string])[] = [
  ['K3', 'pwrite64', 'ENOSPC', 'no space left on the device (ENOSPC)'],
  ['K4', 'pwrite64', 'EIO', 'input/output error (EIO)'],
  ['K4', 'pwrite64', 'EDQUOT', 'the disk quota is used up (EDQUOT)'],
  ['K4', 'fsync', 'EIO', 'input/output error (EIO)'],
  ['K4', 'rename', 'EROFS', 'the file system is read-only (EROFS)'],
];

describe('a failing call', () => {
  it.each(INJECTED)('%s: %s fails with %s, at every N', async (_id, call, error, words) => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), ociArchive([SMALL]));
    let fired = 0;
    for (let n = 1; n <= 40; n += 1) {
      writeFileSync(place.path('out.tar'), 'the old one');
      const { code, stderr, calls } = await withError(place, call, error, n, ARGS);
      if (!calls.some((line) => line.includes('(INJECTED)'))) break;
      fired += 1;
      expect([code, place.leftovers()], stderr).toEqual([1, []]);
      expect(stderr.split('\n').filter((line) => line.startsWith('shipper: ')).length).toBe(1);
      expect(stderr).toContain(words);
      // Only the flush of the folder comes when the new one stands there already.
      const isPlaced = call === 'fsync' && n > 1;
      if (!isPlaced) expect(readFileSync(place.path('out.tar'), 'latin1')).toBe('the old one');
      const after = calls.slice(calls.findIndex((line) => line.includes('(INJECTED)')) + 1);
      if (call === 'fsync') expect(after.filter((line) => line.includes('fsync(')).length).toBe(0);
    }
    expect(fired).toBeGreaterThan(0);
  });
});

/** Runs in a mount namespace of its own, where `mounted` is a tmpfs of 5 MiB. */
async function onSmallDisk(place: ProcessPlace, mounted: string, args: readonly string[]) {
  const script = `mount -t tmpfs -o size=5m tmpfs "$1" && shift && "$@"; code=$?; find "$0" -name '*.shipper-*' >&2; exit $code`;
  return tryRun(
    'unshare',
    ['-m', 'sh', '-c', script, mounted, mounted, process.execPath, BIN, ...args],
    {
      cwd: place.folder,
      env: { PATH: process.env['PATH'], TMPDIR: place.tmp },
    },
  );
}

describe('K3: a small disk', () => {
  it('for temporary files', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), large('gzip'));
    const { status, stderr } = await onSmallDisk(place, place.tmp, [...ARGS, '--spool', 'tar']);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^shipper: Cannot .*: Cannot write .*\/tmp.*(?:free|no space).*\n(?: {2}hint: .*\n)?$/,
    );
    expect(place.names()).toEqual(['x.tar']);
  });

  it('is done without where nobody asks for temporary files', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), large('gzip'));
    const { status, stderr } = await onSmallDisk(place, place.tmp, ARGS);
    expect([status, stderr]).toEqual([0, '']);
  });

  it('for the output: told before anything is written', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), large('none'));
    const out = place.path('../out');
    await tryRun('mkdir', [out]);
    const { status, stderr } = await onSmallDisk(place, out, [
      'flatten',
      'x.tar',
      '-o',
      '../out/flat.tar',
      '--progress',
      'quiet',
    ]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^shipper: Cannot write .*flat\.tar in .*\/out: it needs \d+ bytes beside a reserve of 16777216, and \d+ are free.*\n {2}hint: Free some space.*\n$/,
    );
  });
});

describe('K5: few descriptors', () => {
  const layers = Array.from({ length: 127 }, (_, i) => `f${i}=${i}`).join(' | ');
  it.each([24, 32, 44, 48, 64, 128, 512])('%i of them, for 127 layers', async (limit) => {
    using place = processPlace();
    writeFileSync(place.path('plain.tar'), archive(legacyMembers([{ layers }])));
    writeFileSync(place.path('gzip.tar'), ociArchive([{ layers, wrap: 'gzip' }]));
    writeMembers(place.path('layout'), ociMembers([{ layers }]));
    const before = place.names();
    for (const source of ['plain.tar', 'gzip.tar', 'oci:layout']) {
      const { code, stderr } = await place.run(['flatten', source, '-o', 'out.tar'], {
        under: ['prlimit', `--nofile=${limit}`],
      });
      expect([0, 1], stderr).toContain(code);
      expect(place.leftovers()).toEqual([]);
      if (code === 0) await tryRun('rm', [place.path('out.tar')]);
      else expect(stderr).toContain('EMFILE');
      expect(place.names()).toEqual(before);
      // An archive is one file however many layers it holds.
      if (limit >= 64 && source === 'plain.tar') expect(code).toBe(0);
      if (limit >= 512) expect(code).toBe(0);
    }
  });
});
