// One log-in for each host over a real sshd, however many calls there are (decision 25).
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/engine/client.ts';
import type { SshEndpoint } from '../../src/engine/dial-stdio.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';
import { type Fleet, startFleet } from './support/fleet.ts';

const HOST: SshEndpoint = {
  kind: 'ssh',
  host: 'h1',
  user: undefined,
  port: undefined,
  socketPath: undefined,
};

describe('an engine over ssh', () => {
  let fleet: Fleet;
  let folder: string;
  beforeAll(async () => {
    fleet = await startFleet();
    folder = mkdtempSync(join(tmpdir(), 'ssh-'));
  }, 120_000);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const context = () => ({
    report: () => undefined,
    signal: new AbortController().signal,
    clock: nodeClock(),
    scope: {},
  });
  const connect = () => connectEngine(HOST, systemOf(fleet, folder));
  const logIns = () => fleet.hosts[0].engine.logs().split('Accepted publickey').length - 1;

  it('logs in once for many calls at once and streams beside them', async () => {
    const before = logIns();
    const ctx = context();
    const abort = new AbortController();
    const client = connect();
    const streams = Array.from({ length: 4 }, async () => {
      for await (const _ of client.containers.events({ ...ctx, signal: abort.signal }, {})) break;
    });
    const calls = Array.from({ length: 30 }, () => client.containers.list(ctx));
    expect(await Promise.all(calls)).toHaveLength(30);
    expect(logIns() - before).toBe(1);
    expect(readdirSync(folder)).toHaveLength(1);
    abort.abort();
    const ended = await Promise.allSettled(streams);
    expect(ended.every(({ status }) => status === 'rejected')).toBe(true);
    await client[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual([]);
    await expect.poll(() => programs(folder)).toEqual([]);
  }, 60_000);

  it('logs in again when the first connection was lost', async () => {
    const client = connect();
    const ctx = context();
    await client.containers.list(ctx);
    const before = logIns();
    for (const pid of programs(folder)) process.kill(pid, 'SIGKILL');
    await expect.poll(() => programs(folder)).toEqual([]);
    await expect.poll(() => readdirSync(folder)).toEqual([]);
    expect(await client.containers.list(ctx)).toBeDefined();
    expect(logIns() - before).toBe(1);
    await client[Symbol.asyncDispose]();
  }, 60_000);

  it('goes beyond what a host lets one connection carry', async () => {
    // MaxSessions is 10.
    const client = connect();
    const ctx = context();
    const abort = new AbortController();
    const streams = Array.from({ length: 11 }, async () => {
      for await (const _ of client.containers.events({ ...ctx, signal: abort.signal }, {})) break;
    });
    await client.containers.list(ctx);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(await client.containers.list(ctx)).toBeDefined();
    abort.abort();
    await Promise.allSettled(streams);
    await client[Symbol.asyncDispose]();
    await expect.poll(() => programs(folder)).toEqual([]);
  }, 60_000);

  it('says in ssh’s own words why it cannot connect', async () => {
    const client = connectEngine({ ...HOST, port: 1 }, systemOf(fleet, folder));
    const calls = [1, 2, 3].map(() => client.containers.list(context()));
    for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
      expect(reason.message).toMatch(/port 1: Connection refused/);
    }
    await client[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);
});

/** The programs of ssh whose socket lies in `folder`. */
function programs(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`ControlPath=${folder}`);
      } catch {
        // It ended in the meantime.
        return false;
      }
    })
    .map(Number);
}

function systemOf(fleet: Fleet, folder: string): System {
  const system = nodeSystem();
  const env = { PATH: fleet.env['PATH'] ?? '' };
  return {
    ...system,
    tmpdir: folder,
    spawnDuplex: (command, args) => system.spawnDuplex(command, args, env),
    run: (command, args, options) => system.run(command, args, { ...options, env }),
  };
}
