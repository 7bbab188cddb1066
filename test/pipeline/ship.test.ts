// The pipeline end to end on a fake registry: what is pushed, in which order, and that nothing moves before everything is
// ready.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { amount } from '../support/amount.ts';
import { putImage, treeIn } from '../support/registry-images.ts';
import { type FakeBuild, type ShipPlace, shipPlace } from './ship-place.ts';

const TWO = `
project: shop
registry: REGISTRY/shop
images:
  api: { image: REGISTRY/from/api:1, tags: [v1, latest] }
  db: { image: REGISTRY/from/db:1 }
`;

async function twoImages() {
  const place = await shipPlace(TWO);
  putImage(place.its.repository('from/api'), '1', { layers: 'a=1 b=2 | -a c=3', wrap: 'gzip' });
  putImage(place.its.repository('from/db'), '1', { layers: 'd=1 | e=2', wrap: 'gzip' });
  return place;
}

/** Operations on manifests by tag or digest, as `put shop/api v1`, without reads of the sources. */
function puts(place: ShipPlace): string[] {
  return place.its.fake.requests.flatMap(({ method, url }) => {
    const [, path, name = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url) ?? [];
    return method === 'PUT' && path !== undefined ? [`${path} ${name.slice(0, 6)}`] : [];
  });
}

const isByDigest = (put: string) => put.endsWith('sha256');

describe('two images that exist', () => {
  it('are flattened and published under their tags, content first', async () => {
    await using place = await twoImages();
    const report = await place.ship();
    expect(report).toMatchObject({ schema: 1, project: 'shop', outcome: 'done', notes: [] });
    const { its } = place;
    expect(treeIn(its.repository('shop/api'), 'v1')).toBe('b=2 c=3');
    expect(treeIn(its.repository('shop/api'), 'latest')).toBe('b=2 c=3');
    expect(treeIn(its.repository('shop/db'), 'latest')).toBe('d=1 e=2');
    const order = puts(place).map(isByDigest);
    expect(order.filter((each) => !each).length).toBe(3);
    expect(order.lastIndexOf(true)).toBeLessThan(order.indexOf(false));
    expect(place.leftovers()).toEqual([]);
  });

  it('are reported with digests, sizes, times and tags', async () => {
    await using place = await twoImages();
    const { images } = await place.ship();
    const { address } = place.its.fake;
    const digest = place.its.repository('shop/api').tags.get('v1');
    expect(images.map(({ name }) => name)).toEqual(['api', 'db']);
    expect(images[0]).toMatchObject({
      wanted: true,
      status: 'done',
      kind: 'image',
      flattened: true,
      digest,
      pinned: [`${address}/shop/api@${digest}`],
      tags: [
        { reference: `${address}/shop/api:v1`, place: 'registry', state: 'moved' },
        { reference: `${address}/shop/api:latest`, place: 'registry', state: 'moved' },
      ],
      cache: { build: false, flatten: false },
    });
    expect(Object.keys(images[0]?.seconds ?? {})).toEqual(['flatten', 'push']);
    expect(images[0]?.platforms[0]?.digest).toBe(digest);
  });

  it('are not touched by a second run', async () => {
    await using place = await twoImages();
    const first = await place.ship();
    const before = place.its.fake.requests.length;
    const second = await place.ship();
    expect(second.outcome).toBe('done');
    expect(second.images.map(({ status }) => status)).toEqual(['unchanged', 'unchanged']);
    expect(second.images.map(({ digest }) => digest)).toEqual(
      first.images.map(({ digest }) => digest),
    );
    expect(second.images[0]?.tags.map(({ state }) => state)).toEqual(['kept', 'kept']);
    const asked = place.its.fake.requests.slice(before).map(({ operation }) => operation);
    expect(new Set(asked)).toEqual(new Set(['ping', 'manifest.head']));
  });

  it('are made again with force', async () => {
    await using place = await twoImages();
    await place.ship();
    const report = await place.ship({ force: true });
    expect(report.images.map(({ status }) => status)).toEqual(['done', 'done']);
    expect(report.images.map(({ cache }) => cache.blobsPushed)).toEqual([0, 0]);
  });

  it('are made again where what they come from has moved, and only then', async () => {
    await using place = await twoImages();
    await place.ship();
    putImage(place.its.repository('from/db'), '1', { layers: 'd=9' });
    const report = await place.ship();
    expect(report.images.map(({ status }) => status)).toEqual(['unchanged', 'done']);
    expect(treeIn(place.its.repository('shop/db'), 'latest')).toBe('d=9');
  });

  it('only get their new tags where nothing else has changed', async () => {
    await using place = await twoImages();
    await place.ship();
    place.write('shipper.yaml', TWO.replace('[v1, latest]', '[v2, latest]'));
    const report = await place.ship();
    expect(report.images[0]).toMatchObject({ status: 'unchanged' });
    expect(report.images[0]?.tags.map(({ state }) => state)).toEqual(['moved', 'kept']);
    expect(treeIn(place.its.repository('shop/api'), 'v2')).toBe('b=2 c=3');
  });

  it('are pushed again where the registry lost them', async () => {
    await using place = await twoImages();
    await place.ship();
    const api = place.its.repository('shop/api');
    api.manifests.clear();
    api.blobs.clear();
    api.tags.clear();
    const report = await place.ship();
    expect(report.images.map(({ status }) => status)).toEqual(['done', 'unchanged']);
    expect(treeIn(api, 'v1')).toBe('b=2 c=3');
  });

  it('are made again where what is remembered is broken, with a note', async () => {
    await using place = await twoImages();
    await place.ship();
    const folder = join(place.its.place.tmp, '../state/shipper');
    const [name = ''] = readdirSync(folder);
    const file = join(folder, name, 'ship.json');
    for (const text of ['{', '{"schema":2,"images":{}}', '{"schema":1,"images":{"api":[{}]}}']) {
      writeFileSync(file, text);
      const report = await place.ship();
      expect(report.outcome).toBe('done');
      expect(report.notes).toEqual([
        expect.stringContaining('What earlier runs made is not known'),
      ]);
    }
    expect((await place.ship()).notes).toEqual([]);
  });

  it('go by digest, without a tag, until push', async () => {
    await using place = await twoImages();
    const report = await place.ship({ until: 'push' });
    const api = place.its.repository('shop/api');
    expect(report).toMatchObject({ outcome: 'done', until: 'push' });
    expect([...api.tags]).toEqual([]);
    expect(treeIn(api, report.images[0]?.digest ?? '')).toBe('b=2 c=3');
    expect((await place.ship()).images.map(({ status }) => status)).toEqual([
      'unchanged',
      'unchanged',
    ]);
    expect(treeIn(api, 'v1')).toBe('b=2 c=3');
  });

  it('that pass through keep their digest', async () => {
    await using place = await twoImages();
    place.write('shipper.yaml', TWO.replace('db:1 }', 'db:1, flatten: false }'));
    const report = await place.ship({ names: ['db'] });
    const source = place.its.repository('from/db').tags.get('1');
    expect(report.images[0]).toMatchObject({ name: 'db', flattened: false, digest: source });
    expect(place.its.repository('shop/db').tags.get('latest')).toBe(source);
  });
});

