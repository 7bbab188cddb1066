// Names spelled through symlinks: where `lib -> usr/lib` stands below and stays, `usr/lib/x` may be written `lib/x`.
import type { Inode } from './model.ts';
import { joinPath, walk } from './model.ts';
import type { Random } from './random.ts';

/** Another spelling of a path that means the same at any moment while the layer is applied, or the path itself. */
export type Detours = (path: string, random: Random) => string;

/** What stays as it is while a layer is applied. */
export interface Standing {
  /** Directories that are there before, during and after. */
  readonly steady: ReadonlySet<string>;
  /** Names that keep their lower inode, by inode. */
  readonly kept: ReadonlyMap<Inode, readonly string[]>;
}

const MAX_HOPS = 8;
const PROBABILITY = 0.15;

/** Finds the symlinks of a state that lead to a directory through what stays as it is. */
export function createDetours(root: Inode, standing: Standing): Detours {
  const keptPaths = new Set([...standing.kept.values()].flat());
  const links = walk(root).flatMap(([path, inode]): [string, string][] => {
    if (inode.type !== 'symlink' || !keptPaths.has(path)) return [];
    const to = resolve(root, path, standing.steady, keptPaths);
    return to === undefined ? [] : [[path, to]];
  });
  return (path, random) => {
    const usable = links.filter(([, to]) => to === '.' || path.startsWith(`${to}/`));
    if (path === '.' || usable.length === 0 || !random.chance(PROBABILITY)) return path;
    const [link, to] = random.pick(usable);
    return joinPath(link, to === '.' ? path : path.slice(to.length + 1));
  };
}

/** The directory that a symlink leads to, as a path without symlinks. */
function resolve(
  root: Inode,
  link: string,
  steady: ReadonlySet<string>,
  keptPaths: ReadonlySet<string>,
): string | undefined {
  const waiting = link.split('/');
  const at: string[] = [];
  let hops = 0;
  while (waiting.length > 0) {
    const part = waiting.shift() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at.pop();
      continue;
    }
    const path = [...at, part].join('/');
    const node = lookUp(root, path);
    if (node?.type === 'dir' && steady.has(path)) {
      at.push(part);
    } else if (node?.type === 'symlink' && keptPaths.has(path) && hops < MAX_HOPS) {
      hops += 1;
      if (node.target.startsWith('/')) at.length = 0;
      waiting.unshift(...node.target.split('/'));
    } else return undefined;
  }
  const resolved = at.length === 0 ? '.' : at.join('/');
  return steady.has(resolved) ? resolved : undefined;
}

function lookUp(root: Inode, path: string): Inode | undefined {
  let node: Inode | undefined = root;
  for (const part of path.split('/')) node = node?.children.get(part);
  return node;
}
