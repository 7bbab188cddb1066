// Completion scripts: run in the real shells that are here, read elsewhere.
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createProgram, programShape } from '../../src/cli/program.ts';
import { runLine } from './terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

function isHere(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

async function scriptOf(shell: string): Promise<string> {
  const { code, out, err } = await runLine(['completion', shell]);
  expect([code, err]).toEqual([0, '']);
  return out;
}

describe('programShape()', () => {
  it('names every command and option that commander knows', () => {
    const program = createProgram({ print: () => {}, helpColumns: 80, start: async () => {} });
    const { commands, options } = programShape();
    expect(commands.map(({ name }) => name)).toEqual(program.commands.map((c) => c.name()));
    const flags = (all: readonly { short?: string | undefined; long?: string | undefined }[]) =>
      all.flatMap(({ short, long }) => [short, long]).filter((name) => name !== undefined);
    const known = [...flags(program.options), '-h', '--help'];
    expect(options.flatMap(({ names }) => names).sort()).toEqual(known.sort());
    for (const [index, command] of commands.entries()) {
      const names = command.options.flatMap((option) => option.names);
      expect(names).toEqual(flags(program.commands[index]?.options ?? []));
    }
  });
});

describe.each(SHELLS)('completion %s', (shell) => {
  it('names every option', async () => {
    const script = await scriptOf(shell);
    for (const { options } of programShape().commands) {
      for (const { names } of options) {
        const long = names.at(-1) ?? '';
        expect(script).toContain(shell === 'fish' ? `-l ${long.slice(2)} ` : long);
      }
    }
  });

  it.runIf(isHere(shell))('is a script that the shell takes', async () => {
    const input = await scriptOf(shell);
    // Through a pipe: what Node gives is a socket, which fish takes for a folder.
    const pipe = ['-c', `cat | ${shell} -n`];
    const { status, stderr } = spawnSync('sh', pipe, { input, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});

describe.runIf(isHere('bash'))('in bash', () => {
  /** What Tab offers after `line`, cut into words as readline does. */
  async function offered(line: string): Promise<string[]> {
    const words = line.split(/ +|(?<=[=:])|(?=[=:])/);
    const setUp = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_shipper
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const input = `${await scriptOf('bash')}\n${setUp}\n`;
    const out = execFileSync('bash', ['--norc', '-u'], { input, encoding: 'utf8', cwd: '/' });
    return out.split('\n').filter((word) => word !== '');
  }

  it.each([
    [
      'shipper ',
      [
        'flatten',
        'verify',
        'inspect',
        'copy',
        'tag',
        'ship',
        'build',
        'push',
        'rollout',
        'rollback',
        'resume',
        'status',
        'history',
        'unlock',
        'move',
        'prune',
        'ps',
        'top',
        'start',
        'stop',
        'restart',
        'ensure',
        'watch',
        'logs',
        'exec',
        'run',
        'wait',
        'pull',
        'init',
        'doctor',
        'schema',
        'docker-plugin',
        'completion',
        'help',
      ],
    ],
    ['shipper f', ['flatten']],
    ['shipper -C / --json ver', ['verify']],
    ['shipper --progress p', ['plain']],
    ['shipper --progress=q', ['quiet']],
    ['shipper flatten --his', ['--history']],
    ['shipper flatten --dr', ['--dry-run']],
    ['shipper flatten x --history ', ['summary', 'keep', 'none']],
    ['shipper flatten x --history=k', ['keep']],
    ['shipper flatten x --whiteouts o', ['oci', 'overlay']],
    ['shipper verify x --whiteouts a', ['auto']],
    ['shipper flatten x --compression z', ['zstd']],
    ['shipper flatten x --color ', ['auto', 'always', 'never']],
    ['shipper flatten docker-d', ['docker-daemon:']],
    ['shipper flatten docker-archive:x', []],
    ['shipper flatten -t oci', ['oci:', 'oci-archive:']],
    ['shipper verify docker-daemon:a oci-', ['oci-archive:']],
    ['shipper inspect --tag', []],
    ['shipper completion ', ['bash', 'zsh', 'fish']],
    ['shipper help i', ['inspect', 'init']],
    ['shipper flatten --jobs ', []],
    ['shipper -C /us', ['/usr']],
  ])('Tab after %j offers %j', async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });
});
