import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import {
  type FleetLock,
  type LockRequest,
  type LockSystem,
  takeFleetLock,
  unlock,
} from '../../src/rollout/fleet-lock.ts';
import { holderOf, type LockHost, lockName } from '../../src/rollout/lock.ts';
import { failureOf } from '../engine/support.ts';
import { amount } from '../support/amount.ts';
import { contextOf, JumpingClock, StubHost } from './stub-host.ts';

const scope = { project: 'shop', environment: 'production' };
const LOCK = lockName(scope);

let machines = 0;

/** A machine with a process of its own; `dead` are the tags of those that have ended. */
function machine(
  env: Readonly<Record<string, string>> = {},
  dead: ReadonlySet<string> = new Set(),
): LockSystem & { readonly tag: string } {
  machines += 1;
  const tag = `m${machines}`;
  let seed = 0;
  return {
    tag,
    env,
    random(bytes) {
      seed += 1;
      return createHash('sha256')
        .update(`${tag} ${seed}`)
        .digest('hex')
        .slice(0, 2 * bytes);
    },
    files: {
      owner: {
        tag,
        isDead: (other) => (dead.has(other) ? true : undefined),
        onExitRemove: () => () => undefined,
      },
    },
  };
}

function fleet(clock: JumpingClock, count: number): { stubs: StubHost[]; hosts: LockHost[] } {
  const stubs = Array.from({ length: count }, (_, i) => new StubHost(clock, `ssh://h${i + 1}`));
  const hosts = stubs.map(({ name, engine }, i) => ({ name, engine, id: `E${i + 1}` }));
  return { stubs, hosts };
}

function take(
  ctx: Context,
  hosts: readonly LockHost[],
  more: Partial<LockRequest> = {},
  system: LockSystem = machine(),
): Promise<FleetLock> {
  const request = { scope, by: 'ann@laptop', action: 'rollout', waitMs: 0, ...more };
  return takeFleetLock(ctx, system, hosts, request);
}

/** A run that is killed: nothing of it goes on, and nothing is released. */
async function killed(hosts: readonly LockHost[], system: LockSystem): Promise<void> {
  const frozen = { now: () => 0, monotonic: () => 0, sleep: () => new Promise<void>(() => {}) };
  await take(contextOf(frozen), hosts, { by: 'bob@ci', release: 'r1' }, system);
}

const away = () => {
  throw new ShipperError('ENGINE_UNREACHABLE', 'Cannot reach it: it is away', { retryable: true });
};

