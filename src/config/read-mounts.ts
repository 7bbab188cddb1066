// `volumes:` of a service → what is mounted.

import type { Place } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { Problems } from './problems.ts';
import { choice, flag, number, text } from './reading.ts';
import type { MountChoice } from './service-types.ts';
import { child, itemsOf, type Tree, textOf } from './tree.ts';
import { dockerBytes } from './units.ts';

/** The mounts of `service`. `volumes` are the keys that the environment declares. */
export function readMounts(
  service: Tree,
  volumes: readonly string[],
  problems: Problems,
): readonly MountChoice[] {
  return itemsOf(child(service, 'volumes')).map((item) => {
    const mount = item.kind === 'map' ? longForm(item) : shortForm(item, problems);
    checkMount(mount, item, volumes, problems);
    return mount;
  });
}

function longForm(tree: Tree): MountChoice {
  const bind = child(tree, 'bind');
  const volume = child(tree, 'volume');
  const tmpfs = child(tree, 'tmpfs');
  const size = text(tmpfs, 'size');
  return {
    type: choice(tree, 'type', ['bind', 'volume', 'tmpfs']) ?? 'volume',
    target: text(tree, 'target') ?? '',
    readOnly: flag(tree, 'read_only') ?? false,
    ...given({
      source: text(tree, 'source'),
      propagation: text(bind, 'propagation'),
      createHostPath: flag(bind, 'create_host_path'),
      selinux: text(bind, 'selinux'),
      noCopy: flag(volume, 'nocopy'),
      subpath: text(volume, 'subpath'),
      tmpfsSizeBytes: size === undefined ? undefined : dockerBytes(size),
      tmpfsMode: number(tmpfs, 'mode'),
    }),
  };
}

const PROPAGATION = /^r?(?:private|shared|slave)$/;

/** `SOURCE:TARGET[:OPTIONS]`, or `TARGET` alone. */
function shortForm(item: Tree, problems: Problems): MountChoice {
  const parts = (textOf(item) ?? '').split(':');
  const [source, target, words = ''] = parts.length === 1 ? [undefined, parts[0]] : parts;
  const options = words === '' ? [] : words.split(',');
  const unknown = options.find(
    (option) => !/^(?:ro|rw|z|Z|nocopy)$/.test(option) && !PROPAGATION.test(option),
  );
  if (unknown !== undefined) {
    const hint = 'there is ro, rw, z, Z, nocopy and ways of propagation';
    problems.add(item.place, `a volume takes no ${JSON.stringify(unknown)}`, hint);
  }
  const isBind = source !== undefined && /^[./~]/.test(source);
  return {
    type: isBind ? 'bind' : 'volume',
    target: target ?? '',
    readOnly: options.includes('ro'),
    ...given({
      source,
      propagation: options.find((option) => PROPAGATION.test(option)),
      selinux: options.find((option) => /^z$/i.test(option)),
      createHostPath: isBind ? true : undefined,
      noCopy: options.includes('nocopy') ? true : undefined,
    }),
  };
}

function checkMount(
  { type, source, target }: MountChoice,
  item: Tree,
  volumes: readonly string[],
  problems: Problems,
): void {
  const isKnown = (key: string): boolean => isText(item, key);
  const at = (key: string): Place => child(item, key)?.place ?? item.place;
  if (item.kind !== 'map' && textOf(item) === undefined) return;
  if (isKnown('target') && !target.startsWith('/')) {
    const state = `the target ${JSON.stringify(target)} of a volume is no absolute path`;
    problems.add(at('target'), state);
  }
  if (source === undefined) {
    if (type === 'bind') problems.add(item.place, 'a bind has no source');
    return;
  }
  if (!isKnown('source')) return;
  if (type === 'volume' && !volumes.includes(source)) {
    problems.unknown(
      at('source'),
      'volume',
      source,
      volumes,
      'declare it in the environment: volumes',
    );
  }
  if (type === 'bind' && !source.startsWith('/')) {
    const state = `the source ${JSON.stringify(source)} is no absolute path`;
    problems.add(at('source'), state, 'it is a path of the hosts, not of this machine');
  }
}

/** Whether the value is there and known; that of the short form is. */
function isText(item: Tree, key: string): boolean {
  if (item.kind !== 'map') return true;
  return textOf(child(item, key)) !== undefined;
}
