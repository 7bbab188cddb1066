// The programs of a configuration: what they are told, what is told of them, and how they fail.
import { describe, expect, it } from 'vitest';
import { interruption } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { EngineContainer } from '../../src/engine/containers.ts';
import { type HookPlace, hookRunner } from '../../src/rollout/hooks.ts';
import type { RolloutHost } from '../../src/rollout/host.ts';
import type { FollowOptions } from '../../src/system/system.ts';
import { contextOf, JumpingClock } from './stub-host.ts';

const HOOKS = { preRollout: '/work/migrate.sh', route: 'route-it', postRollout: 'notify' };

type Program = (command: string, options: FollowOptions) => Promise<number | undefined>;

function hooks(
  program: Program,
  { env = {}, signal }: { env?: HookPlace['system']['env']; signal?: AbortSignal } = {},
) {
  const clock = new JumpingClock();
  const ctx = contextOf(clock, signal);
  const calls: { readonly command: string; readonly options: FollowOptions }[] = [];
  const follow: HookPlace['system']['follow'] = (command, args, options) => {
    expect(args).toEqual([]);
    calls.push({ command, options });
    return program(command, options);
  };
  const runner = hookRunner({
    system: { follow, clock, env },
    environment: { hooks: HOOKS },
    scope: { project: 'shop', environment: 'staging' },
    folder: '/work',
    lockEnv: { SHIPPER_LOCK: 'shop/staging:0123abcd' },
  });
  return { ctx, calls, runner };
}

const facts = {
  host: { name: 'ssh://h1' } as RolloutHost,
  service: 'api',
  slot: 3,
  release: 'r1',
  container: {
    name: 'shop-staging-api-3-r1',
    addresses: { front: '10.1.0.5', back: '10.2.0.5', off: '' },
    ports: [{ hostIp: '0.0.0.0', published: 32_768, target: 80, protocol: 'tcp' }],
  } as unknown as EngineContainer,
};

/** As a program that never ends. */
const endless: Program = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(interruption(signal)));
  });

describe('hooks', () => {
  it('are told where and what, in the folder of the configuration', async () => {
    const { ctx, calls, runner } = hooks(async () => 0);
    await runner.preRollout(ctx, 'r1');
    await runner.route(ctx, facts);
    expect(calls).toMatchObject([
      {
        command: '/work/migrate.sh',
        options: {
          cwd: '/work',
          env: {
            SHIPPER_PROJECT: 'shop',
            SHIPPER_ENV: 'staging',
            SHIPPER_RELEASE: 'r1',
            SHIPPER_LOCK: 'shop/staging:0123abcd',
          },
        },
      },
      {
        command: 'route-it',
        options: {
          env: {
            SHIPPER_HOST: 'ssh://h1',
            SHIPPER_SERVICE: 'api',
            SHIPPER_SLOT: '3',
            SHIPPER_RELEASE: 'r1',
            SHIPPER_CONTAINER: 'shop-staging-api-3-r1',
            SHIPPER_ADDRESSES: '10.1.0.5 10.2.0.5 0.0.0.0:32768->80/tcp',
          },
        },
      },
    ]);
  });

  it('that there are none of do nothing', async () => {
    const { ctx, calls, runner } = hooks(async () => 1);
    await runner.drain(ctx, facts);
    expect(calls).toEqual([]);
  });

  it('have their lines told, without secrets', async () => {
    const env = { DB_PASSWORD: 'hunter2', GITHUB_TOKEN: 'ghp_x', HOME: '/root', EMPTY_SECRET: '' };
    const { ctx, runner } = hooks(
      async (_, { onOut, onError }) => {
        onOut?.('login with hunter2 in /root');
        onError?.('ghp_x is refused');
        return 0;
      },
      { env },
    );
    await runner.postRollout(ctx, 'r1');
    expect(ctx.events.filter(({ type }) => type === 'log')).toEqual([
      { type: 'log', line: 'login with *** in /root', scope: { stage: 'post-rollout' } },
      { type: 'log', line: '*** is refused', scope: { stage: 'post-rollout' } },
    ]);
  });

  it('fail with their last lines', async () => {
    const { ctx, runner } = hooks(async (_, { onOut }) => {
      for (let at = 1; at <= 25; at += 1) onOut?.(`line ${at}`);
      return 3;
    });
    const failure = await runner.preRollout(ctx, 'r1').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'HOOK',
      message: 'Cannot go on with staging: the hook pre-rollout failed: it ended with exit code 3',
    });
    const { log = [] } = (failure as ShipperError).details;
    expect([log.length, log[0], log.at(-1)]).toEqual([20, 'line 6', 'line 25']);
  });

  it.each([
    ['is killed', async () => undefined, 'it was killed'],
    [
      'cannot be started',
      async () => {
        throw new ShipperError('NOT_FOUND', 'Cannot run route-it: there is no such program');
      },
      'Cannot run route-it: there is no such program',
    ],
    ['does not end', endless, 'it took longer than 5 minutes'],
  ] satisfies readonly [
    string,
    Program,
    string,
  ][])('that %s is a failure of the slot', async (_, program, state) => {
    const { ctx, runner } = hooks(program);
    await expect(runner.route(ctx, facts)).rejects.toMatchObject({
      code: 'HOOK',
      message: `Cannot go on with api.3: the hook route failed: ${state}`,
    });
  });

  it('end when the run is cancelled, which is no failure of theirs', async () => {
    const stop = new AbortController();
    const { ctx, runner } = hooks(endless, { signal: stop.signal });
    const running = runner.preRollout(ctx, 'r1');
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
