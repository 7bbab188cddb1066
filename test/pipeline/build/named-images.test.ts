// Which images a Dockerfile begins from or copies from, and whether its text tells all of them.
import { describe, expect, it } from 'vitest';
import { namedImages } from '../../../src/pipeline/build/named-images.ts';

describe('images of a Dockerfile', () => {
  const read = (text: string, args: Record<string, string> = {}) => {
    const { images, isComplete } = namedImages(text, args);
    return isComplete ? images : undefined;
  };

  it.each<[string, readonly string[] | undefined]>([
    ['FROM node:22', ['node:22']],
    ['from --platform=$BUILDPLATFORM node:22 as build\nFROM build\nFROM scratch', ['node:22']],
    [`ARG V=22\nARG N=node\nFROM \${N}:\${V:-1}`, ['node:22']],
    [`ARG V\nFROM node:\${V:-20}`, ['node:20']],
    ['ARG V\nFROM node:$V', undefined],
    ['FROM node:$TARGETARCH', undefined],
    ['FROM a\nCOPY --chown=1 --from=b /x /y\nCOPY --from=0 /x /y', ['a', 'b']],
    [
      'FROM a\nRUN --mount=type=bind,from=c,target=/c --mount=type=cache,target=/d make',
      ['a', 'c'],
    ],
    ['FROM a\nADD x y', ['a']],
    ['FROM a\nADD https://x/y z', undefined],
    ['FROM a\nADD ["https://x/y", "z"]', undefined],
    ['# FROM no\nFROM \\\n  # a comment\n  a \\\n  AS b\nFROM b', ['a']],
    ['# escape=`\nFROM a', undefined],
    ['FROM parent\nFROM "quoted"', ['parent', 'quoted']],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('take arguments of the configuration before defaults', () => {
    expect(read('ARG V=22\nFROM node:$V', { V: '24' })).toEqual(['node:24']);
  });

  it('are none of its stages', () => {
    const text =
      'ARG V=1\nFROM h/a:${V} AS one\nFROM --platform=x \\\n  b as Two\nFROM one\nFROM scratch\nCOPY --from=two /a /b\nCOPY --from=0 /a /b\nCOPY --from=c:1 /a /b\nARG V=2\nFROM h/a:$V\n';
    expect(read(text)).toEqual(['h/a:1', 'b', 'c:1']);
    expect(read(text, { V: '3' })).toEqual(['h/a:3', 'b', 'c:1']);
  });
});
