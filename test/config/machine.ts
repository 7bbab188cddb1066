// A machine for configuration tests: files in a map, programs that are functions.
import { dirname, join } from 'node:path';
import type { LoadOptions } from '../../src/config/load.ts';
import { loadProject } from '../../src/config/load.ts';
import type { Project } from '../../src/config/types.ts';
import type { Problem } from '../../src/core/errors.ts';
import { isShipperError, ShipperError } from '../../src/core/errors.ts';
import type { Files, Ran, System, WritableFile } from '../../src/system/system.ts';
import { terminal } from '../cli/terminal.ts';

/** What a test may set. */
export interface MachineOptions {
  /** By absolute path; folders are those that files lie in. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What a program says; by default git has one commit on `main`, and nothing else is there. */
  readonly run?: (command: string, args: readonly string[]) => Ran | ShipperError;
}

/** A machine, and the programs that were run on it. */
export interface Machine {
  readonly system: System;
  readonly files: Map<string, Uint8Array>;
  readonly ran: string[];
}

export const SHA = '0123456789abcdef0123456789abcdef01234567';

/** Git with one commit, on a branch. */
export function git(args: readonly string[], branch = 'main'): Ran {
  const said = (stdout: string): Ran => ({ code: 0, stdout: `${stdout}\n`, stderr: '' });
  const words = args.slice(2).join(' ');
  if (words === 'rev-parse --verify HEAD') return said(SHA);
  if (words.startsWith('rev-parse --short=12')) return said(SHA.slice(0, 12));
  if (words.startsWith('symbolic-ref')) return said(branch);
  if (words.startsWith('status')) return said(' M file');
  return { code: 128, stdout: '', stderr: `fatal: no ${words}\n` };
}

/** Makes a machine. */
export function machine({
  files = {},
  env = {},
  cwd = '/work',
  run,
}: MachineOptions = {}): Machine {
  const content = new Map(
    Object.entries(files).map(([path, data]) => [path, Buffer.from(data)] as const),
  );
  const ran: string[] = [];
  const base = terminal({ env }).system;
  const system: System = {
    ...base,
    cwd,
    files: mapFiles(content, base.files),
    async run(command, args) {
      ran.push([command, ...args].join(' '));
      const answer =
        run?.(command, args) ??
        (command === 'git'
          ? git(args)
          : new ShipperError('NOT_FOUND', `Cannot run ${command}: there is no such program`));
      if (answer instanceof ShipperError) throw answer;
      return answer;
    },
  };
  return { system, files: content, ran };
}

function mapFiles(content: Map<string, Uint8Array>, base: Files): Files {
  const folders = () => {
    const found = new Set<string>(['/', '/work']);
    for (const path of content.keys()) {
      for (let at = dirname(path); at !== '/'; at = dirname(at)) found.add(at);
    }
    return found;
  };
  const stat: Files['stat'] = async (path) => {
    const data = content.get(path);
    if (data === undefined && !folders().has(path)) return undefined;
    const kind = data === undefined ? 'directory' : 'file';
    return { kind, size: data?.length ?? 0, version: '1', mtimeMs: 0 };
  };
  return {
    ...base,
    stat,
    lstat: stat,
    async list(path) {
      const all = [...content.keys(), ...folders()].filter((each) => dirname(each) === path);
      return [...new Set(all)].map((each) => each.slice(join(path, '/').length)).filter(Boolean);
    },
    async read(path, maxBytes) {
      const data = content.get(path);
      if (data === undefined)
        throw new ShipperError('NOT_FOUND', `Cannot read ${path}: it is not there`);
      if (data.length <= maxBytes) return data;
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot read ${path}: it has more than ${maxBytes} bytes`,
      );
    },
    async create(path) {
      content.set(path, new Uint8Array());
      const file: Partial<WritableFile> = {
        async write(bytes) {
          content.set(path, bytes);
        },
        close: async () => {},
      };
      return file as WritableFile;
    },
  };
}

/** Loads `text` as /work/shipper.yaml. */
export function load(
  text: string | Uint8Array,
  { options, ...rest }: MachineOptions & { readonly options?: LoadOptions } = {},
): Promise<Project> {
  const files = { '/work/shipper.yaml': text, ...rest.files };
  return loadProject(machine({ ...rest, files }).system, options);
}

/** The problems of `text`, as `LINE:COLUMN: MESSAGE (HINT)`; with the file in front where it is another one. */
export async function problemsOf(
  text: string | Uint8Array,
  options: MachineOptions & { readonly options?: LoadOptions } = {},
): Promise<readonly string[]> {
  try {
    await load(text, options);
    return [];
  } catch (error) {
    if (!isShipperError(error, 'BAD_CONFIG')) throw error;
    return (error.details.problems ?? []).map(line);
  }
}

function line({ file, line: row, column, message, hint }: Problem): string {
  const where = file === 'shipper.yaml' ? '' : `${file}:`;
  return `${where}${row}:${column}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}