describe('nothing is published', () => {
  it('where one of the images fails', async () => {
    await using place = await twoImages();
    place.its.repository('from/db').manifests.clear();
    const report = await place.ship();
    expect(report.outcome).toBe('failed');
    expect(place.its.repository('shop/api').tags.size).toBe(0);
    expect(report.images[1]).toMatchObject({ status: 'failed', error: { code: 'NOT_FOUND' } });
    expect(place.leftovers()).toEqual([]);
  });

  it('where one fails and the rest goes on, and the next run has only that to do', async () => {
    await using place = await twoImages();
    const db = place.its.repository('from/db');
    const blobs = [...db.blobs];
    db.blobs.clear();
    const report = await place.ship({ keepGoing: true });
    expect(report.images.map(({ status }) => status)).toEqual(['done', 'failed']);
    expect(place.its.repository('shop/api').tags.size).toBe(0);
    for (const [digest, bytes] of blobs) db.blobs.set(digest, bytes);
    const next = await place.ship();
    expect(next.images.map(({ status }) => status)).toEqual(['unchanged', 'done']);
    expect(treeIn(place.its.repository('shop/api'), 'v1')).toBe('b=2 c=3');
  });

  it('where the last push fails for good', async () => {
    await using place = await twoImages();
    place.its.fake.fault('manifest.put', { kind: 'status', status: 403 });
    const report = await place.ship();
    expect(report.outcome).toBe('failed');
    expect(place.its.repository('shop/api').tags.size).toBe(0);
    expect(place.its.repository('shop/db').tags.size).toBe(0);
  });

  it('where somebody else moved a tag meanwhile, which is named', async () => {
    await using place = await twoImages();
    const api = place.its.repository('shop/api');
    const old = putImage(api, 'latest', { layers: 'old=1' });
    place.onEvent = ({ scope }) => {
      if (scope.stage === 'push') putImage(api, 'latest', { layers: 'other=1' });
    };
    const report = await place.ship();
    const other = api.tags.get('latest');
    expect(other).not.toBe(old.digest);
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'OUTPUT_CONFLICT' } });
    expect(report.error?.message).toContain(
      `shop/api:latest named ${old.digest} and names ${other} by now`,
    );
    expect(api.tags.has('v1')).toBe(false);
    place.onEvent = undefined;
    expect((await place.ship()).outcome).toBe('done');
    expect(treeIn(api, 'latest')).toBe('b=2 c=3');
  });
});

