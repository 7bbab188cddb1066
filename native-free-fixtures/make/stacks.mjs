// Small layer stacks, each with the flat tree that is right for it in the notation of `test/support/layers.ts`.
import { NET_RAW } from './root-fs.mjs';
import { dir, file, link, opaque, symlink, tar, whiteout } from './tar.mjs';

/**
 * @typedef {object} Stack
 * @property {string} name
 * @property {readonly Buffer[]} layers
 * @property {string} flat
 */

const CAPABILITY = [...NET_RAW]
  .map((char) =>
    char === ' ' || char < '!' ? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char,
  )
  .join('');

/** @type {readonly Stack[]} */
export const STACKS = [
  {
    name: 'hard-links',
    layers: [
      tar([dir('a'), file('a/one', 'first'), link('a/two', 'a/one'), link('b', './a/one')]),
      tar([link('c', '/b'), file('a/one', 'second')]),
      tar([whiteout('b'), file('a/two', 'first', { uid: 1000 })]),
    ],
    flat: 'a/ a/one=second a/two=first[1000:0] c=first',
  },
  {
    name: 'opaque',
    layers: [
      tar([dir('d', { mode: 0o700 }), file('d/old', '1'), dir('d/sub'), file('d/sub/old', '2')]),
      tar([dir('d', { mode: 0o750 }), dir('d/sub'), file('d/sub/new', '3'), opaque('d')]),
      tar([opaque('d/sub')]),
    ],
    flat: 'd/[750] d/sub/',
  },
  {
    name: 'setcap',
    layers: [
      tar([file('ping', 'program', { mode: 0o755, xattrs: { 'security.capability': NET_RAW } })]),
      tar([
        link('ping6', 'ping', { mode: 0o755, xattrs: { 'security.capability': NET_RAW } }),
        file('plain', 'program', { mode: 0o755 }),
      ]),
    ],
    flat: `ping=program[755,security.capability=${CAPABILITY}] ping6=>ping plain=program[755]`,
  },
  {
    name: 'names',
    layers: [
      tar([
        file('caf\xe9', 'latin1'),
        file('caf\xc3\xa9', 'utf-8'),
        file('line\nbreak', 'odd'),
        file('foo.wh.bar', 'no whiteout'.replace(' ', '-')),
        file('__proto__', 'a-name'),
        file('n'.repeat(140), 'long'),
        file('gone\xff', 'deleted'),
      ]),
      tar([
        whiteout('gone\xff'),
        file('time', '', { uid: 3_000_000, paxTime: '8589934592.123456789' }),
      ]),
    ],
    flat: [
      '__proto__=a-name',
      'caf\\xc3\\xa9=utf-8',
      'caf\\xe9=latin1',
      'foo.wh.bar=no-whiteout',
      'line\\x0abreak=odd',
      `${'n'.repeat(140)}=long`,
      'time=[3000000:0,@8589934592.123456789]',
    ].join(' '),
  },
  {
    name: 'symlinked-parent',
    layers: [
      tar([dir('usr'), dir('usr/lib'), file('usr/lib/old', '1'), symlink('lib', 'usr/lib')]),
      tar([file('lib/new', '2'), whiteout('lib/old')]),
    ],
    flat: 'lib->usr/lib usr/ usr/lib/ usr/lib/new=2',
  },
  {
    name: 'types',
    layers: [
      tar([
        { name: 'null', type: 'char', major: 1, minor: 3, mode: 0o666 },
        { name: 'disk', type: 'block', major: 8, minor: 17, mode: 0o660, gid: 6 },
        { name: 'pipe', type: 'fifo', mode: 0o600 },
        dir('x'),
        file('x/y', '1'),
        file('z', '2'),
      ]),
      tar([file('x', 'now-a-file'), dir('z'), file('z/y', '3')]),
    ],
    flat: 'disk=block:8,17[660,0:6] null=char:1,3[666] pipe=fifo:[600] x=now-a-file z/ z/y=3',
  },
];
