// What a manager must do with services, tasks and configs. The fake swarm passes it in test/support, real engines in test/real.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { ServiceSpec, SwarmService, SwarmTask } from '../../src/engine/swarm.ts';

/** A manager under the contract, of a swarm of its own with one node and no services. */
export interface SwarmSubject extends AsyncDisposable {
  readonly engine: Engine;
  readonly ctx: Context;
  /** An image whose containers run until they are asked to end, and one whose write `no database` and end with 3. */
  readonly images: { readonly idle: string; readonly bad: string };
  /** Lets time pass. Default: really. */
  readonly pass?: (ms: number) => Promise<void>;
}

const COMMANDS = {
  idle: 'trap "exit 0" TERM; while :; do sleep 0.05; done',
  bad: 'echo no database; exit 3',
} as const;

/** Runs the contract against what `makeSubject` gives. */
export function swarmContract(name: string, makeSubject: () => Promise<SwarmSubject>): void {
  describe(`${name} keeps the contract of managers`, () => {
    let subject: SwarmSubject;
    let ctx: Context;
    beforeAll(async () => {
      subject = await makeSubject();
      ({ ctx } = subject);
    }, 60_000);
    afterAll(() => subject?.[Symbol.asyncDispose]());

    const swarm = () => subject.engine.swarm;
    const spec = (
      service: string,
      kind: keyof typeof COMMANDS,
      more: object = {},
    ): ServiceSpec => ({
      Name: service,
      Labels: { 'contract.test': '1' },
      TaskTemplate: {
        ContainerSpec: {
          Image: subject.images[kind],
          Command: ['sh', '-c', COMMANDS[kind]],
          Labels: { kind },
          StopGracePeriod: 1e9,
        },
        RestartPolicy: { Condition: 'any', Delay: 200_000_000 },
      },
      Mode: { Replicated: { Replicas: 1 } },
      UpdateConfig: { Parallelism: 1, Monitor: 500_000_000, FailureAction: 'rollback' },
      ...more,
    });
    const found = async (service: string): Promise<SwarmService> => {
      const it = await swarm().inspectService(ctx, service);
      if (it === undefined) throw new Error(`no service ${service}`);
      return it;
    };
    const until = async <T>(look: () => Promise<T | undefined | false>): Promise<T> => {
      for (let round = 0; round < 600; round += 1) {
        const it = await look();
        if (it !== undefined && it !== false) return it;
        await (subject.pass ?? sleep)(50);
      }
      throw new Error('it did not come to that');
    };
    const tasks = async (service: string): Promise<readonly SwarmTask[]> =>
      swarm().listTasks(ctx, [(await found(service)).id]);
    const running = (service: string, kind: string) =>
      until(async () =>
        (await tasks(service)).find(
          ({ state, desired, labels }) =>
            state === 'running' && desired === 'running' && labels['kind'] === kind,
        ),
      );

    it('says what swarm it manages', async () => {
      const state = await swarm().state(ctx);
      expect(state).toMatchObject({ isManager: true, state: 'active' });
      expect(state.clusterId).toMatch(/./);
      const nodes = await swarm().listNodes(ctx);
      expect(nodes).toEqual([
        expect.objectContaining({ id: state.nodeId, state: 'ready', availability: 'active' }),
      ]);
    });

    it('keeps configs under a name that can be had once, and changes their labels by version', async () => {
      const data = Buffer.from('äöü\0');
      const id = await swarm().createConfig(ctx, { name: 'c-1', labels: { a: '1' }, data });
      await expect(
        swarm().createConfig(ctx, { name: 'c-1', labels: {}, data }),
      ).rejects.toMatchObject({ code: 'CONFLICT' });
      const config = await swarm().inspectConfig(ctx, 'c-1');
      expect(config).toMatchObject({ id, name: 'c-1', labels: { a: '1' } });
      if (config === undefined) return;
      expect(Buffer.from(config.data)).toEqual(data);
      await swarm().updateConfig(ctx, config, { a: '2' });
      await expect(swarm().updateConfig(ctx, config, { a: '3' })).rejects.toMatchObject({
        code: 'CONFLICT',
      });
      expect(await swarm().listConfigs(ctx, ['a=2'])).toMatchObject([{ id, labels: { a: '2' } }]);
      expect(Buffer.from((await swarm().inspectConfig(ctx, id))?.data ?? [])).toEqual(data);
      expect(await swarm().listConfigs(ctx, ['a=1'])).toEqual([]);
      await swarm().removeConfig(ctx, id);
      await swarm().removeConfig(ctx, id);
      expect(await swarm().inspectConfig(ctx, id)).toBeUndefined();
      await expect(swarm().updateConfig(ctx, config, { a: '4' })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    });

    it('runs a service, once per name', async () => {
      const id = await swarm().createService(ctx, spec('web', 'idle'));
      await expect(swarm().createService(ctx, spec('web', 'idle'))).rejects.toMatchObject({
        code: 'CONFLICT',
      });
      expect(await swarm().listServices(ctx, ['contract.test=1'])).toMatchObject([{ id }]);
      expect(await swarm().listServices(ctx, ['contract.test=2'])).toEqual([]);
      expect(await swarm().listTasks(ctx, [])).toEqual([]);
      const task = await running('web', 'idle');
      expect(task).toMatchObject({ serviceId: id, slot: 1, image: subject.images.idle, error: '' });
      expect(task.nodeId).toBe((await swarm().state(ctx)).nodeId);
      expect((await found('web')).update).toBeUndefined();
      expect(await swarm().inspectService(ctx, 'nope')).toBeUndefined();
    });

    it('refuses an update by an old version', async () => {
      const service = await found('web');
      const wider = spec('web', 'idle', { Labels: { 'contract.test': '1', more: '1' } });
      await swarm().updateService(ctx, service, wider);
      const changed = await found('web');
      expect(changed.version).toBeGreaterThan(service.version);
      expect(changed.spec.Labels).toEqual(wider.Labels);
      await expect(swarm().updateService(ctx, service, wider)).rejects.toMatchObject({
        code: 'CONFLICT',
        retryable: false,
      });
      await expect(
        swarm().updateService(ctx, { id: 'nope', version: 1 }, wider),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('replaces tasks, and counts versions by itself meanwhile', async () => {
      const service = await found('web');
      const next = spec('web', 'idle', {
        TaskTemplate: { ...templateOf(service), ForceUpdate: 1 },
      });
      await swarm().updateService(ctx, service, next);
      const { version } = await found('web');
      const done = await until(async () => {
        const now = await found('web');
        return now.update?.state === 'completed' && now;
      });
      expect(done.version).toBeGreaterThanOrEqual(version);
      await running('web', 'idle');
    });

    it('goes back by itself from tasks that fail, and has their words', async () => {
      const service = await found('web');
      await swarm().updateService(ctx, service, spec('web', 'bad'));
      const back = await until(async () => {
        const now = await found('web');
        return now.update?.state === 'rollback_completed' && now;
      });
      expect(back.spec['TaskTemplate']).toMatchObject({
        ContainerSpec: { Labels: { kind: 'idle' } },
      });
      await running('web', 'idle');
      const failed = (await tasks('web')).find(({ state }) => state === 'failed');
      expect(failed).toMatchObject({ exitCode: 3, error: expect.stringContaining('3') });
      const lines: string[] = [];
      for await (const { text } of swarm().taskLogs(ctx, failed?.id ?? '', 5)) lines.push(text);
      expect(lines).toEqual(['no database']);
    }, 60_000);

    it('says why a task is not placed', async () => {
      const TaskTemplate = {
        ...templateOf(await found('web')),
        Placement: { Constraints: ['node.labels.nowhere==1'] },
      };
      await swarm().createService(ctx, spec('lost', 'idle', { TaskTemplate }));
      const task = await until(async () => (await tasks('lost')).find(({ error }) => error !== ''));
      expect(task).toMatchObject({ state: 'pending', desired: 'running', nodeId: '' });
      expect(task.error).toContain('no suitable node');
    });

    it('removes a service, gone or not', async () => {
      for (const name of ['web', 'lost', 'web']) await swarm().removeService(ctx, name);
      expect(await swarm().listServices(ctx)).toEqual([]);
    });
  });
}

function templateOf({ spec }: SwarmService): object {
  return spec['TaskTemplate'] as object;
}
