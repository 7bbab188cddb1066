// Rollouts on hosts in memory: what is done, and what it ends in.
import { describe, expect, it } from 'vitest';
import { Model, type ModelService } from './model.ts';

function api(version: string, part: Partial<ModelService> = {}): readonly ModelService[] {
  return [{ name: 'api', version, replicas: 4, ...part }];
}

describe('a rollout', () => {
  it('starts every slot, and is unchanged the second time', async () => {
    const model = new Model();
    const first = await model.rollout(api('v1'));
    expect(first?.result.error).toBeUndefined();
    expect(first?.result.outcome).toBe('done');
    expect(model.serving()).toBe('a: api.1=v1 api.4=v1; b: api.2=v1; c: api.3=v1');
    const second = await model.rollout(api('v1'));
    expect(second?.result.outcome).toBe('unchanged');
  });

  it('replaces what runs, keeps it stopped, and rolls back to it', async () => {
    const model = new Model();
    await model.rollout(api('v1'));
    expect((await model.rollout(api('v2')))?.result.outcome).toBe('done');
    expect(model.serving()).toBe('a: api.1=v2 api.4=v2; b: api.2=v2; c: api.3=v2');
    expect(model.stopped()).toBe('a/v1:exited a/v1:exited b/v1:exited c/v1:exited');
    expect((await model.rollback(api('v2')))?.result.outcome).toBe('done');
    expect(model.serving()).toBe('a: api.1=v1 api.4=v1; b: api.2=v1; c: api.3=v1');
  });

  it('puts everything back when a release is bad on one host', async () => {
    const model = new Model();
    await model.rollout(api('v1'));
    model.hosts[2]?.behaviours.set(':v2', {
      crashAfterMs: 1000,
      exitCode: 3,
      log: ['no database'],
    });
    const bad = await model.rollout(api('v2'));
    expect(bad?.result.outcome).toBe('rolled-back');
    expect(bad?.result.error).toMatchObject({
      code: 'UNHEALTHY',
      message: expect.stringContaining('and was restarted: it crashes'),
      details: { log: ['no database'] },
    });
    expect(model.serving()).toBe('a: api.1=v1 api.4=v1; b: api.2=v1; c: api.3=v1');
    expect(model.stopped()).toBe('c/v2:exited');
  });

  it('stops first where a port of the host is fixed', async () => {
    const model = new Model();
    const service = { replicas: 3, port: 8080 };
    await model.rollout(api('v1', service));
    expect((await model.rollout(api('v2', service)))?.result.outcome).toBe('done');
    expect(model.serving()).toBe('a: api.1=v2; b: api.2=v2; c: api.3=v2');
  });

  it('scales down and up', async () => {
    const model = new Model();
    await model.rollout(api('v1'));
    expect((await model.rollout(api('v1', { replicas: 2 })))?.result.outcome).toBe('done');
    expect(model.serving()).toBe('a: api.1=v1; b: api.2=v1; c: ');
    expect((await model.rollout(api('v1', { replicas: 4 })))?.result.outcome).toBe('done');
    expect(model.serving()).toBe(
      'a: api.1=v1; b: api.2=v1; c: api.3=v1 api.4=v1'
        .replace('a: api.1=v1;', 'a: api.1=v1 api.4=v1;')
        .replace('c: api.3=v1 api.4=v1', 'c: api.3=v1'),
    );
  });
});
