// Decides what the flat layer holds, from headers alone. The plan is a value: what `--dry-run` prints, what `emitPlan`
// carries out, what `inspect` and `verify` compare.
import { IgnoreRules } from '../core/dockerignore.ts';
import { ShipperError } from '../core/errors.ts';
import { atOnce } from '../core/slices.ts';
import { headerLength } from '../tar/encode.ts';
import { BLOCK, padded } from '../tar/entry.ts';
import { excludePaths } from './exclude.ts';
import type { InodeId } from './inodes.ts';
import { BaseDifference, type SameContent } from './keep-base.ts';
import { type EntryReader, Merger, SLICE_ENTRIES } from './merge.ts';
import type { NodeId } from './path-tree.ts';
import { type MergePolicy, type Warning, type WarningCode, Warnings } from './policy.ts';
import type { RemovedSummary } from './removed.ts';
import type { LayerEffect, RootTree } from './root-tree.ts';
import { linkStep, type PlanStep } from './step.ts';
import { IntTable } from './table.ts';

export type { PlanStep } from './step.ts';

/** What the merge of a root file system leaves out, above or below. */
export interface PlanOptions {
  /** Layers, base first, that stay as they are: the plan is the one layer above them. Default 0. */
  readonly keptLayers?: number;
  /** Patterns of paths that are left out, as in `.dockerignore`. */
  readonly exclude?: readonly string[];
  /** Asked where a kept layer may hold the same file already. Default: it never does. */
  readonly sameContent?: SameContent;
}

/** A merged root file system that can be written as one canonical layer, above kept ones or alone. */
export interface FlatPlan {
  /** Exact size of the flat tar, in bytes. */
  readonly size: number;
  /** Entries of the flat tar, whiteouts among them. */
  readonly entries: number;
  /** Names of the kept layers that it hides. */
  readonly whiteouts: number;
  /** Bytes of file content in it. */
  readonly contentBytes: number;
  /** What each layer did, base first. */
  readonly layers: readonly LayerEffect[];
  readonly removed: RemovedSummary;
  readonly warnings: readonly Warning[];
  readonly warningCounts: ReadonlyMap<WarningCode, number>;
  /** The entries in canonical order (`flatten.md` 3). May be iterated any number of times. */
  steps(): Iterable<PlanStep>;
}

/** {@link planInSlices} at one go. */
export function planFlatten(...args: Parameters<typeof planInSlices>): FlatPlan {
  return atOnce(planInSlices(...args));
}

/** Merges the layers, base first, and plans the flat one, yielding where it may be interrupted. Reads headers only. */
export function* planInSlices(
  layers: readonly EntryReader[],
  policy: MergePolicy,
  warnings: Warnings = new Warnings(),
  options: PlanOptions = {},
): Generator<undefined, FlatPlan, undefined> {
  const { keptLayers = 0, exclude = [], sameContent = () => false } = options;
  const tree = yield* mergeLayers(layers, policy, warnings, keptLayers);
  warnOfRoot(tree, warnings);
  if (exclude.length > 0) excludePaths(tree, new IgnoreRules(exclude));
  if (keptLayers === 0) return yield* planTree(tree, policy, warnings, () => walk(tree));
  // The same layers give the same warnings again: they are told once.
  const base = yield* mergeLayers(layers.slice(0, keptLayers), policy, new Warnings());
  const difference = new BaseDifference(base, tree, sameContent);
  return yield* planTree(tree, policy, warnings, () => difference.steps());
}

function* mergeLayers(
  layers: readonly EntryReader[],
  policy: MergePolicy,
  warnings: Warnings,
  keptLayers = 0,
): Generator<undefined, RootTree, undefined> {
  const merger = new Merger(policy, warnings, keptLayers);
  for (const [index, layer] of layers.entries()) yield* merger.applyLayer(index, layer);
  return merger.tree;
}

/** Engines ignore the root's own entry. */
function warnOfRoot({ names, inodes, root }: RootTree, warnings: Warnings): void {
  if (inodes.isPlainDirectory(names.inode(root))) return;
  const what = 'has attributes of its own, which engines ignore: they show 0755 root:root';
  warnings.add('root-attributes', names.stamp(root) - 1, '', what);
}

/** Plans the writing of a tree, or of what is new in it. */
function* planTree(
  tree: RootTree,
  policy: MergePolicy,
  warnings: Warnings,
  steps: FlatPlan['steps'],
): Generator<undefined, FlatPlan, undefined> {
  let size = 2 * BLOCK;
  let contentBytes = 0;
  let entries = 0;
  let whiteouts = 0;
  for (const { head, inode, content } of steps()) {
    entries += 1;
    if (entries % SLICE_ENTRIES === 0) yield;
    if (inode === 0) whiteouts += 1;
    size += headerLength(head) + padded(content?.size ?? 0);
    contentBytes += content?.size ?? 0;
    if (size > policy.maxOutputBytes) throw tooLarge(policy.maxOutputBytes);
  }
  return {
    size,
    entries,
    whiteouts,
    contentBytes,
    layers: tree.effects,
    removed: tree.removed.summary,
    warnings: warnings.list,
    warningCounts: warnings.counts,
    steps,
  };
}

function tooLarge(limit: number): ShipperError {
  return new ShipperError('LIMIT_EXCEEDED', `Cannot write more than ${limit} bytes of flat layer`, {
    hint: 'Raise the limit with --max-output BYTES if the image really is that large',
  });
}

/** Depth first, parents first, siblings by name bytes; the first name of an inode carries it, the others link to it. */
function* walk(tree: RootTree): Generator<PlanStep, void, undefined> {
  const carriers = new IntTable(1);
  const rootInode = tree.names.inode(tree.root);
  if (!tree.inodes.isPlainDirectory(rootInode)) yield rootStep(tree, rootInode);
  const open: { path: string; children: Int32Array; at: number }[] = [
    { path: '', children: tree.names.sortedChildren(tree.root), at: 0 },
  ];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const node = top.children[top.at];
    if (node === undefined) {
      open.pop();
      continue;
    }
    top.at += 1;
    const name = tree.names.name(node);
    const path = top.path === '' ? name : `${top.path}/${name}`;
    yield stepOf(tree, node, path, carriers);
    if (tree.names.firstChild(node) !== 0) {
      open.push({ path, children: tree.names.sortedChildren(node), at: 0 });
    }
  }
}

/** Its mtime is not carried, so that trees that differ in nothing that can be seen are equal bytes. */
function rootStep(tree: RootTree, inode: InodeId): PlanStep {
  const head = { ...tree.inodes.head(inode, ''), mtimeSeconds: 0, mtimeNanos: 0 };
  return { head, inode, content: undefined };
}

function stepOf(tree: RootTree, node: NodeId, path: string, carriers: IntTable): PlanStep {
  const inode = tree.names.inode(node);
  const head = tree.inodes.head(inode, path);
  if (head.type !== 'directory' && tree.inodes.names(inode) > 1) {
    const carrier: NodeId = carriers.get(inode, 0);
    if (carrier === 0) carriers.set(inode, 0, node);
    else return linkStep(head, tree.path(carrier), inode);
  }
  return { head, inode, content: head.type === 'file' ? tree.inodes.content(inode) : undefined };
}
