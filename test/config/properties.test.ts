// Whatever stands in a file: it loads, or it is a BAD_CONFIG whose problems have places in it. Nothing else is thrown, and
// nothing outside is touched.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { isShipperError } from '../../src/core/errors.ts';
import { amount } from '../support/amount.ts';
import { load } from './machine.ts';

/** A file in which every part of the schema occurs. */
const WHOLE = {
  project: 'shop',
  registry: 'registry.example.com/shop',
  include: ['compose.yaml'],
  images: {
    base: { context: './base', flatten: false },
    api: {
      context: './api',
      needs: ['base'],
      dockerfile: 'D',
      args: { A: '1' },
      secrets: [{ id: 'a', file: 'b' }],
      ssh: ['default'],
      ulimits: { nofile: { soft: 1, hard: 2 } },
      additional_contexts: { x: 'target:base' },
      flatten: { keep_base: 'base', compression: 'gzip:3', labels: { a: 'b' }, exclude: ['/x'] },
      tags: ['latest', '{git.sha}'],
    },
    child: { extends: 'api', args: { B: '2' } },
  },
  groups: { web: ['api', 'base'], all: ['web'] },
  environments: {
    staging: {
      hosts: ['ssh://a', { context: 'c' }],
      engine: 'swarm',
      networks: { front: { driver: 'overlay' } },
      volumes: { data: { external: true } },
      hooks: { drain: './x' },
      retain: 2,
      lock_timeout: '5m',
      services: {
        api: {
          image: 'api',
          command: 'run "it"',
          environment: { A: '1' },
          env_file: [{ path: 'a' }],
          ports: ['80:80', { target: 1 }],
          volumes: [
            'data:/x',
            { type: 'bind', source: '/a', target: '/b', bind: { selinux: 'z' } },
          ],
          networks: { front: { aliases: ['a'] } },
          healthcheck: { test: ['CMD', 'x'], interval: '5s' },
          logging: { driver: 'x', options: { a: 'b' } },
          depends_on: { db: { condition: 'service_healthy' } },
          deploy: {
            replicas: 2,
            update_config: { parallelism: 1, delay: '1s' },
            resources: { limits: { cpus: '0.5', memory: '1g' } },
            placement: { constraints: ['x'], preferences: [{ spread: 'y' }] },
          },
        },
        db: { image: 'postgres:17' },
      },
    },
    prod: { extends: 'staging', hosts: ['ssh://b'] },
  },
};

const COMPOSE = {
  services: { site: { build: { context: '.', secrets: ['s'], tags: ['a:1'] } } },
  secrets: { s: { file: './x' } },
};

const BAKE = {
  variable: { V: { default: '1' } },
  group: { default: { targets: ['a', 'b'] } },
  target: {
    a: {
      inherits: ['b'],
      tags: ['a:${V}'],
      secret: ['id=x,src=y'],
      'cache-from': [{ type: 'gha' }],
    },
    b: {
      args: { A: 'b' },
      contexts: { c: 'target:a2' },
      ssh: [{ id: 'k', paths: ['x'] }],
      ulimits: ['nofile=1:2'],
      attest: ['type=sbom', { type: 'provenance', mode: 'max' }],
    },
    a2: { output: ['type=docker'], 'shm-size': '1m' },
  },
};

/** Paths of all values in `value`. */
function paths(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [
    [],
    ...Object.entries(value).flatMap(([key, each]) => paths(each).map((path) => [key, ...path])),
  ];
}

function replaced(value: unknown, path: readonly string[], by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value))
    return value.map((each, at) => (String(at) === step ? replaced(each, rest, by) : each));
  return {
    ...(value as object),
    [step]: replaced((value as Record<string, unknown>)[step], rest, by),
  };
}

