// Credentials as people keep them: the formats of docker's config.json and podman's auth.json, which are one but for their
// keys. Nothing here is shown: messages name the file and the host, never what stands there.
import { ShipperError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../image/json-text.ts';
import { objectOf, parseObject, textOf } from './json.ts';

/** What proves who we are. */
export type Login =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** Is exchanged for tokens; `docker login` keeps one instead of a password where the registry gives it. */
  | { readonly kind: 'identity'; readonly username: string | undefined; readonly token: string }
  /** Is sent as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

/** A login and where it was found, for messages. */
export interface Credentials {
  readonly login: Login;
  /** `--creds`, `DOCKER_AUTH_CONFIG`, `/root/.docker/config.json`, `docker-credential-ecr-login`. */
  readonly source: string;
}

/** What the Hub is called where credentials are kept. */
export const HUB_SERVER = 'https://index.docker.io/v1/';
const HUB = 'docker.io';
const HUB_NAMES: ReadonlySet<string> = new Set([HUB, 'index.docker.io', 'registry-1.docker.io']);

/** A file of credentials (or a variable with the same text). Keys are `host[:port][/namespace]` in one spelling. */
export interface AuthFile {
  readonly source: string;
  readonly auths: ReadonlyMap<string, JsonObject>;
  readonly credsStore: string | undefined;
  /** An empty name stands for the file itself. */
  readonly credHelpers: ReadonlyMap<string, string>;
}

/** Reads the text of a file; `USAGE` when it is no JSON object. */
export function parseAuthFile(text: string, source: string): AuthFile {
  const file = text.trim() === '' ? {} : parseObject(text);
  if (file === undefined) {
    throw new ShipperError('USAGE', `Cannot read ${source}: it is not a JSON object`);
  }
  return {
    source,
    auths: keyed(objectOf(file, 'auths'), (value) => (isObject(value) ? value : undefined)),
    credsStore: textOf(file, 'credsStore'),
    credHelpers: keyed(objectOf(file, 'credHelpers'), (value) =>
      typeof value === 'string' ? value : undefined,
    ),
  };
}

/** The login for a repository by the file's own words; undefined where it has none. `USAGE` where they are broken. */
export function loginIn(
  { auths, source }: AuthFile,
  domain: string,
  path: string | undefined,
): Login | undefined {
  const entry = closest(auths, domain, path);
  if (entry === undefined) return undefined;
  const bearer = textOf(entry, 'registrytoken');
  if (bearer !== undefined) return { kind: 'bearer', token: bearer };
  const basic = basicOf(entry);
  if (basic === 'broken') {
    const message = `Cannot use the credentials of ${domain} in ${source}: they are not base64 of USER:PASSWORD`;
    throw new ShipperError('USAGE', message, {
      hint: `\`docker login ${domain}\` writes them anew.`,
    });
  }
  const token = textOf(entry, 'identitytoken');
  if (token !== undefined) return { kind: 'identity', username: basic?.username, token };
  return basic;
}

/** The name of the helper that the file says to ask for a repository. */
export function helperFor(
  { credHelpers, credsStore }: AuthFile,
  domain: string,
  path: string | undefined,
): string | undefined {
  return closest(credHelpers, domain, path) ?? credsStore;
}

/** `USER:PASSWORD`, split at the first colon; `USAGE` for anything else, which is not repeated. */
export function parseCreds(text: string, source: string): Login {
  const login = splitPair(text);
  if (login === undefined) {
    throw new ShipperError('USAGE', `Cannot use ${source}: it is not USER:PASSWORD`);
  }
  return login;
}

/** A registry as helpers know it. */
export function serverOf(domain: string): string {
  return HUB_NAMES.has(domain.toLowerCase()) ? HUB_SERVER : domain;
}

/** The value of `host/a/b`, else of `host/a`, else of `host`. */
function closest<T>(
  map: ReadonlyMap<string, T>,
  domain: string,
  path: string | undefined,
): T | undefined {
  const parts = path === undefined ? [] : path.split('/');
  const host = canonicalHostKey(domain);
  for (let length = parts.length; length >= 0; length--) {
    const found = map.get([host, ...parts.slice(0, length)].join('/'));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where two keys mean the same, the one that is spelled as docker spells it counts, else the first. */
function keyed<T>(
  object: JsonObject | undefined,
  convert: (value: JsonValue) => T | undefined,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const [raw, json] of Object.entries(object ?? {})) {
    const value = convert(json);
    const key = canonicalKey(raw);
    const isUsual = raw === key || raw === HUB_SERVER;
    if (value !== undefined && (isUsual || !found.has(key))) found.set(key, value);
  }
  return found;
}

/** Old keys are URLs of which only the host counts; `v1` and `v2` are no namespaces. */
function canonicalKey(raw: string): string {
  const bare = raw.replace(/^https?:\/\//i, '');
  const [host = '', ...rest] = bare.replace(/\/+$/, '').split('/');
  const isHostOnly = bare !== raw || /^v[12]$/.test(rest.join('/'));
  return [canonicalHostKey(host), ...(isHostOnly ? [] : rest)].join('/');
}

function canonicalHostKey(host: string): string {
  const name = host.toLowerCase();
  return HUB_NAMES.has(name) ? HUB : name;
}

function basicOf(entry: JsonObject): Extract<Login, { kind: 'basic' }> | 'broken' | undefined {
  const auth = textOf(entry, 'auth');
  if (auth !== undefined) {
    if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(auth.trim())) return 'broken';
    return splitPair(Buffer.from(auth, 'base64').toString('utf8')) ?? 'broken';
  }
  const username = textOf(entry, 'username');
  const password = textOf(entry, 'password');
  if (username === undefined || password === undefined) return undefined;
  return { kind: 'basic', username, password };
}

/** Old versions of docker filled the password up with NULs. */
function splitPair(text: string): Extract<Login, { kind: 'basic' }> | undefined {
  const colon = text.indexOf(':');
  if (colon <= 0) return undefined;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0) end -= 1;
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1, end) };
}
