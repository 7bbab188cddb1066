// Applies layers to a root tree, base first, each staged: opaque marks, then whiteouts, then entries (image-spec,
// layer.md, "Applying Changesets"; `flatten.md` 1, R1 to R7).
import { printable } from '../core/bytes.ts';
import { isShipperError, ShipperError, withDetails } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Entry } from '../tar/entry.ts';
import { type CleanPath, cleanPath, quote } from '../tar/path.ts';
import { LinkPlacer } from './link.ts';
import { classifyName } from './marker.ts';
import { overlayMarks, withoutOverlayXattrs } from './overlay.ts';
import type { NodeId } from './path-tree.ts';
import type { MergePolicy, Warnings } from './policy.ts';
import { Resolver } from './resolve.ts';
import { RootTree } from './root-tree.ts';

/** Gives the entries of a layer from the start each time that it is called. */
export type EntryReader = () => Iterable<Entry>;

/** A mark that hides lower entries. */
interface Mark {
  readonly directory: CleanPath;
  /** Undefined for an opaque mark. */
  readonly name: string | undefined;
}

/** An entry on its way into the tree. */
interface Staged {
  readonly path: CleanPath;
  readonly entry: Entry;
}

/**
 * Entries of one layer that are held until its marks are known. A larger layer is read twice instead, so that memory
 * does not grow with it.
 */
const HELD_ENTRIES = 20_000;
/** Names and attribute values of the entries that are held, in characters. */
const HELD_CHARACTERS = 16_777_216;

/** Between two moments at which a merge may be interrupted. */
export const SLICE_ENTRIES = 1024;

/** Merges layers into one tree. */
export class Merger {
  readonly tree: RootTree;
  readonly #policy: MergePolicy;
  readonly #warnings: Warnings;
  readonly #resolver: Resolver;
  readonly #links: LinkPlacer;
  #entries = 0;
  #sparseExtents = 0;

  /** `keptLayers` of the layers stay in the result as they are. */
  constructor(policy: MergePolicy, warnings: Warnings, keptLayers = 0) {
    this.tree = new RootTree(keptLayers);
    this.#policy = policy;
    this.#warnings = warnings;
    this.#resolver = new Resolver(this.tree, policy, warnings);
    this.#links = new LinkPlacer(this.tree, this.#resolver, warnings);
  }

  /** Applies one layer, yielding now and then; errors name the layer and the entry. */
  *applyLayer(layer: number, read: EntryReader): Generator<undefined, void, undefined> {
    this.tree.beginLayer(layer);
    try {
      const marks: Mark[] = [];
      const held = yield* this.#stage(read, marks);
      this.#hide(marks);
      if (held !== undefined) for (const staged of held) this.#place(staged);
      else {
        let placed = 0;
        for (const staged of this.#again(read)) {
          this.#place(staged);
          placed += 1;
          if (placed % SLICE_ENTRIES === 0) yield;
        }
      }
      this.#resolver.endLayer();
    } catch (error) {
      throw withDetails(error, { layer });
    }
    this.#links.endLayer();
  }

  /** Reads the layer: collects marks, and the other entries as long as they are few. */
  *#stage(read: EntryReader, marks: Mark[]): Generator<undefined, Staged[] | undefined, undefined> {
    let held: Staged[] | undefined = [];
    let weight = 0;
    for (const entry of read()) {
      this.#count(entry);
      if (this.#entries % SLICE_ENTRIES === 0) yield;
      const staged = this.#classify(entry, marks, true);
      if (staged === undefined) continue;
      if (entry.type === 'directory' && staged.path !== '') {
        this.#resolver.noteDirectory(staged.path);
      }
      weight += weightOf(entry);
      if (held !== undefined && held.length < HELD_ENTRIES && weight < HELD_CHARACTERS) {
        held.push(staged);
      } else held = undefined;
    }
    return held;
  }

