import { describe, expect, it } from 'vitest';
import { coversScopes, joinScopes, repositoryOf, splitScopes } from '../../src/registry/scopes.ts';

describe('joinScopes()', () => {
  it.each([
    [['repository:a:pull'], [], ['repository:a:pull']],
    [[], ['repository:a:pull,push'], ['repository:a:pull,push']],
    [['repository:b:pull'], ['repository:a:push'], ['repository:b:pull', 'repository:a:push']],
    [['repository:a:pull'], ['repository:a:pull,push'], ['repository:a:pull,push']],
    [
      ['repository:a:push'],
      ['repository:b:pull', 'repository:a:pull'],
      ['repository:a:push,pull', 'repository:b:pull'],
    ],
    [['registry:catalog:*'], ['registry:catalog:*'], ['registry:catalog:*']],
    [['repository:h:5000/a:pull'], ['repository:h:5000/a:push'], ['repository:h:5000/a:pull,push']],
    [['odd'], ['odd'], ['odd']],
    [['a:b'], [], ['a:b']],
  ])('makes one list of %j and %j', (first, then, joined) => {
    expect(joinScopes(first, then)).toEqual(joined);
  });
});

describe('coversScopes()', () => {
  it.each([
    [['repository:a:pull,push'], ['repository:a:pull'], true],
    [['repository:a:pull'], ['repository:a:pull,push'], false],
    [['repository:a:pull', 'repository:b:pull'], ['repository:b:pull'], true],
    [['repository:a:pull'], ['repository:b:pull'], false],
    [['repository:a:*'], ['repository:a:push'], true],
    [['odd'], ['odd'], true],
    [['repository:a:pull'], [], true],
    [[], ['repository:a:pull'], false],
  ])('%j for %j: %s', (granted, wanted, isCovered) => {
    expect(coversScopes(granted, wanted)).toBe(isCovered);
  });
});

describe('repositoryOf()', () => {
  it.each([
    [['repository:library/app:pull'], 'library/app'],
    [['registry:catalog:*', 'repository(plugin):a/b:pull'], 'a/b'],
    [['registry:catalog:*'], undefined],
    [[], undefined],
  ])('finds in %j %j', (scopes, repository) => {
    expect(repositoryOf(scopes)).toBe(repository);
  });
});

describe('splitScopes()', () => {
  it('leaves out what is too long or too much', () => {
    expect(splitScopes(' a:b:c  d:e:f ')).toEqual(['a:b:c', 'd:e:f']);
    expect(splitScopes(`${'x'.repeat(2000)} a`)).toEqual(['a']);
    expect(splitScopes('a '.repeat(100))).toHaveLength(32);
  });
});
