// Locks, journals and garbage of environments on real engines, both image stores.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import type { Clock } from '../../src/core/events.ts';
import { connectEngine } from '../../src/engine/client.ts';
import type { Engine } from '../../src/engine/engine.ts';
import {
  type FleetLock,
  type LockRequest,
  takeFleetLock,
  unlock,
} from '../../src/rollout/fleet-lock.ts';
import { type GarbageOptions, planGarbage } from '../../src/rollout/gc.ts';
import { hostContents, removeGarbage } from '../../src/rollout/gc-run.ts';
import { journalImage, readJournal, writeJournal } from '../../src/rollout/journal.ts';
import { beginRollout, commitRollout, emptyJournal } from '../../src/rollout/journal-changes.ts';
import { labelsOf } from '../../src/rollout/labels.ts';
import { holderOf, type LockHost, lockName } from '../../src/rollout/lock.ts';
import type { Journal, ReleasedService } from '../../src/rollout/release.ts';
import { loadTinyImage } from '../../src/rollout/tiny-image.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { failureOf } from '../engine/support.ts';
import { recordOf } from '../rollout/records.ts';
import { ENGINE_KINDS, type RunningEngine, startEngine } from './support/engines.ts';
import { startRegistry } from './support/registry.ts';

const scope = { project: 'shop', environment: 'production' };
const system = nodeSystem();
/** Time goes so much faster: a lease is six seconds. */
const SPEED = 5;
const fast: Clock = {
  now: system.clock.now,
  monotonic: () => system.clock.monotonic() * SPEED,
  sleep: (ms, signal) => system.clock.sleep(ms / SPEED, signal),
};
const stopped: Clock = { ...fast, sleep: () => new Promise(() => undefined) };

function contextOf(clock: Clock): Context {
  return { clock, report: () => undefined, signal: new AbortController().signal, scope: {} };
}

const ctx = contextOf(fast);

