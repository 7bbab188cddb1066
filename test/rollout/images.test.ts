// The images of services: from a report, a registry, or the engine of this machine.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type ImageSources, imageResolver } from '../../src/rollout/images.ts';
import { readShipReport } from '../../src/rollout/ship-report-file.ts';
import { machine } from '../config/machine.ts';
import { digestFor } from './records.ts';
import { serviceOf } from './services.ts';
import { contextOf, JumpingClock } from './stub-host.ts';

const project = (registry?: string, ...references: readonly string[]) =>
  ({
    ...(registry === undefined ? {} : { registry }),
    images: [{ name: 'api', references }],
  }) as unknown as ImageSources['project'];

/** What registries and the engine here have: names to words. */
function world(
  remote: Readonly<Record<string, string | ShipperError>>,
  local: Readonly<Record<string, string>> = {},
) {
  const asked: string[] = [];
  const registry = {
    async resolve(
      _: unknown,
      { domain, path }: { domain: string; path: string },
      reference: string,
    ) {
      const name = `${domain}/${path}:${reference}`;
      asked.push(name);
      const word = remote[name];
      if (word instanceof ShipperError) throw word;
      return word === undefined ? undefined : { digest: digestFor(word) };
    },
  } as unknown as Registry;
  const engine = {
    async inspectImage(_: unknown, name: string) {
      asked.push(`engine ${name}`);
      const word = local[name];
      return word === undefined ? undefined : { id: digestFor(word) };
    },
  } as unknown as Engine;
  const transports = { registry: async () => registry, engine: async () => engine };
  return { asked, transports };
}

const ctx = () => contextOf(new JumpingClock());
const ofProject = serviceOf({}, {}, { image: { kind: 'project', image: 'api' } });
const existing = (reference: string) => serviceOf({}, {}, { image: { kind: 'image', reference } });

describe('imageResolver()', () => {
  it('asks the registry of the first name of a project image', async () => {
    const { asked, transports } = world({ 'r.example/shop/api:1': 'one' });
    const resolve = imageResolver({
      project: project('r.example/shop', 'r.example/shop/api:1', 'r.example/shop/api:latest'),
      transports,
      shipped: undefined,
    });
    const digest = digestFor('one');
    expect(await resolve(ctx(), ofProject)).toEqual({
      name: 'r.example/shop/api:1',
      pinned: `r.example/shop/api@${digest}`,
      digest,
    });
    const arm = serviceOf({ platform: 'linux/arm64' }, {}, ofProject);
    expect(await resolve(ctx(), { ...ofProject, container: arm.container })).toMatchObject({
      digest,
    });
    expect(asked).toEqual(['r.example/shop/api:1']);
  });

  it('has the platform of the service', async () => {
    const { transports } = world({ 'r.example/api:1': 'one' });
    const resolve = imageResolver({ project: project(), transports, shipped: undefined });
    const image = await resolve(ctx(), serviceOf({ platform: 'linux/arm64' }));
    expect(image).toMatchObject({ platform: 'linux/arm64' });
  });

  it('gives services of one reference one digest, though its tag moves meanwhile', async () => {
    const remote: Record<string, string> = { 'r.example/api:1': 'one' };
    const { transports } = world(remote);
    const resolve = imageResolver({ project: project(), transports, shipped: undefined });
    const before = await resolve(ctx(), serviceOf());
    remote['r.example/api:1'] = 'two';
    expect(await resolve(ctx(), serviceOf({}, {}, { name: 'worker' }))).toEqual(before);
  });

  it('takes names without a registry from the engine of this machine', async () => {
    const { asked, transports } = world({}, { 'api:1': 'own' });
    const resolve = imageResolver({
      project: project(undefined, 'api:1'),
      transports,
      shipped: undefined,
    });
    expect(await resolve(ctx(), ofProject)).toEqual({ name: 'api:1', digest: digestFor('own') });
    expect(asked).toEqual(['engine api:1']);
  });

  it('keeps a digest that is written', async () => {
    const digest = digestFor('one');
    const { transports } = world({ [`docker.io/library/db:${digest}`]: 'one' });
    const resolve = imageResolver({ project: project(), transports, shipped: undefined });
    const image = await resolve(ctx(), existing(`db@${digest}`));
    expect(image).toEqual({
      name: `db@${digest}`,
      pinned: `docker.io/library/db@${digest}`,
      digest,
    });
  });

  const refused = new ShipperError('UNAUTHORIZED', 'no');
  it('takes what no registry has from the engine of this machine, and says so', async () => {
    const { transports } = world({ 'docker.io/library/app:dev': refused }, { 'app:dev': 'own' });
    const resolve = imageResolver({ project: project(), transports, shipped: undefined });
    const inside = ctx();
    expect(await resolve(inside, existing('app:dev'))).toMatchObject({ digest: digestFor('own') });
    expect(inside.events).toMatchObject([
      { message: 'api: app:dev is in no registry, it is sent from the engine of this machine' },
    ]);
  });

  it('does not take a refusal of another registry for an answer', async () => {
    const { transports } = world({ 'r.example/app:1': refused }, { 'r.example/app:1': 'old' });
    const resolve = imageResolver({ project: project(), transports, shipped: undefined });
    await expect(resolve(ctx(), existing('r.example/app:1'))).rejects.toBe(refused);
  });

  it.each([
    [
      'an image of the project',
      ofProject,
      'r.example/shop/api:1 of service api: its registry',
      'shipper ship api makes it',
    ],
    [
      'another one',
      existing('db:5'),
      'db:5 of service api: its registry',
      'check its name, and log in with `docker login` where it is private',
    ],
  ])('names %s that is nowhere', async (_, service, words, hint) => {
    const { transports } = world({});
    const resolve = imageResolver({
      project: project('r.example/shop', 'r.example/shop/api:1'),
      transports,
      shipped: undefined,
    });
    await expect(resolve(ctx(), service)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `Cannot find image ${words} does not have it`,
      hint,
    });
  });

  it('needs no engine here to say so', async () => {
    const { transports } = world({});
    const engine = () => Promise.reject(new ShipperError('ENGINE_UNREACHABLE', 'none'));
    const sources = {
      project: project(),
      transports: { ...transports, engine },
      shipped: undefined,
    };
    await expect(imageResolver(sources)(ctx(), existing('db:5'))).rejects.toThrow('its registry');
  });
});

