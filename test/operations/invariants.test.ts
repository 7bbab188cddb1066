// What holds for every run: K10, K11, K17, K19, K20 of `faults.md`, in one process.
import { createHash } from 'node:crypto';
import { statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isShipperError } from '../../src/core/errors.ts';
import { flatten } from '../../src/library.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';
import {
  hybridArchive,
  type ImageSpec,
  legacyArchive,
  ociArchive,
  ociMembers,
  writeMembers,
} from '../support/archives.ts';
import { notationOf } from '../support/layers.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { readFlat } from '../support/tar-oracle.ts';
import { workplace } from './workplace.ts';

const MIB = 1_048_576;
const WRONG: ImageSpec = {
  diffIds: [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`],
};

describe('K10: two runs with one output', () => {
  it('pairs leave a whole file of one of them', async () => {
    using place = workplace();
    place.write('a.tar', legacyArchive([{ layers: 'a=1 | b=2' }]));
    place.write('b.tar', legacyArchive([{ layers: 'a=2 | c=3' }]));
    const whole: Buffer[] = [];
    for (const source of ['a.tar', 'b.tar']) {
      await place.flatten({ source, outputs: [`whole-${source}`] });
      whole.push(place.read(`whole-${source}`));
    }
    for (let pair = 0; pair < 12; pair += 1) {
      const runs = ['a.tar', 'b.tar'].map((source) =>
        flatten(
          { source, outputs: ['out.tar'] },
          { system: { ...nodeSystem(), env: {}, cwd: place.folder, tmpdir: place.tmp } },
        ),
      );
      await Promise.all(runs);
      expect(whole.some((bytes) => bytes.equals(place.read('out.tar')))).toBe(true);
    }
    expect(place.leftovers()).toEqual([]);
  });

  it('two runs into one new layout leave a whole one', async () => {
    for (let pair = 0; pair < 5; pair += 1) {
      using place = workplace();
      place.write('a.tar', legacyArchive([{ layers: 'a=1 | b=2' }]));
      place.write(
        'b.tar',
        legacyArchive([{ layers: 'a=1', diffIds: [`sha256:${'0'.repeat(64)}`] }]),
      );
      const runs = ['a.tar', 'b.tar', 'a.tar'].map((source) =>
        flatten(
          { source, outputs: ['oci:out:app'] },
          { system: { ...nodeSystem(), env: {}, cwd: place.folder, tmpdir: place.tmp } },
        ),
      );
      const ended = await Promise.allSettled(runs);
      expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await place.verify('oci:out:app', 'a.tar')).same).toBe(true);
      expect(place.leftovers()).toEqual([]);
    }
  });
});

describe('K17: a source that changes while it is read', () => {
  /** Calls `change` when the flat layer begins to be written. */
  async function changed(change: (path: string) => void, wrap: 'none' | 'gzip' = 'none') {
    using place = workplace();
    const body = 'x'.repeat(3 * MIB);
    place.write('x.tar', ociArchive([{ layers: `a=${body} | b=${body}`, wrap }]));
    const path = place.path('x.tar');
    const before = place.names();
    let isDone = false;
    const report = (event: { readonly type: string; readonly title?: string }) => {
      if (event.type !== 'task.started' || isDone) return;
      isDone = true;
      change(path);
    };
    const error: unknown = await flatten(
      { source: 'x.tar' },
      { system: place.system, report },
    ).then(
      (done) => done,
      (reason: unknown) => reason,
    );
    expect(place.leftovers()).toEqual([]);
    if (isShipperError(error)) expect(place.names()).toEqual(before);
    return isShipperError(error) ? error.code : 'done';
  }

  it('shorter: refused', async () => {
    expect(await changed((path) => truncateSync(path, 2 * MIB))).toBe('SOURCE_CHANGED');
    expect(['SOURCE_CHANGED', 'DIGEST_MISMATCH', 'BAD_COMPRESSION']).toContain(
      await changed((path) => truncateSync(path, 200), 'gzip'),
    );
  });

  it('other bytes: refused', async () => {
    const code = await changed((path) => writeFileSync(path, Buffer.alloc(9 * MIB)));
    expect(['SOURCE_CHANGED', 'DIGEST_MISMATCH']).toContain(code);
  });

  it('written to, with the same bytes: refused, since nobody can tell', async () => {
    expect(await changed((path) => utimesSync(path, 5, 5))).toBe('SOURCE_CHANGED');
  });
});

describe('K17: a layout that changes while it is read', () => {
  it.each(['none', 'gzip'] as const)('a blob (%s) becomes shorter: refused', async (wrap) => {
    using place = workplace();
    // Hex does not shrink below half.
    const body = createHash('shake256', { outputLength: 2 * MIB })
      .update('x')
      .digest('hex');
    writeMembers(place.path('lay'), ociMembers([{ layers: `a=${body} | b=2`, wrap }]));
    const largest = place
      .names()
      .map((name) => [statSync(place.path(name)).size, place.path(name)] as const)
      .sort(([a], [b]) => b - a)[0]?.[1];
    let isDone = false;
    const report = (event: { readonly type: string }) => {
      if (event.type === 'task.started' && !isDone) truncateSync(largest ?? '', MIB);
      isDone ||= event.type === 'task.started';
    };
    const request = { source: 'oci:lay', outputs: ['y.tar'] };
    const outcome = await flatten(request, { system: place.system, report }).then(
      () => 'done',
      (error: unknown) => (isShipperError(error) ? error.code : String(error)),
    );
    // A compressed layer was unpacked into a spool before, and nothing of the source is read any more.
    expect(wrap === 'gzip' ? ['done', 'SOURCE_CHANGED'] : ['SOURCE_CHANGED']).toContain(outcome);
    expect(place.leftovers()).toEqual([]);
    expect(place.names().includes('y.tar')).toBe(outcome === 'done');
  });
});

describe('K19: times', () => {
  const TIMES = [
    '0',
    '-1',
    '-1.5',
    '-62135596800',
    '8589934592',
    '8589934591.999999999',
    '253402300800',
    '99999999999',
    '1.000000001',
    '-0.000000001',
  ];
  it.each(TIMES)('%s comes through', async (time) => {
    using place = workplace();
    const layers = `a=1[@${time}] | b/[@${time}] b/c->x[@${time}]`;
    place.write('x.tar', legacyArchive([{ layers }]));
    const report = await place.flatten({ source: 'x.tar', outputs: ['y.tar'], verify: true });
    const size = report.images[0]?.bytesAfter ?? 0;
    const shown = notationOf(readFlat(place.read('y.tar').subarray(1536, 1536 + size)));
    expect(report.verified).toBe(true);
    expect(shown).toBe(
      time === '0' ? 'a=1 b/ b/c->x' : `a=1[@${time}] b/[@${time}] b/c->x[@${time}]`,
    );
  });

  it('a clock that jumps changes nothing', async () => {
    const real = nodeSystem();
    let jumps = 0;
    const clock: System['clock'] = {
      now: () => real.clock.now() + (jumps++ % 2 === 0 ? -1 : 1) * 10 * 365 * 86_400_000,
      monotonic: () => real.clock.monotonic(),
      sleep: (ms, signal) => real.clock.sleep(ms, signal),
    };
    using place = workplace({ clock });
    place.write('x.tar', ociArchive([{ wrap: 'gzip' }]));
    await place.flatten({
      source: 'x.tar',
      outputs: ['a.tar'],
      compression: { kind: 'gzip', level: 6 },
    });
    using usual = workplace();
    usual.write('x.tar', ociArchive([{ wrap: 'gzip' }]));
    await usual.flatten({
      source: 'x.tar',
      outputs: ['a.tar'],
      compression: { kind: 'gzip', level: 6 },
    });
    expect(place.read('a.tar').equals(usual.read('a.tar'))).toBe(true);
  });
});

describe('K20: the same input gives the same bytes', () => {
  it('with any --jobs', async () => {
    using place = workplace();
    place.write(
      'x.tar',
      hybridArchive([{ layers: `a=${'ab'.repeat(700_000)} | b=2 | -b c=3 | d=>c`, wrap: 'gzip' }]),
    );
    const seen = new Set<string>();
    for (const jobs of [1, 2, 3, 4, 5, 8, 16, 64]) {
      const report = await place.flatten({
        source: 'x.tar',
        outputs: ['y.tar'],
        compression: { kind: 'gzip', level: 6 },
        jobs,
      });
      seen.add(`${report.images[0]?.diffId} ${place.read('y.tar').toString('base64')}`);
    }
    expect(seen.size).toBe(1);
  });
});

describe('a failed run', () => {
  it('leaves Object.prototype, the listeners of the process and its threads as they were', async () => {
    using place = workplace();
    place.write(
      'x.tar',
      ociArchive([
        { wrap: 'gzip', diffIds: [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`] },
      ]),
    );
    const count = () =>
      process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
    await place.refusal({ source: 'x.tar' });
    const before = count();
    for (let run = 0; run < 15; run += 1) {
      using other = workplace();
      other.write('x.tar', place.read('x.tar'));
      await other.refusal({ source: 'x.tar' });
    }
    expect(count()).toBe(before);
    expect(Object.keys(Object.prototype)).toEqual([]);
    const workers = process
      .getActiveResourcesInfo()
      .filter((name) => /worker|messageport/i.test(name));
    expect(workers.length).toBeLessThanOrEqual(2);
  });

  it('does not end others on the same System, and neither does one that is done', async () => {
    using place = workplace();
    const body = Buffer.alloc(16 * MIB, 'x');
    const layers = [tar([entry({ name: 'a', type: 'file', body })])];
    place.write('x.tar', legacyArchive([{ layers }]));
    place.write('small.tar', legacyArchive([{}]));
    place.write('bad.tar', legacyArchive([WRONG]));
    const long = place.flatten({ source: 'x.tar', outputs: ['1.tar'] });
    for (let i = 0; i < 5; i += 1) {
      await place.flatten({ source: 'small.tar', outputs: ['2.tar'] });
      await expect(place.flatten({ source: 'bad.tar', outputs: ['3.tar'] })).rejects.toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
    }
    expect((await long).images.length).toBe(1);
  });

  it('an aborted one says so, and cleans up', async () => {
    using place = workplace();
    place.write('x.tar', ociArchive([{ layers: `a=${'x'.repeat(3 * MIB)} | b=1`, wrap: 'gzip' }]));
    const stop = new AbortController();
    const report = (event: { readonly type: string }) => {
      if (event.type === 'task.started') stop.abort();
    };
    await expect(
      flatten(
        { source: 'x.tar', outputs: ['y.tar', 'oci:out'] },
        { system: place.system, report, signal: stop.signal },
      ),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect([place.names(), place.leftovers()]).toEqual([['x.tar'], []]);
  });
});
