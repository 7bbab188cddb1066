// K1, K2: the real program is killed at every write, rename, flush, open and unlink, and its output is absent, the old
// one or the new one, never a part. strace counts calls for each thread, so the thread pool has one
// (`test-hosts.md`), and every N that was counted has to fire.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ProcessPlace, processPlace } from '../process/cli.ts';
import { isAll } from '../support/amount.ts';
import { hybridArchive } from '../support/archives.ts';
import { requireParts } from './support/places.ts';

const POOL = { UV_THREADPOOL_SIZE: '1' };
/** Calls whose number does not depend on timing; their every N fires. */
const EXACT = [
  'pwrite64',
  'pwritev',
  'ftruncate',
  'copy_file_range',
  'rename',
  'renameat',
  'fsync',
  'fdatasync',
  'unlink',
  'unlinkat',
  'mkdir',
  'rmdir',
];
/** What Node opens first is none of ours; most writes are wake-ups of threads, so that some of them do. */
const LOOSE = ['openat', 'write'];
const STEPS: Readonly<Record<string, number>> = { openat: 2, write: 9 };

beforeAll(() => requireParts('the kill tests', 'strace'));

/** One system call of a trace. */
interface Call {
  readonly thread: string;
  readonly name: string;
  readonly text: string;
}

async function trace(place: ProcessPlace, args: readonly string[]): Promise<Call[]> {
  const log = place.path('../trace');
  const under = ['strace', '-f', '-qq', '-o', log, '-e', `trace=${[...EXACT, ...LOOSE].join()}`];
  const { code, stderr } = await place.run(args, { under, env: POOL });
  expect(code, stderr).toBe(0);
  return readFileSync(log, 'latin1')
    .split('\n')
    .flatMap((line) => {
      const match = /^(\d+)\s+(\w+)\((.*)$/.exec(line);
      return match === null
        ? []
        : [{ thread: match[1] ?? '', name: match[2] ?? '', text: match[3] ?? '' }];
    });
}

/** For a call: the largest N of a thread, and the first one behind the first temporary file. */
function range(calls: readonly Call[], name: string): { first: number; last: number } {
  const begin = calls.findIndex(({ text }) => text.includes('.shipper-'));
  const counts = new Map<string, number>();
  let first = Number.POSITIVE_INFINITY;
  for (const [at, call] of calls.entries()) {
    if (call.name !== name) continue;
    const count = (counts.get(call.thread) ?? 0) + 1;
    counts.set(call.thread, count);
    if (at >= begin) first = Math.min(first, count);
  }
  return { first, last: Math.max(0, ...counts.values()) };
}

/** Kills at the N-th call; returns whether it did. */
async function killAt(
  place: ProcessPlace,
  args: readonly string[],
  name: string,
  n: number,
): Promise<boolean> {
  const under = [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${name}`,
    '-e',
    `inject=${name}:signal=KILL:when=${n}`,
  ];
  const { code, signal, stderr } = await place.run(args, { under, env: POOL });
  // strace ends as its tracee did.
  const wasKilled = signal === 'SIGKILL' || code === 137;
  if (!wasKilled) expect(code, `${name} ${n}: ${stderr}`).toBe(0);
  return wasKilled;
}

/** Kills at every N of every call; `check` looks at what is there then. */
async function killEverywhere(
  place: ProcessPlace,
  args: readonly string[],
  reset: () => void,
  check: (what: string) => void | Promise<void>,
): Promise<number> {
  reset();
  const calls = await trace(place, args);
  let kills = 0;
  for (const name of [...EXACT, ...LOOSE]) {
    const { first, last } = range(calls, name);
    for (let n = EXACT.includes(name) ? 1 : first; n <= last; n += STEPS[name] ?? 1) {
      reset();
      const wasKilled = await killAt(place, args, name, n);
      if (EXACT.includes(name))
        expect(wasKilled, `${name} ${n} of ${last} did not fire`).toBe(true);
      if (wasKilled) kills += 1;
      await check(`${name} ${n}`);
    }
  }
  return kills;
}

const IMAGE = hybridArchive([{ layers: 'a/ a/b=1 c=2 | -c d=3', wrap: 'gzip' }]);

describe('K1: SIGKILL at every call', () => {
  it('leaves the old archive or the new one', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), IMAGE);
    const args = ['flatten', 'x.tar', '-o', 'out.tar', '--progress', 'quiet'];
    expect((await place.run(args)).code).toBe(0);
    const whole = readFileSync(place.path('out.tar'));
    const seen = new Set<string>();
    const kills = await killEverywhere(
      place,
      args,
      () => writeFileSync(place.path('out.tar'), 'the old one'),
      (what) => {
        const now = readFileSync(place.path('out.tar'));
        const isNew = now.equals(whole);
        seen.add(isNew ? 'new' : 'old');
        if (!isNew) expect(now.toString(), what).toBe('the old one');
      },
    );
    expect([...seen].sort()).toEqual(['new', 'old']);
    expect(kills).toBeGreaterThan(20);
    // K11: what the killed runs left goes with the next one.
    expect(await killAt(place, args, 'fsync', 1)).toBe(true);
    expect(place.leftovers().length).toBeGreaterThan(0);
    expect((await place.run(args)).code).toBe(0);
    expect([place.leftovers(), place.names()]).toEqual([[], ['out.tar', 'x.tar']]);
  });

  it.runIf(isAll())('leaves no archive or the new one', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), IMAGE);
    const args = [
      'flatten',
      'x.tar',
      '-o',
      'out.tar',
      '--progress',
      'quiet',
      '--compression',
      'gzip',
    ];
    expect((await place.run(args)).code).toBe(0);
    const whole = readFileSync(place.path('out.tar'));
    await killEverywhere(
      place,
      args,
      () => rmSync(place.path('out.tar'), { force: true }),
      (what) => {
        if (existsSync(place.path('out.tar')))
          expect(readFileSync(place.path('out.tar')).equals(whole), what).toBe(true);
      },
    );
  });

  it('leaves a layout without the image, or with all of it; and one that can be gone on with', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), IMAGE);
    const args = ['flatten', 'x.tar', '-o', 'oci:out:app', '--progress', 'quiet'];
    const files = (): Map<string, string> =>
      new Map(
        place
          .names()
          .filter((name) =>
            /^out\/(?:index\.json|oci-layout|blobs\/sha256\/[a-f0-9]{64})$/.test(name),
          )
          .map((name) => [name, readFileSync(place.path(name), 'latin1')]),
      );
    expect((await place.run(args)).code).toBe(0);
    const whole = files();
    let runs = 0;
    await killEverywhere(
      place,
      args,
      () => rmSync(place.path('out'), { recursive: true, force: true }),
      async (what) => {
        const now = files();
        for (const [name, text] of now)
          expect(text === whole.get(name), `${what}: ${name}`).toBe(true);
        if (now.has('out/index.json')) expect(now.size, what).toBe(whole.size);
        runs += 1;
        if (runs % 4 > 0) return;
        expect((await place.run(args)).code, what).toBe(0);
        expect([files(), place.leftovers()], what).toEqual([whole, []]);
      },
    );
  });
});

describe('K2: power loss', () => {
  it('content is flushed, then the name moves, then the folder is flushed', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), IMAGE);
    const calls = await trace(place, ['flatten', 'x.tar', '-o', 'out.tar']);
    const temp = calls.find(
      ({ text }) => text.includes('/.out.tar.shipper-') && text.includes('O_CREAT'),
    );
    const fd = / = (\d+)$/.exec(temp?.text ?? '')?.[1];
    const at = (name: string, test: (text: string) => boolean) =>
      calls
        .map((call, i) => (call.name === name && test(call.text) ? i : -1))
        .filter((i) => i >= 0);
    const writes = at('pwrite64', (text) => text.startsWith(`${fd},`));
    const flushes = at('fsync', (text) => text.startsWith(`${fd})`));
    const moves = at('rename', (text) => text.includes('/out.tar"'));
    const folderFlushes = at('fsync', () => true).filter((i) => i > (moves[0] ?? 0));
    expect([writes.length > 0, flushes.length, moves.length, folderFlushes.length]).toEqual([
      true,
      1,
      1,
      1,
    ]);
    expect(Math.max(...writes)).toBeLessThan(flushes[0] ?? 0);
    expect(flushes[0]).toBeLessThan(moves[0] ?? 0);
  });

  it('a new layout flushes its blobs and folders before it gets an index', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), IMAGE);
    const calls = await trace(place, ['flatten', 'x.tar', '-o', 'oci:out:app']);
    const moves = calls.flatMap(({ name, text }, i) => (name === 'rename' ? [{ i, text }] : []));
    expect(moves.at(-1)?.text).toContain('/out/index.json"');
    expect(moves.at(-2)?.text).toContain('/out/oci-layout"');
    for (const { i } of moves) {
      const before = calls.slice(0, i).findLastIndex(({ name }) => name === 'rename');
      expect(calls.slice(before + 1, i).some(({ name }) => name === 'fsync')).toBe(true);
    }
    const last = moves.at(-1)?.i ?? 0;
    expect(calls.slice(last).filter(({ name }) => name === 'fsync').length).toBe(1);
  });
});