const word = fc.oneof(
  fc.string(),
  fc.constantFrom(
    'api',
    'base',
    'target:api',
    '${X}',
    '${X:-y}',
    '{git.sha}',
    '$',
    '{env.A}',
    '~',
    '5m',
    '-1',
    '../x',
    '/',
    'x:y:z',
    '__proto__',
    'constructor',
    'toString',
  ),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(word, fc.constantFrom('image', 'context', 'extends', 'needs', 'x-y')),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any;

async function settles(text: string, compose = JSON.stringify(COMPOSE)): Promise<void> {
  for (const environment of [undefined, 'prod']) {
    const files = { '/work/compose.yaml': compose };
    try {
      await load(text, { files, options: environment === undefined ? {} : { environment } });
    } catch (error) {
      if (isShipperError(error, 'USAGE') && environment !== undefined) continue;
      if (!isShipperError(error, 'BAD_CONFIG')) throw error;
      const { problems = [] } = error.details;
      expect(problems.length).toBeGreaterThan(0);
      for (const { file, line, column, message, hint } of problems) {
        const lines = (file === 'shipper.yaml' ? text : compose).split('\n');
        expect(['shipper.yaml', 'compose.yaml']).toContain(file);
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(lines.length + 1);
        expect(column).toBeGreaterThan(0);
        expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
        expect(['string', 'undefined']).toContain(typeof hint);
        expect(message).not.toMatch(
          /undefined|\[object|Invalid input|Too (?:big|small)|Unrecognized/,
        );
      }
    }
  }
}

describe('any value at any place', () => {
  it('the whole file is right as it is', async () => {
    const files = { '/work/compose.yaml': JSON.stringify(COMPOSE) };
    await load(stringify(WHOLE), { files, options: { environment: 'prod' } });
  });

  it('of shipper.yaml', async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    const place = fc.constantFrom(...paths(WHOLE));
    await fc.assert(
      fc.asyncProperty(place, value, async (path, by) => {
        await settles(stringify(replaced(WHOLE, path, by)));
      }),
      { numRuns: amount(16, 200) },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before);
  });

  it('of an included Compose file', async () => {
    const place = fc.constantFrom(...paths(COMPOSE));
    await fc.assert(
      fc.asyncProperty(place, value, async (path, by) => {
        await settles('include: [compose.yaml]\n', stringify(replaced(COMPOSE, path, by)));
      }),
      { numRuns: amount(16, 100) },
    );
  });

  it('of an included bake file', async () => {
    const place = fc.constantFrom(...paths(BAKE));
    await fc.assert(
      fc.asyncProperty(place, value, async (path, by) => {
        await settles('include: [compose.yaml]\n', JSON.stringify(replaced(BAKE, path, by)) ?? '');
      }),
      { numRuns: amount(25, 150) },
    );
  });

  it('and any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), (text) => settles(text)),
      {
        numRuns: amount(12, 150),
      },
    );
    const pieces = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&a ',
      '*a',
      '!x ',
      '<<: ',
      '|',
      '>',
      '#',
      '\t',
      '---',
      '%YAML',
      '? ',
      'images',
      '${',
      '\r',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 25 }), (all) => settles(all.join(''))),
      { numRuns: amount(25, 300) },
    );
  });
});

describe('keys of the prototype', () => {
  it.each([
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
  ])('%s is a key as others', async (key) => {
    const project = await load(
      `images: { ${key.toLowerCase()}: { context: ., args: { ${key}: x }, labels: { ${key}: y } } }`,
    );
    expect(project.images[0]?.source).toMatchObject({ build: { args: { [key]: 'x' } } });
    await settles(`${key}: 1\nimages: { a: { ${key}: { b: 1 } } }`);
  });

  it('__proto__ is refused wherever it stands, and changes nothing', async () => {
    for (const text of [
      '__proto__: { polluted: true }',
      'images: { a: { __proto__: { polluted: true }, context: . } }',
      'images: { a: { context: ., args: { __proto__: { polluted: true } } } }',
      '{"images": {"a": {"context": ".", "labels": {"__proto__": "x"}}}}',
    ]) {
      await expect(load(text)).rejects.toMatchObject({ code: 'BAD_CONFIG' });
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