describe('failures that pass', () => {
  it('of a push and of a tag are tried again', async () => {
    await using place = await twoImages();
    place.its.fake.fault('upload.put', { kind: 'status', status: 500 }, 4);
    place.its.fake.fault('manifest.put', { kind: 'status', status: 503 }, 4);
    const report = await place.ship();
    expect(report.outcome).toBe('done');
    expect(treeIn(place.its.repository('shop/api'), 'v1')).toBe('b=2 c=3');
  });

  it('too often in the middle of moving tags leave it named, and the next run ends it', async () => {
    await using place = await twoImages();
    await place.ship({ until: 'push' });
    // Two tags of api move, that of db does not.
    const failure = { kind: 'status', status: 500 } as const;
    place.its.fake.fault('manifest.put', failure, 100, '/shop/db/manifests/latest');
    const report = await place.ship();
    expect(report).toMatchObject({ outcome: 'partial', error: { code: 'PARTIAL' } });
    expect(report.error?.message).toMatch(
      /already moved: .*shop\/api:v1, .*shop\/api:latest; not moved: .*shop\/db:latest$/,
    );
    expect(report.error?.hint).toContain('run the same command again');
    place.its.fake.clearFaults();
    expect((await place.ship()).outcome).toBe('done');
    expect(treeIn(place.its.repository('shop/db'), 'latest')).toBe('d=1 e=2');
  });
});

describe('what an image is built from', () => {
  const YAML = `
registry: REGISTRY/shop
images:
  base: { context: ./base }
  api: { context: ./api, needs: [base] }
`;

  it('is missed before anything is built', async () => {
    await using place = await shipPlace(YAML);
    place.write('base/Dockerfile', 'FROM scratch\n');
    const { outcome, images } = await place.ship();
    expect([outcome, ...images.map(({ status }) => status)]).toEqual([
      ...['failed', 'not-started', 'failed'],
    ]);
    expect(images[1]?.error?.message).toMatch(
      /^Cannot build image "api": its context .*\/api is not there$/,
    );
    expect(place.built).toEqual([]);
    place.write('api/text', '');
    const { images: next } = await place.ship({ keepGoing: true });
    expect(next.map(({ status }) => status)).toEqual(['done', 'failed']);
    expect(next[1]?.error?.message).toMatch(/: there is no Dockerfile .*\/api\/Dockerfile$/);
  });
});

describe('the log that a failure is told with', () => {
  it('is that of its own stage', async () => {
    const build: FakeBuild = ({ log }) => {
      log('step 1');
      return 'a=1 | b=2';
    };
    const yaml =
      'registry: REGISTRY/shop\nimages:\n  api: { context: ., flatten: { max_size: 1KB } }\n';
    await using place = await shipPlace(yaml, { build });
    place.write('Dockerfile', 'FROM scratch\n');
    const { images } = await place.ship();
    expect(images[0]?.error).toMatchObject({ code: 'POLICY', log: [] });
  });
});

describe('caps', () => {
  const names = Array.from({ length: 6 }, (_, at) => `i${at}`);
  const lines = names.map((name) => `  ${name}: { context: ./${name} }\n`);

  it.each(
    [3, 1].slice(0, amount(1, 2)),
  )('of %i hold for builds, flattens and pushes, and builds use them', async (jobs) => {
    const building = counter();
    const stages = { build: counter(), flatten: counter(), push: counter() };
    const build = async ({ image }: { readonly image: { readonly name: string } }) => {
      building.change(1);
      // Until as many as may are there, however slow the machine is.
      for (let tries = 0; tries < 250 && building.most < jobs; tries += 1) await sleep(20);
      building.change(-1);
      return `${image.name}=1 | x=2`;
    };
    const yaml = `registry: REGISTRY/many\nimages:\n${lines.join('')}`;
    await using place = await shipPlace(yaml, { build });
    for (const name of names) place.write(`${name}/Dockerfile`, `FROM scratch\n# ${name}\n`);
    place.its.fake.fault('upload.put', { kind: 'slow', chunkBytes: 1, everyMs: 4 }, 100);
    const running = new Map<string, ReturnType<typeof counter>>();
    place.onEvent = (event) => {
      if (event.type === 'task.started') {
        const stage = stages[event.title as keyof typeof stages];
        stage?.change(1);
        if (stage !== undefined) running.set(event.id, stage);
      }
      if (event.type === 'task.finished') running.get(event.id)?.change(-1);
    };
    expect((await place.ship({ jobs })).outcome).toBe('done');
    expect([building.most, stages.build.most]).toEqual([jobs, jobs]);
    expect(stages.push.most).toBeLessThanOrEqual(jobs);
    expect(stages.flatten.most).toBeLessThanOrEqual(jobs);
    expect(place.built).toHaveLength(names.length);
  });

  function counter() {
    let now = 0;
    const count = {
      most: 0,
      change(by: number) {
        now += by;
        count.most = Math.max(count.most, now);
      },
    };
    return count;
  }
});

