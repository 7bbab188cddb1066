// The images of a host in memory: those that were loaded or made there (`ImageTable`), and those that were pulled, which are
// no more than a name, an id and what their configuration says.
import type { EngineLogin } from '../../src/engine/engine.ts';
import type { FakeImage } from './engine-store.ts';
import type { FakeHost } from './fake-host.ts';
import { hasLabel, Refusal } from './fake-host-terms.ts';

/** An image that can be pulled. */
export interface Pullable {
  readonly id: string;
  /** How long it takes. Default 100. */
  readonly afterMs?: number;
  /** It is known by this reference too, once it was pulled. */
  readonly digest?: string;
  /** Whoever pulls it has to show this. */
  readonly login?: EngineLogin;
  /** The registry, or the engine, says no. */
  readonly refusal?: { readonly status: number; readonly message: string };
  /** `config` of its configuration: `Labels`, `Healthcheck` … */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly sizeBytes?: number;
}

type Json = Readonly<Record<string, unknown>>;

/** By name, digest or id. */
export function idOfImage(host: FakeHost, name: string): string | undefined {
  const own = host.pulled.get(name) ?? host.pulled.get(withTag(name));
  const loaded = host.images.find(name)?.id;
  return own ?? loaded ?? [...host.pulled.values()].find((id) => id === name);
}

/** `config` of an image's configuration. */
export function configOfImage(host: FakeHost, id: string): Json {
  const image = host.images.images.get(id);
  if (image !== undefined) return configOf(image);
  return pullableOf(host, id)?.config ?? {};
}

/** Labels of an image. */
export function labelsOfImage(host: FakeHost, id: string): Readonly<Record<string, string>> {
  return (configOfImage(host, id)['Labels'] ?? {}) as Readonly<Record<string, string>>;
}

/** `GET /images/{name}/json`; undefined when there is none. */
export function imageJson(host: FakeHost, name: string): Json | undefined {
  const id = idOfImage(host, name);
  if (id === undefined) return undefined;
  const image = host.images.images.get(id);
  const { tags, digests } = namesOf(host, id);
  return {
    Id: id,
    RepoTags: tags,
    RepoDigests: digests,
    Os: image?.os ?? 'linux',
    Architecture: image?.architecture ?? 'amd64',
    ...(image?.variant === undefined ? {} : { Variant: image.variant }),
    Size: sizeOf(host, id),
    RootFS: { Type: 'layers', Layers: image?.diffIds ?? [] },
    Config: configOfImage(host, id),
  };
}

/** `GET /images/json`, those that have every label. */
export function imageList(host: FakeHost, labels: readonly string[]): readonly Json[] {
  const ids = new Set([...host.images.images.keys(), ...host.pulled.values()]);
  return [...ids]
    .map((id) => {
      const { tags, digests } = namesOf(host, id);
      const own = labelsOfImage(host, id);
      return {
        Id: id,
        RepoTags: tags,
        RepoDigests: digests,
        Labels: own,
        Size: sizeOf(host, id),
        Created: 0,
      };
    })
    .filter(({ Labels }) => labels.every((label) => hasLabel(Labels, label)));
}

/** Removes one name, or an image by its id; false when there is no such image. Never forced. */
export function removeImage(host: FakeHost, name: string): boolean {
  const id = idOfImage(host, name);
  if (id === undefined) return false;
  const { tags, digests } = namesOf(host, id);
  const names = [...tags, ...digests];
  const isId = name === id || name === id.replace('sha256:', '');
  if (isId && names.length > 1) {
    const words = 'must be forced - image is referenced in multiple repositories';
    throw new Refusal(409, `conflict: unable to delete ${name} (${words})`);
  }
  const user = [...host.containers.values()].find(({ imageId }) => imageId === id);
  if (user !== undefined && names.length <= 1) {
    const words = `container ${user.id.slice(0, 12)} is using its referenced image`;
    throw new Refusal(409, `conflict: unable to remove ${name} (must force) - ${words}`);
  }
  for (const [reference, of] of [...host.pulled]) {
    if (of === id && (isId || reference === name || reference === withTag(name))) {
      host.pulled.delete(reference);
    }
  }
  const image = host.images.images.get(id);
  if (image !== undefined) host.images.remove(isId ? (image.tags[0] ?? name) : name);
  host.tellOf('image', names.length <= 1 ? 'delete' : 'untag', id, { name });
  host.onChange();
  return true;
}

/** Gives an image another name. */
export function tagImage(host: FakeHost, source: string, name: string): void {
  const id = idOfImage(host, source);
  if (id === undefined) throw new Refusal(404, `No such image: ${source}`);
  const image = host.images.images.get(id);
  if (image !== undefined) host.images.tag(image, name);
  else host.pulled.set(withTag(name), id);
  host.tellOf('image', 'tag', id, { name });
  host.onChange();
}

/** The image that a registry has by this reference, for who shows `login`. */
export function offered(
  host: FakeHost,
  reference: string,
  login: EngineLogin | undefined,
): Pullable {
  const found = host.pullable.get(reference);
  if (found === undefined) {
    throw new Refusal(404, `manifest for ${reference} not found: manifest unknown`);
  }
  const pullable: Pullable = typeof found === 'string' ? { id: found } : found;
  const { refusal, login: wanted } = pullable;
  if (refusal !== undefined) throw new Refusal(refusal.status, refusal.message);
  if (wanted !== undefined && !isSame(wanted, login)) {
    throw new Refusal(500, `Head "${reference}": no basic auth credentials`);
  }
  return pullable;
}

/** An image is there now. */
export function pulled(host: FakeHost, reference: string, { id, digest }: Pullable): void {
  host.pulled.set(reference, id);
  if (digest !== undefined) host.pulled.set(digest, id);
  host.tellOf('image', 'pull', reference, { name: reference });
  host.onChange();
}

function isSame(wanted: EngineLogin, shown: EngineLogin | undefined): boolean {
  return wanted.username === shown?.username && wanted.password === shown?.password;
}

function pullableOf(host: FakeHost, id: string): Pullable | undefined {
  for (const found of host.pullable.values()) {
    if (typeof found !== 'string' && found.id === id) return found;
  }
  return undefined;
}

function namesOf(host: FakeHost, id: string): { tags: string[]; digests: string[] } {
  const references = [...host.pulled].filter(([, of]) => of === id).map(([name]) => name);
  const tags = references.filter((name) => !name.includes('@'));
  return {
    tags: [...(host.images.images.get(id)?.tags ?? []), ...tags],
    digests: references.filter((name) => name.includes('@')),
  };
}

function sizeOf(host: FakeHost, id: string): number {
  const image = host.images.images.get(id);
  if (image === undefined) return pullableOf(host, id)?.sizeBytes ?? 1;
  return image.diffIds.reduce((sum, diff) => sum + (host.images.layers.get(diff)?.length ?? 0), 0);
}

const configs = new WeakMap<FakeImage, Json>();

/** Parsed once: labels may be large, and every list of containers looks at them. */
function configOf(image: FakeImage): Json {
  const known = configs.get(image);
  if (known !== undefined) return known;
  const json = JSON.parse(Buffer.from(image.config).toString()) as { readonly config?: Json };
  const config = json.config ?? {};
  configs.set(image, config);
  return config;
}

function withTag(name: string): string {
  return name.includes('@') || name.lastIndexOf(':') > name.lastIndexOf('/')
    ? name
    : `${name}:latest`;
}
