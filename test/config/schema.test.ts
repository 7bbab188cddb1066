// The JSON Schema for editors says the same as the check of files.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/json-schema.ts';
import { load } from './machine.ts';

/** As much of JSON Schema as ours has. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly propertyNames?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
}

const KNOWN = new Set([
  ...[
    'type',
    'properties',
    'patternProperties',
    'propertyNames',
    'additionalProperties',
    'required',
  ],
  ...['items', 'anyOf', 'allOf', 'enum', 'const', 'pattern', 'description', 'minimum', 'maximum'],
  ...['minLength', 'maxLength', 'minItems', '$schema', 'title'],
]);

const schema: Schema = JSON.parse(configSchema());

/** A validator of draft 7, as far as it is needed here. */
function accepts(rule: Schema | boolean, value: unknown): boolean {
  if (typeof rule === 'boolean') return rule;
  const { type, anyOf, allOf, pattern, required = [] } = rule;
  if (type !== undefined && ![type].flat().some((each) => isOf(each, value))) return false;
  if (anyOf !== undefined && !anyOf.some((each) => accepts(each, value))) return false;
  if (allOf !== undefined && !allOf.every((each) => accepts(each, value))) return false;
  if (rule.enum !== undefined && !rule.enum.includes(value)) return false;
  if (rule.const !== undefined && rule.const !== value) return false;
  if (typeof value === 'string') {
    if (pattern !== undefined && !new RegExp(pattern).test(value)) return false;
    if (value.length < (rule.minLength ?? 0)) return false;
    if (value.length > (rule.maxLength ?? Number.POSITIVE_INFINITY)) return false;
  }
  if (typeof value === 'number') {
    if (value < (rule.minimum ?? Number.NEGATIVE_INFINITY)) return false;
    if (value > (rule.maximum ?? Number.POSITIVE_INFINITY)) return false;
  }
  if (Array.isArray(value)) {
    if (value.length < (rule.minItems ?? 0)) return false;
    return value.every((each) => accepts(rule.items ?? true, each));
  }
  if (typeof value !== 'object' || value === null) return true;
  if (required.some((key) => !Object.hasOwn(value, key))) return false;
  return Object.entries(value).every(([key, each]) => {
    if (rule.propertyNames !== undefined && !accepts(rule.propertyNames, key)) return false;
    const own = rule.properties?.[key];
    if (own !== undefined) return accepts(own, each);
    const loose = Object.keys(rule.patternProperties ?? {}).some((form) =>
      new RegExp(form).test(key),
    );
    return loose || accepts(rule.additionalProperties ?? true, each);
  });
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

/** Every schema within, with its path. */
function all(rule: Schema, path = ''): readonly (readonly [string, Schema])[] {
  const within = [
    ...Object.entries(rule.properties ?? {}).map(
      ([key, each]) => [`${path}/${key}`, each] as const,
    ),
    ...(rule.anyOf ?? []).map((each) => [path, each] as const),
    ...(rule.allOf ?? []).map((each) => [path, each] as const),
    ...(rule.items === undefined ? [] : [[`${path}/*`, rule.items] as const]),
    ...(typeof rule.additionalProperties === 'object'
      ? [[`${path}/*`, rule.additionalProperties] as const]
      : []),
  ];
  return [[path, rule], ...within.flatMap(([at, each]) => all(each, at))];
}

describe('the JSON Schema', () => {
  it('is the one that is shipped', () => {
    const file = new URL('../../schema/shipper.schema.json', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(configSchema());
  });

  it('says something of every key', () => {
    const silent = all(schema).flatMap(([path, { properties = {} }]) =>
      Object.entries(properties)
        .filter(([, each]) => (each.description ?? '') === '')
        .map(([key]) => `${path}/${key}`),
    );
    expect(silent).toEqual([]);
    expect(all(schema).length).toBeGreaterThan(300);
  });

  it('is of words that this test knows, and closed but for x-', () => {
    const words = all(schema).flatMap(([, each]) => Object.keys(each));
    expect([...new Set(words)].filter((each) => !KNOWN.has(each))).toEqual([]);
    const open = all(schema).filter(
      ([, each]) => each.properties !== undefined && each.additionalProperties !== false,
    );
    expect(open.map(([path]) => path)).toEqual([]);
  });

  it.each([
    ['nothing', '{}'],
    ['an image', 'images: { a: { context: ., flatten: true, tags: [1.10, latest] } }'],
    ['an extension', 'x-a: [1]\nimages: { a: { context: ., x-b: { c: d } } }'],
    ['an unknown key', 'images: { a: { contxt: . } }'],
    ['a wrong type', 'images: { a: { context: ., pull: yes } }'],
    ['a wrong word', 'images: { a: { context: ., flatten: { history: all } } }'],
    ['a wrong form', 'images: { a: { context: ., flatten: { compression: gzip:99 } } }'],
    ['a missing key', 'images: { a: { context: ., secrets: [{ file: x }] } }'],
    ['a wrong name', 'images: { A: { context: . } }'],
    ['a number out of bounds', 'environments: { s: { retain: 0 } }'],
    ['a fraction', 'environments: { s: { retain: 1.5 } }'],
    [
      'ports',
      'environments: { s: { services: { a: { image: "x:1", ports: [80, "81:80", { target: 1 }] } } } }',
    ],
    ['no port', 'environments: { s: { services: { a: { image: "x:1", ports: [web] } } } }'],
    ['no host', 'environments: { s: { hosts: [h] } }'],
    ['a duration', 'environments: { s: { lock_timeout: 5m } }'],
    ['a duration that is none', 'environments: { s: { lock_timeout: 5 } }'],
  ])('agrees with the check of %s', async (_, text) => {
    const isRight = await load(text).then(
      () => true,
      () => false,
    );
    expect(accepts(schema, parse(text))).toBe(isRight);
  });
});
