// `shipper ship` on a real engine and a real registry that fail in the middle, and killed at each border of its stages: after
// each fault no tag has moved (or all have), the next run ends it, and nothing temporary is left then.
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShipperEvent } from '../../src/core/events.ts';
import type { ShipReport } from '../../src/pipeline/ship-types.ts';
import type { RunningEngine } from './support/engines.ts';
import { CALL, type FaultyShip, faultyShip, NAMES } from './support/faulty-ship.ts';
import { busyboxImage } from './support/images.ts';
import type { PassageFault, PassingCall } from './support/registry-passage.ts';
import { sharedEngine } from './support/shared.ts';
import { imageNames, type RunningShipper, shipper, startShipper } from './support/shipper.ts';

let engine: RunningEngine;
let place: FaultyShip;

beforeAll(async () => {
  engine = await sharedEngine('26.1');
  await busyboxImage(engine, 'busybox:base');
  place = await faultyShip(engine);
});
afterAll(() => place?.[Symbol.asyncDispose]());

const reportOf = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout) as ShipReport;

describe('a build that fails', () => {
  it('as the third of three moves no tag', async () => {
    place.anew();
    const third = 'FROM busybox:base\nCOPY text /new\n';
    place.write('new/text', 'new\n');
    place.write('new/Dockerfile', `${third}RUN echo no rule; exit 3\n`);
    place.write(
      'shipper.yaml',
      place.yaml().replace('db: { image: "busybox:base"', 'db: { context: ./new'),
    );
    const run = await place.run();
    expect(run, run.stderr).toMatchObject({ status: 1, leftovers: [] });
    const { outcome, images } = reportOf(run);
    expect([outcome, images[0]?.status, images[2]?.status]).toEqual(['failed', 'done', 'failed']);
    expect(images[2]?.error).toMatchObject({ code: 'BUILD', log: ['no rule'] });
    expect(await place.tagged()).toEqual([]);
    place.write('new/Dockerfile', third);
    const { images: next } = await place.finishes();
    expect([next[0]?.status, next[2]?.status]).toEqual(['unchanged', 'done']);
  });
});

/** Faults that last: the run gives up. */
const LASTING: readonly PassageFault[] = [
  { call: 'blob', nth: 3, how: 500, after: 1 },
  { call: 'blob', nth: 3, how: 'cut', after: 1 },
  { call: 'tag', how: 500 },
];

describe('a registry that fails for good', () => {
  it('in the middle of the last push, or at every tag, moves no tag', async () => {
    // Beside each other: most of their time goes in waiting for the next try.
    const places = await Promise.all(LASTING.map(() => faultyShip(engine)));
    const runs = places.map(async (own, at) => {
      own.anew();
      own.passage.fault = LASTING[at];
      return own.run();
    });
    for (const [at, run] of (await Promise.all(runs)).entries()) {
      const what = `${JSON.stringify(LASTING[at])}: ${run.stderr}`;
      expect(run, what).toMatchObject({ status: 1, leftovers: [] });
      expect(reportOf(run).outcome, what).toBe('failed');
    }
    for (const [at, own] of places.entries()) {
      expect(own.passage.struck).toBeGreaterThan(2);
      expect(await own.tagged()).toEqual([]);
      const { images } = await own.finishes();
      const kept = images.filter(({ status }) => status === 'unchanged');
      expect(kept).toHaveLength(LASTING[at]?.call === 'tag' ? 3 : 2);
      await own[Symbol.asyncDispose]();
    }
  });

  it('at the tag of one image ends with 3, names what moved, and the next run moves the rest', async () => {
    place.anew();
    place.passage.fault = { call: 'tag', where: '/web/', how: 500 };
    const run = await place.run();
    expect(run, run.stderr).toMatchObject({ status: 3, leftovers: [] });
    const { outcome, error } = reportOf(run);
    expect([outcome, error?.code]).toEqual(['partial', 'PARTIAL']);
    expect(error?.message).toMatch(/already moved: .*; not moved: \S+\/web:latest$/);
    expect(await place.tagged()).toEqual(['api', 'db']);
    await place.finishes();
  });
});

/** Faults that pass: the run gets over them. */
const PASSING: readonly PassageFault[] = [
  { call: 'blob', nth: 3, how: 'cut', times: 1 },
  { call: 'tag', how: 500, times: 1 },
];

describe('a registry that fails for a while', () => {
  it('keeps no run from its end', async () => {
    for (const fault of PASSING) {
      place.anew();
      const before = place.passage.struck;
      place.passage.fault = fault;
      const run = await place.run();
      expect(run, run.stderr).toMatchObject({ status: 0, leftovers: [] });
      expect(place.passage.struck).toBe(before + 1);
      expect(await place.tagged()).toEqual(NAMES);
    }
  });
});

/** A moment of a run: a stage of an image begins or ends, or the number-th call of a kind comes to the registry. */
type Moment =
  | readonly [begin: 'before' | 'after', stage: string, image: string]
  | readonly [call: PassingCall, number: number, of: string];

