// Images that are built, with a builder that is a function: order, parents, caps, failures, and what is not built again.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { amount } from '../support/amount.ts';
import { putImage, treeIn } from '../support/registry-images.ts';
import { type FakeBuild, shipPlace } from './ship-place.ts';

const CHAIN = `
project: shop
registry: REGISTRY/shop
images:
  base: { context: ./base }
  api: { context: ./api, needs: [base] }
  worker: { context: ./worker, needs: [base], flatten: false }
  alone: { context: ./alone }
groups: { web: [api] }
`;

async function chain(build: FakeBuild = ({ image }) => `${image.name}=1 | x=2`) {
  const place = await shipPlace(CHAIN, { build });
  for (const name of ['base', 'api', 'worker', 'alone']) {
    place.write(`${name}/Dockerfile`, name === 'api' ? 'FROM base\n' : 'FROM scratch\n');
    place.write(`${name}/main.c`, 'int main;\n');
  }
  return place;
}

/** `count` images that do not need each other. */
function many(count: number): string {
  const images = Array.from({ length: count }, (_, at) => `  i${at}: { context: . }\n`).join('');
  return `registry: REGISTRY/many\nimages:\n${images}`;
}

describe('builds', () => {
  it('see the flat form of what they need', async () => {
    const parents: unknown[] = [];
    await using place = await chain((request) => {
      for (const { image, source, digest } of request.parents)
        parents.push([image, source, digest]);
      return `${request.image.name}=1 | x=2`;
    });
    const report = await place.ship({ names: ['web', 'base'] });
    expect(report).toMatchObject({ outcome: 'done', builder: 'fake' });
    expect(place.built).toEqual(['base', 'api']);
    const digest = place.its.repository('shop/base').tags.get('latest');
    expect(parents).toEqual([
      ['base', expect.stringMatching(/^oci:.*\/base\/image\/flat$/), digest],
    ]);
    expect(treeIn(place.its.repository('shop/api'), 'latest')).toBe('api=1 x=2');
    expect(place.leftovers()).toEqual([]);
  });

  it('of what is only needed are not published', async () => {
    await using place = await chain();
    const report = await place.ship({ names: ['api'] });
    expect(report.images.map(({ name, wanted, status }) => [name, wanted, status])).toEqual([
      ['base', false, 'done'],
      ['api', true, 'done'],
    ]);
    expect(place.its.repository('shop/base').manifests.size).toBe(0);
  });

  it('are not run again where no input has changed', async () => {
    await using place = await chain();
    await place.ship();
    place.built.splice(0);
    const report = await place.ship();
    expect(place.built).toEqual([]);
    expect(new Set(report.images.map(({ status }) => status))).toEqual(new Set(['unchanged']));
    expect(report.images[0]?.cache).toMatchObject({ build: true, flatten: true });
  });

  it('are not run again for what is only needed by what has not changed', async () => {
    await using place = await chain();
    await place.ship({ names: ['api'] });
    place.built.splice(0);
    expect((await place.ship({ names: ['api'] })).outcome).toBe('done');
    expect(place.built).toEqual([]);
  });

  it('are run for what is only needed once what needs it changes', async () => {
    await using place = await chain();
    await place.ship({ names: ['api'] });
    place.built.splice(0);
    place.write('api/main.c', 'int other;\n');
    const report = await place.ship({ names: ['api'] });
    expect(place.built).toEqual(['base', 'api']);
    expect(report.outcome).toBe('done');
  });

  it('of what is only needed are not run where an earlier run has published it', async () => {
    const sources: string[] = [];
    await using place = await chain((request) => {
      sources.push(...request.parents.map(({ source }) => source));
      return `${request.image.name}=${sources.length}`;
    });
    await place.ship({ names: ['api', 'base'] });
    place.built.splice(0);
    place.write('api/main.c', 'int other;\n');
    const report = await place.ship({ names: ['api'] });
    expect(place.built).toEqual(['api']);
    const { pinned } = (await place.ship({ names: ['base'] })).images[0] ?? {};
    expect(sources[1]).toBe(`docker://${pinned?.[0]}`);
    expect(report.outcome).toBe('done');
  });

  it('are run where their context, Dockerfile or arguments change; what comes out the same is not flattened', async () => {
    await using place = await chain();
    await place.ship();
    place.built.splice(0);
    place.write('alone/main.c', 'int changed;\n');
    const report = await place.ship();
    expect(place.built).toEqual(['alone']);
    const alone = report.images.find(({ name }) => name === 'alone');
    expect(alone).toMatchObject({ status: 'unchanged', cache: { build: false, flatten: true } });
    place.write('alone/Dockerfile', 'FROM scratch\nCMD ["x"]\n');
    await place.ship();
    place.write('shipper.yaml', CHAIN.replace('./alone }', './alone, args: { A: "1" } }'));
    await place.ship();
    expect(place.built).toEqual(['alone', 'alone', 'alone']);
  });

  it('are run where an image that they begin from has moved', async () => {
    await using place = await chain();
    const repository = place.its.repository('from/node');
    putImage(repository, '22', { layers: 'n=1' });
    place.write('alone/Dockerfile', 'ARG V=22\nFROM REGISTRY/from/node:$V\n');
    await place.ship({ names: ['alone'] });
    await place.ship({ names: ['alone'] });
    expect(place.built).toEqual(['alone']);
    putImage(repository, '22', { layers: 'n=2' });
    await place.ship({ names: ['alone'] });
    expect(place.built).toEqual(['alone', 'alone']);
  });

  it('that fail are told with the last lines of their own log', async () => {
    await using place = await chain(({ image, log }) => {
      for (let line = 1; line <= 30; line += 1) log(`${image.name} ${line}`);
      if (image.name === 'alone') throw new ShipperError('IO', 'Cannot build alone: no luck');
      return 'a=1';
    });
    const report = await place.ship({ keepGoing: true });
    const alone = report.images.find(({ name }) => name === 'alone');
    expect(alone?.error).toMatchObject({ code: 'IO', message: 'Cannot build alone: no luck' });
    expect(alone?.error?.log.length).toBe(20);
    expect(alone?.error?.log.at(-1)).toBe('alone 30');
    expect(report.outcome).toBe('failed');
    expect(place.its.repository('shop/api').tags.size).toBe(0);
  });

  it('stop what needs them, and without keep-going the rest', async () => {
    const build: FakeBuild = async ({ image }, { signal }) => {
      if (image.name === 'base') throw new ShipperError('IO', 'Cannot build base: no luck');
      await sleep(60_000, undefined, { signal }).catch(() => {
        throw new ShipperError('INTERRUPTED', 'Cannot go on: stopped');
      });
      return 'a=1';
    };
    await using place = await chain(build);
    const report = await place.ship();
    expect(report.images.map(({ name, status }) => [name, status])).toEqual([
      ['base', 'failed'],
      ['api', 'not-started'],
      ['worker', 'not-started'],
      ['alone', 'cancelled'],
    ]);
    expect(report.outcome).toBe('failed');
  });
});

