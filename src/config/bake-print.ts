// Bake files that only buildx can work out (HCL, functions, matrices): `docker buildx bake --print` says what they come to.
import { basename, dirname } from 'node:path';
import { isShipperError, messageOf, type Place } from '../core/errors.ts';
import type { Ran, System } from '../system/system.ts';
import { needsBuildx, readBake } from './bake.ts';
import { shownPath } from './discover.ts';
import { mapValues } from './foreign.ts';
import type { IncludedFile, IncludeReading } from './include.ts';
import { parseYaml } from './parse-yaml.ts';
import { Problems } from './problems.ts';
import { CONFIG_BYTES } from './read-file.ts';
import { texts } from './reading.ts';
import { child, entriesOf, type Tree, withEntries } from './tree.ts';

const PRINT_MS = 60_000;

/** A block of a bake file. */
interface Block {
  readonly kind: 'target' | 'group';
  readonly place: Place;
}

type Blocks = ReadonlyMap<string, Block>;

/** The images of the bake file at `path`; undefined and a problem where buildx is not there or refuses. `include` is where it is included. */
export async function printBake(
  system: System,
  path: string,
  include: Place,
  reading: IncludeReading,
  tree?: Tree,
): Promise<IncludedFile | undefined> {
  const text = new TextDecoder().decode(await system.files.read(path, CONFIG_BYTES));
  const file = shownPath(system, path);
  const blocks = tree === undefined ? hclBlocks(text, file) : jsonBlocks(tree);
  const reason = tree === undefined ? 'it is HCL' : `it uses ${needsBuildx(tree)}`;
  const print = (names: readonly string[]) =>
    printed({ system, path, include, reason, names, reading });
  const all = await print([...blocks.keys()].filter((name) => !name.startsWith('_')));
  if (all === undefined) return undefined;
  // What is asked for by name is put into the group `default`: only without names it is what the file says.
  const hasDefault = blocks.get('default')?.kind === 'group';
  const usual = hasDefault ? await print([]) : undefined;
  if (hasDefault && usual === undefined) return undefined;
  const group = usual && child(child(usual, 'group'), 'default');
  return readBake(placed(withDefault(all, group), blocks, { file, line: 1, column: 1 }), reading);
}

/** `printed` with `group` as its group `default`, or with none. */
function withDefault(printed: Tree, group: Tree | undefined): Tree {
  const groups = child(printed, 'group');
  if (printed.kind !== 'map' || groups?.kind !== 'map') return printed;
  const entries = new Map(groups.entries);
  if (group === undefined) entries.delete('default');
  else entries.set('default', { keyPlace: group.place, value: group });
  return withEntries(printed, [
    ['group', { keyPlace: groups.place, value: { ...groups, entries } }],
  ]);
}

/** What buildx is asked for, and whom to tell where it refuses. */
interface Question {
  readonly system: System;
  readonly path: string;
  readonly include: Place;
  readonly reason: string;
  readonly names: readonly string[];
  readonly reading: IncludeReading;
}

async function printed(question: Question): Promise<Tree | undefined> {
  const { system, path, include, names, reading } = question;
  const ran = await run(system, path, names, reading.signal);
  if (typeof ran === 'string' || ran.code !== 0) {
    tell(ran, question);
    return undefined;
  }
  const own = new Problems();
  const tree = parseYaml(ran.stdout, basename(path), own);
  if (tree !== undefined && own.isEmpty) return tree;
  const words = own.list()[0]?.message ?? 'it is no mapping';
  const state = `docker buildx printed no JSON for ${basename(path)}: ${words}`;
  reading.problems.add(include, state);
  return undefined;
}

