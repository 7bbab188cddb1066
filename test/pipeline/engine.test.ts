// Projects without a registry, and `shipper build`: images get their names in the engine of this machine.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { type FakeEngine, startFakeEngine } from '../support/engine-server.ts';
import { type FakeBuild, type ShipPlace, shipPlace } from './ship-place.ts';

const LOCAL = `
project: shop
images:
  base: { context: ./base, tags: [v1, latest] }
  api: { context: ./api, needs: [base] }
`;

async function local(build: FakeBuild = ({ image }) => `${image.name}=1 | x=2`, yaml = LOCAL) {
  const place = await shipPlace(yaml, { build });
  for (const name of ['base', 'api']) place.write(`${name}/Dockerfile`, 'FROM scratch\n');
  return place;
}

/** All names in the engine, sorted. */
function namesIn({ images }: FakeEngine): string[] {
  return [...images.images.values()].flatMap(({ tags }) => tags).sort();
}

async function ship(place: ShipPlace, { host }: FakeEngine, more = {}) {
  return place.ship({ host, ...more });
}

describe('without a registry', () => {
  it('images get their names in the engine, and nothing else is left there', async () => {
    await using place = await local();
    await using engine = await startFakeEngine();
    const report = await ship(place, engine);
    expect(report.outcome).toBe('done');
    expect(namesIn(engine)).toEqual(['api:latest', 'base:latest', 'base:v1']);
    expect(report.images[0]?.tags).toEqual([
      { reference: 'base:v1', place: 'engine', state: 'moved' },
      { reference: 'base:latest', place: 'engine', state: 'moved' },
    ]);
    expect(report.images[0]?.configDigest).toBe(engine.images.find('base:v1')?.id);
    expect(place.leftovers()).toEqual([]);
  });

  it('a second run does nothing', async () => {
    await using place = await local();
    await using engine = await startFakeEngine();
    await ship(place, engine);
    place.built.splice(0);
    const report = await ship(place, engine);
    expect(report.images.map(({ status }) => status)).toEqual(['unchanged', 'unchanged']);
    expect(report.images[0]?.tags.map(({ state }) => state)).toEqual(['kept', 'kept']);
    expect(place.built).toEqual([]);
  });

  it('what is needed is taken from the engine where it has not changed', async () => {
    const sources: string[] = [];
    await using place = await local((request) => {
      sources.push(...request.parents.map(({ source }) => source));
      return `${request.image.name}=${sources.length} | x=2`;
    });
    await using engine = await startFakeEngine();
    await ship(place, engine);
    place.write('api/Dockerfile', 'FROM scratch\nCMD ["x"]\n');
    expect((await ship(place, engine)).outcome).toBe('done');
    expect(sources[1]).toBe(`docker-daemon:${engine.images.find('base:v1')?.id}`);
  });

  it('no name moves where an image fails, and nothing is left', async () => {
    await using place = await local(({ image }) => {
      if (image.name === 'api') throw new ShipperError('IO', 'Cannot build api: no luck');
      return 'base=1';
    });
    await using engine = await startFakeEngine();
    expect((await ship(place, engine, { keepGoing: true })).outcome).toBe('failed');
    expect(namesIn(engine)).toEqual([]);
    expect(engine.images.images.size).toBe(0);
  });

  it('a name that cannot be given in the middle leaves it told, and the next run ends it', async () => {
    await using place = await local();
    await using engine = await startFakeEngine();
    const refusal = { kind: 'status', status: 409, body: '{"message":"no"}' } as const;
    engine.fault('tag', refusal, 1, 'repo=base&tag=latest');
    const report = await ship(place, engine);
    expect(report).toMatchObject({ outcome: 'partial', error: { code: 'PARTIAL' } });
    expect(report.error?.message).toMatch(
      /already moved: base:v1; not moved: base:latest, api:latest$/,
    );
    expect((await ship(place, engine)).outcome).toBe('done');
    expect(namesIn(engine)).toEqual(['api:latest', 'base:latest', 'base:v1']);
  });

  it('push is refused', async () => {
    await using place = await local();
    await expect(place.ship({ until: 'push' })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'Cannot push base of shop: base:v1 names no registry',
    });
  });
});

describe('what a run left that was killed before its names were given', () => {
  /** Published by a run that ended well, but for its names: only a temporary one holds it. */
  async function killed(owner: (place: ShipPlace) => string) {
    const place = await local();
    const engine = await startFakeEngine();
    await ship(place, engine);
    for (const [at, image] of [...engine.images.images.values()].entries()) {
      image.tags.splice(
        0,
        image.tags.length,
        `shipper-tmp:${owner(place)}-${String(at).repeat(12)}`,
      );
    }
    place.built.splice(0);
    return { place, engine };
  }

  it.each([
    [
      'dead',
      (place: ShipPlace) => place.system.files.owner.tag.replace(/-\d+-\d+$/, '-999999-1'),
      0,
    ],
    ['live', (place: ShipPlace) => place.system.files.owner.tag, 2],
  ])('is used while the sweep takes the name of a %s one', async (_, owner, left) => {
    const { place, engine } = await killed(owner);
    await using _place = place;
    await using _engine = engine;
    place.write('api/Dockerfile', 'FROM scratch\nCMD ["x"]\n');
    const report = await ship(place, engine);
    expect(report.outcome).toBe('done');
    expect(report.images[0]?.status).toBe('unchanged');
    expect(place.built).toEqual(['api']);
    const names = namesIn(engine);
    expect(names.filter((name) => name.startsWith('shipper-tmp'))).toHaveLength(left);
    expect(names).toEqual(expect.arrayContaining(['api:latest', 'base:latest', 'base:v1']));
  });
});

describe('build', () => {
  it('gives whole names in the engine, and asks no registry', async () => {
    await using place = await local(
      undefined,
      LOCAL.replace('images:', 'registry: REGISTRY/s\nimages:'),
    );
    await using engine = await startFakeEngine();
    const report = await ship(place, engine, { until: 'build', names: ['api'] });
    expect(report).toMatchObject({ outcome: 'done', until: 'build' });
    expect(namesIn(engine)).toEqual([`${place.its.fake.address}/s/api:latest`]);
    expect(place.its.fake.requests).toEqual([]);
  });
});
