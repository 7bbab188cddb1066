// Image references (distribution/reference, grammar of `reference.go`): `[domain/]path[:tag][@digest]`.
import { type Digest, isDigest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';

/** A parsed reference in its full form. */
export interface Reference {
  /** `docker.io` where none was given. */
  readonly domain: string;
  /** `library/…` for one-part names on docker.io. */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const DEFAULT_DOMAIN = 'docker.io';
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const TAG = /^[\w][\w.-]{0,127}$/;
const IDENTIFIER = /^[a-f0-9]{64}$/;
const MAX_PATH = 255;

/** Parses a reference as the docker CLI does; `BAD_REFERENCE` says what is wrong with it. */
export function parseReference(text: string): Reference {
  if (text === '') refuse(text, 'it is empty');
  if (IDENTIFIER.test(text))
    refuse(text, 'a name cannot be 64 hex digits: an image id is meant by sha256:…');
  const { name, digest } = splitDigest(text);
  const { domain, rest } = splitDomain(name);
  const colon = rest.lastIndexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag))
    refuse(text, `the tag ${JSON.stringify(tag)} is not valid`);
  if (path.toLowerCase() !== path) refuse(text, 'the repository name must be lowercase');
  if (!PATH.test(path)) refuse(text, 'the format is not valid');
  if (!DOMAIN.test(domain)) refuse(text, `the registry ${JSON.stringify(domain)} is not valid`);
  if (path.length > MAX_PATH)
    refuse(text, `the repository name has more than ${MAX_PATH} characters`);
  return { domain, path, tag, digest };
}

function splitDigest(text: string): { name: string; digest: Digest | undefined } {
  const at = text.indexOf('@');
  if (at < 0) return { name: text, digest: undefined };
  const digest = text.slice(at + 1);
  if (!isDigest(digest)) refuse(text, `${JSON.stringify(digest)} is not a sha256 or sha512 digest`);
  return { name: text.slice(0, at), digest };
}

/** The part before the first slash is a registry if it looks like a host. */
function splitDomain(name: string): { domain: string; rest: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  let domain = isHost ? first : DEFAULT_DOMAIN;
  let rest = isHost ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io') domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !rest.includes('/')) rest = `library/${rest}`;
  return { domain, rest };
}

/** With `:latest` where neither tag nor digest was given. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: 'latest' };
}

/** The whole name: `docker.io/library/app:1`. */
export function formatReference(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** Whether `text` begins with a registry: `api:1` does not, though Docker Hub is meant by it. */
export function namesHost(text: string): boolean {
  return text.startsWith(`${parseReference(text).domain}/`);
}

/** As people write it: without `docker.io/` and `library/`. */
export function familiarReference(reference: Reference): string {
  const { domain, path } = reference;
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}${suffix(reference)}`;
  const short = /^library\/[^/]+$/.test(path) ? path.slice('library/'.length) : path;
  return `${short}${suffix(reference)}`;
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** A name as it can be given to an image, with its tag; undefined for an id or a digest, which are found and not given. */
export function taggedName(text: string): string | undefined {
  if (isImageId(text)) return undefined;
  const reference = withDefaultTag(parseReference(text));
  return reference.digest === undefined ? familiarReference(reference) : undefined;
}

/** Whether `text` names an image of an engine by id: `sha256:…`, or 12 to 64 hex digits. */
export function isImageId(text: string): boolean {
  return /^sha256:[a-f0-9]{64}$/.test(text) || /^[a-f0-9]{12,64}$/.test(text);
}

function refuse(text: string, reason: string): never {
  throw new ShipperError(
    'BAD_REFERENCE',
    `Cannot use reference ${JSON.stringify(text.slice(0, 200))}: ${reason}`,
  );
}
