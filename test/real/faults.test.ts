// Faults between shipper and real engines (`faults.md` 2.6, K12-K15): each ends with a failure that says what happened,
// nothing tagged, nothing temporary left, in bounded time.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { processOwner } from '../../src/system/owner.ts';
import {
  ENGINE_KINDS,
  killDaemon,
  type RunningEngine,
  startEngine,
  waitForDaemon,
} from './support/engines.ts';
import { recipeImage } from './support/images.ts';
import { type ProxiedCall, startProxy } from './support/proxy.ts';
import { sharedEngine } from './support/shared.ts';
import { flatten, imageList, imageNames, shipper, startShipper } from './support/shipper.ts';
import {
  cutsOf,
  expectCleanFailure,
  expectCutIsSeen,
  SOURCE,
  savedBytes,
  struck,
} from './support/struck.ts';

let archive: string;

beforeAll(async () => {
  const engine = await sharedEngine('20.10');
  await recipeImage(engine, SOURCE);
  archive = join(engine.directory, 'recipe.tar');
  await engine.cli('save', '--output', archive, SOURCE);
});

/** The engine with the source in it. */
async function stocked(engine: RunningEngine): Promise<RunningEngine> {
  if (!(await imageNames(engine)).includes(SOURCE)) await engine.cli('load', '--input', archive);
  return engine;
}

const CALL_OF: Readonly<Record<string, ProxiedCall>> = {
  '20.10': 'import',
  '26.1': 'import',
  '26.1-containerd': 'load',
};

