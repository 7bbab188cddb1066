// The rules of distribution/reference (reference_test.go, normalize_test.go), as tables in our own words.
import { describe, expect, it } from 'vitest';
import {
  familiarReference,
  formatReference,
  isImageId,
  parseReference,
  withDefaultTag,
} from '../../src/image/reference.ts';

const SHA = `sha256:${'ab'.repeat(32)}`;
const SHA512 = `sha512:${'ab'.repeat(64)}`;
const LONG = 'a'.repeat(255);

/** What people write, its whole form, and how people are told it. */
const VALID: readonly (readonly [text: string, full: string, familiar: string])[] = [
  ['app', 'docker.io/library/app', 'app'],
  ['app:1', 'docker.io/library/app:1', 'app:1'],
  ['library/app', 'docker.io/library/app', 'app'],
  ['docker.io/app', 'docker.io/library/app', 'app'],
  ['docker.io/library/app', 'docker.io/library/app', 'app'],
  ['index.docker.io/app', 'docker.io/library/app', 'app'],
  ['index.docker.io/library/app', 'docker.io/library/app', 'app'],
  ['docker.io/library/foo/bar', 'docker.io/library/foo/bar', 'library/foo/bar'],
  ['dmcgowan/myapp', 'docker.io/dmcgowan/myapp', 'dmcgowan/myapp'],
  ['docker.io/dmcgowan/myapp:t', 'docker.io/dmcgowan/myapp:t', 'dmcgowan/myapp:t'],
  ['xn--7o8h.com/myapp', 'xn--7o8h.com/myapp', 'xn--7o8h.com/myapp'],
  [
    'docker.io/1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a',
    'docker.io/library/1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a',
    '1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a',
  ],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:1', 'localhost:5000/app:1', 'localhost:5000/app:1'],
  ['127.0.0.1:5000/library/app', '127.0.0.1:5000/library/app', '127.0.0.1:5000/library/app'],
  ['reg.example.com/a/b/c', 'reg.example.com/a/b/c', 'reg.example.com/a/b/c'],
  ['test.com/repo:tag', 'test.com/repo:tag', 'test.com/repo:tag'],
  ['test:5000/repo', 'test:5000/repo', 'test:5000/repo'],
  [`test:5000/repo:tag@${SHA}`, `test:5000/repo:tag@${SHA}`, `test:5000/repo:tag@${SHA}`],
  [`app@${SHA}`, `docker.io/library/app@${SHA}`, `app@${SHA}`],
  [`app@${SHA512}`, `docker.io/library/app@${SHA512}`, `app@${SHA512}`],
  ['[::1]/app', '[::1]/app', '[::1]/app'],
  ['[fd00:1:2::3]:75050/app:tag', '[fd00:1:2::3]:75050/app:tag', '[fd00:1:2::3]:75050/app:tag'],
  ['FOO/app', 'FOO/app', 'FOO/app'],
  ['Example.com/app', 'Example.com/app', 'Example.com/app'],
  ['lowercase:Uppercase', 'docker.io/library/lowercase:Uppercase', 'lowercase:Uppercase'],
  ['a__b/c.d/e-f/g---h', 'docker.io/a__b/c.d/e-f/g---h', 'a__b/c.d/e-f/g---h'],
  ['foo_bar.com:8080', 'docker.io/library/foo_bar.com:8080', 'foo_bar.com:8080'],
  ['foo.com/xn--n3h', 'foo.com/xn--n3h', 'foo.com/xn--n3h'],
  ['aa/asdf$$^/aa'.replace('$$^', 'x'), 'docker.io/aa/asdfx/aa', 'aa/asdfx/aa'],
  [`a/${'b'.repeat(253)}`, `docker.io/a/${'b'.repeat(253)}`, `a/${'b'.repeat(253)}`],
  [`app:${'t'.repeat(128)}`, `docker.io/library/app:${'t'.repeat(128)}`, `app:${'t'.repeat(128)}`],
  ['app:_x.y-z', 'docker.io/library/app:_x.y-z', 'app:_x.y-z'],
];