describe('the builder', () => {
  it('is that of the command line, else of the environment, else of the file', async () => {
    const yaml = 'registry: REGISTRY/shop\nbuilder: file\nimages:\n  api: { context: ./api }\n';
    await using place = await shipPlace(yaml);
    place.write('api/Dockerfile', 'FROM scratch\n');
    await place.ship();
    place.changeSystem({ env: { ...place.system.env, BUILDX_BUILDER: 'environment' } });
    await place.ship({ force: true });
    await place.ship({ force: true, builder: 'line' });
    expect(place.builders).toEqual(['file', 'environment', 'line']);
  });
});

describe('a registry that takes no push from us', () => {
  const LATE = `
registry: REGISTRY/shop
images:
  api: { context: ./api }
`;

  it.each([401, 403])('is found out before the first build, by its %i', async (status) => {
    await using place = await shipPlace(LATE);
    place.write('api/Dockerfile', 'FROM scratch\n');
    place.its.fake.fault('upload.start', { kind: 'status', status }, 100);
    const report = await place.ship();
    const { address } = place.its.fake;
    expect([report.outcome, report.images[0]?.error?.code]).toEqual(['failed', 'UNAUTHORIZED']);
    expect(report.images[0]?.error?.message).toBe(
      `Cannot push to shop/api at ${address}: POST was answered with ${status}`,
    );
    expect(place.built).toEqual([]);
  });

  it.each([404, 405, 500])('is not taken for one by its %i', async (status) => {
    await using place = await shipPlace(LATE);
    place.write('api/Dockerfile', 'FROM scratch\n');
    place.its.fake.fault('upload.start', { kind: 'status', status }, 1);
    expect((await place.ship()).outcome).toBe('done');
    expect(place.built).toEqual(['api']);
  });

  it('is asked once for each repository, whose upload is taken back', async () => {
    await using place = await twoImages();
    await place.ship();
    const asked = place.its.fake.requests.map(({ operation }) => operation);
    expect(
      asked.slice(0, asked.indexOf('blob.get')).filter((each) => each === 'upload.start'),
    ).toHaveLength(2);
    expect(asked.filter((each) => each === 'upload.cancel')).toHaveLength(2);
  });
});

describe('a full disk', () => {
  it('fails the image that it meets, and nothing is published', async () => {
    await using its = await twoImages();
    const { files } = its.system;
    const create: typeof files.create = async (path, mode) => {
      const file = await files.create(path, mode);
      if (!path.includes('/db/image/')) return file;
      const full = () =>
        Promise.reject(new ShipperError('NO_SPACE', `Cannot write ${path}: no space left`));
      return { ...file, write: full, close: () => file.close() };
    };
    its.changeSystem({ files: { ...files, create } });
    const report = await its.ship({ keepGoing: true });
    expect(report.images.map(({ status }) => status)).toEqual(['done', 'failed']);
    expect(report.images[1]?.error?.code).toBe('NO_SPACE');
    expect(report.outcome).toBe('failed');
    expect(its.its.repository('shop/api').tags.size).toBe(0);
    expect(its.leftovers()).toEqual([]);
  });
});

describe('layers that several images share', () => {
  it('are fetched once in a run', async () => {
    const names = Array.from({ length: 10 }, (_, at) => `i${at}`);
    const lines = names.map((name) => `  ${name}: { image: REGISTRY/from/all:${name} }\n`);
    await using place = await shipPlace(`registry: REGISTRY/many\nimages:\n${lines.join('')}`);
    const repository = place.its.repository('from/all');
    for (const name of names) {
      const top = name.slice(1);
      putImage(repository, name, { layers: `base=1 | top=${top}`, wrap: 'gzip' });
    }
    const report = await place.ship();
    expect(report.outcome).toBe('done');
    const fetched = place.its.fake.requests.flatMap(({ operation, url }) =>
      operation === 'blob.get' && url.includes('/from/all/') ? [url] : [],
    );
    const layers = new Set(fetched);
    // The configurations and upper layers of ten images, and one base.
    expect(fetched.length).toBe(layers.size);
    expect(layers.size).toBe(21);
  });
});
