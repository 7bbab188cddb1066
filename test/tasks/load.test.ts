// Shipfiles as they are found, loaded and refused.
import { describe, expect, it } from 'vitest';
import { folderWith, runIn } from './folder.ts';

const HEAD = "import { task, positional, option, flag } from 'shipper';\n";

describe('a shipfile', () => {
  it('is found upwards, as far as the repository goes', async () => {
    const folder = folderWith({
      'shipfile.ts': 'export function hello() { return "hi"; }',
      'a/b/x': '',
      'other/.git/x': '',
    });
    expect(await runIn(folder, ['hello'], { cwd: 'a/b' })).toMatchObject({ code: 0, out: 'hi\n' });
    expect(await runIn(folder, ['hello'], { cwd: 'other' })).toMatchObject({ code: 2 });
    expect(await runIn(folder, ['-C', 'a', 'hello'])).toMatchObject({ code: 0, out: 'hi\n' });
  });

  it.each(['shipfile.mts', 'shipfile.js', 'shipfile.mjs'])('may be a %s', async (name) => {
    const folder = folderWith({ [name]: `${HEAD}export const hello = task({}, () => 'hi');` });
    expect(await runIn(folder, ['hello'])).toMatchObject({ code: 0, out: 'hi\n' });
  });

  it('is the file that -f names, in front of the task', async () => {
    const folder = folderWith({
      'ops/more.ts': 'export function hello(ship, name = "you") { return name; }',
    });
    expect(await runIn(folder, ['-f', 'ops/more.ts', 'hello'])).toMatchObject({ out: 'you\n' });
    expect(await runIn(folder, ['--shipfile=ops/more.ts', 'hello'])).toMatchObject({ code: 0 });
    expect(await runIn(folder, ['-f', 'ops', 'more', 'hello'])).toMatchObject({ out: 'you\n' });
    expect(await runIn(folder, ['-f', 'nope.ts', 'hello'])).toMatchObject({
      code: 2,
      err: 'shipper: Cannot use -f "nope.ts": there is no such file\n',
    });
    expect((await runIn(folder, ['-f'])).err).toContain('Cannot use -f: FILE is missing');
    expect((await runIn(folder, ['-f', 'ops/more.ts', 'status', 'x'])).err).toContain(
      'Cannot use -f with "shipper status": it is a command and no task',
    );
    const { out } = await runIn(folder, ['-f', 'ops/more.ts', '--help']);
    expect(out).toContain('Tasks of ops/more.ts:\n  hello');
  });

  it('may be a folder: a group for each module, none for index', async () => {
    const folder = folderWith({
      'shipfile/index.ts': '/** Says hi. */\nexport function hello() { return "hi"; }',
      'shipfile/db.ts':
        '// The data base.\n\nexport function migrate() { return "m"; }\nexport default function all() { return "all"; }',
      'shipfile/blueGreen.ts': 'export function swap() { return "s"; }',
      'shipfile/db.test.ts': 'throw new Error("not me")',
    });
    expect(await runIn(folder, ['hello'])).toMatchObject({ out: 'hi\n' });
    expect(await runIn(folder, ['db', 'migrate'])).toMatchObject({ out: 'm\n' });
    expect(await runIn(folder, ['db'])).toMatchObject({ out: 'all\n' });
    expect(await runIn(folder, ['blue-green', 'swap'])).toMatchObject({ out: 's\n' });
    expect(await runIn(folder, ['blueGreen', 'swap'])).toMatchObject({ out: 's\n' });
    const { out } = await runIn(folder, ['db', '--help']);
    expect(out).toMatch(
      /^Usage: shipper db \[options\]\nUsage: shipper db COMMAND …\n\nThe data base\.\n\nCommands:\n {2}migrate\n/,
    );
  });

  it('may nest objects and modules, and gather what is written elsewhere', async () => {
    const folder = folderWith({
      'shipfile.ts': `import * as db from './lib/db.ts';
import { task } from 'shipper';
export { db };
export * from './lib/more.ts';
export { one as uno } from './lib/more.ts';
const inner = { async deep(ship: object, n = 1) { return n; } };
export const outer = { inner, /** Flat. */ flat: () => 'flat' };
export default { /** Of the default. */ extra: task({}, () => 'extra') };`,
      'lib/db.ts':
        '/** Moves it. */\nexport async function migrate(ship: object, to: string) { return to; }',
      'lib/more.ts': 'export const one = (ship: object, a: string) => a;',
    });
    expect(await runIn(folder, ['db', 'migrate', 'v2'])).toMatchObject({ out: 'v2\n' });
    expect(await runIn(folder, ['one', 'x'])).toMatchObject({ out: 'x\n' });
    expect(await runIn(folder, ['uno', 'x'])).toMatchObject({ out: 'x\n' });
    expect(await runIn(folder, ['outer', 'inner', 'deep', '--n', '4'])).toMatchObject({
      out: '4\n',
    });
    expect(await runIn(folder, ['extra'])).toMatchObject({ out: 'extra\n' });
    expect((await runIn(folder, ['outer'])).out).toBe(
      'Usage: shipper outer COMMAND …\n\nCommands:\n  inner\n  flat   Flat.\n',
    );
    expect(await runIn(folder, ['outer', 'fat'])).toMatchObject({
      code: 2,
      err: 'shipper: Cannot run "outer fat": there is no such command\n  hint: did you mean flat?\n',
    });
    expect((await runIn(folder, ['help', 'db', 'migrate'])).out).toMatch(
      /^Usage: shipper db migrate TO \[options\]\n\nMoves it\.\n/,
    );
  });

  it('is listed beside the commands, in the order of its text', async () => {
    const folder = folderWith({
      'shipfile.ts': `// Tasks.
/** Second letter first. */
export function beta() {}
/** Then this.
 * More of it.
 *
 * Not in the list. */
export const alpha = () => {};
/** @internal */
export function hidden() {}
export function _private() {}
export const number = 3;
export class Thing {}`,
    });
    for (const argv of [['--help'], [], ['help']]) {
      const { out } = await runIn(folder, argv);
      expect(out).toMatch(
        /Tasks of shipfile\.ts:\n {2}beta +Second letter first\.\n {2}alpha +Then this\. More of it\.\n\n/,
      );
    }
    expect((await runIn(folder, ['status', '--help'])).out).not.toContain('beta');
  });

  it('does not keep the help of the program away where it is broken', async () => {
    const folder = folderWith({ 'shipfile.ts': 'export const = 1' });
    const { code, out, err } = await runIn(folder, ['--help']);
    expect(code).toBe(0);
    expect(out).toContain('Commands:');
    expect(err).toContain('Cannot load shipfile.ts:1:');
  });

  it('is not looked for where a command is meant', async () => {
    const folder = folderWith({ 'shipfile.ts': 'throw new Error("loaded")' });
    expect(await runIn(folder, ['completion', 'bash'])).toMatchObject({ code: 0, err: '' });
    expect(await runIn(folder, ['--version'])).toMatchObject({ code: 0, err: '' });
  });
});

