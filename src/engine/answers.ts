// What an engine's JSON says, checked field by field: an answer comes from another machine and its shape changes with
// the API version (from 1.52 on, empty fields are left out).
import type { EngineFacts, EngineImage } from './engine.ts';
import { isObject, textOf } from './wire.ts';

type Json = Readonly<Record<string, unknown>>;

/** The products that are told apart. */
export type Product = EngineFacts['product'];

/** `GET /version`, as far as it matters here. */
export interface VersionAnswer {
  readonly product: Product;
  readonly version: string;
  readonly minApiVersion: string | undefined;
  readonly os: string;
  readonly architecture: string;
}

/** Reads `GET /version`. */
export function versionOf(json: Json): VersionAnswer {
  const components = Array.isArray(json['Components']) ? json['Components'] : [];
  const isPodman = components.some(
    (part: unknown) => isObject(part) && /podman/i.test(textOf(part['Name']) ?? ''),
  );
  return {
    product: isPodman ? 'podman' : 'docker',
    version: textOf(json['Version']) ?? 'unknown',
    minApiVersion: textOf(json['MinAPIVersion']),
    os: textOf(json['Os']) ?? 'linux',
    architecture: textOf(json['Arch']) ?? 'unknown',
  };
}

/** What `GET /info` says of the image store. */
export type InfoAnswer = Pick<
  EngineFacts,
  'store' | 'driver' | 'rootDirectory' | 'id' | 'hostname'
>;

/** Reads `GET /info`. */
export function infoOf(json: Json, product: Product): InfoAnswer {
  const root = textOf(json['DockerRootDir']);
  return {
    store: product === 'podman' ? 'unknown' : hasSnapshotter(json) ? 'containerd' : 'graph-driver',
    driver: textOf(json['Driver']) ?? 'unknown',
    rootDirectory: root === '' ? undefined : root,
    id: textOf(json['ID']) || undefined,
    hostname: textOf(json['Name']) || undefined,
  };
}

function hasSnapshotter(info: Json): boolean {
  const rows = Array.isArray(info['DriverStatus']) ? info['DriverStatus'] : [];
  return rows.some(
    (row: unknown) =>
      Array.isArray(row) && row[0] === 'driver-type' && row[1] === 'io.containerd.snapshotter.v1',
  );
}

/** Reads `GET /images/{name}/json`; undefined when it has no id, so is no image. */
export function imageOf(json: Json): EngineImage | undefined {
  const id = textOf(json['Id']);
  if (id === undefined || id === '') return undefined;
  const rootFs = isObject(json['RootFS']) ? json['RootFS'] : {};
  const size = json['Size'];
  return {
    // podman leaves the algorithm out.
    id: /^[0-9a-f]{64}$/.test(id) ? `sha256:${id}` : id,
    tags: textsOf(json['RepoTags']),
    diffIds: textsOf(rootFs['Layers']),
    os: textOf(json['Os']) ?? '',
    architecture: textOf(json['Architecture']) ?? '',
    variant: textOf(json['Variant']) || undefined,
    sizeBytes: typeof size === 'number' ? size : 0,
    raw: json,
  };
}

/** The names of `repository` in `GET /images/json`. An engine may list other names of the same images beside them. */
export function tagsOf(images: readonly unknown[], repository: string): readonly string[] {
  const tags = images.flatMap((image) => (isObject(image) ? textsOf(image['RepoTags']) : []));
  // podman shows its names in full.
  const own = tags.filter((tag) =>
    tag.replace(/^(?:docker\.io\/library|localhost)\//, '').startsWith(`${repository}:`),
  );
  return [...new Set(own)];
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The names or ids that a line of a load's progress reports. */
export function loadedNames(stream: string): readonly string[] {
  const names: string[] = [];
  for (const line of stream.split('\n')) {
    // `Loaded image: app:1`, `Loaded image ID: sha256:…`; podman: `Loaded image(s): a:1,b:1`.
    const found = /^Loaded image(?:\(s\)| ID)?: ?(.+)$/.exec(line.trim());
    for (const name of found?.[1]?.split(',') ?? []) names.push(name.trim());
  }
  return names;
}