/** What it said, or why it could not be run. */
async function run(
  system: System,
  path: string,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Ran | string> {
  try {
    const args = ['buildx', 'bake', '--print', '--file', path, ...names];
    // Files that it looks for are relative to where it runs.
    const options = { timeoutMs: PRINT_MS, cwd: dirname(path) };
    return await system.run(
      'docker',
      args,
      signal === undefined ? options : { ...options, signal },
    );
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
    return messageOf(error).replace(/^Cannot run docker: /, '');
  }
}

const NO_BUILDX =
  /unknown command: docker buildx|'buildx' is not a docker command|unknown flag: --print/;

function tell(ran: Ran | string, { system, path, include, reason, reading }: Question): void {
  const { problems } = reading;
  const name = basename(path);
  const said = typeof ran === 'string' ? ran : ran.stderr.trim();
  if (typeof ran === 'string' || NO_BUILDX.test(said)) {
    const why = typeof ran === 'string' ? ran : 'this docker has no buildx';
    const hint = 'install docker buildx; what is simple JSON is read without it';
    problems.add(include, `${name} needs docker buildx, as ${reason}: ${why}`, hint);
    return;
  }
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const words = (
    lines.find((line) => /^ERROR:/i.test(line)) ??
    lines.at(-1) ??
    `it ended with ${ran.code}`
  )
    .replace(/^ERROR:\s*/i, '')
    .replace(/\.$/, '')
    .slice(0, 300);
  const [, line, column, rest] = /:(\d+)(?:,(\d+)(?:-\d+(?:,\d+)?)?)?:\s*(.*)$/.exec(words) ?? [];
  if (line === undefined) {
    problems.add(include, `docker buildx refuses ${name}: ${words}`);
    return;
  }
  const place = { file: shownPath(system, path), line: Number(line), column: Number(column ?? 1) };
  problems.add(place, `docker buildx refuses it: ${rest === '' ? words : rest}`);
}

/** Blocks `target "x"` and `group "x"`, in the order of the file. */
function hclBlocks(text: string, file: string): Blocks {
  const found = new Map<string, Block>();
  for (const [at, line] of text.split('\n').entries()) {
    const [, indent = '', kind, name] = /^(\s*)(target|group)\s+"?([\w-]+)"?\s*\{/.exec(line) ?? [];
    if (name === undefined) continue;
    const place = { file, line: at + 1, column: indent.length + 1 };
    found.set(name, { kind: kind === 'group' ? 'group' : 'target', place });
  }
  return found;
}

function jsonBlocks(tree: Tree): Blocks {
  const blocks = (kind: Block['kind']) =>
    entriesOf(child(tree, kind)).map(
      ([name, { keyPlace }]) => [name, { kind, place: keyPlace }] as const,
    );
  return new Map([...blocks('target'), ...blocks('group')]);
}

/** Places of all that is printed: what a matrix makes is where its block is, which is a group of it. */
function placesOf(printed: Tree, blocks: Blocks): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  for (const [name, { value }] of entriesOf(child(printed, 'group'))) {
    const block = blocks.get(name);
    if (block?.kind !== 'target') continue;
    for (const member of texts(value, 'targets')) places.set(member, block.place);
  }
  for (const [name, { place }] of blocks) places.set(name, place);
  return places;
}

/** The printed tree with places of the file that a person wrote: those of the block, as far as that is known. */
function placed(printed: Tree, blocks: Blocks, otherwise: Place): Tree {
  if (printed.kind !== 'map') return printed;
  const places = placesOf(printed, blocks);
  return mapValues(printed, (group) => {
    if (group.kind !== 'map') return moved(group, otherwise);
    const entries = new Map(
      [...group.entries].map(([name, { value }]) => {
        const place = places.get(name) ?? otherwise;
        return [name, { keyPlace: place, value: moved(value, place) }];
      }),
    );
    return { ...group, place: otherwise, entries };
  });
}

function moved(tree: Tree, place: Place): Tree {
  switch (tree.kind) {
    case 'scalar':
      return { ...tree, place };
    case 'list':
      return { ...tree, place, items: tree.items.map((item) => moved(item, place)) };
    case 'map': {
      const entries = [...tree.entries].map(
        ([key, { value }]) => [key, { keyPlace: place, value: moved(value, place) }] as const,
      );
      return { ...tree, place, entries: new Map(entries) };
    }
  }
}
