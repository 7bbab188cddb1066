// The build keys of an image → the choices of a build.

import { resolve } from 'node:path';
import { given } from '../core/given.ts';
import {
  absolute,
  flag,
  type Pair,
  pairs,
  type Reading,
  record,
  recordFromEnvironment,
  recordOf,
  text,
  texts,
} from './reading.ts';
import { child, entriesOf, itemsOf, type Tree, textOf } from './tree.ts';
import type { BuildChoice, BuildSecret, BuildSsh, Ulimit } from './types.ts';
import { dockerBytes } from './units.ts';

/** What a builder fetches by itself. */
const REMOTE = /^(?:https?|git|ssh):\/\/|^git@|^github\.com\//;

/** The build of `image`, which has a `context`. `contexts` are its additional ones that are no images of this file. */
export function readBuild(image: Tree, contexts: readonly Pair[], reading: Reading): BuildChoice {
  const written = text(image, 'context') ?? '.';
  const isRemote = REMOTE.test(written);
  const context = isRemote ? written : absolute(reading, written);
  const dockerfile = text(image, 'dockerfile');
  const shmSize = text(image, 'shm_size');
  return {
    context,
    contextKind: isRemote ? 'remote' : 'folder',
    ...given({
      dockerfile: dockerfile === undefined || isRemote ? dockerfile : resolve(context, dockerfile),
      dockerfileInline: text(image, 'dockerfile_inline'),
      target: text(image, 'target'),
      network: text(image, 'network'),
      shmSizeBytes: shmSize === undefined ? undefined : dockerBytes(shmSize),
      provenance: text(image, 'provenance'),
      sbom: text(image, 'sbom'),
    }),
    args: recordFromEnvironment(image, 'args', reading),
    secrets: itemsOf(child(image, 'secrets')).map((tree) => readSecret(tree, reading)),
    ssh: readSsh(image, reading),
    cacheFrom: texts(image, 'cache_from'),
    cacheTo: texts(image, 'cache_to'),
    platforms: texts(image, 'platforms'),
    labels: record(image, 'labels'),
    annotations: pairs(image, 'annotations').map(({ key, value = '' }) => `${key}=${value}`),
    pull: flag(image, 'pull') ?? false,
    noCache: flag(image, 'no_cache') ?? false,
    noCacheFilter: texts(image, 'no_cache_filter'),
    extraHosts: readHosts(image),
    ulimits: readUlimits(image),
    entitlements: texts(image, 'entitlements'),
    additionalContexts: recordOf(
      contexts.map((pair) => ({ ...pair, value: contextPath(pair.value, reading) })),
    ),
  };
}

function contextPath(words: string | undefined, reading: Reading): string | undefined {
  if (words === undefined || /^[a-z][a-z0-9+.-]*:/.test(words) || REMOTE.test(words)) return words;
  return absolute(reading, words);
}

function readSecret(tree: Tree, reading: Reading): BuildSecret {
  const alone = textOf(tree);
  // As `--secret id=NAME` does: the variable of that name.
  if (alone !== undefined) return { id: alone, variable: alone };
  const id = text(tree, 'id') ?? '';
  const file = text(tree, 'file');
  const variable = text(tree, 'env');
  const both = child(tree, 'env');
  if (file !== undefined && both !== undefined) {
    reading.problems.add(both.place, `the secret ${id} has "file" and "env": one of them is meant`);
  }
  if (file !== undefined) return { id, file: absolute(reading, file) };
  return { id, variable: variable ?? id };
}

function readSsh(image: Tree, reading: Reading): readonly BuildSsh[] {
  return pairs(image, 'ssh').map(({ key, value }) => ({
    id: key,
    paths: (value ?? '')
      .split(',')
      .filter((path) => path !== '')
      .map((path) => absolute(reading, path)),
  }));
}

/** `host=address`, from `host: address`, `host=address` or `host:address`. */
export function readHosts(tree: Tree): readonly string[] {
  return pairs(tree, 'extra_hosts', /[=:]/).map(({ key, value = '' }) => `${key}=${value}`);
}

/** `nofile: 1024`, or `nofile: {soft, hard}`. */
export function readUlimits(tree: Tree): readonly Ulimit[] {
  return entriesOf(child(tree, 'ulimits')).map(([name, { value }]) => {
    const both = Number(textOf(value) ?? Number.NaN);
    const soft = Number(text(value, 'soft') ?? both);
    return { name, soft, hard: Number(text(value, 'hard') ?? both) };
  });
}
