// Which builder is chosen, and that it is told.
import { describe, expect, it } from 'vitest';
import type { BuilderOptions } from '../../../src/pipeline/build/builder.ts';
import { findBuilder } from '../../../src/pipeline/build/find-builder.ts';
import { failureOf } from '../../engine/support.ts';
import { type FakeEngineOptions, startFakeEngine } from '../../support/engine-server.ts';
import { bench, buildx, type FakeDocker, notes } from './bench.ts';

async function find(
  run: NonNullable<FakeDocker['run']>,
  options: BuilderOptions = {},
  engine: FakeEngineOptions = {},
) {
  await using fake = await startFakeEngine(engine);
  using place = bench({ run });
  await using builder = await findBuilder(place.system, place.ctx, { host: fake.host, ...options });
  return { name: builder.name, notes: notes(place.ctx), runs: place.runs };
}

const NONE: NonNullable<FakeDocker['run']> = () => undefined;
const OLD = 'Docker Engine 20.10.24';

describe('findBuilder()', () => {
  it.each<
    readonly [string, NonNullable<FakeDocker['run']>, BuilderOptions, FakeEngineOptions, string]
  >([
    [
      'an old engine has two',
      buildx(),
      {},
      {},
      `buildx 0.20.1 (${OLD}, graph-driver store); the classic builder of ${OLD} for images that need others`,
    ],
    [
      'a graph-driver store',
      buildx(),
      {},
      { version: '26.1.5' },
      'buildx 0.20.1 (Docker Engine 26.1.5, graph-driver store)',
    ],
    [
      'a containerd store',
      buildx(),
      {},
      { version: '29.0.0', store: 'containerd' },
      'buildx 0.20.1 (Docker Engine 29.0.0, containerd store)',
    ],
    [
      'another driver',
      buildx('docker-container'),
      {},
      {},
      'buildx 0.20.1 (builder mine, docker-container driver)',
    ],
    ['no docker command', NONE, {}, {}, `the classic builder of ${OLD}`],
    ['an old buildx', buildx('docker', '0.12.0'), {}, {}, `the classic builder of ${OLD}`],
    [
      'no buildx',
      () => ({ code: 1, stderr: 'docker: unknown command' }),
      {},
      {},
      `the classic builder of ${OLD}`,
    ],
    [
      'classic was asked for',
      buildx(),
      { kind: 'classic' },
      { version: '26.1.5' },
      'the classic builder of Docker Engine 26.1.5',
    ],
    ['podman', buildx(), {}, { product: 'podman' }, 'the classic builder of podman 20.10.24'],
  ])('%s', async (_, run, options, engine, name) => {
    const found = await find(run, options, engine);
    expect(found.name).toBe(name);
    expect(found.notes).toContain(`Builds run with ${name}`);
  });

  it('says why buildx is not used', async () => {
    expect((await find(NONE)).notes).toContain(
      'buildx is not used: the docker command cannot be run: there is no such program',
    );
    expect((await find(buildx('docker', '0.12.0'))).notes).toContain(
      'buildx is not used: docker buildx 0.12.0 is older than 0.13',
    );
  });

  it('asks the engine that was chosen', async () => {
    const { runs } = await find(buildx());
    expect(runs[0]?.env).toMatchObject({ DOCKER_HOST: expect.stringMatching(/^unix:/) });
    expect(runs[0]?.env).toHaveProperty('DOCKER_CONTEXT', undefined);
  });

  it('asks for the builder that was named, and takes no other', async () => {
    const { name, runs } = await find(buildx('remote'), { builder: 'farm' });
    expect(name).toContain('remote driver');
    expect(runs.map(({ args }) => args.join(' '))).toContainEqual(
      expect.stringMatching(/buildx inspect --builder farm$/),
    );
    expect(await failureOf(find(NONE, { builder: 'farm' }))).toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'Cannot build with builder "farm" of buildx: the docker command cannot be run: there is no such program',
    });
  });

  it('refuses a builder that is the engine of another context', async () => {
    const refused = await failureOf(find(buildx(), { builder: 'mine' }, { version: '26.1.5' }));
    expect(refused).toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'Cannot build with builder "mine" of buildx: it is the engine of docker context "mine", and this run works with another one (--host)',
      hint: expect.stringContaining('--context mine'),
    });
  });

  it('tells why a builder has no driver', async () => {
    const run: NonNullable<FakeDocker['run']> = (args) =>
      args.includes('inspect')
        ? { stdout: 'Name:   mine\nDriver:\nLast Activity: 2026\nError:  it is away\n' }
        : buildx()(args);
    expect((await failureOf(find(run, { builder: 'mine' }))).message).toBe(
      'Cannot build with builder "mine" of buildx: docker buildx has no builder that can be used: it is away',
    );
  });

  it('refuses where buildx was asked for and is not there', async () => {
    expect(await failureOf(find(NONE, { kind: 'buildx' }))).toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'Cannot build with buildx: the docker command cannot be run: there is no such program',
      hint: 'Install docker buildx, or leave the choice to shipper',
    });
    const podman = find(buildx(), { kind: 'buildx' }, { product: 'podman' });
    expect((await failureOf(podman)).message).toBe(
      'Cannot build with buildx: podman has no BuildKit',
    );
  });

  it('removes the temporary names of runs that are dead', async () => {
    await using fake = await startFakeEngine();
    using place = bench({ run: NONE });
    const { tag } = place.system.files.owner;
    const dead = `shipper-tmp:${tag.replace(/-\d+-\d+$/, '-4194304-1')}-0123456789ab`;
    const own = `shipper-tmp:${tag}-0123456789ab`;
    fake.images.add({ tags: [dead], tar: new Uint8Array(1) });
    fake.images.add({ tags: [own, 'user:1'], tar: new Uint8Array(2), config: { a: 1 } });
    await using _ = await findBuilder(place.system, place.ctx, { host: fake.host });
    expect([...fake.images.images.values()].flatMap(({ tags }) => tags)).toEqual([own, 'user:1']);
  });
});
