// K5: few file descriptors end a run in one line or not at all, from where our code runs to where all goes well.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAll } from '../support/amount.ts';
import { ociArchive } from '../support/archives.ts';
import { type Ended, processPlace } from './cli.ts';

const hasLimits = spawnSync('prlimit', ['--version']).status === 0;
/** Below, Node cannot even open our first file. */
const LIMITS = [20, 22, 25, 28, 31, 36, 45, 59];

/** The numbers with which it went well. */
async function withLimits(args: readonly string[]): Promise<number[]> {
  const image = ociArchive([
    { layers: Array.from({ length: 30 }, (_, i) => `f${i}=${i}`).join(' | '), wrap: 'gzip' },
  ]);
  const well: number[] = [];
  for (const limit of LIMITS) {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), image);
    const ended = await place.run(args, {
      under: ['timeout', '30', 'prlimit', `--nofile=${limit}:${limit}`],
      input: image,
    });
    if (ended.code === 0) well.push(limit);
    else expectOneLine(ended, limit);
    expect(place.leftovers(), `${limit} files`).toEqual([]);
  }
  return well;
}

function expectOneLine({ code, stderr }: Ended, limit: number): void {
  expect([limit, code, stderr]).toEqual([limit, 1, expect.stringMatching(/^shipper: Cannot /m)]);
  expect(stderr).not.toMatch(/^ {4}at |^node:|^Node\.js/m);
  expect(stderr).toMatch(/too many open files/);
  expect(stderr).not.toContain('mistake in shipper');
}

describe.runIf(hasLimits && isAll())('K5: 20 to 59 file descriptors', () => {
  it('archive to archive', { timeout: 120_000 }, async () => {
    const well = await withLimits(['flatten', 'x.tar', '-o', 'o.tar', '-q']);
    expect(well).toContain(59);
  });

  it('through a pipe into a layout', { timeout: 120_000 }, async () => {
    const args = ['flatten', '-', '-o', 'oci:lay:app', '--verify', '--compression', 'gzip'];
    await withLimits(args);
  });
});
