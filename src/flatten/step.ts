// The steps of a plan: what stands in the layer that is written, entry by entry.
import type { EntryHead } from '../tar/entry.ts';
import type { Content, InodeId } from './inodes.ts';

/** One entry of the output: a header, and for a file its content. */
export interface PlanStep {
  readonly head: EntryHead;
  /** Names with one inode are one file. 0 is a whiteout, which is none. */
  readonly inode: InodeId;
  readonly content: Content | undefined;
}

/** A link repeats its inode's attributes: engines lchown each name, which strips capabilities (R8). */
export function linkStep(head: EntryHead, carrier: string, inode: InodeId): PlanStep {
  const link = { type: 'link', linkTarget: carrier, size: 0, devMajor: 0, devMinor: 0 } as const;
  return { head: { ...head, ...link }, inode, content: undefined };
}

/** Hides `name` of a lower layer. The mode is what Docker writes; the rest is as little as there can be. */
export function whiteoutStep(folder: string, name: string): PlanStep {
  const head: EntryHead = {
    type: 'file',
    path: folder === '' ? `.wh.${name}` : `${folder}/.wh.${name}`,
    linkTarget: '',
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
  return { head, inode: 0, content: undefined };
}
