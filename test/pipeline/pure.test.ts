// The parts of the pipeline that decide and touch nothing: selection, caps, places, tags, keys, Dockerfiles, memory.
import { describe, expect, it } from 'vitest';
import type { ProjectImage } from '../../src/config/types.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { digestOfValue } from '../../src/core/sorted.ts';
import { capsFor } from '../../src/pipeline/caps.ts';
import { contentKey } from '../../src/pipeline/content-key.ts';
import { selectImages } from '../../src/pipeline/graph.ts';
import { EMPTY_MEMORY, parseMemory, withKey } from '../../src/pipeline/memory-file.ts';
import { homesOf, placesOf } from '../../src/pipeline/places.ts';
import { planTags, type TagState } from '../../src/pipeline/publish-plan.ts';
import { type Ending, runImages } from '../../src/pipeline/schedule.ts';
import { silent } from '../support/flatten.ts';

const PLACE = { file: 'shipper.yaml', line: 1, column: 1 };

function image(name: string, ...needs: string[]): ProjectImage {
  return {
    name,
    source: { kind: 'image', reference: `x/${name}:1` },
    needs: needs.map((need) => ({ image: need, as: need })),
    references: [`${name}:latest`],
    place: PLACE,
  };
}

function project(images: readonly ProjectImage[], groups: Record<string, string[]> = {}) {
  return {
    file: '/work/shipper.yaml',
    folder: '/work',
    files: ['/work/shipper.yaml'],
    name: 'shop',
    images,
    groups: Object.entries(groups).map(([name, members]) => ({
      name,
      images: members,
      place: PLACE,
    })),
    environmentNames: [],
  };
}

const SHOP = project([image('api', 'base'), image('base'), image('worker', 'base'), image('db')], {
  web: ['api', 'db'],
});

describe('selection', () => {
  const names = (...asked: string[]) =>
    selectImages(SHOP, asked).map((each) => `${each.image.name}${each.isWanted ? '' : '?'}`);

  it('takes all, groups, and what they need, each behind what it needs', () => {
    expect(names()).toEqual(['base', 'api', 'worker', 'db']);
    expect(names('web')).toEqual(['base?', 'api', 'db']);
    expect(names('worker', 'web', 'worker')).toEqual(['base?', 'api', 'worker', 'db']);
    expect(names('base')).toEqual(['base']);
  });

  it('takes a base that is kept for needed', () => {
    const flatten = { keepBase: { kind: 'need', image: 'base' } } as const;
    const images = [{ ...image('api'), flatten }, image('base')];
    expect(selectImages(project(images), ['api']).map(({ needs }) => needs)).toEqual([
      [],
      ['base'],
    ]);
  });

  it('refuses names that are not there, circles, and a project without images', () => {
    const refused = (ask: () => unknown) => {
      try {
        ask();
      } catch (error) {
        return error instanceof ShipperError ? `${error.message} (${error.hint})` : error;
      }
      return undefined;
    };
    expect(refused(() => names('apy'))).toBe(
      'Cannot find "apy": shop has no such image or group (did you mean api?)',
    );
    expect(refused(() => names('zzzzzz'))).toContain('it has api, base, worker, db, web');
    expect(refused(() => selectImages(project([image('a', 'b'), image('b', 'a')])))).toContain(
      'a -> b -> a',
    );
    expect(refused(() => selectImages(project([])))).toContain('Cannot ship shop');
  });
});

describe('caps', () => {
  it('follow cores and memory, or what the user says', () => {
    const GIB = 2 ** 30;
    expect(capsFor(2, 8 * GIB, undefined)).toEqual({ build: 4, flatten: 1, push: 4 });
    expect(capsFor(16, 64 * GIB, undefined)).toEqual({ build: 4, flatten: 8, push: 4 });
    expect(capsFor(16, 1.5 * GIB, undefined)).toEqual({ build: 1, flatten: 3, push: 4 });
    expect(capsFor(1, 0.1 * GIB, undefined)).toEqual({ build: 1, flatten: 1, push: 4 });
    expect(capsFor(8, undefined, undefined)).toEqual({ build: 4, flatten: 4, push: 4 });
    expect(capsFor(16, 1, 7)).toEqual({ build: 7, flatten: 7, push: 7 });
  });
});

describe('places', () => {
  it('are a registry where the project or the name has one', () => {
    const places = (registry: string | undefined, reference: string, until: 'build' | 'ship') =>
      placesOf(registry === undefined ? {} : { registry }, [reference], until)[0]?.place;
    expect(places('r.example.com/shop', 'r.example.com/shop/api:1', 'ship')).toBe('registry');
    expect(places('r.example.com/shop', 'r.example.com/shop/api:1', 'build')).toBe('engine');
    expect(places(undefined, 'api:1', 'ship')).toBe('engine');
    expect(places(undefined, 'team/api:1', 'ship')).toBe('engine');
    expect(places(undefined, 'localhost:5000/api:1', 'ship')).toBe('registry');
    expect(places('docker.io/team', 'docker.io/team/api:1', 'ship')).toBe('registry');
  });

  it('name each repository once', () => {
    const tags = placesOf({}, ['r.io/a:1', 'r.io/a:2', 'r.io/b:1', 'c:1'], 'ship');
    expect(homesOf(tags).map(({ name }) => name)).toEqual(['r.io/a', 'r.io/b']);
  });
});