describe('the lock of an environment', () => {
  it('is on every host while it is held, says whose it is, and is gone after', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 3);
    {
      await using lock = await take(ctx, hosts, { release: '20261126-224510-3f2a' });
      for (const host of hosts) {
        await lock.check(ctx, host);
        expect(await holderOf(ctx, host, scope)).toMatchObject({
          ...{ by: 'ann@laptop', action: 'rollout', release: '20261126-224510-3f2a', scope },
          token: lock.token,
        });
      }
      expect(stubs.map(({ containersNow }) => containersNow.map(({ status }) => status))).toEqual([
        ['created'],
        ['created'],
        ['created'],
      ]);
    }
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toEqual([]);
    expect(await holderOf(ctx, hosts[0] as LockHost, scope)).toBeUndefined();
  });

  it('is refused with who, where, what, since when and the mend (D9)', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 2);
    await using lock = await take(ctx, hosts, { by: 'bob@ci', release: 'r7' });
    const error = await failureOf(take(ctx, hosts));
    expect(error).toMatchObject({ code: 'LOCKED', details: { host: 'ssh://h1' } });
    expect(error.message).toMatch(
      /^Cannot lock shop\/production on ssh:\/\/h1: bob@ci has held it since 2026-\S+Z for rollout r7$/,
    );
    expect(error.hint).toMatch(/--lock-wait 10m.*after 30 seconds.*shipper unlock production$/);
    expect(lock.lost).toEqual([]);
  });

  it('is waited for, and had when it becomes free', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 3);
    const lock = await take(ctx, hosts);
    const waiting = take(ctx, hosts, { waitMs: 600_000 });
    await clock.sleep(200_000);
    await lock[Symbol.asyncDispose]();
    await using next = await waiting;
    expect(next.takenOver).toEqual([]);
    const notes = ctx.events.filter(({ type }) => type === 'note');
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatchObject({ message: expect.stringMatching(/^Waiting .*ann@laptop has/) });
  });

  it('is refused when it was waited for in vain, and waiting ends with the run', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 2);
    await using lock = await take(ctx, hosts);
    const error = await failureOf(take(ctx, hosts, { waitMs: 90_000 }));
    expect(error.hint).toMatch(/^It was waited for 90 seconds, and its holder lives/);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(90_000);
    expect(clock.monotonic()).toBeLessThan(91_000);
    const stop = new AbortController();
    const waiting = failureOf(take(contextOf(clock, stop.signal), hosts, { waitMs: 9e9 }));
    await clock.sleep(5000);
    stop.abort();
    expect(await waiting).toMatchObject({ code: 'INTERRUPTED' });
    await lock.check(ctx, hosts[0] as LockHost);
  });

  it.each(
    Array.from({ length: amount(15, 1000) }, (_, seed) => seed),
  )('is had by one of several at a time (seed %i)', async (seed) => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 3);
    let state = seed + 1;
    const random = (most: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % most;
    };
    for (const stub of stubs) {
      const slow = async () => {
        if (random(3) === 0) await clock.sleep(random(900));
      };
      Object.assign(stub, { before: slow, after: slow });
    }
    let inside = 0;
    const runs = Array.from({ length: 4 }, async () => {
      await clock.sleep(random(3000));
      const order = random(2) === 0 ? hosts : hosts.toReversed();
      await using lock = await take(ctx, order, { waitMs: 3_600_000 });
      inside += 1;
      expect(inside).toBe(1);
      for (const host of hosts) await lock.check(ctx, host);
      await clock.sleep(random(60_000));
      for (const host of hosts) await lock.check(ctx, host);
      inside -= 1;
    });
    await Promise.all(runs);
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toEqual([]);
  });

  it('is not waited for on one host while another is held', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 3);
    await using other = await take(ctx, hosts.slice(1));
    expect(await failureOf(take(ctx, hosts))).toMatchObject({ details: { host: 'ssh://h2' } });
    expect(stubs[0]?.containersNow).toEqual([]);
    await other.check(ctx, hosts[2] as LockHost);
  });

  it('is given back where a host fails on the way, although an answer was lost', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 3);
    const [, second] = stubs;
    if (second === undefined) throw new Error('no host');
    second.after = (call) => {
      if (call.startsWith('create')) away();
    };
    expect(await failureOf(take(ctx, hosts))).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    // The image had to be loaded first; now the create itself is done, and its answer lost.
    expect(await failureOf(take(ctx, hosts))).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toEqual([]);
  });

  it('is told from another container of its name', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 2);
    stubs[0]?.addImage({ id: 'sha256:1', tags: ['a', 'shipper.local/empty:1'] });
    stubs[0]?.add(LOCK, { Image: 'a', Labels: {} });
    const error = await failureOf(take(ctx, hosts, { waitMs: 100_000 }));
    expect(error).toMatchObject({ code: 'CONFLICT', details: { host: 'ssh://h1' } });
    expect(stubs[0]?.named(LOCK)).toBeDefined();
  });

  it('says so when another environment has a lock of the same name', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 1);
    await using _ = await take(ctx, hosts, { scope: { project: 'a', environment: 'b-c' } });
    const other = { project: 'a-b', environment: 'c' };
    const error = await failureOf(take(ctx, hosts, { scope: other }));
    expect(error.message).toMatch(
      /^Cannot lock a-b\/c on \S+: its lock has the name of that of a\/b-c/,
    );
  });
});

describe('the lock of a run that has died', () => {
  it('is taken over at once where its process is known to have ended (D10)', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 3);
    const dead = machine();
    await killed(hosts, dead);
    await using lock = await take(ctx, hosts, {}, machine({}, new Set([dead.tag])));
    expect(clock.monotonic()).toBe(0);
    expect(lock.takenOver.map(({ host, holder, reason }) => [host, holder.by, reason])).toEqual(
      hosts.map(({ name }) => [name, 'bob@ci', 'its process has ended']),
    );
    const [note] = ctx.events.filter(({ type }) => type === 'note');
    expect(note).toMatchObject({
      level: 'warn',
      message: expect.stringMatching(
        /^Removed the lock .* on ssh:\/\/h1: bob@ci .* r1, and its process/,
      ),
    });
  });

  it('is taken over after its lease was unchanged for 30 seconds, on all hosts at once (D10)', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 3);
    await killed(hosts, machine());
    expect(await failureOf(take(ctx, hosts, { waitMs: 20_000 }))).toMatchObject({ code: 'LOCKED' });
    const began = clock.monotonic();
    await using lock = await take(ctx, hosts, { waitMs: 60_000 });
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(30_000);
    expect(clock.monotonic() - began).toBeLessThan(35_000);
    expect(lock.takenOver).toHaveLength(3);
  });

  it('is taken over although it died before it wrote its lease', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    await killed(hosts, machine());
    stubs[0]?.named(LOCK)?.files.clear();
    await using lock = await take(ctx, hosts, { waitMs: 60_000 });
    expect(lock.takenOver).toHaveLength(1);
  });

  it('stays where taking over is not wanted', async () => {
    const clock = new JumpingClock();
    const { hosts } = fleet(clock, 1);
    await killed(hosts, machine());
    const waiting = take(contextOf(clock), hosts, { waitMs: 100_000, takeOver: false });
    expect(await failureOf(waiting)).toMatchObject({ code: 'LOCKED' });
  });

  it.each(
    Array.from({ length: amount(15, 1000) }, (_, seed) => seed),
  )('is taken over by one of several (seed %i)', async (seed) => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 2);
    await killed(hosts, machine());
    let state = seed + 7;
    const slow = async () => {
      state = (state * 48_271) % 2_147_483_647;
      if (state % 2 === 0) await clock.sleep(state % 400);
    };
    for (const stub of stubs) Object.assign(stub, { before: slow, after: slow });
    const tries = Array.from({ length: 4 }, () => take(ctx, hosts, { waitMs: 45_000 }));
    const results = await Promise.allSettled(tries);
    const won = results.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'LOCKED' });
      else {
        for (const host of hosts) await result.value.check(ctx, host);
        await result.value[Symbol.asyncDispose]();
      }
    }
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toEqual([]);
  });
});