describe.each(ENGINE_KINDS)('between shipper and Docker Engine %s', (kind) => {
  const upload = CALL_OF[kind] ?? 'load';
  let engine: RunningEngine;
  let before: string[];

  beforeAll(async () => {
    engine = await stocked(await sharedEngine(kind));
    before = await imageList(engine);
  });

  it('K12: a save stream that is cut after N bytes is refused, 20 values of N, abruptly and as if it were whole', async () => {
    const size = await savedBytes(engine);
    for (const [index, afterBytes] of cutsOf(size, 20).entries()) {
      await expectCutIsSeen(engine, size, afterBytes, index % 2 === 0 ? 'abrupt' : 'clean');
    }
    expect(await imageList(engine)).toEqual(before);
  });

  const uploads = [...new Set([upload, 'load'] as const)];

  it.each(
    uploads,
  )("K13: an errorDetail in a %s's answer of 200 is the engine's refusal", async (call) => {
    const fault = { kind: 'error-line', call, message: 'no space left on device' } as const;
    expectCleanFailure(await struck(engine, fault), /no space left on device/);
    expect(await imageList(engine)).toEqual(before);
  });

  it.each([
    'save',
    ...uploads,
  ] as const)('an engine that hangs in a %s is given up', async (call) => {
    const began = performance.now();
    const patience = { SHIPPER_ENGINE_IDLE_SECONDS: '2', SHIPPER_ENGINE_THINK_SECONDS: '3' };
    // The second step of a graph driver is a tiny archive.
    const afterBytes = call === 'load' ? 1 : 2_000_000;
    const result = await struck(engine, { kind: 'hang', call, afterBytes }, patience);
    expectCleanFailure(result, /nothing came or went for [23] s/);
    // Two seconds of silence, start-up, and the end of what the engine was doing.
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await imageList(engine)).toEqual(before);
  });

  it.runIf(upload === 'import')(
    'a layer that vanishes after its import is loaded whole',
    async () => {
      const run = async () => {
        const names = await imageNames(engine);
        const layer = names.find(
          (name) => name.startsWith('shipper-tmp:') && name.endsWith('-layer'),
        );
        if (layer !== undefined) await engine.cli('rmi', layer);
      };
      const result = await struck(engine, { kind: 'do', call: 'load', afterBytes: 1, run });
      expect(result).toMatchObject({ status: 0, leftovers: [] });
      expect((await shipper(engine, ['verify', SOURCE, 'recipe:struck'])).status).toBe(0);
      expect((await imageNames(engine)).filter((name) => name.includes('tmp'))).toEqual([]);
      await engine.cli('rmi', 'recipe:struck');
      expect(await imageList(engine)).toEqual(before);
    },
  );

  it('runs beside each other do not disturb each other', async () => {
    const tags = ['a', 'b', 'c', 'd'].map((name) => `recipe:${name}`);
    const reports = await Promise.all(tags.map((tag) => flatten(engine, SOURCE, '-t', tag)));
    expect(new Set(reports.map(({ images }) => images[0]?.configDigest)).size).toBe(1);
    for (const tag of tags) {
      expect(await engine.cli('run', '--rm', '--network=none', tag)).toBe('ready\n');
    }
    await engine.cli('rmi', ...tags);
    expect(await imageList(engine)).toEqual(before);
  });

  it('a Ctrl-C in the middle of an upload leaves nothing', async () => {
    let interrupt = () => {};
    const fault = {
      kind: 'do',
      call: upload,
      afterBytes: 2_000_000,
      run: () => interrupt(),
    } as const;
    await using proxy = await startProxy(engine, fault);
    const running = startShipper(engine, ['flatten', SOURCE, '-t', 'recipe:struck'], proxy);
    interrupt = () => running.child.kill('SIGINT');
    expect(await running.ended).toBe(130);
    expect(readdirSync(running.tmpdir)).toEqual([]);
    expect(await imageList(engine)).toEqual(before);
  });

  it('what a killed run left is removed by the next, what a live run has is not', async () => {
    let kill = () => {};
    const call = upload === 'import' ? 'load' : upload;
    const fault = { kind: 'do', call, afterBytes: 1, run: () => kill() } as const;
    {
      // The import is done and named; the run dies as the second step begins.
      await using proxy = await startProxy(engine, fault);
      const running = startShipper(engine, ['flatten', SOURCE, '-t', 'recipe:struck'], proxy);
      kill = () => running.child.kill('SIGKILL');
      expect(await running.ended).toBe('SIGKILL');
    }
    const live = processOwner().tag;
    const names = {
      // A process that has our number and began at another time has ended.
      dead: `shipper-tmp:${live.replace(/\d+$/, '1')}-0123456789ab`,
      alive: `shipper-tmp:${live}-0123456789ab`,
      foreign: 'shipper-tmp:00000000-1-1-0123456789ab',
      other: 'shipper-tmp:mine',
    };
    for (const name of Object.values(names)) await engine.cli('tag', SOURCE, name);
    const left = (await imageNames(engine)).filter((name) => name.startsWith('shipper-tmp:'));
    // A graph driver also has the layer that the killed run imported, and perhaps what it loaded.
    const [least, most] = upload === 'import' ? [5, 6] : [4, 4];
    expect(left.length).toBeGreaterThanOrEqual(least);
    expect(left.length).toBeLessThanOrEqual(most);
    await flatten(engine, SOURCE, '-t', 'recipe:after');
    const kept = (await imageNames(engine)).filter((name) => name.startsWith('shipper-tmp:'));
    expect(kept).toEqual([names.alive, names.foreign, names.other].sort());
    await engine.cli('rmi', ...kept, 'recipe:after');
    expect(await imageList(engine)).toEqual(before);
  });
});

describe.each(ENGINE_KINDS)('K14: dockerd %s killed in the middle', (kind) => {
  it('of each step: a failure, no tag, no temporary file, and the engine comes back clean', async () => {
    await using engine = await startEngine(kind, { isRestarted: true });
    await stocked(engine);
    const steps: readonly (readonly [ProxiedCall, number])[] =
      kind === '26.1-containerd'
        ? [
            ['save', 1_000_000],
            ['load', 1],
            ['load', 3_000_000],
          ]
        : [
            ['save', 1_000_000],
            ['import', 3_000_000],
            ['load', 1],
          ];
    for (const [call, afterBytes] of steps) {
      const kill = () => killDaemon(engine);
      const result = await struck(engine, { kind: 'do', call, afterBytes, run: kill });
      expectCleanFailure(result, /Cannot (?:reach|read|load|import)/);
      await waitForDaemon(engine);
      expect(await imageNames(engine)).not.toContain('recipe:struck');
    }
    // The next run finds its way, and takes away what the engine kept of the ones before.
    await flatten(engine, SOURCE, '-t', 'recipe:after', '--verify');
    expect((await imageNames(engine)).sort()).toEqual([SOURCE, 'recipe:after'].sort());
    expect(await engine.cli('run', '--rm', '--network=none', 'recipe:after')).toBe('ready\n');
  });
});
