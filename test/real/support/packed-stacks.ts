// Many random stacks in one image, each below a folder of its own: engines are slow, and one image costs them little
// more than one stack.
import { flattenTars } from '../../support/flatten.ts';
import { randomStack } from '../../support/random-stack.ts';
import { type EntrySpec, entry, tar } from '../../support/tar-builder.ts';
import { type FlatNode, readFlat } from '../../support/tar-oracle.ts';

/**
 * Three layers: the stacks as they were at some layer of theirs, the end of everything, and the stacks as they are at
 * last. Nothing is left to the reading of an engine, so that what it shows of two images can be compared.
 */
export async function packedStacks(first: number, count: number): Promise<Uint8Array[]> {
  const before: EntrySpec[] = [];
  const after: EntrySpec[] = [];
  const ends: EntrySpec[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    const { layers } = randomStack(seed);
    before.push(...(await packed(`s${seed}`, layers.slice(0, 1 + (seed % layers.length)))));
    after.push(...(await packed(`s${seed}`, layers)));
    ends.push({ type: 'file', name: `.wh.s${seed}` });
  }
  return [before, ends, after].map((specs) => tar(specs.map(entry)));
}

/** The flat layer of a stack, moved below `folder`. */
async function packed(folder: string, layers: readonly Uint8Array[]): Promise<EntrySpec[]> {
  const tree = readFlat((await flattenTars(layers)).tar);
  // A device 0:0 is a whiteout to overlay, also in a layer of its own.
  const isDeletion = ({ type, major, minor }: FlatNode) =>
    type === 'char' && major === 0 && minor === 0;
  const entries = [...tree].filter(([path, node]) => path !== '.' && !isDeletion(node));
  return [
    { type: 'dir', name: `${folder}/` },
    ...entries.map(([path, node]) => below(folder, path, node)),
  ];
}

function below(folder: string, path: string, node: FlatNode): EntrySpec {
  const { mode, uid, gid, mtimeNs, major, minor, body } = node;
  const carrier = node.names[0] ?? path;
  const name = `${folder}/${path}${node.type === 'dir' ? '/' : ''}`;
  const facts = { name, mode, uid, gid, mtimeNs, xattrs: xattrsOf(node), format: 'pax' } as const;
  if (carrier !== path) return { ...facts, type: 'link', linkname: `${folder}/${carrier}` };
  return { ...facts, type: node.type, major, minor, body, linkname: node.target };
}

/** The attributes that any file system takes: of the user's own, on files and directories. */
function xattrsOf({ type, xattrs }: FlatNode): [name: string, value: string][] {
  if (type !== 'file' && type !== 'dir') return [];
  return [...xattrs].filter(([name, value]) => /^user\.[!-~]+$/.test(name) && value.length < 500);
}