describe('shipper init --tasks', () => {
  it('writes a shipfile that works, and never over one', async () => {
    const folder = folderWith({});
    expect(await runIn(folder, ['init', '--tasks'])).toMatchObject({
      code: 0,
      out: 'shipfile.ts is written: shipper --help lists its tasks\n',
    });
    const ship = {
      restart: async (...args: readonly unknown[]) => args,
      containers: async (filter: object) => [JSON.stringify(filter)],
    };
    const line = ['bounce', 'api', '-b', '2', '--json'];
    const { out } = await runIn(folder, line, { ship });
    expect(JSON.parse(out).result).toEqual([{ services: ['api'] }, { batch: 2 }]);
    expect((await runIn(folder, ['help'])).out).toContain('  running ');
    expect(await runIn(folder, ['init', '--tasks'])).toMatchObject({ code: 1 });
  });
});

describe('what is refused at load', () => {
  it.each([
    [
      'a task named like a command',
      'export function flatten() {}\n/** x */\nexport function ship() {}',
      'Cannot use shipfile.ts:1:1: the task flatten has the name of a command of shipper, and 1 more',
    ],
    [
      'an option that every task has',
      `${HEAD}export const a = task({\n  service: positional(),\n  env: option(),\n}, () => {});`,
      'Cannot use shipfile.ts:4:3: a cannot have an option --env: every task has one',
    ],
    [
      'such an option of a plain function',
      'export function a(ship: object, dryRun = false) {}',
      'Cannot use shipfile.ts:1:33: a cannot have an option --dry-run: every task has one',
    ],
    [
      'two options of one name',
      `${HEAD}export const a = task({ batch: option(1, { alias: 'b' }), big: flag({ alias: 'b' }) }, () => {});`,
      'Cannot use shipfile.ts:2:59: a has two options -b: batch and big',
    ],
    [
      'two tasks of one name',
      'export function buildAll() {}\nexport function build_all() {}',
      'Cannot use shipfile.ts:2:1: two tasks are called build-all',
    ],
    [
      'a type that no word is',
      'export function a(ship: object, when: Date) {}',
      'Cannot use shipfile.ts:1:33: no word can be read as when: its type is Date',
    ],
    [
      'a default of an unknown type',
      'export function a(ship: object, when = new Date()) {}',
      'Cannot use shipfile.ts:1:33: no word can be read as when: the type of its default is not plain (new Date())',
    ],
    [
      'a function whose parameters are elsewhere',
      'const make = () => (a: string) => a;\nexport const made = make();',
      'Cannot use shipfile.ts:2:1: no command can be made of it: its parameters are not written where it is exported',
    ],
    [
      'a default function without a name',
      'export default () => {};',
      'Cannot use shipfile.ts:1:1: the default export is a function without a name: no command can be called like it',
    ],
    [
      'a parameter that is none',
      `${HEAD}\nexport const a = task({ service: 'x' as never }, () => {});`,
      'Cannot load shipfile.ts:3:COLUMN: Cannot use the parameter service: it is none of positional(), option(), flag(), list(), choice(), number(), duration()',
    ],
    [
      'a parameter that takes the place of the ship',
      `${HEAD}\nexport const a = task({ ship: positional() }, () => {});`,
      'Cannot load shipfile.ts:3:COLUMN: Cannot use the parameter ship: every task gets its ship by this name',
    ],
    [
      'a required argument behind one that is not',
      `${HEAD}\nexport const a = task({ a: positional({ optional: true }), b: positional() }, () => {});`,
      'Cannot load shipfile.ts:3:COLUMN: Cannot use the parameter b: it stands behind a, which may be left out or takes all that follows',
    ],
    [
      'what it throws',
      'const x = 1;\n\nthrow new Error("boom " + x);',
      'Cannot load shipfile.ts:3:7: boom 1',
    ],
    [
      'a syntax error',
      'export function a() {\n  const = 3;\n}',
      'Cannot load shipfile.ts:2:9: Unexpected token',
    ],
    [
      'an import that is not there',
      "import { a } from './missing.ts';\nexport { a };",
      "Cannot load shipfile.ts:1:1: Cannot find module './missing.ts'",
    ],
  ])('%s', async (_, text, message) => {
    const folder = folderWith({ 'shipfile.ts': text });
    const { code, out, err } = await runIn(folder, ['anything']);
    expect([code, out]).toEqual([2, '']);
    // Of a call, compilers tell different columns.
    const told = message.includes('COLUMN')
      ? err.replace(/(?<=^shipper: [^:]*:\d+:)\d+/, 'COLUMN')
      : err;
    expect(told).toContain(`shipper: ${message}`);
    expect(err).not.toMatch(/^\s+at /m);
  });

  it('is told all at once, with places', async () => {
    const folder = folderWith({
      'shipfile.ts': 'export function flatten() {}\nexport function b(ship: object, json = 1) {}',
    });
    const { err } = await runIn(folder, ['b', '--json']);
    expect(err).toContain(`  ${folder}/shipfile.ts:1:1: the task flatten has`);
    expect(err).toContain(`  ${folder}/shipfile.ts:2:33: b cannot have an option --json`);
  });
});
