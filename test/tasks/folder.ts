// Folders with shipfiles, and the program run in them: real files and modules, captured streams, a ship that is made by the test.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { MakeShip, ShipChoice } from '../../src/cli/tasks/run-task.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';

/** What a command line did. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What the ships were made of. */
  readonly choices: readonly ShipChoice[];
}

/** How it is run. */
export interface RunSettings {
  /** Below the folder. */
  readonly cwd?: string;
  readonly ship?: object;
  readonly env?: Readonly<Record<string, string>>;
}

/** Makes a folder with `files` that is the root of a repository; it goes with the test, or the tests around, that made it. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'shipper-tasks-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    onTestFinished(remove);
  } catch {
    // It is made for all tests of a file or group.
    afterAll(remove);
  }
  mkdirSync(join(folder, '.git'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Runs `argv` in `folder`. */
export async function runIn(
  folder: string,
  argv: readonly string[],
  { cwd = '', ship = {}, env = {} }: RunSettings = {},
): Promise<Ran> {
  const choices: ShipChoice[] = [];
  const makeShip: MakeShip = async (choice) => {
    choices.push(choice);
    return ship;
  };
  const { system, text } = captured(join(folder, cwd), env);
  const code = await main(argv, system, undefined, undefined, makeShip);
  return { code, out: text.out, err: text.err, choices };
}

/** The real machine in `cwd`, with captured streams. */
export function captured(
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): { readonly system: System; readonly text: { out: string; err: string } } {
  const text = { out: '', err: '' };
  const real = nodeSystem();
  const stdio: System['stdio'] = {
    ...real.stdio,
    stdinIsTTY: false,
    stdoutIsTTY: false,
    stderrIsTTY: false,
    columns: () => 100,
    writeOut: async (bytes) => {
      text.out += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();
    },
    writeErr: (more) => {
      text.err += more;
    },
  };
  return { system: { ...real, cwd, env, stdio }, text };
}
