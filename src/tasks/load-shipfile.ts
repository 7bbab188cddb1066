// Loads a shipfile: runs its modules and reads their texts, and makes commands of both.
import { basename, dirname, resolve } from 'node:path';
import { type Problem, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import {
  collectMembers,
  commandOf,
  groupOf,
  HOOK_NAMES,
  type Member,
  type Surroundings,
} from './collect.ts';
import { nameOf, type TaskCommand, type TaskGroup, type TaskNode } from './command.ts';
import { failedToLoad } from './failure-place.ts';
import type { ShipfilePlace } from './find-shipfile.ts';
import { wordsOf } from './names.ts';
import { type Declaration, Declarations } from './source/declarations.ts';
import { headOf } from './source/doc-comment.ts';
import { type ModuleSource, parseModule } from './source/syntax.ts';
import type { Hook } from './task.ts';

/** A shipfile that is loaded. */
export interface Shipfile {
  readonly place: ShipfilePlace;
  /** All its commands; of a program of its own also what it does without one. */
  readonly root: TaskGroup;
  /** Run around each task that the command line starts. */
  readonly before: readonly Hook<object>[];
  readonly after: readonly Hook<object>[];
}

/** What names a task may not have. */
export interface Reserved {
  /** Commands of the program. */
  readonly commands: readonly string[];
  /** Options that every task has, with their dashes. */
  readonly options: readonly string[];
}

/** No shipfile is longer. */
const MOST_BYTES = 4_194_304;

/**
 * Loads the shipfile. Throws `BAD_CONFIG` with places for all that no command can be made of, and for what a module throws while it
 * is loaded. `isProgram`: it is the running program itself, whose default export is what it does without a command.
 */
export async function loadShipfile(
  system: System,
  place: ShipfilePlace,
  reserved: Reserved,
  isProgram = false,
): Promise<Shipfile> {
  const around: Surroundings = {
    declarations: new Declarations(sourceReader(system)),
    builtIns: reserved.commands,
    common: reserved.options,
    file: place.path,
    problems: [],
  };
  const loader = new Loader(system, place, around, isProgram);
  const nodes: TaskNode[] = [];
  for (const { name, file } of place.modules) nodes.push(...(await loader.module(name, file)));
  throwProblems(around.problems, place);
  const root = groupOf([], loader.help, nodes, loader.own);
  return { place, root, before: loader.hooks.before, after: loader.hooks.after };
}

class Loader {
  readonly #system: System;
  readonly #place: ShipfilePlace;
  readonly #around: Surroundings;
  readonly #isProgram: boolean;
  readonly hooks: { before: Hook<object>[]; after: Hook<object>[] } = { before: [], after: [] };
  help = '';
  own: TaskCommand | undefined;

  constructor(system: System, place: ShipfilePlace, around: Surroundings, isProgram: boolean) {
    this.#system = system;
    this.#place = place;
    this.#around = around;
    this.#isProgram = isProgram;
  }

  /** The commands of one module: at the top, or in a group of its name. */
  async module(name: string, file: string): Promise<readonly TaskNode[]> {
    const exports = await this.#load(file);
    const source = await readSource(this.#system, file);
    const members = await this.#membersOf(exports, source);
    const [word = name, ...aliases] = wordsOf(name);
    const path = name === '' ? [] : [word];
    const hasOwn = name !== '' || this.#isProgram;
    const own = hasOwn ? await this.#defaultCommand(exports, source, path) : undefined;
    if (!hasOwn) members.push(...(await this.#defaultMembers(exports, source)));
    const help = source === undefined ? '' : headOf(source);
    const commands = members.filter(
      ({ name: each }) => !HOOK_NAMES.includes(each) && each !== 'default',
    );
    const nodes = await collectMembers(commands, path, this.#around);
    if (name === '') {
      this.#takeHooks(exports);
      this.help = help;
      this.own = own;
      return nodes;
    }
    if (nodes.length === 0)
      return own === undefined ? [] : [{ ...own, aliases, help: own.help || help }];
    return [{ ...groupOf(path, help, nodes, own), aliases }];
  }

  async #load(file: string): Promise<object> {
    try {
      return await this.#system.modules.load(file, this.#isProgram);
    } catch (error) {
      throw await failedToLoad(this.#system, this.#place, file, error);
    }
  }

  async #membersOf(exports: object, source: ModuleSource | undefined): Promise<Member[]> {
    const members: Member[] = [];
    for (const [name, value] of Object.entries(exports)) {
      const declaration = await this.#declared(source, name);
      members.push({ name, value, declaration });
    }
    return members;
  }

  #declared(source: ModuleSource | undefined, name: string): Promise<Declaration | undefined> {
    return source === undefined
      ? Promise.resolve(undefined)
      : this.#around.declarations.exported(source, name);
  }

  async #defaultCommand(
    exports: object,
    source: ModuleSource | undefined,
    path: readonly string[],
  ): Promise<TaskCommand | undefined> {
    const value: unknown = Reflect.get(exports, 'default');
    const declaration = await this.#declared(source, 'default');
    return commandOf({ name: 'default', value, declaration }, path, [], this.#around);
  }

  /** The members of a default export that is an object, and a default function under its own name. */
  async #defaultMembers(
    exports: object,
    source: ModuleSource | undefined,
  ): Promise<readonly Member[]> {
    const value: unknown = Reflect.get(exports, 'default');
    if (value === undefined || value === null) return [];
    const declaration = await this.#declared(source, 'default');
    if (typeof value === 'function') return this.#defaultFunction(value, declaration);
    if (typeof value !== 'object') return [];
    const named = Object.values(exports).filter((each) => each !== value);
    const members: Member[] = [];
    for (const [name, each] of Object.entries(value)) {
      // What is exported by itself as well is one command, not two.
      if (named.includes(each)) continue;
      const inside = declaration && (await this.#around.declarations.member(declaration, name));
      members.push({ name, value: each, declaration: inside });
    }
    return members;
  }

  #defaultFunction(
    value: { readonly name: string },
    declaration: Declaration | undefined,
  ): readonly Member[] {
    // Compilers name it after its export.
    if (!/^_?default$|^$/.test(value.name)) return [{ name: value.name, value, declaration }];
    this.#around.problems.push({
      ...(declaration?.place ?? { file: this.#place.path, line: 1, column: 1 }),
      message: 'the default export is a function without a name: no command can be called like it',
      hint: 'give it a name',
    });
    return [];
  }

  #takeHooks(exports: object): void {
    for (const name of ['before', 'after'] as const) {
      const hook: unknown = Reflect.get(exports, name);
      if (typeof hook === 'function')
        this.hooks[name].push((context) => Reflect.apply(hook, undefined, [context]));
    }
  }
}

function throwProblems(problems: readonly Problem[], { path }: ShipfilePlace): void {
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
  const where = `${basename(first.file)}:${first.line}:${first.column}`;
  throw new ShipperError('BAD_CONFIG', `Cannot use ${where}: ${first.message}${more}`, {
    path,
    problems,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

/** Reads modules that a module imports, each once. */
function sourceReader(
  system: System,
): (from: string, specifier: string) => Promise<ModuleSource | undefined> {
  const known = new Map<string, Promise<ModuleSource | undefined>>();
  const read = (file: string) => {
    const found = known.get(file) ?? readSource(system, file);
    known.set(file, found);
    return found;
  };
  return async (from, specifier) => {
    const path = resolve(dirname(from), specifier);
    const candidates = [
      path,
      path.replace(/\.(m?)js$/, '.$1ts'),
      `${path}.ts`,
      `${path}.js`,
      `${path}/index.ts`,
    ];
    for (const candidate of candidates) {
      if ((await system.files.stat(candidate))?.kind === 'file') return read(candidate);
    }
    return undefined;
  };
}

async function readSource(system: System, file: string): Promise<ModuleSource | undefined> {
  const bytes = await system.files.read(file, MOST_BYTES);
  return parseModule(file, new TextDecoder().decode(bytes));
}

/** The command or group that the words lead to, and the words that are left. */
export function lookUp(
  root: TaskGroup,
  words: readonly string[],
): { readonly node: TaskNode; readonly rest: readonly string[] } {
  let node: TaskNode = root;
  let at = 0;
  for (; node.kind === 'group' && at < words.length; at += 1) {
    const word: string = words[at] ?? '';
    const next: TaskNode | undefined = node.members.find(
      (each) => nameOf(each) === word || each.aliases.includes(word),
    );
    if (next === undefined) break;
    node = next;
  }
  return { node, rest: words.slice(at) };
}
