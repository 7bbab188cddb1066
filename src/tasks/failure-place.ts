// What a user's own code throws, told by where it is in the user's file: never by a stack of ours.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, type Place, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import type { ShipfilePlace } from './find-shipfile.ts';

/** Lines of the file that are shown before and after the one that is meant. */
const LINES_AROUND = 2;
const MOST_COLUMNS = 160;
const MOST_BYTES = 4_194_304;

/** The failure of a module that could not be loaded. */
export async function failedToLoad(
  system: System,
  shipfile: ShipfilePlace,
  file: string,
  error: unknown,
): Promise<ShipperError> {
  const found = await locate(system, shipfile, error);
  const name = shownFile(system, file);
  const message = `Cannot load ${found === undefined ? name : placeText(system, found.place)}: ${reasonOf(error)}`;
  return new ShipperError('BAD_CONFIG', message, {
    path: file,
    ...(found === undefined ? {} : { log: found.frame }),
    cause: error,
  });
}

/** The failure of a task. What shipper itself refused stays what it is, with the place where the user's code met it. */
export async function failedTask(
  system: System,
  shipfile: ShipfilePlace,
  name: string,
  error: unknown,
): Promise<ShipperError> {
  const found = await locate(system, shipfile, error);
  const where = found === undefined ? '' : ` (${placeText(system, found.place)})`;
  if (error instanceof ShipperError) {
    const { message, hint, details, retryable } = error;
    if (error.code === 'INTERRUPTED') return error;
    const log = details.log ?? found?.frame;
    return new ShipperError(error.code, `${message}${where}`, {
      ...details,
      ...(log === undefined ? {} : { log }),
      ...(hint === undefined ? {} : { hint }),
      retryable,
      cause: error,
    });
  }
  return new ShipperError('TASK', `Cannot finish ${name}: ${reasonOf(error)}${where}`, {
    path: shipfile.path,
    ...(found === undefined ? {} : { log: found.frame }),
    cause: error,
  });
}

/** The words of an error in one line, without the code frames that compilers put behind them. */
function reasonOf(error: unknown): string {
  const [first = ''] = messageOf(error).split('\n');
  const text = first.replace(COMPILER, '').replace(/\s+/g, ' ').trim();
  return text === '' ? 'it failed without a message' : text;
}

/** A place in a user's file, and the lines around it. */
interface Located {
  readonly place: Place;
  readonly frame: readonly string[];
}

async function locate(
  system: System,
  shipfile: ShipfilePlace,
  error: unknown,
): Promise<Located | undefined> {
  const raw = placesIn(error).find(({ file }) => isOfUser(file, shipfile));
  if (raw === undefined) return undefined;
  const bytes = await system.files.read(raw.file, MOST_BYTES).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const text = new TextDecoder().decode(bytes);
  const { file, line } = raw;
  const moved = raw.isExact
    ? raw.column
    : await system.modules.column(file, text, line, raw.column).catch(() => undefined);
  const place = { file, line, column: moved ?? 1 };
  return { place, frame: frameOf(text, place) };
}

function isOfUser(file: string, { folder }: ShipfilePlace): boolean {
  return file.startsWith(`${folder}/`) && !file.includes('/node_modules/');
}

/** A place as a stack or compiler tells it, and whether it is one of the file itself or of what the file was compiled to. */
interface RawPlace extends Place {
  readonly isExact: boolean;
}

/** What jiti says of what it cannot compile: the column is from 0. */
const COMPILER = /^ParseError: /;

/** Places in the order in which a stack, or the message of a compiler, names them. */
function placesIn(error: unknown): readonly RawPlace[] {
  if (!(error instanceof Error)) return [];
  const { stack = '', message } = error;
  // Node shows the line and a mark below it in front of the stack where it cannot compile.
  const marked = /^(\S+?):(\d+)\n[^\n]*\n( *)\^/.exec(stack);
  if (marked !== null) {
    const [, path = '', line, indent = ''] = marked;
    return [{ file: pathOf(path), line: Number(line), column: indent.length + 1, isExact: true }];
  }
  const isExact = COMPILER.test(message);
  const found = `${stack}\n${message}`.matchAll(
    /((?:file:\/\/)?\/[^\s()]+?):(\d+):(\d+)(?=[)\s]|$)/g,
  );
  return [...found].map(([, path = '', line, column]) => ({
    file: pathOf(path),
    line: Number(line),
    column: Number(column) + (isExact ? 1 : 0),
    isExact,
  }));
}

function pathOf(path: string): string {
  return path.startsWith('file:') ? fileURLToPath(path) : path;
}

/** The lines around a place, numbered, with a mark below its column. */
function frameOf(text: string, { line, column }: Place): readonly string[] {
  const lines = text.split('\n');
  const first = Math.max(1, line - LINES_AROUND);
  const last = Math.min(lines.length, line + LINES_AROUND);
  const width = String(last).length;
  const frame: string[] = [];
  for (let at = first; at <= last; at += 1) {
    const content = (lines[at - 1] ?? '').slice(0, MOST_COLUMNS);
    frame.push(`${at === line ? '>' : ' '} ${String(at).padStart(width)} | ${content}`.trimEnd());
    if (at === line) frame.push(`  ${' '.repeat(width)} | ${' '.repeat(column - 1)}^`);
  }
  return frame;
}

function placeText(system: Pick<System, 'cwd'>, { file, line, column }: Place): string {
  return `${shownFile(system, file)}:${line}:${column}`;
}

/** A path as a person in the working folder writes it. */
export function shownFile({ cwd }: Pick<System, 'cwd'>, path: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}