describe('a lock that is being removed', () => {
  it.each(['removing', 'dead'] as const)("is nobody's any more (%s)", async (status) => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    const [host] = hosts as [LockHost];
    await using lock = await take(ctx, hosts);
    Object.assign(stubs[0]?.named(LOCK) ?? {}, { status });
    expect(await failureOf(lock.check(ctx, host))).toMatchObject({ code: 'LOCKED' });
    expect(await holderOf(ctx, host, scope)).toBeUndefined();
    await using next = await take(ctx, hosts);
    await next.check(ctx, host);
    expect(next.takenOver).toEqual([]);
  });

  it('is waited for while its name is still in use', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    const [stub] = stubs as [StubHost];
    stub.before = (call) => {
      if (call.startsWith('create') && clock.monotonic() < 3000) {
        throw new ShipperError('CONFLICT', 'Cannot create it: in use');
      }
    };
    await using _ = await take(ctx, hosts);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(3000);
    stub.before = (call) => {
      if (call.startsWith('create')) throw new ShipperError('CONFLICT', 'Cannot create it: in use');
    };
    stub.containersNow.splice(0);
    expect(await failureOf(take(ctx, hosts))).toMatchObject({ code: 'LOCKED' });
  });

  it('is not taken over while the engine cannot say what its lease is', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    const [stub] = stubs as [StubHost];
    await killed(hosts, machine());
    stub.before = (call) => {
      if (call.startsWith('get')) throw new ShipperError('ENGINE', 'Cannot read it: no layer');
    };
    expect(await failureOf(take(ctx, hosts, { waitMs: 90_000 }))).toMatchObject({ code: 'LOCKED' });
    stub.before = () => undefined;
    await using lock = await take(ctx, hosts, { waitMs: 90_000 });
    expect(lock.takenOver).toHaveLength(1);
  });

  it('is made anew where it is pruned before its lease is written', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    const [stub] = stubs as [StubHost];
    let pruned = 0;
    stub.before = (call) => {
      if (!call.startsWith('put') || pruned > 0) return;
      pruned += 1;
      stub.containersNow.splice(0);
      throw new ShipperError('ENGINE', 'Cannot write it: no layer');
    };
    await using lock = await take(ctx, hosts);
    await lock.check(ctx, hosts[0] as LockHost);
    expect(pruned).toBe(1);
  });
});

