// Which containers a daemon brings back that was killed: the host in memory must say the same as real ones.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { connectEngine } from '../../src/engine/client.ts';
import type { Containers, RestartPolicy } from '../../src/engine/containers.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import { fastClock } from '../support/fake-contract.ts';
import { FakeHost } from '../support/fake-host.ts';
import { hostEngine } from '../support/fake-host-engine.ts';
import { killDaemon, startEngine, waitForDaemon } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';

const POLICIES: readonly RestartPolicy['name'][] = ['no', 'on-failure', 'unless-stopped', 'always'];
/** Ends well when asked to; ignores it; ends by itself. */
const KINDS = ['created', 'running', 'stopped', 'killed', 'ended'] as const;
const COMMANDS = {
  polite: 'trap "exit 0" TERM; sleep 100000 & wait',
  stubborn: 'trap "" TERM; sleep 100000 & wait',
  ends: 'exit 0',
} as const;

function kindOf(kind: (typeof KINDS)[number]): keyof typeof COMMANDS {
  return kind === 'ended' ? 'ends' : kind === 'killed' ? 'stubborn' : 'polite';
}

/** A container of each kind with each policy. */
async function makeAll(ctx: Context, containers: Containers): Promise<void> {
  const one = async (name: RestartPolicy['name'], kind: (typeof KINDS)[number]) => {
    const id = `${kind}-${name}`;
    const command = kindOf(kind);
    // One that ended by itself must not be restarted at once: it gets its policy later.
    const Name = kind === 'ended' ? 'no' : name;
    await containers.create(ctx, id, {
      Image: `shipper-restart/${command}:one`,
      Cmd: ['sh', '-c', COMMANDS[command]],
      Labels: {},
      HostConfig: { RestartPolicy: { Name }, NetworkMode: 'none' },
    });
    if (kind === 'created') return;
    await containers.start(ctx, id);
    if (kind === 'stopped' || kind === 'killed') {
      await sleep(300);
      await containers.stop(ctx, id, kind === 'stopped' ? 5000 : 0);
    }
    if (kind !== 'ended') return;
    await containers.wait(ctx, id);
    await containers.setRestartPolicy(ctx, id, { name, maximumRetryCount: 0 });
  };
  for (const kind of KINDS) await Promise.all(POLICIES.map((name) => one(name, kind)));
}

async function states(ctx: Context, containers: Containers): Promise<Record<string, string>> {
  const all = await containers.list(ctx);
  // One that ends at once is between two restarts when it is looked at.
  const pairs = all.map(({ name, status }) => [name, status === 'restarting' ? 'running' : status]);
  return Object.fromEntries(pairs.toSorted());
}

function contextOf(clock = nodeClock()): Context {
  return { report: () => undefined, signal: new AbortController().signal, clock, scope: {} };
}

async function fakeStates(how: How): Promise<Record<string, string>> {
  const clock = fastClock(1);
  const host = new FakeHost('a', clock);
  const tags = Object.keys(COMMANDS).map((kind) => `shipper-restart/${kind}:one`);
  host.images.add({ tags, tar: new Uint8Array() });
  host.behaviours.set('polite', { stopExitCode: 0 });
  host.behaviours.set('stubborn', { ignoresStop: true });
  host.behaviours.set('ends', { crashAfterMs: 1, exitCode: 0 });
  const ctx = contextOf(clock);
  const { containers } = hostEngine(host);
  await makeAll(ctx, containers);
  // What comes back stays for long enough to be seen.
  host.behaviours.set('ends', {});
  if (how === 'killed') host.crashDaemon();
  else host.restartDaemon();
  return states(ctx, containers);
}

type How = 'killed' | 'stopped';

it.each<['20.10' | '26.1', How]>([
  ['20.10', 'killed'],
  ['26.1', 'killed'],
  ['26.1', 'stopped'],
])(
  'a daemon of %s that was %s brings back what the host in memory does',
  async (kind, how) => {
    await using running = await startEngine(kind, { isRestarted: true });
    await busyboxImage(running, 'shipper-restart/polite:one');
    for (const other of ['stubborn', 'ends']) {
      await running.cli('tag', 'shipper-restart/polite:one', `shipper-restart/${other}:one`);
    }
    await using engine = connectEngine({ kind: 'unix', path: running.socket }, nodeSystem());
    const ctx = contextOf();
    await makeAll(ctx, engine.containers);
    const before = await engine.containers.inspect(ctx, 'running-always');
    killDaemon(running, how === 'killed' ? 'SIGKILL' : 'SIGTERM');
    const seen = async () => {
      await waitForDaemon(running);
      return states(ctx, engine.containers).catch(() => ({}));
    };
    // It is back once it has started what it always starts.
    const startedAt = async () => {
      const found = await engine.containers.inspect(ctx, 'running-always').catch(() => undefined);
      return found?.state.startedAt ?? before?.state.startedAt;
    };
    const patience = { timeout: 60_000, interval: 200 };
    await expect.poll(startedAt, patience).not.toBe(before?.state.startedAt);
    await expect.poll(seen, patience).toEqual(await fakeStates(how));
  },
  240_000,
);