const isCall = (moment: Moment): moment is readonly [PassingCall, number, string] =>
  typeof moment[1] === 'number';

/** Starts a run; resolves with it at the moment, when `act` was called. */
async function startUntil(
  moment: Moment,
  act: (running: RunningShipper) => void,
  call: readonly string[] = CALL,
): Promise<RunningShipper> {
  let count = 0;
  let hasCome = false;
  const come = () => {
    if (hasCome) return;
    hasCome = true;
    act(running);
  };
  place.passage.onCall = (call, url) => {
    if (!isCall(moment) || call !== moment[0] || !url.includes(moment[2])) return;
    count += 1;
    if (count === moment[1]) come();
  };
  const running = startShipper(engine, [...call, '--progress=json', '-C', place.folder], {
    env: place.env,
    onLine(line) {
      if (isCall(moment) || !line.startsWith('{')) return;
      const { type, scope } = JSON.parse(line) as ShipperEvent;
      const [when, stage, image] = moment;
      const wanted = when === 'before' ? 'task.started' : 'task.finished';
      if (type === wanted && scope.stage === stage && scope.group === image) come();
    },
  });
  await running.ended;
  expect(hasCome, `${moment.join(' ')} came`).toBe(true);
  return running;
}

const MOMENTS: readonly Moment[] = [
  ['read', 1, '/web/'],
  ['upload', 1, '/web/'],
  ['after', 'push', 'api'],
  ['before', 'build', 'web'],
  ['after', 'build', 'web'],
  ['before', 'flatten', 'web'],
  ['after', 'flatten', 'web'],
  ['before', 'push', 'web'],
  ['blob', 2, '/web/'],
  ['manifest', 1, '/web/'],
  ['after', 'push', 'web'],
  ['tag', 1, ''],
  ['tag', 3, ''],
];

describe('kill -9', () => {
  it.each(
    MOMENTS.map((moment) => ({ moment, name: moment.join(' ') })),
  )('$name: the next run ends it, and clears up', async ({ moment }) => {
    place.anew();
    const running = await startUntil(moment, ({ child }) => void child.kill('SIGKILL'));
    expect(await running.ended).toBe('SIGKILL');
    if (moment[0] !== 'tag') expect(await place.tagged()).toEqual([]);
    await place.finishes(running.tmpdir);
  });
});

describe('kill -9 of shipper build', () => {
  it('before the names are given: the next run gives them, and takes back the temporary ones', async () => {
    place.anew();
    place.write('shipper.yaml', place.yaml().replace(/^registry: .*$/m, ''));
    const call = CALL.with(0, 'build');
    const kill = ({ child }: RunningShipper) => void child.kill('SIGKILL');
    const { tmpdir } = await startUntil(['after', 'push', 'web'], kill, call);
    const isTemporary = (name: string) => name.startsWith('shipper-tmp');
    expect((await imageNames(engine)).some(isTemporary)).toBe(true);
    const again = await shipper(engine, [...call, '-C', place.folder], {
      env: { ...place.env, TMPDIR: tmpdir },
    });
    expect(again, again.stderr).toMatchObject({ status: 0 });
    expect(reportOf(again).images.map(({ status }) => status)).toContain('unchanged');
    const names = await imageNames(engine);
    expect(names).toEqual(expect.arrayContaining(['api:latest', 'db:latest', 'web:latest']));
    expect([names.filter(isTemporary), readdirSync(tmpdir)]).toEqual([[], []]);
  });
});

describe('Ctrl-C', () => {
  it.each([
    ['before', 'flatten', 'web'],
    ['blob', 2, '/web/'],
  ] as const)('%s %s %s moves no tag and leaves nothing', async (...moment) => {
    place.anew();
    const running = await startUntil(moment, ({ child }) => void child.kill('SIGINT'));
    expect(await running.ended).toBe(130);
    expect([await place.tagged(), readdirSync(running.tmpdir)]).toEqual([[], []]);
    await place.finishes(running.tmpdir);
  });

  it('once the first tag moves lets all of them move', async () => {
    place.anew();
    const running = await startUntil(['tag', 1, ''], ({ child }) => void child.kill('SIGINT'));
    expect(await running.ended).toBe(0);
    expect([await place.tagged(), readdirSync(running.tmpdir)]).toEqual([NAMES, []]);
  });
});

describe('a full disk', () => {
  it('in flatten fails that image by name, and no tag moves', async () => {
    place.anew();
    place.write(
      'web/Dockerfile',
      'FROM busybox:base\nRUN dd if=/dev/urandom of=/big bs=1M count=20\n',
    );
    const run = await place.runOnDisk(24);
    expect(run, run.stderr).toMatchObject({ status: 1, leftovers: [] });
    const { outcome, images } = reportOf(run);
    expect([outcome, images[1]?.status]).toEqual(['failed', 'failed']);
    expect(images[1]?.error?.code).toBe('NO_SPACE');
    expect(await place.tagged()).toEqual([]);
    await place.finishes();
  });
});
