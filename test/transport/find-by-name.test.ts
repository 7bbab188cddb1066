// Bare names: the engine's image if it has one of that name, else the registry's; what was chosen is told.
import { describe, expect, it } from 'vitest';
import { registryPlace } from '../operations/registry-place.ts';
import { legacyArchive } from '../support/archives.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { putImage, treeIn } from '../support/registry-images.ts';

const STACK = 'a=1 | -a b=2';

function notesOf(events: readonly { readonly type: string }[]): string {
  return JSON.stringify(events.filter(({ type }) => type === 'note'));
}

describe('a bare name', () => {
  it('is an image of the engine that has it, also where the registry has one', async () => {
    await using engine = await startFakeEngine();
    await using its = await registryPlace({ env: { DOCKER_HOST: engine.host } });
    const name = `${its.fake.address}/app:1`;
    engine.images.add({
      tags: [name],
      tar: legacyArchive([{ layers: 'e=1 | f=2', tags: [name] }]),
    });
    putImage(its.repository('app'), '1', { layers: STACK });
    const report = await its.place.flatten({ source: name, outputs: ['./x.tar'] });
    expect(report.resolvedSource).toBe(`docker-daemon:${name}`);
    expect(notesOf(its.place.events)).toContain(`${name} is taken for docker-daemon:${name}`);
    expect(its.fake.requests).toEqual([]);
  });

  it("is the registry's where the engine does not have it; the result goes there too", async () => {
    await using engine = await startFakeEngine();
    await using its = await registryPlace({ env: { DOCKER_HOST: engine.host } });
    const name = `${its.fake.address}/app:1`;
    putImage(its.repository('app'), '1', { layers: STACK });
    const report = await its.place.flatten({ source: name });
    expect(report.resolvedSource).toBe(`docker://${name}`);
    expect(report.outputs).toEqual([`docker://${name}-flat`]);
    expect(notesOf(its.place.events)).toMatch(/is taken for docker:.* does not have it/);
    expect(treeIn(its.repository('app'), '1-flat')).toBe('b=2');
    expect(engine.images.images.size).toBe(0);
  });

  it("is the registry's where no engine answers", async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    const ran = await its.run('flatten', `${its.fake.address}/app:1`);
    expect(ran).toMatchObject({ code: 0 });
    expect(treeIn(its.repository('app'), '1-flat')).toBe('b=2');
  });

  it.each([
    ['DOCKER_HOST', { DOCKER_HOST: 'unix:///nowhere/docker.sock' }, []],
    ['--host', {}, ['--host', 'unix:///nowhere/docker.sock']],
  ])('fails where an engine was named by %s and does not answer', async (_, env, options) => {
    await using its = await registryPlace({ env });
    putImage(its.repository('app'), '1', { layers: STACK });
    const ran = await its.failing('flatten', `${its.fake.address}/app:1`, ...options);
    expect(ran.code).toBe(1);
    expect(ran.line).toContain('/nowhere/docker.sock');
    expect(its.fake.requests).toEqual([]);
  });

  it.each([
    ['an engine answers', true],
    ['none answers', false],
  ])('that nobody has is refused with both places named: %s', async (_, hasEngine) => {
    await using engine = await startFakeEngine();
    const env = hasEngine ? { DOCKER_HOST: engine.host } : {};
    await using its = await registryPlace({ env });
    const name = `${its.fake.address}/app:1`;
    const ran = await its.failing('flatten', name);
    expect(ran.code).toBe(1);
    expect(ran.line).toContain(`Cannot find image "${name}"`);
    expect(ran.line).toContain(hasEngine ? engine.host : 'no Docker Engine answers');
    expect(ran.line).toContain(`nor does the registry ${its.fake.address}`);
    expect(ran.err).toContain('hint: ');
  });

  it('whose registry refuses us is refused with what the registry said', async () => {
    const auth = { kind: 'basic', user: 'me', password: 'secret' } as const;
    await using its = await registryPlace({ auth });
    putImage(its.repository('app'), '1', { layers: STACK });
    const ran = await its.failing('flatten', `${its.fake.address}/app:1`);
    expect(ran.line).toContain('no Docker Engine answers');
    expect(ran.line).toMatch(/401|login|credentials/);
  });

  it('that is an id is never asked of a registry', async () => {
    await using its = await registryPlace();
    const ran = await its.failing('flatten', `sha256:${'a'.repeat(64)}`, '-o', './x.tar');
    expect(ran.line).toContain('an id names no image of a registry');
    expect(its.fake.requests).toEqual([]);
  });

  it('with a digest is found in the registry', async () => {
    await using its = await registryPlace();
    const { digest } = putImage(its.repository('app'), '1', { layers: STACK });
    const name = `${its.fake.address}/app@${digest}`;
    const report = await its.place.flatten({ source: name, outputs: ['./x.tar'] });
    expect(report.resolvedSource).toContain(digest);
  });

  it('a registry that does not answer is told after few tries', async () => {
    await using its = await registryPlace();
    its.fake.fault('manifest.head', { kind: 'status', status: 503 }, 50);
    its.fake.fault('manifest.get', { kind: 'status', status: 503 }, 50);
    const ran = await its.failing('flatten', `${its.fake.address}/app:1`);
    expect(ran.line).toContain('503');
    expect(its.fake.requests.length).toBeLessThan(12);
  });
});
