// The rules of `.dockerignore`, against what moby/patternmatcher says of each of these in its own tests.
import { describe, expect, it } from 'vitest';
import { IgnoreRules } from '../../src/core/dockerignore.ts';

const ignores = (patterns: readonly string[], path: string) =>
  new IgnoreRules(patterns).ignores(path);

/** Pattern, paths that it ignores, paths that it does not. */
const PATTERNS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['**', ['file', 'dir/file'], []],
  ['**/', ['file', 'dir/file'], []],
  ['**/**', ['dir/file'], []],
  ['dir/**', ['dir/file', 'dir/dir2/file'], ['dir', 'dirt']],
  ['**/dir', ['dir', 'dir/file', 'a/b/dir'], ['adir']],
  ['**/dir2/*', ['dir/dir2/file', 'dir/dir2/file/x'], ['dir/dir2']],
  ['**/dir2/**', ['dir/dir2/dir3/file'], []],
  ['**file', ['file', 'dir/file', 'dir/dir/file', 'afile'], []],
  ['**/file', ['dir/file', 'dir/dir/file'], ['dir/afile']],
  ['**/file*', ['dir/dir/file', 'dir/dir/file.txt'], []],
  ['**/file*txt', ['dir/dir/file.txt'], []],
  ['**/file*.txt*', ['dir/dir/file.txt'], []],
  ['**/**/*.txt', ['dir/dir/file.txt', 'file.txt'], []],
  ['**/**/*.txt2', [], ['dir/dir/file.txt']],
  ['a**/*.txt', ['a/file.txt', 'a/dir/file.txt', 'a/dir/dir/file.txt'], []],
  ['a/*.txt', ['a/file.txt'], ['a/dir/file.txt']],
  ['a/*.txt**', ['a/file.txt'], []],
  ['a[b-d]e', ['ace'], ['ae', 'aae']],
  ['a[^b-d]e', ['aze'], ['ace']],
  ['.*', ['.foo'], ['foo']],
  ['abc.def', ['abc.def'], ['abcdef', 'abcZdef']],
  ['abc?def', ['abcZdef'], ['abcdef']],
  ['**/foo/bar', ['foo/bar', 'dir/foo/bar', 'dir/dir2/foo/bar'], []],
  ['abc/**', ['abc/def', 'abc/def/ghi'], ['abc']],
  ['**/.foo', ['.foo'], ['bar.foo']],
  ['a(b)c/def', ['a(b)c/def'], ['a(b)c/xyz']],
  ['a.|)$(}+{bc', ['a.|)$(}+{bc'], []],
  ['dist/*.whl', ['dist/a-2.4.0rc3.dev36+g08acad9.whl'], []],
  ['a\\\\', ['a\\'], ['a']],
  ['a\\*b', ['a*b'], ['ab', 'axb']],
  ['*', ['abc', 'a/b'], []],
  ['a*', ['a', 'abc', 'ab/c'], ['b']],
  ['a*/b', ['abc/b'], ['a/c/b']],
  ['a*b*c*d*e*/f', ['axbxcxdxe/f', 'axbxcxdxexxx/f'], ['axbxcxdxe/xxx/f', 'axbxcxdxexxx/fff']],
  ['a*b?c*x', ['abxbbxdbxebxczzx'], ['abxbbxdbxebxczzy']],
  ['ab[e-g]', [], ['abc']],
  ['a?b', ['a☺b'], ['a/b']],
  ['a[^a]b', ['a☺b'], []],
  ['a???b', [], ['a☺b']],
  ['[a-ζ]*', ['α'], []],
  ['*[a-ζ]', [], ['A']],
  ['[\\]a]', [']'], []],
  ['[\\-]', ['-'], []],
  ['[x\\-]', ['x', '-'], ['z']],
  ['[\\-x]', ['x', '-'], ['a']],
  ['*x', ['xxx'], []],
  // Written in other ways.
  ['/a/b', ['a/b', 'a/b/c'], ['b']],
  ['./a//b/', ['a/b'], ['a']],
  ['x/../a', ['a'], ['x']],
  ['  a  ', ['a'], []],
  ['', [], ['a']],
];

describe('one pattern', () => {
  it.each(PATTERNS)('%j', (pattern, yes, no) => {
    const said = [...yes, ...no].map((path) => [path, ignores([pattern], path)]);
    expect(said).toEqual([...yes.map((path) => [path, true]), ...no.map((path) => [path, false])]);
  });

  it.each([
    '[]a]',
    '[-]',
    '[x-]',
    '[-x]',
    '\\',
    '[a-b-c]',
    '[',
    '[^',
    '[^bc',
    'a[',
    '[z-a]',
    '!',
  ])('%j is refused', (pattern) => {
    expect(() => new IgnoreRules([pattern])).toThrow(/^Cannot use the pattern /);
  });
});

describe('several patterns', () => {
  it.each([
    [['!fileutils.go', '*.go'], 'fileutils.go', true],
    [['*.go', '!fileutils.go'], 'fileutils.go', false],
    [['docs', '!docs/README.md'], 'docs/README.md', false],
    [['docs/', '!docs/README.md'], 'docs/README.md', false],
    [['docs/*', '!docs/README.md'], 'docs/README.md', false],
    [['docs', '  !docs/README.md  '], 'docs/other', true],
    [['**', '!util/docker/web'], 'util/docker/web/foo', false],
    [['**', '!util/docker/web', 'util/docker/web/foo'], 'util/docker/web/foo', true],
    [['**', '!dist/*.whl'], 'dist/a-2.4.0rc3.dev36+g08acad9.whl', false],
    [[], 'any/path', false],
  ])('%j on %s', (patterns, path, expected) => {
    expect(ignores(patterns, path)).toBe(expected);
  });
});