  /** The entries of a large layer, read once more. */
  *#again(read: EntryReader): Generator<Staged> {
    for (const entry of read()) {
      const staged = this.#classify(entry, [], false);
      if (staged !== undefined) yield staged;
    }
  }

  #count(entry: Entry): void {
    this.#entries += 1;
    this.tree.effect.entries += 1;
    if (this.#entries > this.#policy.maxEntries) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot read more than ${this.#policy.maxEntries} entries`,
        { hint: 'Raise the limit with --max-entries N' },
      );
    }
    this.#sparseExtents += (entry.sparse?.length ?? 0) / 2;
    if (this.#sparseExtents > LIMITS.sparseExtents) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot expand sparse files: they have more than ${LIMITS.sparseExtents} extents in all`,
      );
    }
  }

  /** Sorts an entry: a mark into `marks`, what is not carried away, everything else is returned. */
  #classify(entry: Entry, marks: Mark[], isFirst: boolean): Staged | undefined {
    const path = cleanPath(entry.path);
    if (isFirst) this.#warnOfEntry(entry, path);
    const kind = classifyName(path, entry.type === 'directory');
    switch (kind.kind) {
      case 'ordinary':
        return this.#classifyOrdinary(entry, path, marks, isFirst);
      case 'whiteout':
        marks.push({ directory: kind.directory, name: kind.name });
        return undefined;
      case 'opaque':
        marks.push({ directory: kind.directory, name: undefined });
        return undefined;
      case 'estargz':
        if (isFirst)
          this.#warn('estargz-removed', path, 'is left out: it describes the layers as they were');
        return undefined;
      case 'aufs-link':
      case 'aufs-metadata':
        if (isFirst) this.#links.addAufs(entry, path);
        return undefined;
    }
  }

  #classifyOrdinary(
    entry: Entry,
    path: CleanPath,
    marks: Mark[],
    isFirst: boolean,
  ): Staged | undefined {
    const found = overlayMarks(entry, path, this.#policy.whiteouts);
    if (isFirst) for (const text of found.warnings) this.#warn(text.code, path, text.what);
    if (found.mark === 'opaque') marks.push({ directory: path, name: undefined });
    if (found.mark !== 'whiteout') return { path, entry: withoutOverlayXattrs(entry) };
    const slash = path.lastIndexOf('/');
    marks.push({ directory: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) });
    return undefined;
  }

  #warnOfEntry(entry: Entry, path: CleanPath): void {
    const { layer } = this.tree;
    for (const key of entry.unknownKeys ?? []) {
      const shown = printable(key);
      this.#warnings.addOnce(
        'pax-unknown-key',
        layer,
        `pax:${key}`,
        `PAX key "${shown}" has no meaning for a file system and is not carried`,
      );
    }
    if (entry.governedByGlobal) {
      this.#warnings.addOnce(
        'pax-global-header',
        layer,
        `global:${layer}`,
        'A PAX global header was folded into the entries that it governs',
      );
    }
    if (entry.sparse !== undefined)
      this.#warn('sparse-expanded', path, 'is a sparse file and was expanded');
  }

  #warn(code: Parameters<Warnings['add']>[0], path: CleanPath, what: string): void {
    this.#warnings.add(code, this.tree.layer, path, what);
  }

  /** Opaque marks first, then whiteouts: both see lower layers only, since no entry of this one is placed yet. */
  #hide(marks: readonly Mark[]): void {
    const existed = marks.map((mark) => this.#resolver.findMarked(mark.directory, 'mark') !== 0);
    for (const mark of marks) if (mark.name === undefined) this.#hideBelow(mark.directory);
    for (const mark of marks) if (mark.name !== undefined) this.#hideOne(mark.directory, mark.name);
    marks.forEach((mark, i) => {
      if (!existed[i]) this.#makeForMark(mark.directory);
    });
  }

  #hideBelow(directory: CleanPath): void {
    const node = this.#resolver.findMarked(directory, 'mark-again');
    if (node > 0) this.tree.removeChildren(node, 'deleted');
  }

  #hideOne(directory: CleanPath, name: string): void {
    const parent = this.#resolver.findMarked(directory, 'mark-again');
    const node = parent > 0 ? this.tree.names.child(parent, name) : 0;
    if (node !== 0) this.tree.remove(node, 'deleted');
  }

  /** Every engine makes the directory of a mark when no lower layer has it; a file in its place hides nothing. */
  #makeForMark(directory: CleanPath): void {
    try {
      this.#resolver.directory(directory, directory);
    } catch (error) {
      if (!isShipperError(error, 'BAD_LAYER')) throw error;
    }
  }

  #place({ path, entry }: Staged): void {
    try {
      if (path === '') this.#placeRoot(entry);
      else if (entry.type === 'link') this.#links.place(path, entry);
      else if (entry.type === 'directory') this.#placeDirectory(path, entry);
      else this.#placeNode(path, entry);
    } catch (error) {
      throw withDetails(error, { entry: printable(path), offset: entry.headerOffset });
    }
  }

  /** Only attributes: the root is there before any layer. */
  #placeRoot(entry: Entry): void {
    if (entry.type !== 'directory') {
      throw new ShipperError(
        'BAD_LAYER',
        `Cannot place entry ${quote(entry.path)}: the root of the image cannot be a ${entry.type}`,
      );
    }
    const { tree } = this;
    tree.setFacts(tree.root, entry);
    tree.own(tree.root);
  }

  /** Over a directory only the attributes change (R3). */
  #placeDirectory(path: CleanPath, entry: Entry): void {
    const { tree } = this;
    const { parent, name } = this.#resolver.place(path);
    const existing = tree.names.child(parent, name);
    if (existing === 0 || !tree.isDirectory(existing)) {
      this.#placeNode(path, entry);
      return;
    }
    this.#warnOfDuplicate(existing, path);
    tree.setFacts(existing, entry);
    tree.effect.placed += 1;
    tree.own(existing);
  }

  /** Over anything: as if the old path was unlinked first (R3). */
  #placeNode(path: CleanPath, entry: Entry): void {
    const { tree } = this;
    const { parent, name } = this.#resolver.place(path);
    const existing = tree.names.child(parent, name);
    if (existing !== 0) {
      this.#warnOfDuplicate(existing, path);
      if (entry.type === 'file' && tree.typeOf(existing) === 'file') {
        tree.effect.replacingBytes += entry.size;
      }
      tree.remove(existing, 'replaced');
    }
    if (entry.type === 'symlink') checkSymlink(entry, path);
    tree.own(tree.create(parent, name, entry));
    tree.effect.placed += 1;
    tree.effect.bytes += entry.size;
  }

  #warnOfDuplicate(existing: NodeId, path: CleanPath): void {
    if (!this.tree.isOwn(existing)) return;
    this.#warn('duplicate-path', path, 'stands more than once in one layer: the last entry counts');
  }
}

/** What an entry weighs while it is held: entries can carry a MiB of attributes each. */
function weightOf({ path, linkTarget, xattrs }: Entry): number {
  let weight = path.length + linkTarget.length;
  if (xattrs !== undefined)
    for (const [name, value] of xattrs) weight += name.length + value.length;
  return weight;
}

function checkSymlink(entry: Entry, path: CleanPath): void {
  if (entry.linkTarget.length <= LIMITS.symlinkBytes && entry.linkTarget !== '') return;
  const reason =
    entry.linkTarget === '' ? 'has no target' : `has a target of over ${LIMITS.symlinkBytes} bytes`;
  throw new ShipperError('BAD_LAYER', `Cannot place entry ${quote(path)}: the symlink ${reason}`);
}