describe('tags', () => {
  const digest = (name: string): TagState => ({ kind: 'digest', digest: name });
  const plan = (before: TagState, now: TagState) => {
    const wanted = [{ image: 'a', reference: 'r/a:1', digest: 'new' }];
    const { moves, kept, surprises } = planTags(
      wanted,
      new Map([['r/a:1', before]]),
      new Map([['r/a:1', now]]),
    );
    return [moves.length, kept.length, surprises.length];
  };
  const absent: TagState = { kind: 'absent' };
  const unknown: TagState = { kind: 'unknown' };

  it('move, are kept, or were moved by somebody else', () => {
    expect(plan(absent, absent)).toEqual([1, 0, 0]);
    expect(plan(digest('old'), digest('old'))).toEqual([1, 0, 0]);
    expect(plan(digest('new'), digest('new'))).toEqual([0, 1, 0]);
    expect(plan(digest('old'), digest('new'))).toEqual([0, 1, 0]);
    expect(plan(digest('old'), digest('other'))).toEqual([1, 0, 1]);
    expect(plan(absent, digest('other'))).toEqual([1, 0, 1]);
    expect(plan(digest('old'), absent)).toEqual([1, 0, 1]);
    expect(plan(unknown, digest('other'))).toEqual([1, 0, 0]);
    expect(plan(digest('old'), unknown)).toEqual([1, 0, 0]);
  });
});

describe('keys', () => {
  const INGREDIENTS = {
    shipper: '1',
    origin: 'sha256:1',
    flatten: { history: 'none' as const, labels: { b: '1', a: '2' } },
    base: undefined,
    parents: new Map([
      ['b', '2'],
      ['a', '1'],
    ]),
    epoch: undefined,
  };

  it('do not depend on the order in which things were written', () => {
    const other = {
      epoch: undefined,
      parents: new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
      flatten: { labels: { a: '2', b: '1' }, history: 'none' as const },
      origin: 'sha256:1',
      base: undefined,
      shipper: '1',
    };
    expect(contentKey(other)).toBe(contentKey(INGREDIENTS));
  });

  it('depend on everything that decides what comes out', () => {
    const keys = [
      INGREDIENTS,
      { ...INGREDIENTS, shipper: '2' },
      { ...INGREDIENTS, origin: 'sha256:2' },
      { ...INGREDIENTS, flatten: undefined },
      { ...INGREDIENTS, base: 'sha256:3' },
      { ...INGREDIENTS, parents: new Map([['a', '1']]) },
      { ...INGREDIENTS, epoch: '0' },
    ].map(contentKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(digestOfValue([1, { a: null }])).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});

describe('memory', () => {
  const entry = (key: string) => ({
    key: `sha256:${key.repeat(64)}`,
    digest: `sha256:${'d'.repeat(64)}`,
    platforms: [],
    bytesBefore: 1,
    bytesAfter: 1,
  });

  it('keeps the keys that were used last, and reads what it writes', () => {
    let memory = EMPTY_MEMORY;
    for (const key of ['1', '2', '3', '2']) memory = withKey(memory, 'a', entry(key), 2);
    expect(memory.images['a']?.map(({ key }) => key[7])).toEqual(['2', '3']);
    expect(parseMemory(JSON.stringify(memory), 'f')).toEqual(memory);
  });

  it.each([
    '',
    '[]',
    '{"schema":1}',
    '{"schema":2,"images":{}}',
    '{"schema":1,"images":{"a":[{}]}}',
  ])('is refused as %s', (text) => {
    expect(() => parseMemory(text, 'f')).toThrow(/^Cannot use f: /);
  });
});

describe('the schedule', () => {
  it('never rejects, and says of each image how it ended', async () => {
    const selected = selectImages(SHOP);
    const endings: ReadonlyMap<string, Ending<string>> = await runImages(
      silent,
      selected,
      {
        check: async () => undefined,
        make: async (_, { image: { name } }) => {
          if (name === 'base') throw new ShipperError('IO', 'Cannot make it: no');
          return name;
        },
        deliver: async (_, __, form: string) => form,
      },
      true,
    );
    expect([...endings].map(([name, { kind }]) => [name, kind])).toEqual([
      ['base', 'failed'],
      ['api', 'not-started'],
      ['worker', 'not-started'],
      ['db', 'ready'],
    ]);
    expect(endings.get('api')).toEqual({ kind: 'not-started', because: 'base' });
  });

  it('begins nothing where one image is refused at once, unless the rest is to go on', async () => {
    const made: string[] = [];
    const work = {
      check: async ({ image: { name } }: { readonly image: { readonly name: string } }) => {
        if (name === 'api') throw new ShipperError('USAGE', 'Cannot make it: no');
      },
      make: async (
        _: unknown,
        { image: { name } }: { readonly image: { readonly name: string } },
      ) => {
        made.push(name);
        return name;
      },
      deliver: async (_: unknown, __: unknown, form: string) => form,
    };
    const kinds = async (keepGoing: boolean) =>
      [...(await runImages(silent, selectImages(SHOP), work, keepGoing)).values()].map(
        ({ kind }) => kind,
      );
    expect(await kinds(false)).toEqual(['not-started', 'failed', 'not-started', 'not-started']);
    expect(made).toEqual([]);
    expect(await kinds(true)).toEqual(['ready', 'failed', 'ready', 'ready']);
  });
});