const REFUSED: readonly (readonly [text: string, reason: string])[] = [
  ['', 'it is empty'],
  [':justtag', 'the format is not valid'],
  [`@${SHA}`, 'the format is not valid'],
  ['app@sha256:ffff', 'is not a sha256 or sha512 digest'],
  [`app@${SHA.toUpperCase()}`, 'is not a sha256 or sha512 digest'],
  [`app@md5:${'0'.repeat(32)}`, 'is not a sha256 or sha512 digest'],
  [`app@${SHA}@${SHA}`, 'is not a sha256 or sha512 digest'],
  ['Uppercase:tag', 'the repository name must be lowercase'],
  ['test:5000/Uppercase/lowercase:tag', 'the repository name must be lowercase'],
  ['docker.io/docker/Docker', 'the repository name must be lowercase'],
  ['docker///docker', 'the format is not valid'],
  ['docker.io/docker///docker', 'the format is not valid'],
  ['https://github.com/docker/docker', 'the format is not valid'],
  ['-docker/docker', 'the format is not valid'],
  ['docker-/docker', 'the format is not valid'],
  ['docker/docker/', 'the format is not valid'],
  ['aa/asdf$$^/aa', 'the format is not valid'],
  ['a___b/c', 'the format is not valid'],
  ['a..b/c:1'.replace('a..b', 'x/a..b'), 'the format is not valid'],
  ['repo:tag/with/slash', 'is not valid'],
  ['app:', 'the tag "" is not valid'],
  ['app:.x', 'the tag ".x" is not valid'],
  ['app:a b', 'the tag "a b" is not valid'],
  ['app:tag\n', 'the tag "tag\\n" is not valid'],
  [`app:${'t'.repeat(129)}`, 'is not valid'],
  ['app\n', 'the format is not valid'],
  [' app', 'the format is not valid'],
  ['[fc00::1', 'the format is not valid'],
  ['[fc00::1]:5000', 'the format is not valid'],
  ['[fe80::1%eth0]/app', 'the registry "[fe80::1%eth0]" is not valid'],
  ['[::1]x/app', 'the registry "[::1]x" is not valid'],
  ['a.-b.com/app', 'the registry "a.-b.com" is not valid'],
  ['reg.example.com:port/app', 'the registry "reg.example.com:port" is not valid'],
  [
    '1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a',
    'a name cannot be 64 hex digits',
  ],
  [`a/${LONG}`, 'the repository name has more than 255 characters'],
  ['../app', 'is not valid'],
  ['a/../b', 'the format is not valid'],
  ['app\0', 'the format is not valid'],
];

describe('parseReference()', () => {
  it.each(VALID)('%s', (text, full, familiar) => {
    const reference = parseReference(text);
    expect([formatReference(reference), familiarReference(reference)]).toEqual([full, familiar]);
    expect(parseReference(full)).toEqual(reference);
    if (!/^[a-f0-9]{64}$/.test(familiar)) expect(parseReference(familiar)).toEqual(reference);
  });

  it.each(REFUSED)('refuses %j', (text, reason) => {
    expect(() => parseReference(text)).toThrow(reason);
    try {
      parseReference(text);
    } catch (error) {
      expect(error).toMatchObject({ code: 'BAD_REFERENCE' });
    }
  });

  it('withDefaultTag() only where neither tag nor digest was given', () => {
    const forms = ['app', 'app:1', `app@${SHA}`, `app:1@${SHA}`];
    expect(forms.map((text) => familiarReference(withDefaultTag(parseReference(text))))).toEqual([
      'app:latest',
      'app:1',
      `app@${SHA}`,
      `app:1@${SHA}`,
    ]);
  });

  it.each([
    [SHA, true],
    ['abcdef012345', true],
    ['ab'.repeat(32), true],
    ['abcdef01234', false],
    ['ABCDEF012345', false],
    ['app', false],
    [`${SHA}0`, false],
    [SHA512, false],
  ])('isImageId(%s) is %s', (text, isId) => {
    expect(isImageId(text)).toBe(isId);
  });
});