describe('beside each other', () => {
  it('builds run as many as there may be: each waits until four are there', async () => {
    let begun = 0;
    let open = () => {};
    const four = new Promise<void>((resolve) => {
      open = resolve;
    });
    const build: FakeBuild = async ({ image }) => {
      begun += 1;
      if (begun === 4) open();
      await four;
      return `${image.name}=1`;
    };
    await using place = await shipPlace(many(8), { build, system: { cores: 8 } });
    place.write('Dockerfile', 'FROM scratch\n');
    expect((await place.ship()).outcome).toBe('done');
    expect(begun).toBe(8);
  });

  it.each([2, 1, 3].slice(0, amount(1, 3)))('no more than %i builds run at once', async (jobs) => {
    let now = 0;
    let most = 0;
    const build: FakeBuild = async ({ image }) => {
      now += 1;
      most = Math.max(most, now);
      await sleep(50);
      now -= 1;
      return `${image.name}=1`;
    };
    await using place = await shipPlace(many(6), { build });
    place.write('Dockerfile', 'FROM scratch\n');
    expect((await place.ship({ jobs, until: 'push' })).outcome).toBe('done');
    expect(most).toBe(jobs);
  });

  it('a flatten of one image overlaps with the build of another', async () => {
    const build: FakeBuild = async ({ image }) => {
      await sleep(image.name === 'i1' ? 1500 : 0);
      return `${image.name}=1`;
    };
    await using place = await shipPlace(many(2), { build });
    place.write('Dockerfile', 'FROM scratch\n');
    await place.ship();
    const at = (image: string, title: string, type: string) => {
      const begun = place.events.find(
        (event) =>
          event.type === 'task.started' && event.title === title && event.scope.group === image,
      );
      const id = begun?.type === 'task.started' ? begun.id : '';
      return place.events.findIndex(
        (event) => 'id' in event && event.id === id && event.type === type,
      );
    };
    expect(at('i0', 'push', 'task.finished')).toBeLessThan(at('i1', 'build', 'task.finished'));
  });
});

