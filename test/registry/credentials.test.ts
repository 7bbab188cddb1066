// The formats of docker's and podman's files.
import { describe, expect, it } from 'vitest';
import {
  helperFor,
  type Login,
  loginIn,
  parseAuthFile,
  parseCreds,
  serverOf,
} from '../../src/registry/credentials.ts';
import { everythingOf } from './support.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const basic = (username: string, password: string): Login => ({
  kind: 'basic',
  username,
  password,
});
const auth = (text: string) => ({ auth: base64(text) });
const file = (content: object) => parseAuthFile(JSON.stringify(content), 'x.json');

interface Row {
  readonly auths: object;
  readonly domain: string;
  readonly path?: string;
  readonly gives: Login | undefined;
}

const ROWS: Readonly<Record<string, Row>> = {
  'a host': { auths: { 'quay.io': auth('u:p') }, domain: 'quay.io', gives: basic('u', 'p') },
  'a host with port': {
    auths: { 'h:5000': auth('u:p'), h: auth('no:no') },
    domain: 'h:5000',
    gives: basic('u', 'p'),
  },
  'no other port': { auths: { 'h:5000': auth('u:p') }, domain: 'h', gives: undefined },
  'no other host': { auths: { 'quay.io': auth('u:p') }, domain: 'a.quay.io', gives: undefined },
  'upper case': { auths: { 'Quay.IO': auth('u:p') }, domain: 'quay.io', gives: basic('u', 'p') },
  'the key of the Hub': {
    auths: { 'https://index.docker.io/v1/': auth('u:p') },
    domain: 'docker.io',
    gives: basic('u', 'p'),
  },
  'podman’s key of the Hub': {
    auths: { 'docker.io': auth('u:p') },
    domain: 'docker.io',
    gives: basic('u', 'p'),
  },
  'the usual key of the Hub before others': {
    auths: {
      'index.docker.io': auth('a:a'),
      'https://index.docker.io/v1/': auth('u:p'),
      'https://index.docker.io/v2/': auth('b:b'),
    },
    domain: 'docker.io',
    gives: basic('u', 'p'),
  },
  'the Hub by its real host': {
    auths: { 'https://index.docker.io/v1/': auth('u:p') },
    domain: 'registry-1.docker.io',
    gives: basic('u', 'p'),
  },
  'an old key that is a URL': {
    auths: { 'https://reg.example.com/v1/': auth('u:p') },
    domain: 'reg.example.com',
    path: 'a/b',
    gives: basic('u', 'p'),
  },
  'an old key that is a URL with a port': {
    auths: { 'http://reg.example.com:5000': auth('u:p') },
    domain: 'reg.example.com:5000',
    gives: basic('u', 'p'),
  },
  'a URL without scheme': {
    auths: { 'reg.example.com/v2/': auth('u:p') },
    domain: 'reg.example.com',
    gives: basic('u', 'p'),
  },
  'the longest namespace': {
    auths: { h: auth('a:a'), 'h/ns': auth('b:b'), 'h/ns/img': auth('c:c'), 'h/n': auth('d:d') },
    domain: 'h',
    path: 'ns/img',
    gives: basic('c', 'c'),
  },
  'a namespace above': {
    auths: { h: auth('a:a'), 'h/ns': auth('b:b'), 'h/ns/img': auth('c:c') },
    domain: 'h',
    path: 'ns/other/deep',
    gives: basic('b', 'b'),
  },
  'no namespace that only begins the same': {
    auths: { 'h/ns': auth('b:b') },
    domain: 'h',
    path: 'nsx/img',
    gives: undefined,
  },
  'a namespace of the Hub': {
    auths: { 'docker.io/me': auth('u:p') },
    domain: 'docker.io',
    path: 'me/app',
    gives: basic('u', 'p'),
  },
  'no namespace where no repository is known': {
    auths: { 'h/ns': auth('b:b') },
    domain: 'h',
    gives: undefined,
  },
  'a password with colons': {
    auths: { h: auth('u:p:q:') },
    domain: 'h',
    gives: basic('u', 'p:q:'),
  },
  'a password with NULs behind it': {
    auths: { h: auth('u:p\0\0\0') },
    domain: 'h',
    gives: basic('u', 'p'),
  },
  'a password of other letters': {
    auths: { h: auth('ü:pässwörd€') },
    domain: 'h',
    gives: basic('ü', 'pässwörd€'),
  },
  'fields of their own': {
    auths: { h: { username: 'u', password: 'p' } },
    domain: 'h',
    gives: basic('u', 'p'),
  },
  'an identity token': {
    auths: { h: { ...auth('u:'), identitytoken: 'it' } },
    domain: 'h',
    gives: { kind: 'identity', username: 'u', token: 'it' },
  },
  'an identity token alone': {
    auths: { h: { identitytoken: 'it' } },
    domain: 'h',
    gives: { kind: 'identity', username: undefined, token: 'it' },
  },
  'a registry token before all': {
    auths: { h: { ...auth('u:p'), identitytoken: 'it', registrytoken: 'rt' } },
    domain: 'h',
    gives: { kind: 'bearer', token: 'rt' },
  },
  'an entry that marks a helper’s': { auths: { h: {} }, domain: 'h', gives: undefined },
  'an entry of another type': { auths: { h: 'x', g: null }, domain: 'h', gives: undefined },
  'auths of another type': { auths: ['x'], domain: 'h', gives: undefined },
  'a name of Object': { auths: {}, domain: 'constructor', gives: undefined },
};

