// Tasks as they run: their values and context, hooks, calls of other tasks, what fails, and the exit code.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { folderWith, runIn } from './folder.ts';

const HEAD = "import { task, positional, option, flag } from 'shipper';\n";

/** Results as class Shipper gives them. */
function results(...hosts: readonly (readonly [host: string, ok: boolean])[]) {
  const all = hosts.map(([host, ok]) =>
    ok
      ? { host, ok, value: 'done' }
      : { host, ok, error: new ShipperError('ENGINE', `Cannot stop x on ${host}: no`) },
  );
  const isOk = all.every(({ ok }) => ok);
  return {
    results: all,
    ok: isOk,
    orThrow() {
      if (!isOk) throw new ShipperError('PARTIAL', 'Cannot do it everywhere: s2: no');
      return all;
    },
    toJSON: () => all.map(({ host, ok }) => ({ host, ok })),
  };
}

describe('a task', () => {
  it('gets the ship that the options choose', async () => {
    const folder = folderWith({
      'shipfile.ts': 'export function who(ship: { name: string }) { return ship.name; }',
    });
    const ship = { name: 'mine' };
    const line =
      'who --env staging --hosts s1,s2 --hosts s3 --group web --parallel 4 --config x.yaml --dry-run';
    const { code, out, choices } = await runIn(folder, line.split(' '), { ship });
    expect([code, out]).toEqual([0, 'mine\n']);
    const { system: _, signal: __, report: ___, ...choice } = choices[0] ?? ({} as never);
    expect(choice).toEqual({
      environment: 'staging',
      hosts: ['s1', 's2', 's3'],
      group: 'web',
      parallel: 4,
      config: 'x.yaml',
      dryRun: true,
    });
    const serial = await runIn(folder, ['who', '--serial'], { ship });
    expect(serial.choices[0]).toMatchObject({ parallel: 1, dryRun: false });
    expect(serial.choices[0]).not.toHaveProperty('hosts');
  });

  it('prints what it returns, and as JSON under its name', async () => {
    const folder = folderWith({
      'shipfile.ts': `${HEAD}export const say = task({ n: option(1) }, ({ n, print, dryRun }) => { print('line ' + n); return { n, dryRun }; });
export const quiet = task({}, () => undefined);`,
    });
    expect(await runIn(folder, ['say', '--n', '2'])).toMatchObject({
      out: 'line 2\n{\n  "n": 2,\n  "dryRun": false\n}\n',
      err: '',
    });
    const { out, err } = await runIn(folder, ['--json', 'say', '--dry-run']);
    expect(JSON.parse(out)).toEqual({ task: 'say', ok: true, result: { n: 1, dryRun: true } });
    expect(err).toBe('line 1\n');
    expect(await runIn(folder, ['quiet'])).toMatchObject({ code: 0, out: '' });
    expect((await runIn(folder, ['quiet', '--json'])).out).toContain('"result": null');
    expect((await runIn(folder, ['say', '-q'])).out).toBe('line 1\n');
  });

  it('calls other tasks, each once per run and with the same values', async () => {
    const folder = folderWith({
      'shipfile.ts': `${HEAD}const log: string[] = [];
export const make = task({ tag: option('x') }, async ({ tag }) => { log.push('make ' + tag); return tag; });
export const send = task({ tag: option('x') }, async ({ ship, tag }) => { await make({ ship, tag }); log.push('send ' + tag); });
export const all = task({}, async ({ ship }) => {
  await Promise.all([make({ ship }), send({ ship }), send({ ship, tag: 'y' }), make({ ship, tag: 'x' })]);
  await send({ ship });
  return log.join(', ');
});`,
    });
    expect((await runIn(folder, ['all'])).out).toBe('make x, make y, send x, send y\n');
  });

  it('is refused where it would wait for itself', async () => {
    const folder = folderWith({
      'shipfile.ts': `${HEAD}export const a = task({}, async ({ ship }): Promise<void> => { await b({ ship }); });
export const b = task({}, async ({ ship }): Promise<void> => { await a({ ship }); });`,
    });
    const { code, err } = await runIn(folder, ['a']);
    expect(code).toBe(2);
    expect(err).toContain(
      'Cannot run the task: it waits for itself through the tasks that it calls (shipfile.ts:',
    );
  });

  it('tells a wrong call in the file of the user', async () => {
    const folder = folderWith({
      'shipfile.ts': `${HEAD}const a = task({ service: positional() }, () => 1);
export const b = task({}, async ({ ship }) => {
  await a({ ship } as never);
});`,
    });
    const { code, err } = await runIn(folder, ['b']);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^shipper: Cannot finish b: Cannot call the task: service is missing \(shipfile\.ts:4:\d+\)\n/,
    );
    expect(err).toContain('  | > 4 |   await a({ ship } as never);\n');
  });
});