describe('a report of a ship', () => {
  const digest = digestFor('one');
  const pinned = `r.example/shop/api@${digest}`;
  const report = {
    schema: 1,
    project: 'shop',
    outcome: 'done',
    images: [
      { name: 'api', digest, pinned: [pinned], tags: [{ reference: 'r.example/shop/api:7' }] },
      { name: 'own', digest: digestFor('own'), pinned: [], tags: [] },
      { name: 'none', pinned: [], tags: [] },
    ],
  };
  const read = (text: unknown) => {
    const words = typeof text === 'string' ? text : JSON.stringify(text);
    const { system } = machine({ files: { '/work/r.json': words } });
    return readShipReport(system, '/work/r.json', 'shop');
  };

  it('says what project images are, and nothing is asked', async () => {
    const { asked, transports } = world({});
    const shipped = await read(report);
    const resolve = imageResolver({ project: project('r.example/shop'), transports, shipped });
    expect(await resolve(ctx(), ofProject)).toEqual({
      name: 'r.example/shop/api:7',
      pinned,
      digest,
    });
    const own = serviceOf({}, {}, { image: { kind: 'project', image: 'own' } });
    expect(await resolve(ctx(), own)).toEqual({ name: 'own', digest: digestFor('own') });
    expect(asked).toEqual([]);
  });

  it.each([
    ['another form', { ...report, schema: 2 }, 'it is of schema 2, and this version knows 1'],
    ['another project', { ...report, project: 'x' }, 'it is of project x, not of shop'],
    ['a run that failed', { ...report, outcome: 'partial' }, 'that run ended as partial'],
    ['no JSON', '{', 'it is no JSON'],
    ['no report', [], 'it is of schema undefined'],
  ])('is refused: %s', async (_, text, state) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(`Cannot use the report /work/r.json: ${state}`),
    });
  });

  it('is refused for an image that it does not have', async () => {
    const shipped = await read(report);
    expect(() => shipped.imageOf('web', 'front')).toThrow(
      'Cannot use the report /work/r.json: it does not have image web of service front',
    );
    expect(() => shipped.imageOf('none', 'front')).toThrow('it has no digest of image none');
  });
});