describe('loginIn()', () => {
  it.each(Object.entries(ROWS))('reads %s', (_what, { auths, domain, path, gives }) => {
    expect(loginIn(file({ auths }), domain, path)).toEqual(gives);
  });

  it.each([
    'c2VjcmV0LXdvcmQ=',
    'not base64: s3cr3t',
    base64(':s3cr3t'),
  ])('refuses %j without repeating it', (broken) => {
    const act = () => loginIn(file({ auths: { h: { auth: broken } } }), 'h', undefined);
    const message =
      'Cannot use the credentials of h in x.json: they are not base64 of USER:PASSWORD';
    expect(act).toThrow(message);
    expect(act).not.toThrow(/s3cr3t|c2Vj/);
  });
});

describe('helperFor()', () => {
  const content = {
    credsStore: 'store',
    credHelpers: {
      'gcr.io': 'gcloud',
      'https://index.docker.io/v1/': 'hub',
      'h/ns': 'deep',
      'plain.example': '',
      odd: 1,
    },
  };
  it.each([
    ['gcr.io', undefined, 'gcloud'],
    ['docker.io', 'library/a', 'hub'],
    ['h', 'ns/a', 'deep'],
    ['h', 'other', 'store'],
    ['plain.example', undefined, ''],
    ['odd', undefined, 'store'],
  ])('asks for %s %s: %j', (domain, path, helper) => {
    expect(helperFor(file(content), domain, path)).toBe(helper);
  });

  it('asks nobody where the file names none', () => {
    expect(helperFor(file({ credsStore: '' }), 'h', undefined)).toBeUndefined();
  });
});

describe('parseAuthFile()', () => {
  it.each([
    '[]',
    '{',
    'null',
    '"s3cr3t"',
    '{"auths":{"h":{"auth":s3cr3t}}}',
  ])('refuses %j without repeating it', (text) => {
    let thrown: unknown;
    try {
      parseAuthFile(text, 'x.json');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'USAGE',
      message: 'Cannot read x.json: it is not a JSON object',
    });
    expect(everythingOf(thrown)).not.toContain('s3cr3t');
  });

  it('takes an empty file for one without credentials', () => {
    expect(loginIn(parseAuthFile(' \n', 'x'), 'h', undefined)).toBeUndefined();
  });
});

describe('parseCreds()', () => {
  it('splits at the first colon', () => {
    expect(parseCreds('u:p:q', '--creds')).toEqual(basic('u', 'p:q'));
    expect(parseCreds('u:', '--creds')).toEqual(basic('u', ''));
  });

  it.each(['s3cr3t', ':s3cr3t', ''])('refuses %j without repeating it', (text) => {
    expect(() => parseCreds(text, '--creds')).toThrow(
      /^Cannot use --creds: it is not USER:PASSWORD$/,
    );
  });
});

describe('serverOf()', () => {
  it.each([
    ['docker.io', 'https://index.docker.io/v1/'],
    ['index.docker.io', 'https://index.docker.io/v1/'],
    ['localhost:5000', 'localhost:5000'],
  ])('calls %s %s', (domain, server) => {
    expect(serverOf(domain)).toBe(server);
  });
});