describe('hooks', () => {
  const TEXT = `${HEAD}const log: string[] = [];
const login = task({}, () => { log.push('login'); });
const tidy = ({ print }) => { log.push('tidy'); print(log.join(' ')); };
export const before = () => { log.push('before'); };
export const after = ({ print }) => { log.push('after'); print(log.join(' ')); };
export const inner = task({}, () => { log.push('inner'); }, { before: [login] });
export const good = task({}, async ({ ship }) => { await inner({ ship }); log.push('good'); }, { before: [login], after: [tidy] });
export const bad = task({}, () => { throw new Error('no'); }, { after: [tidy, () => { throw new Error('later'); }] });
export const never = task({}, () => { log.push('never'); }, { before: [() => { throw new Error('first'); }], after: [tidy] });`;

  async function logged(name: string) {
    const { code, out, err } = await runIn(folderWith({ 'shipfile.ts': TEXT }), [name]);
    return { code, err, lines: out.split('\n').slice(0, -1) };
  }

  it('run around a task, those of the file around all, each once', async () => {
    const { code, lines, err } = await logged('good');
    expect([code, err]).toEqual([0, '']);
    expect(lines).toEqual(['before login inner good tidy', 'before login inner good tidy after']);
  });

  it('run after it also where it failed, which is what is told', async () => {
    const { code, lines, err } = await logged('bad');
    expect(code).toBe(1);
    expect(err).toContain('Cannot finish bad: no (shipfile.ts:9:');
    expect(lines).toEqual(['before tidy', 'before tidy after']);
  });

  it('keep it from running where one before it failed', async () => {
    const { code, lines, err } = await logged('never');
    expect(code).toBe(1);
    expect(err).toContain('Cannot finish never: first');
    expect(lines).toEqual(['before tidy', 'before tidy after']);
  });
});

describe('hosts that failed', () => {
  const folder = folderWith({
    'shipfile.ts': `export async function halt(ship: { stop(): Promise<unknown> }) { await ship.stop(); return 'went on'; }
export async function see(ship: { stop(): Promise<unknown> }) { return ship.stop(); }`,
  });
  const mixed = { stop: async () => results(['s1', true], ['s2', false]) };
  const none = { stop: async () => results(['s1', false]) };
  const fine = { stop: async () => results(['s1', true]) };

  it('end the task, with a line of each', async () => {
    const { code, out, err } = await runIn(folder, ['halt'], { ship: mixed });
    expect([code, out]).toEqual([3, '']);
    expect(err).toMatch(/^shipper: Cannot do it everywhere: s2: no \(shipfile\.ts:1:\d+\)\n/);
  });

  it('do not with --keep-going; the exit code tells', async () => {
    expect(await runIn(folder, ['halt', '--keep-going'], { ship: mixed })).toMatchObject({
      code: 3,
      out: 'went on\n',
    });
    expect(await runIn(folder, ['halt', '--keep-going'], { ship: none })).toMatchObject({
      code: 1,
    });
    expect(await runIn(folder, ['halt', '--keep-going'], { ship: fine })).toMatchObject({
      code: 0,
    });
  });

  it('stand beside those that worked', async () => {
    const { code, out } = await runIn(folder, ['see', '--keep-going'], { ship: mixed });
    expect([code, out]).toEqual([3, 's1: done\ns2: Cannot stop x on s2: no\n']);
    const json = await runIn(folder, ['see', '--keep-going', '--json'], { ship: mixed });
    expect(JSON.parse(json.out)).toEqual({
      task: 'see',
      ok: false,
      result: [
        { host: 's1', ok: true },
        { host: 's2', ok: false },
      ],
    });
  });
});

describe('what a task throws', () => {
  it.each([
    [
      'throw new ShipperError("POLICY", "Cannot go on: not today")',
      4,
      'Cannot go on: not today (shipfile.ts:2:',
    ],
    ['throw new ShipperError("LOCKED", "Cannot go on: busy", { hint: "wait" })', 5, 'hint: wait'],
    ['throw "text"', 1, 'Cannot finish fail: text\n'],
    ['throw new Error("")', 1, 'Cannot finish fail: it failed without a message (shipfile.ts:2:'],
    [
      '(undefined as never as string).length',
      1,
      'Cannot finish fail: Cannot read properties of undefined',
    ],
    ['throw new Error("one\\n  two\\u001b[31m")', 1, 'Cannot finish fail: one (shipfile.ts:2:'],
  ])('%s', async (text, expected, message) => {
    const folder = folderWith({
      'shipfile.ts': `import { ShipperError } from 'shipper';\nexport async function fail() { ${text}; }\nexport { ShipperError as _e };`,
    });
    const { code, err } = await runIn(folder, ['fail']);
    expect(code).toBe(expected);
    expect(err).toContain(message);
    expect(err).not.toMatch(/^\s+at /m);
    const debug = await runIn(folder, ['fail', '--debug']);
    expect(debug.err).toMatch(/^\s+at /m);
  });
});