// The engines beside each other: most of the time each waits for a lease.
describe.concurrent.each(ENGINE_KINDS)('on Docker Engine %s', (kind) => {
  let running: RunningEngine;
  let engine: Engine;
  let host: LockHost;
  beforeAll(async () => {
    running = await startEngine(kind);
    engine = connectEngine({ kind: 'unix', path: running.socket }, system);
    host = { name: kind, id: 'E1', engine };
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await running?.stop();
  });

  const take = (more: Partial<LockRequest> = {}, of: Context = ctx): Promise<FleetLock> =>
    takeFleetLock(of, system, [host], { scope, by: 'me', action: 'rollout', waitMs: 0, ...more });
  const locks = () => running.cli('ps', '-aq', '--filter', `name=${lockName(scope)}`);

  it.sequential('one of eight takes a lock at a time', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => take()));
    const [won, ...others] = results.sort((a) => (a.status === 'fulfilled' ? -1 : 1));
    expect(others.map((each) => each.status === 'rejected' && each.reason.code)).toEqual(
      Array.from({ length: 7 }, () => 'LOCKED'),
    );
    if (won?.status !== 'fulfilled') throw new Error('nobody has it');
    await won.value.check(ctx, host);
    expect(await holderOf(ctx, host, scope)).toMatchObject({ token: won.value.token });
    await won.value[Symbol.asyncDispose]();
    expect(await locks()).toBe('');
  });

  it.sequential('one of eight at a time takes over what a dead run left, when its lease ran out', async () => {
    await take({ by: 'dead' }, contextOf(stopped));
    let inside = 0;
    let most = 0;
    const takenOver: number[] = [];
    const runs = Array.from({ length: 8 }, async () => {
      await using lock = await take({ waitMs: 900_000 });
      inside += 1;
      most = Math.max(most, inside);
      await lock.check(ctx, host);
      await sleep(200);
      await lock.check(ctx, host);
      inside -= 1;
      takenOver.push(lock.takenOver.length);
    });
    await Promise.all(runs);
    expect(most).toBe(1);
    // Of several who remove it at once another may be the first to make the next.
    expect(takenOver.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1);
    expect(await locks()).toBe('');
  });

  it.sequential('a lock outlives its lease while it is renewed, and not docker container prune', async () => {
    await using lock = await take();
    expect(await failureOf(take({ waitMs: 45_000 }))).toMatchObject({ code: 'LOCKED' });
    await lock.check(ctx, host);
    await running.cli('container', 'prune', '-f');
    const lost = await failureOf(lock.check(ctx, host));
    expect(lost.message).toMatch(/its lock was removed, as `docker container prune`/);
    await using next = await take();
    const shown = await holderOf(ctx, host, scope);
    expect(await unlock(ctx, [host], scope, { token: shown?.token ?? '' })).toEqual([kind]);
    expect(await failureOf(next.check(ctx, host))).toMatchObject({ code: 'LOCKED' });
  });

  it.sequential('a journal is replaced, and outlives what is pruned', async () => {
    const images = () => running.cli('image', 'ls', '-aq', '--filter', 'label=shipper.journal');
    expect(await readJournal(ctx, engine, scope)).toBeUndefined();
    let journal = emptyJournal(scope);
    for (const id of ['r1', 'r2', 'r3']) {
      journal = commitRollout(
        beginRollout(journal, { action: 'rollout', record: recordOf(id), previous: [] }),
      );
      await writeJournal(ctx, engine, scope, journal);
      await writeJournal(ctx, engine, scope, journal);
    }
    expect((await images()).trim().split('\n')).toHaveLength(1);
    for (const what of ['container', 'image', 'volume']) await running.cli(what, 'prune', '-f');
    expect(await readJournal(ctx, engine, scope)).toEqual(journal);
    await running.cli('image', 'rm', journalImage(scope));
    expect(await images()).toBe('');
  });

  it.sequential('garbage goes by its exact names, and what anybody uses or needs stays', async () => {
    await using _ = await take();
    const name = (word: string) => `shipper.local/shop-api:${word}`;
    const options: GarbageOptions = {
      ...{ scope, retain: 1, graceMs: 0 },
      refsOf: (_scope, { image }) => [image.name],
    };
    const service = async (word: string): Promise<ReleasedService> => {
      await loadTinyImage(ctx, engine, { name: name(word), labels: { word } });
      const [first] = recordOf(word).services;
      if (first === undefined) throw new Error('no service');
      const digest = (await engine.inspectImage(ctx, name(word)))?.id ?? '';
      return { ...first, image: { name: name(word), digest } };
    };
    let journal: Journal = emptyJournal(scope);
    for (const word of ['r1', 'r2', 'r3', 'r4']) {
      const made = await service(word);
      const record = { ...recordOf(word), services: [made] };
      journal = commitRollout(beginRollout(journal, { action: 'rollout', record, previous: [] }));
      const Labels = labelsOf(scope, made, 1, word);
      await engine.containers.create(ctx, `shop-${word}`, { Image: name(word), Labels });
    }
    // Somebody else's container that has never run, of an image that is garbage otherwise.
    await running.cli('create', '--name', 'theirs', name('r2'));
    await loadTinyImage(ctx, engine, { name: 'foreign:1', labels: {} });
    const garbage = planGarbage(await hostContents(ctx, engine), journal, options);
    expect(garbage.items.map((item) => item.name)).toEqual(['shop-r2', 'shop-r1', name('r1')]);
    expect(garbage.kept.find((kept) => kept.name === name('r2'))?.cause).toBe(
      'container theirs uses it',
    );
    const removal = { journal, options, check: async () => undefined };
    const { removed, kept } = await removeGarbage(ctx, engine, garbage, removal);
    expect(removed.map((item) => item.name)).toEqual(['shop-r2', 'shop-r1', name('r1')]);
    expect(kept).toEqual([]);
    const images = await running.cli('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}');
    expect(images.trim().split('\n').sort()).toEqual([
      'foreign:1',
      'shipper.local/empty:1',
      ...['r2', 'r3', 'r4'].map(name),
    ]);
    const containers = await running.cli('ps', '-a', '--format', '{{.Names}}');
    expect(containers.trim().split('\n').sort()).toEqual(
      [lockName(scope), 'shop-r3', 'shop-r4', 'theirs'].sort(),
    );
  });

  it.sequential('an image that was pulled by digest goes, and not while it has a tag of somebody else', async () => {
    const staging = { project: 'shop', environment: 'staging' };
    await using registry = await startRegistry();
    const repository = `${registry.address}/api`;
    await loadTinyImage(ctx, engine, { name: `${repository}:1`, labels: { of: 'registry' } });
    const said = await running.cli('push', `${repository}:1`);
    const digest = /sha256:[0-9a-f]{64}/.exec(said.slice(said.lastIndexOf('digest:')))?.[0] ?? '';
    await running.cli('rmi', `${repository}:1`);
    const pinned = `${repository}@${digest}`;
    const record = recordOf('r1');
    const services = record.services.map((each) => ({
      ...each,
      image: { name: `${repository}:1`, pinned, digest },
    }));
    const records = [{ ...record, services }, recordOf('r2'), recordOf('r3')];
    const journal = records.reduce<Journal>(
      (before, each) =>
        commitRollout(beginRollout(before, { action: 'rollout', record: each, previous: [] })),
      emptyJournal(staging),
    );
    const options = { scope: staging, retain: 1, graceMs: 0 };
    const removal = { journal, options, check: async () => undefined };
    const plan = async () => planGarbage(await hostContents(ctx, engine), journal, options);
    await engine.containers.pull(ctx, pinned);
    await running.cli('tag', pinned, 'somebodys:1');
    expect((await plan()).kept).toMatchObject([
      { name: pinned, cause: expect.stringMatching(/somebodys:1/) },
    ]);
    await running.cli('rmi', 'somebodys:1');
    const { removed } = await removeGarbage(ctx, engine, await plan(), removal);
    expect(removed.map((item) => item.name)).toEqual([pinned]);
    expect(await engine.inspectImage(ctx, pinned)).toBeUndefined();
  });
});
