// The `build:` sections of a Compose file → images (compose-spec `build.md`). Read without docker compose: its `extends`
// and `include` are not followed, which is told.
import { join } from 'node:path';
import { isShipperError, type Place } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { parseDotenv } from './dotenv.ts';
import { absoluteIn, absolutePairs, literal, mapItems, mappingOf, mapValues } from './foreign.ts';
import type { IncludedFile, IncludeReading } from './include.ts';
import { interpolate } from './interpolate.ts';
import type { Problems } from './problems.ts';
import { text } from './reading.ts';
import { child, type Entry, entriesOf, itemsOf, type Mapping, type Tree, textOf } from './tree.ts';

/** The largest `.env`, in bytes. */
const DOTENV_BYTES = 1_048_576;

/** The images of the services of `root` that are built. */
export async function readCompose(
  system: System,
  root: Tree,
  reading: IncludeReading,
): Promise<IncludedFile> {
  const { problems, folder } = reading;
  const dotenv = await readDotenv(system, folder, reading.facts.variable);
  const variable = (name: string) => reading.facts.variable(name) ?? dotenv.get(name);
  const facts = { ...reading.facts, variable };
  const resolved = (tree: Tree) => interpolate(tree, { facts, problems, isLenient: false });
  const services = child(root, 'services');
  if (services?.kind !== 'map') {
    problems.add(services?.place ?? root.place, 'services must be a mapping');
  }
  const secrets = child(root, 'secrets');
  const images = new Map<string, Entry>();
  for (const [name, { keyPlace, value }] of entriesOf(services)) {
    if (value.kind !== 'map') continue;
    const extended = value.entries.get('extends');
    if (extended !== undefined) {
      const hint = 'write the build of the service there, or in shipper.yaml';
      problems.add(extended.keyPlace, '"extends" of Compose is not followed', hint);
    }
    const build = child(value, 'build');
    if (build === undefined) continue;
    const parts = await resolved(buildOf(value, build, secrets, problems));
    images.set(name, { keyPlace, value: imageOf(parts, services, keyPlace, folder) });
  }
  const other = root.kind === 'map' ? root.entries.get('include') : undefined;
  if (other !== undefined) {
    problems.add(other.keyPlace, '"include" of Compose is not followed', 'include those files too');
  }
  return { images, groups: new Map() };
}

async function readDotenv(
  system: System,
  folder: string,
  variable: (name: string) => string | undefined,
): Promise<ReadonlyMap<string, string>> {
  const path = join(folder, '.env');
  try {
    const bytes = await system.files.read(path, DOTENV_BYTES);
    return parseDotenv(new TextDecoder().decode(bytes), { path, variable });
  } catch (error) {
    // Compose has none as well.
    if (isShipperError(error, 'NOT_FOUND')) return new Map();
    throw error;
  }
}

/** The build as a mapping, with what of the service belongs to its image. */
function buildOf(
  service: Mapping,
  build: Tree,
  secrets: Tree | undefined,
  problems: Problems,
): Tree {
  const entries = new Map<string, Entry>();
  if (build.kind === 'map') for (const [key, entry] of build.entries) entries.set(key, entry);
  else entries.set('context', { keyPlace: build.place, value: build });
  if (!entries.has('context')) {
    entries.set('context', { keyPlace: build.place, value: literal(build, '.') });
  }
  const own = entries.get('secrets');
  if (own !== undefined)
    entries.set('secrets', { ...own, value: secretsOf(own.value, secrets, problems) });
  const platform = service.entries.get('platform');
  if (platform !== undefined && !entries.has('platforms')) {
    entries.set('platforms', listEntry(platform, [platform.value]));
  }
  const image = service.entries.get('image');
  const tags = entries.get('tags');
  if (image !== undefined) {
    entries.set('tags', listEntry(tags ?? image, [image.value, ...itemsOf(tags?.value)]));
  }
  return { kind: 'map', place: build.place, entries };
}

function listEntry({ keyPlace, value }: Entry, items: readonly Tree[]): Entry {
  return { keyPlace, value: { kind: 'list', place: value.place, items } };
}

/** Secrets of a build name those of the file, which say where their content is. */
function secretsOf(list: Tree, declared: Tree | undefined, problems: Problems): Tree {
  return mapItems(list, (item) => {
    const source = textOf(item) ?? text(item, 'source');
    if (source === undefined) return item;
    const found = child(declared, source);
    if (found === undefined) {
      const names = entriesOf(declared).map(([name]) => name);
      problems.unknown(
        item.place,
        'secret',
        source,
        names,
        'declare it under secrets: of the file',
      );
    }
    return mappingOf(item.place, {
      id: child(item, 'target') ?? literal(item, source),
      file: child(found, 'file'),
      env: child(found, 'environment'),
    });
  });
}

/** The build with absolute paths. */
function imageOf(build: Tree, services: Tree | undefined, place: Place, folder: string): Mapping {
  if (build.kind !== 'map') return { kind: 'map', place, entries: new Map() };
  return mapValues(build, (value, key) => {
    switch (key) {
      case 'context':
        return absoluteIn(folder, value);
      case 'secrets':
        return mapItems(value, (item) => absoluteFile(item, folder));
      case 'ssh':
        return absolutePairs(folder, value);
      case 'additional_contexts':
        return absolutePairs(folder, serviceContexts(value, services));
      default:
        return value;
    }
  });
}

function absoluteFile(secret: Tree, folder: string): Tree {
  if (secret.kind !== 'map') return secret;
  return mapValues(secret, (value, key) => (key === 'file' ? absoluteIn(folder, value) : value));
}

/** `service:NAME` where that service is not built but has an image: that image. */
function serviceContexts(tree: Tree, services: Tree | undefined): Tree {
  const change = (words: string): string | undefined => {
    const [, before = '', name] = /^([^=]*=)?service:(.+)$/s.exec(words) ?? [];
    const service = name === undefined ? undefined : child(services, name);
    const image = child(service, 'build') === undefined ? text(service, 'image') : undefined;
    return image === undefined ? undefined : `${before}docker-image://${image}`;
  };
  const changed = (value: Tree): Tree => {
    const words = textOf(value);
    const found = words === undefined ? undefined : change(words);
    return found === undefined ? value : literal(value, found);
  };
  return tree.kind === 'map' ? mapValues(tree, changed) : mapItems(tree, changed);
}
