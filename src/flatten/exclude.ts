// `--exclude`: paths that are left out of the result, by the rules of `.dockerignore`. They go from the tree when all
// layers are applied, so that a hard-link group lives on by its other names, and a kept base is whited out.
import type { FolderMatch, IgnoreRules } from '../core/dockerignore.ts';
import type { NodeId } from './path-tree.ts';
import type { RootTree } from './root-tree.ts';

/** Removes what the rules ignore. A folder stays where something in it is taken back, with its own attributes. */
export function excludePaths(tree: RootTree, rules: IgnoreRules): void {
  excludeIn(tree, rules, tree.root, '', undefined);
}

/** As deep as the tree is, which the length of a path bounds. */
function excludeIn(
  tree: RootTree,
  rules: IgnoreRules,
  folder: NodeId,
  prefix: string,
  match: FolderMatch | undefined,
): void {
  const { names } = tree;
  for (let child = names.firstChild(folder); child !== 0; ) {
    const next = names.nextSibling(child);
    const path = prefix + textOf(names.name(child));
    const { isIgnored, below } = rules.match(path, match);
    // Only a pattern with ! can save what lies in a folder that goes.
    if (tree.isDirectory(child) && (!isIgnored || rules.takesBack)) {
      excludeIn(tree, rules, child, `${path}/`, below);
    }
    if (isIgnored && (!rules.takesBack || names.firstChild(child) === 0)) {
      tree.remove(child, 'excluded');
    }
    child = next;
  }
}

/** A name as patterns are written: Unicode. Stray bytes are characters that only wildcards match. */
function textOf(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins there
  return /^[\x00-\x7f]*$/.test(name) ? name : Buffer.from(name, 'latin1').toString('utf8');
}
