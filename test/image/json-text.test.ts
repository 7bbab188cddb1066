import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  editMembers,
  elementTexts,
  member,
  memberText,
  parseJsonArray,
  parseJsonObject,
} from '../../src/image/json-text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseJsonObject(bytes(text), 'x');

/** JSON text with white space where it may stand. */
function spaced(value: unknown, gap: () => string): string {
  const inner = (part: unknown): string => {
    if (Array.isArray(part))
      return `[${gap()}${part.map((item) => inner(item) + gap()).join(`,${gap()}`)}]`;
    if (typeof part !== 'object' || part === null) return JSON.stringify(part);
    const members = Object.entries(part).map(
      ([key, item]) => `${JSON.stringify(key)}${gap()}:${gap()}${inner(item)}${gap()}`,
    );
    return `{${gap()}${members.join(`,${gap()}`)}}`;
  };
  return gap() + inner(value) + gap();
}

const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 8 });
const gaps = fc.array(fc.constantFrom('', ' ', '\n\t', '\r\n  '), { minLength: 1, maxLength: 20 });

function cyclic(parts: readonly string[]): () => string {
  let i = 0;
  return () => parts[i++ % parts.length] ?? '';
}

describe('editMembers()', () => {
  it('gives the object with the edits, and every other value as it was written', () => {
    fc.assert(
      fc.property(
        object,
        gaps,
        fc.dictionary(fc.string(), fc.option(fc.jsonValue()), { maxKeys: 4 }),
        fc.nat(),
        (value, parts, changes, pick) => {
          const text = spaced(value, cyclic(parts));
          const own = Object.keys(value)[pick % Math.max(1, Object.keys(value).length)];
          const edits = new Map(
            Object.entries(changes).map(([key, item]) => [
              key,
              item === null ? undefined : JSON.stringify(item),
            ]),
          );
          if (own !== undefined) edits.set(own, pick % 2 === 0 ? undefined : '"edited"');
          const edited = editMembers(text, edits, 'x');
          // As JSON has it: it knows no -0.
          const expected = new Map(Object.entries(JSON.parse(JSON.stringify(value))));
          for (const [key, item] of edits) {
            if (item === undefined) expected.delete(key);
            else expected.set(key, JSON.parse(item));
          }
          expect(new Map(Object.entries(JSON.parse(edited)))).toEqual(expected);
          for (const key of Object.keys(value)) {
            if (edits.has(key)) continue;
            expect(memberText(edited, key)).toBe(memberText(text, key));
          }
        },
      ),
    );
  });

  it('keeps what JSON.parse would lose', () => {
    const text =
      '{"big":12345678901234567890123, "tiny": 1e-999,"neg":-0,"esc":"\\u0041\\/", "b" : {"x":1.50}, "a":1}';
    expect(
      editMembers(
        text,
        new Map([
          ['a', '2'],
          ['c', '[]'],
        ]),
        'x',
      ),
    ).toBe(
      '{"big":12345678901234567890123,"tiny": 1e-999,"neg":-0,"esc":"\\u0041\\/","b" : {"x":1.50},"a":2,"c":[]}',
    );
  });

  it('knows a key by its meaning, however it is escaped', () => {
    expect(editMembers('{"\\u0061":1}', new Map([['a', '2']]), 'x')).toBe('{"\\u0061":2}');
  });

  it('edits __proto__ as any other key', () => {
    const edited = editMembers(
      '{"__proto__":{"x":1},"constructor":2}',
      new Map([
        ['__proto__', '3'],
        ['toString', '4'],
      ]),
      'x',
    );
    expect(edited).toBe('{"__proto__":3,"constructor":2,"toString":4}');
    expect(member(parse(edited), '__proto__')).toBe(3);
    expect(member(parse('{}'), 'toString')).toBeUndefined();
  });

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":1}',
    '{"a":1, "b":2, "a" : 3}',
  ])('refuses %s where a is edited', (text) => {
    expect(() => editMembers(text, new Map([['a', '1']]), 'the configuration of x')).toThrow(
      'Cannot read the configuration of x: the key "a" stands twice',
    );
    expect(() => editMembers(text, new Map([['z', '1']]), 'x')).not.toThrow();
  });
});

describe('elementTexts()', () => {
  it('splits lists as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 2 })), gaps, (list, parts) => {
        const texts = elementTexts(spaced(list, cyclic(parts)).trim());
        expect(texts.map((text) => JSON.parse(text))).toEqual(JSON.parse(JSON.stringify(list)));
      }),
    );
    expect(elementTexts('[ 1.0 , "],[" ,{"a":[1,2]}]')).toEqual(['1.0', '"],["', '{"a":[1,2]}']);
    expect(elementTexts('null')).toEqual([]);
  });
});

describe('parseJsonObject()', () => {
  it.each([
    ['[]', 'it is not an object'],
    ['null', 'it is not an object'],
    ['"{}"', 'it is not an object'],
    ['', 'it is not JSON'],
    ['{"a":1', 'it is not JSON'],
    ['{"a":1}{', 'it is not JSON'],
    ['\ufeff{}', 'it is not JSON'],
    [`{"a":${'['.repeat(100)}${']'.repeat(100)}}`, 'it is nested more than 100 deep'],
  ])('refuses %s', (text, reason) => {
    expect(() => parse(text)).toThrow(`Cannot read x: ${reason}`);
  });

  it('takes 100 levels, and brackets in texts for what they are', () => {
    expect(() => parse(`{"a":${'['.repeat(99)}${']'.repeat(99)}}`)).not.toThrow();
    expect(() => parse(`{"a":"${'['.repeat(1000)}","b\\"[[":"\\\\"}`)).not.toThrow();
  });

  it('refuses bytes that are no UTF-8, and more than 4 MiB', () => {
    expect(() => parseJsonObject(Uint8Array.of(0x7b, 0xff, 0x7d), 'x')).toThrow('it is not UTF-8');
    expect(() => parseJsonObject(new Uint8Array(4_194_305), 'x')).toThrow('over 4194304');
    expect(() => parseJsonArray(bytes('{}'), 'x')).toThrow('Cannot read x: it is not a list');
  });

  it('leaves Object.prototype alone', () => {
    parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect('polluted' in {}).toBe(false);
  });
});