describe('a context with a file that cannot be read', () => {
  it('is the affair of the builder', async () => {
    await using place = await chain();
    const { files } = place.system;
    const openRead: typeof files.openRead = (path) =>
      path.endsWith('alone/main.c')
        ? Promise.reject(new ShipperError('IO', `Cannot open ${path}: permission denied`))
        : files.openRead(path);
    place.changeSystem({ files: { ...files, openRead } });
    for (let time = 0; time < 2; time += 1) {
      expect((await place.ship({ names: ['alone'] })).outcome).toBe('done');
    }
    expect(place.built).toEqual(['alone', 'alone']);
  });
});

describe('files of a run', () => {
  it('go as soon as nobody needs them', async () => {
    await using place = await chain();
    const pushed: string[] = [];
    let left: string[] = [];
    place.onEvent = ({ scope, ...event }) => {
      if (event.type !== 'task.started' || event.title !== 'push') return;
      pushed.push(scope.group ?? '');
      const [run = ''] = place.leftovers();
      left = readdirSync(join(place.its.place.tmp, run));
    };
    await place.ship({ jobs: 1 });
    // When the last push begins, the first images are long pushed; `base` is needed by others to the end.
    const [first] = pushed.filter((name) => name !== 'base');
    expect(pushed.length).toBe(4);
    expect(left).toContain('base');
    expect(left).not.toContain(first);
  });
});

describe('images that share a context', () => {
  it('have it read once in a run', async () => {
    await using place = await shipPlace(many(20), {});
    place.write('Dockerfile', 'FROM scratch\n');
    place.write('large', 'x'.repeat(1000));
    const { files } = place.system;
    let reads = 0;
    const openRead: typeof files.openRead = (path) => {
      if (path.endsWith('/large')) reads += 1;
      return files.openRead(path);
    };
    place.changeSystem({ files: { ...files, openRead } });
    expect((await place.ship({ until: 'push' })).outcome).toBe('done');
    expect(reads).toBe(1);
  });
});

describe('a run that is cancelled', () => {
  it.each([
    'build',
    'flatten',
    'push',
  ])('at the begin of %s leaves nothing, and the next one goes on', async (stage) => {
    await using place = await chain();
    const stop = new AbortController();
    place.onEvent = (event) => {
      if (event.type === 'task.started' && event.title === stage) stop.abort();
    };
    const report = await place.ship({}, { signal: stop.signal });
    expect(report.outcome).toBe('interrupted');
    expect(place.leftovers()).toEqual([]);
    for (const path of ['base', 'api', 'worker', 'alone']) {
      expect(place.its.repository(`shop/${path}`).tags.size).toBe(0);
    }
    place.onEvent = undefined;
    expect((await place.ship()).outcome).toBe('done');
  });
});

describe('a run whose time is over', () => {
  it('has not failed: nothing moved, and what it was at is cancelled', async () => {
    await using place = await chain();
    const stop = new AbortController();
    place.onEvent = (event) => {
      if (event.type !== 'task.started' || event.title !== 'flatten') return;
      stop.abort(new ShipperError('TIMEOUT', 'Cannot finish in time: 5 s are over'));
    };
    const report = await place.ship({}, { signal: stop.signal });
    expect(report.outcome).toBe('interrupted');
    expect(report.images.map(({ status }) => status)).not.toContain('failed');
  });
});

describe('--no-atomic', () => {
  it('publishes what is ready although another image fails', async () => {
    await using place = await chain(({ image }) => {
      if (image.name === 'alone') throw new ShipperError('IO', 'Cannot build alone: no luck');
      return `${image.name}=1`;
    });
    const report = await place.ship({ atomic: false, keepGoing: true });
    expect(report.outcome).toBe('partial');
    expect(treeIn(place.its.repository('shop/api'), 'latest')).toBe('api=1');
  });
});