describe('a lock that is held', () => {
  it('is not taken over while its heart beats, whatever the clocks of hosts and runs say (D22)', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 2);
    await using lock = await take(ctx, hosts);
    const ahead = { ...ctx, clock: Object.assign(Object.create(clock), { now: () => 4e12 }) };
    expect(await failureOf(take(ahead, hosts, { waitMs: 300_000 }))).toMatchObject({
      code: 'LOCKED',
    });
    await lock.check(ctx, hosts[0] as LockHost);
    expect(lock.lost).toEqual([]);
  });

  it('beats after the run was cancelled, until it is released', async () => {
    const clock = new JumpingClock();
    const stop = new AbortController();
    const { hosts, stubs } = fleet(clock, 1);
    await using _ = await take(contextOf(clock, stop.signal), hosts);
    stop.abort();
    const before = stubs[0]?.calls.length ?? 0;
    await clock.sleep(35_000);
    expect(stubs[0]?.calls.slice(before)).toHaveLength(3);
  });

  it('is lost when somebody prunes it, and says what to do', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 2);
    await using lock = await take(ctx, hosts);
    stubs[1]?.containersNow.splice(0);
    await lock.check(ctx, hosts[0] as LockHost);
    const error = await failureOf(lock.check(ctx, hosts[1] as LockHost));
    expect(error).toMatchObject({ code: 'LOCKED', details: { host: 'ssh://h2' } });
    expect(error.message).toMatch(
      /^Cannot go on with shop\/production on ssh:\/\/h2: its lock was removed/,
    );
    expect(error.hint).toMatch(/shipper status production.*shipper resume production/);
    expect(lock.lost).toEqual([{ host: 'ssh://h2', holder: undefined }]);
  });

  it('is known to be lost by its heart too, with who has it now', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    await using lock = await take(ctx, hosts);
    stubs[0]?.containersNow.splice(0);
    await using other = await take(ctx, hosts, { by: 'eve@ci' });
    await clock.sleep(11_000);
    expect(lock.lost).toMatchObject([{ host: 'ssh://h1', holder: { by: 'eve@ci' } }]);
    const error = await failureOf(lock.check(ctx, hosts[0] as LockHost));
    expect(error.message).toMatch(/its lock was taken over: eve@ci has held it/);
    await lock[Symbol.asyncDispose]();
    await other.check(ctx, hosts[0] as LockHost);
  });

  it('goes on after a short loss of the connection', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    const [stub] = stubs as [StubHost];
    await using lock = await take(ctx, hosts);
    stub.before = away;
    await clock.sleep(15_000);
    expect(await failureOf(lock.check(ctx, hosts[0] as LockHost))).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
    });
    stub.before = () => undefined;
    const at = clock.monotonic();
    await lock.check(ctx, hosts[0] as LockHost);
    expect(clock.monotonic()).toBe(at);
  });

  it('waits a beat after a loss that was longer than its lease, and only then goes on (D8)', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 1);
    const [stub] = stubs as [StubHost];
    await using lock = await take(ctx, hosts);
    stub.before = away;
    await clock.sleep(120_000);
    stub.before = () => undefined;
    const at = clock.monotonic();
    await lock.check(ctx, hosts[0] as LockHost);
    expect(clock.monotonic() - at).toBe(10_000);
    // Somebody had watched the lease run out, and removes the lock while the old holder proves it.
    stub.before = away;
    await clock.sleep(120_000);
    stub.before = () => undefined;
    const checking = failureOf(lock.check(ctx, hosts[0] as LockHost));
    await clock.sleep(3000);
    stub.containersNow.splice(0);
    expect(await checking).toMatchObject({ code: 'LOCKED' });
  });

  it('does not hang on a host that does not answer', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 2);
    const lock = await take(ctx, hosts);
    const [stub] = stubs as [StubHost];
    stub.before = (call) => (call.startsWith('put') ? clock.sleep(1e9) : undefined);
    await clock.sleep(60_000);
    await lock.check(ctx, hosts[1] as LockHost);
    await lock[Symbol.asyncDispose]();
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toEqual([]);
  });

  it('is left with a warning where it cannot be released, and then runs out (D11)', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 2);
    const lock = await take(ctx, hosts);
    const [stub] = stubs as [StubHost];
    stub.before = away;
    await lock[Symbol.asyncDispose]();
    stub.before = () => undefined;
    expect(ctx.events).toMatchObject([
      {
        level: 'warn',
        message: expect.stringMatching(/on ssh:\/\/h1 is left, it can be taken over after 30 sec/),
      },
    ]);
    await using next = await take(ctx, hosts, { waitMs: 60_000 });
    expect(next.takenOver).toHaveLength(1);
  });

  it('is entered by a run that its hook starts, which leaves it held', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { hosts } = fleet(clock, 3);
    await using lock = await take(ctx, hosts.slice(0, 2));
    {
      await using inner = await take(ctx, hosts, { action: 'restart' }, machine(lock.env));
      for (const host of hosts) await inner.check(ctx, host);
      await using innermost = await take(ctx, hosts, {}, machine(inner.env));
      for (const host of hosts) await innermost.check(ctx, host);
    }
    for (const host of hosts.slice(0, 2)) await lock.check(ctx, host);
    expect(await holderOf(ctx, hosts[2] as LockHost, scope)).toBeUndefined();
  });
});

describe('unlock', () => {
  it('removes the lock that was shown from all hosts, and no other', async () => {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const { stubs, hosts } = fleet(clock, 3);
    await killed(hosts.slice(0, 2), machine());
    const shown = await holderOf(ctx, hosts[0] as LockHost, scope);
    if (shown === undefined) throw new Error('no lock');
    expect(await unlock(ctx, hosts, scope, shown)).toEqual(['ssh://h1', 'ssh://h2']);
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toEqual([]);
    await using _ = await take(ctx, hosts);
    const error = await failureOf(unlock(ctx, hosts, scope, shown));
    expect(error).toMatchObject({ code: 'LOCKED' });
    expect(error.message).toMatch(/it is another lock by now: ann@laptop has held it/);
    expect(stubs.flatMap(({ containersNow }) => containersNow)).toHaveLength(3);
  });
});
