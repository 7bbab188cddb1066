// Files of tasks that are programs by themselves: started by node, from the built package.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { isAll } from '../support/amount.ts';
import { folderWith } from './folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const TEXT = `// Operations of the shop.

import { cli, positional, task } from 'shipper';

/** Says hi. */
export const hello = task({ name: positional() }, ({ name }) => 'hi ' + name);
/** Fails. */
export async function fail() {
  throw new Error('boom');
}
export default function all(ship, times = 1) {
  return 'all ' + times;
}
cli(import.meta);
`;

function program(name: string): string {
  const folder = folderWith({
    [name]: TEXT,
    'other.mjs': `export { hello } from './${name}'; import './${name}'; console.log('imported');`,
    'package.json': '{ "type": "module" }',
  });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/shipper'));
  return join(folder, name);
}

function run(file: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: join(file, '..'),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** Whether this Node runs TypeScript by itself. */
const strips = Boolean(Reflect.get(process.features, 'typescript'));
const NAMES = strips ? ['ops.mjs', 'ops.ts'] : ['ops.mjs'];

describe.runIf(isAll()).each(NAMES)('cli(import.meta) in %s', (name) => {
  let file: string;
  beforeAll(() => {
    file = program(name);
  });

  it('makes it a command line', () => {
    expect(run(file, 'hello', 'you')).toEqual({ status: 0, stdout: 'hi you\n', stderr: '' });
    expect(run(file, '--times', '3')).toEqual({ status: 0, stdout: 'all 3\n', stderr: '' });
    expect(run(file, '--help').stdout).toMatch(
      new RegExp(
        `^Usage: ${name} \\[options\\]\\nUsage: ${name} COMMAND …\\n\\nOperations of the shop\\.\\n\\nCommands:\\n  hello +Says hi\\.\\n  fail +Fails\\.\\n`,
      ),
    );
  });

  it('tells failures in it', () => {
    const { status, stdout, stderr } = run(file, 'fail');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`shipper: Cannot finish fail: boom (${name}:9:9)\n`);
    expect(run(file, 'helo')).toMatchObject({ status: 2 });
  });

  it('does nothing where it is imported', () => {
    expect(run(join(file, '../other.mjs'), 'hello', 'x')).toEqual({
      status: 0,
      stdout: 'imported\n',
      stderr: '',
    });
    const bin = join(ROOT, 'dist/bin.js');
    expect(existsSync(bin)).toBe(true);
    const out = execFileSync(process.execPath, [bin, '-f', file, 'hello', 'me'], {
      encoding: 'utf8',
    });
    expect(out).toBe('hi me\n');
  });
});
