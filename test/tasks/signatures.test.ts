// Signatures and the command lines that they make: the usage text word for word, what words come to, and what is refused.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GLOBAL_OPTIONS } from '../../src/cli/options.ts';
import { cutLine } from '../../src/cli/tasks/task-line.ts';
import { COMMON_NAMES } from '../../src/cli/tasks/task-options.ts';
import { readCall } from '../../src/cli/tasks/task-program.ts';
import { isShipperError } from '../../src/core/errors.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { findShipfile } from '../../src/tasks/find-shipfile.ts';
import { loadShipfile, type Shipfile } from '../../src/tasks/load-shipfile.ts';
import { taskUsage } from '../../src/tasks/usage-text.ts';

/** A signature: how it is written, its usage text, and command lines with what the function gets, or the refusal. */
interface Row {
  readonly code: string;
  readonly usage: string;
  readonly calls: readonly (readonly [words: string, comesTo: unknown])[];
}

/** A refusal: its message, and its hint where it has one of its own. */
class Refused {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
const refused = (text: string) => new Refused(text);

const ROWS: readonly Row[] = [
  // Plain functions.
  {
    code: 'export function nothing() { return []; }',
    usage: 'shipper nothing',
    calls: [
      ['', []],
      ['x', refused('Cannot run shipper nothing: it takes no arguments, "x" is one more')],
    ],
  },
  {
    code: 'export async function onlyShip(ship: Shipper) { return [ship]; }',
    usage: 'shipper only-ship',
    calls: [['', [{ name: 'the ship' }]]],
  },
  {
    code: 'export function one(ship: Shipper, service: string) { return [service]; }',
    usage: 'shipper one SERVICE',
    calls: [
      ['api', ['api']],
      ['-- --odd', ['--odd']],
      ['-', ['-']],
      ['', refused('Cannot run shipper one: SERVICE is missing')],
      ['a b', refused('Cannot run shipper one: it takes one argument, "b" is one more')],
      ['--x', refused('Cannot use --x: shipper one has no such option')],
    ],
  },
  {
    code: 'export const two = (from: string, to: string) => [from, to];',
    usage: 'shipper two FROM TO',
    calls: [
      ['a b', ['a', 'b']],
      ['a', refused('Cannot run shipper two: TO is missing')],
      ['a b c', refused('Cannot run shipper two: it takes 2 arguments, "c" is one more')],
    ],
  },
  {
    code: 'export function withDefault(ship: Shipper, tag = "latest") { return [tag]; }',
    usage: 'shipper with-default [options]\n\nOptions:\n  --tag <TAG>  (default: latest)',
    calls: [
      ['', ['latest']],
      ['--tag 1.2', ['1.2']],
      ['--tag=1.2', ['1.2']],
      ['--tag', refused('Cannot use --tag: TAG is missing')],
      ['--tag=', refused('Cannot use --tag "": it is empty')],
      [
        '--tg 1',
        refused('Cannot use --tg: shipper with-default has no such option (did you mean --tag?)'),
      ],
    ],
  },
  {
    code: 'export function withNumber(ship: Shipper, requests = 100) { return [requests]; }',
    usage: 'shipper with-number [options]\n\nOptions:\n  --requests <N>  (default: 100)',
    calls: [
      ['', [100]],
      ['--requests 3', [3]],
      ['--requests -2.5', [-2.5]],
      ['--requests 1e3', [1000]],
      ['--requests ten', refused('Cannot use --requests "ten": it is not a number')],
      ['--requests 0x10', refused('Cannot use --requests "0x10": it is not a number')],
    ],
  },
  {
    code: 'export function withFlag(ship: Shipper, force = false) { return [force]; }',
    usage: 'shipper with-flag [options]\n\nOptions:\n  --[no-]force',
    calls: [
      ['', [false]],
      ['--force', [true]],
      ['--no-force', [false]],
      ['--force --no-force', [false]],
      ['--force=true', [true]],
      ['--force=perhaps', refused('Cannot use --force "perhaps": it is not one of true, false')],
      ['--no-force=true', refused('Cannot use --no-force=true: --no-force takes no value')],
      [
        '--force yes',
        refused('Cannot run shipper with-flag: it takes no arguments, "yes" is one more'),
      ],
    ],
  },
  {
    code: 'export function withTrue(ship: Shipper, cache = true) { return [cache]; }',
    usage: 'shipper with-true [options]\n\nOptions:\n  --[no-]cache  (default: yes)',
    calls: [
      ['', [true]],
      ['--no-cache', [false]],
    ],
  },
  {
    code: 'export function neededFlag(ship: Shipper, all: boolean) { return [all]; }',
    usage: 'shipper needed-flag [options]\n\nOptions:\n  --[no-]all',
    calls: [
      ['', [false]],
      ['--all', [true]],
    ],
  },
  {
    code: 'export function neededNumber(ship: Shipper, count: number) { return [count]; }',
    usage: 'shipper needed-number COUNT',
    calls: [
      ['3', [3]],
      ['-3', [-3]],
      ['x', refused('Cannot use COUNT "x": it is not a number')],
    ],
  },
  {
    code: 'export function optional(ship: Shipper, to?: string) { return [to]; }',
    usage: 'shipper optional [options]\n\nOptions:\n  --to <TO>',
    calls: [
      ['', [undefined]],
      ['--to x', ['x']],
    ],
  },
  {
    code: "export function union(ship: Shipper, mode: 'fast' | 'slow') { return [mode]; }",
    usage: 'shipper union fast|slow',
    calls: [
      ['slow', ['slow']],
      ['slo', refused('Cannot use MODE "slo": it is not one of fast, slow (did you mean slow?)')],
    ],
  },
  {
    code: "type Level = 'debug' | 'info';\nexport function alias(ship: Shipper, logLevel: Level = 'info') { return [logLevel]; }",
    usage: 'shipper alias [options]\n\nOptions:\n  --log-level <debug|info>  (default: info)',
    calls: [
      ['', ['info']],
      ['--log-level debug', ['debug']],
      ['--logLevel debug', ['debug']],
      ['--log-level x', refused('Cannot use --log-level "x": it is not one of debug, info')],
    ],
  },
  {
    code: 'export function rest(ship: Shipper, first: string, ...others: string[]) { return [first, others]; }',
    usage: 'shipper rest FIRST [OTHERS…]',
    calls: [
      ['a', ['a', []]],
      ['a b c', ['a', ['b', 'c']]],
      ['a b,c', ['a', ['b,c']]],
    ],
  },
  {
    code: 'export function manyNeeded(ship: Shipper, services: readonly string[]) { return [services]; }',
    usage: 'shipper many-needed SERVICES…',
    calls: [
      ['a b', [['a', 'b']]],
      ['', refused('Cannot run shipper many-needed: SERVICES is missing')],
    ],
  },
  {
    code: 'export function listed(ship: Shipper, ports: number[] = [80]) { return [ports]; }',
    usage:
      'shipper listed [options]\n\nOptions:\n  --ports <N>  (repeatable, or with ","; default: 80)',
    calls: [
      ['', [[80]]],
      ['--ports 1,2 --ports 3', [[1, 2, 3]]],
      ['--ports 1,x', refused('Cannot use --ports "x": it is not a number')],
    ],
  },
  {
    code: 'export function bag(ship: Shipper, service: string, { force = false, tag }: { force?: boolean; tag?: string } = {}) { return [service, force, tag]; }',
    usage: 'shipper bag SERVICE [options]\n\nOptions:\n  --[no-]force\n  --tag <TAG>',
    calls: [
      ['api', ['api', false, undefined]],
      ['--tag x api --force', ['api', true, 'x']],
    ],
  },
  {
    code: 'export function neededInBag({ tag }: { tag: string }) { return [tag]; }',
    usage: 'shipper needed-in-bag --tag <TAG> [options]\n\nOptions:\n  --tag <TAG>  (required)',
    calls: [
      ['--tag x', ['x']],
      ['', refused('Cannot run shipper needed-in-bag: --tag is missing')],
    ],
  },
  {
    code: 'export function computed(ship: Shipper, stamp: string = new Date(0).toISOString().slice(0, 4)) { return [stamp]; }',
    usage: 'shipper computed [options]\n\nOptions:\n  --stamp <STAMP>',
    calls: [
      ['', ['1970']],
      ['--stamp x', ['x']],
    ],
  },
  {
    code: 'export function product(ship: Shipper, waitMs = 10 * 1000) { return [waitMs]; }',
    usage: 'shipper product [options]\n\nOptions:\n  --wait-ms <N>',
    calls: [
      ['', [10_000]],
      ['--wait-ms 5', [5]],
    ],
  },
  {
    code: '/**\n * Says who.\n *\n * @param name who it is\n * @param times how often\n */\nexport function documented(ship: Shipper, name: string, times = 1) { return [name, times]; }',
    usage:
      'shipper documented NAME [options]\n\nSays who.\n\nArguments:\n  NAME         who it is\n\nOptions:\n  --times <N>  how often (default: 1)',
    calls: [['x --times 2', ['x', 2]]],
  },
  {
    code: '/** @param {number} n how many\n * @param {string[]} names\n */\nexport function fromDoc(n, names = []) { return [n, names]; }',
    usage:
      'shipper from-doc N [options]\n\nArguments:\n  N                how many\n\nOptions:\n  --names <NAMES>  (repeatable, or with ",")',
    calls: [
      ['3', [3, []]],
      ['3 --names a,b', [3, ['a', 'b']]],
      ['x', refused('Cannot use N "x": it is not a number')],
    ],
  },
  {
    code: 'export function build_all(ship: Shipper, no_cache = false) { return [no_cache]; }',
    usage: 'shipper build-all [options]\n\nOptions:\n  --[no-]no-cache',
    calls: [
      ['--no-cache', [true]],
      ['--no_cache', [true]],
    ],
  },
  {
    code: 'export function verboseToo(ship: Shipper, verbose = false) { return [verbose]; }',
    usage: 'shipper verbose-too [options]\n\nOptions:\n  --[no-]verbose',
    calls: [
      ['--verbose', [true]],
      ['-v', [false]],
    ],
  },
  {
    code: 'export const arrow = async (ship: Shipper, name: string, count: number = 2): Promise<unknown> => [name, count];',
    usage: 'shipper arrow NAME [options]\n\nOptions:\n  --count <N>  (default: 2)',
    calls: [['x --count 7', ['x', 7]]],
  },
  // Tasks with a schema.
  {
    code: 'export const tBare = task({}, () => []);',
    usage: 'shipper t-bare',
    calls: [['', []]],
  },
  {
    code: "/** Restart a service. */\nexport const tBounce = task({ service: positional({ help: 'which' }), batch: option(2, { alias: 'b', help: 'how many' }), force: flag() }, (a) => [a.service, a.batch, a.force]);",
    usage:
      'shipper t-bounce SERVICE [options]\n\nRestart a service.\n\nArguments:\n  SERVICE          which\n\nOptions:\n  -b, --batch <N>  how many (default: 2)\n  --[no-]force',
    calls: [
      ['api', ['api', 2, false]],
      ['-b 4 api --force', ['api', 4, true]],
      ['-b4 api', ['api', 4, false]],
      ['-b=4 api', ['api', 4, false]],
      ['-b', refused('Cannot use -b: N is missing')],
      ['-z api', refused('Cannot use -z: shipper t-bounce has no such option')],
    ],
  },
  {
    code: "export const tCluster = task({ all: flag({ alias: 'a' }), xtra: flag({ alias: 'x' }), n: number({ alias: 'n', default: 0 }) }, (a) => [a.all, a.xtra, a.n]);",
    usage:
      'shipper t-cluster [options]\n\nOptions:\n  -a, --[no-]all\n  -x, --[no-]xtra\n  -n, --n <N>      (default: 0)',
    calls: [
      ['-ax', [true, true, 0]],
      ['-axn5', [true, true, 5]],
      ['-xn 5', [false, true, 5]],
      ['-ay', refused('Cannot use -y: shipper t-cluster has no such option')],
    ],
  },
  {
    code: "export const tChoice = task({ mode: choice(['fast', 'slow'], { default: 'fast' }) }, (a) => [a.mode]);",
    usage: 'shipper t-choice [options]\n\nOptions:\n  --mode <fast|slow>  (default: fast)',
    calls: [
      ['', ['fast']],
      ['--mode slow', ['slow']],
      [
        '--mode slwo',
        refused('Cannot use --mode "slwo": it is not one of fast, slow (did you mean slow?)'),
      ],
    ],
  },
  {
    code: "export const tManyChoices = task({ colour: choice(['red', 'green', 'blue', 'black', 'white'], { required: true }) }, (a) => [a.colour]);",
    usage:
      'shipper t-many-choices --colour <COLOUR> [options]\n\nOptions:\n  --colour <COLOUR>  (red, green, blue, black, white; required)',
    calls: [
      ['--colour red', ['red']],
      ['', refused('Cannot run shipper t-many-choices: --colour is missing')],
    ],
  },
  {
    code: 'export const tNumber = task({ count: number({ min: 1, max: 9, whole: true }) }, (a) => [a.count]);',
    usage: 'shipper t-number [options]\n\nOptions:\n  --count <N>',
    calls: [
      ['', [undefined]],
      ['--count 9', [9]],
      ['--count 10', refused('Cannot use --count "10": it is not between 1 and 9')],
      ['--count 1.5', refused('Cannot use --count "1.5": it is not a whole number')],
    ],
  },
  {
    code: "export const tDuration = task({ wait: duration({ default: '1m30s', help: 'how long' }) }, (a) => [a.wait]);",
    usage:
      'shipper t-duration [options]\n\nOptions:\n  --wait <DURATION>  how long (default: 1m30s)',
    calls: [
      ['', [90_000]],
      ['--wait 5s', [5000]],
      ['--wait 500ms', [500]],
      [
        '--wait soon',
        refused(
          'Cannot use --wait "soon": it is not a duration (durations are written as 30s, 5m, 1h30m)',
        ),
      ],
    ],
  },
  {
    code: 'export const tList = task({ tags: list({ alias: "t" }) }, (a) => [a.tags]);',
    usage: 'shipper t-list [options]\n\nOptions:\n  -t, --tags <TAGS>  (repeatable, or with ",")',
    calls: [
      ['', [[]]],
      ['-t a -t b,c', [['a', 'b', 'c']]],
    ],
  },
  {
    code: "export const tWholeList = task({ lines: list({ separator: '', required: true }) }, (a) => [a.lines]);",
    usage:
      'shipper t-whole-list --lines <LINES> [options]\n\nOptions:\n  --lines <LINES>  (required; repeatable)',
    calls: [
      ['--lines a,b', [['a,b']]],
      ['', refused('Cannot run shipper t-whole-list: --lines is missing')],
    ],
  },
  {
    code: 'export const tNumbers = task({ ports: list(number({ whole: true }), { default: [80, 443] }) }, (a) => [a.ports]);',
    usage:
      'shipper t-numbers [options]\n\nOptions:\n  --ports <N>  (repeatable, or with ","; default: 80, 443)',
    calls: [
      ['', [[80, 443]]],
      ['--ports 1 --ports 2', [[1, 2]]],
    ],
  },
  {
    code: 'export const tRest = task({ first: positional(), others: positional(list()) }, (a) => [a.first, a.others]);',
    usage: 'shipper t-rest FIRST [OTHERS…]',
    calls: [
      ['a', ['a', []]],
      ['a b c', ['a', ['b', 'c']]],
    ],
  },
  {
    code: "export const tOptional = task({ tag: positional({ default: 'latest' }), note: positional({ optional: true }) }, (a) => [a.tag, a.note]);",
    usage: 'shipper t-optional [TAG] [NOTE]\n\nArguments:\n  TAG  (default: latest)',
    calls: [
      ['', ['latest', undefined]],
      ['1.2 x', ['1.2', 'x']],
    ],
  },
  {
    code: 'export const tTyped = task({ count: positional(number({ min: 1 })), how: positional(choice(["up", "down"])) }, (a) => [a.count, a.how]);',
    usage: 'shipper t-typed COUNT up|down',
    calls: [
      ['2 up', [2, 'up']],
      ['0 up', refused('Cannot use COUNT "0": it is not 1 or more')],
      ['2 sideways', refused('Cannot use HOW "sideways": it is not one of up, down')],
    ],
  },
  {
    code: "export const tAlias = task({ message: option({ alias: ['m', 'msg'], required: true }) }, (a) => [a.message]);",
    usage:
      'shipper t-alias --message <MESSAGE> [options]\n\nOptions:\n  -m, --message, --msg <MESSAGE>  (required)',
    calls: [
      ['-m x', ['x']],
      ['--msg x', ['x']],
      ['--message --msg', refused('Cannot use --message: MESSAGE is missing')],
    ],
  },
  {
    code: 'export const tNo = task({ cache: flag({ default: true }), pull: option(false) }, (a) => [a.cache, a.pull]);',
    usage: 'shipper t-no [options]\n\nOptions:\n  --[no-]cache  (default: yes)\n  --[no-]pull',
    calls: [
      ['', [true, false]],
      ['--no-cache --pull', [false, true]],
    ],
  },
  {
    code: "/**\n * Notes.\n *\n * @param text what it says\n */\nexport const tDoc = task({ text: option('') }, (a) => [a.text]);",
    usage: 'shipper t-doc [options]\n\nNotes.\n\nOptions:\n  --text <TEXT>  what it says',
    calls: [
      ['', ['']],
      ['--text "', ['"']],
    ],
  },
  {
    code: 'export const tCommon = task({ service: positional() }, (a) => [a.service, a.dryRun]);',
    usage: 'shipper t-common SERVICE',
    calls: [
      ['api --hosts a,b --json --timeout 3s --parallel 2', ['api', false]],
      ['api --parallel 0', refused('Cannot use --parallel "0": it is not between 1 and 1000')],
      [
        'api --serial --parallel 2',
        refused(
          'Cannot combine --serial with --parallel: each says how many hosts are at work at once',
        ),
      ],
      [
        'api --group web',
        refused('Cannot use --group without --env: the groups are those of an environment'),
      ],
      [
        'api --timeout x',
        refused(
          'Cannot use --timeout "x": it is not a duration (durations are written as 30s, 5m, 1h30m)',
        ),
      ],
      [
        'api --progress x',
        refused('Cannot use --progress "x": it is not one of auto, tty, plain, json, quiet'),
      ],
      [
        'api --no-json',
        refused('Cannot use --no-json: shipper t-common has no such option (did you mean --json?)'),
      ],
    ],
  },
];

const folder = mkdtempSync(join(tmpdir(), 'shipper-signatures-'));
const SHIP = { name: 'the ship' };
const context = {
  ship: SHIP,
  signal: new AbortController().signal,
  dryRun: false,
  print: () => {},
};
const program = { name: 'shipper', builtIns: ['ps'], columns: 100 };
let shipfile: Shipfile;

beforeAll(async () => {
  const head =
    "import { task, positional, option, flag, list, choice, number, duration, type Shipper } from 'shipper';\n";
  writeFileSync(
    join(folder, 'shipfile.ts'),
    `${head}\n${ROWS.map(({ code }) => code).join('\n\n')}\n`,
  );
  const system = { ...nodeSystem(), cwd: folder };
  const place = await findShipfile(system, undefined);
  if (place === undefined) throw new Error('no shipfile');
  shipfile = await loadShipfile(system, place, { commands: ['ps'], options: COMMON_NAMES });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The usage text without what every task has. */
function usageOf(name: string): string {
  const node = shipfile.root.members.find(({ path }) => path[0] === name);
  if (node?.kind !== 'task') throw new Error(`no task ${name}`);
  return taskUsage(node, { program: 'shipper', columns: 100, sections: [] });
}

/** What the function returns for a command line, or how that is refused. */
async function outcome(name: string, words: string): Promise<unknown> {
  const argv = [name, ...words.split(' ').filter((word) => word !== '')];
  try {
    const call = readCall(shipfile, cutLine(argv, GLOBAL_OPTIONS), program);
    if (call.kind === 'help') return call.text;
    return await call.command.run(context, call.values);
  } catch (error) {
    if (!isShipperError(error, 'USAGE')) throw error;
    const { message, hint } = error;
    return refused(
      hint === undefined || hint.startsWith('see ') ? message : `${message} (${hint})`,
    );
  }
}

it('are forty or more', () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(40);
  expect(shipfile.root.members.length).toBe(ROWS.length);
});

describe.each(
  ROWS.map((row) => [row.code.split('\n').at(-1) ?? '', row] as const),
)('%s', (_, row) => {
  const name = /^shipper (\S+)/.exec(row.usage)?.[1] ?? '';

  it('has its usage text', () => {
    expect(usageOf(name)).toBe(`Usage: ${row.usage}\n`);
  });

  it.each(row.calls)('%j', async (words, comesTo) => {
    expect(await outcome(name, words)).toEqual(comesTo);
  });
});
