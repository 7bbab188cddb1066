// Bake files that only buildx can work out (HCL, functions, matrices): `docker buildx bake --print` says what they come to.
import { basename } from 'node:path';
import { isShipperError, messageOf, type Place } from '../core/errors.ts';
import type { Ran, System } from '../system/system.ts';
import { needsBuildx, readBake } from './bake.ts';
import { shownPath } from './discover.ts';
import { mapValues } from './foreign.ts';
import type { IncludedFile, IncludeReading } from './include.ts';
import { parseYaml } from './parse-yaml.ts';
import { Problems } from './problems.ts';
import { CONFIG_BYTES } from './read-file.ts';
import { child, entriesOf, type Tree } from './tree.ts';

const PRINT_MS = 60_000;

/** The images of the bake file at `path`; undefined and a problem where buildx is not there or refuses. `include` is where it is included. */
export async function printBake(
  system: System,
  path: string,
  include: Place,
  reading: IncludeReading,
  tree?: Tree,
): Promise<IncludedFile | undefined> {
  const text = new TextDecoder().decode(await system.files.read(path, CONFIG_BYTES));
  const blocks = tree === undefined ? hclBlocks(text, shownPath(system, path)) : jsonBlocks(tree);
  const names = [...blocks.keys()].filter((name) => !name.startsWith('_'));
  const reason = tree === undefined ? 'it is HCL' : `it uses ${needsBuildx(tree)}`;
  const ran = await run(system, path, names, reading.signal);
  if (typeof ran === 'string' || ran.code !== 0) {
    tell(ran, reason, path, include, system, reading);
    return undefined;
  }
  const own = new Problems();
  const printed = parseYaml(ran.stdout, basename(path), own);
  if (printed === undefined || !own.isEmpty) {
    const [first] = own.list();
    reading.problems.add(
      include,
      `docker buildx printed no JSON for ${basename(path)}: ${first?.message ?? ''}`,
    );
    return undefined;
  }
  return readBake(
    placed(printed, blocks, { file: shownPath(system, path), line: 1, column: 1 }),
    reading,
  );
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
    const options = signal === undefined ? {} : { signal };
    return await system.run('docker', args, { timeoutMs: PRINT_MS, ...options });
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
    return messageOf(error).replace(/^Cannot run docker: /, '');
  }
}

const NO_BUILDX =
  /unknown command: docker buildx|'buildx' is not a docker command|unknown flag: --print/;

function tell(
  ran: Ran | string,
  reason: string,
  path: string,
  include: Place,
  system: System,
  { problems }: IncludeReading,
): void {
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
    .slice(0, 300);
  const [, line, column, rest] = /:(\d+)(?:,(\d+)(?:-\d+(?:,\d+)?)?)?:\s*(.*)$/.exec(words) ?? [];
  if (line === undefined) {
    problems.add(include, `docker buildx refuses ${name}: ${words}`);
    return;
  }
  const place = { file: shownPath(system, path), line: Number(line), column: Number(column ?? 1) };
  problems.add(place, `docker buildx refuses it: ${rest === '' ? words : rest}`);
}

/** Names of `target "x"` and `group "x"` with their places, in the order of the file. */
function hclBlocks(text: string, file: string): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>();
  for (const [at, line] of text.split('\n').entries()) {
    const [, indent = '', name] = /^(\s*)(?:target|group)\s+"?([\w-]+)"?\s*\{/.exec(line) ?? [];
    if (name !== undefined) found.set(name, { file, line: at + 1, column: indent.length + 1 });
  }
  return found;
}

function jsonBlocks(tree: Tree): ReadonlyMap<string, Place> {
  const blocks = [...entriesOf(child(tree, 'target')), ...entriesOf(child(tree, 'group'))];
  return new Map(blocks.map(([name, { keyPlace }]) => [name, keyPlace]));
}

/** The printed tree with places of the file that a person wrote: those of the block, as far as that is known. */
function placed(printed: Tree, blocks: ReadonlyMap<string, Place>, otherwise: Place): Tree {
  if (printed.kind !== 'map') return printed;
  return mapValues(printed, (group) => {
    if (group.kind !== 'map') return moved(group, otherwise);
    const entries = new Map(
      [...group.entries].map(([name, { value }]) => {
        const place = blocks.get(name) ?? otherwise;
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
