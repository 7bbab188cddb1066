// The built program as a process: once, for what only a process can show. `npm test` builds it first.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../src/cli/version.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = `${ROOT}/dist/bin.js`;

describe('VERSION', () => {
  it('is that of package.json', () => {
    const manifest = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
    expect(VERSION).toBe(manifest.version);
  });
});

describe.runIf(existsSync(BIN))('dist/bin.js', () => {
  const run = (...argv: string[]) =>
    spawnSync(process.execPath, [BIN, ...argv], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  it('prints the version and loads nothing for it', () => {
    expect(run('--version')).toMatchObject({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
    // One step to the bundle, and in it nothing but constants before the answer.
    expect(readFileSync(BIN, 'utf8').match(/^import .*$/gm)).toEqual([
      "import './command/bin.js';",
    ]);
    const bundled = readFileSync(`${ROOT}/dist/command/bin.js`, 'utf8');
    for (const line of bundled.match(/^import .*$/gm) ?? []) {
      expect(line).toMatch(/\.\/(?:version|uncaught)-/);
    }
  });

  it.runIf(existsSync('/dev/full'))('says where the version cannot be written', () => {
    const stdout = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [BIN, '--version'], {
      encoding: 'utf8',
      stdio: ['ignore', stdout, 'pipe'],
    });
    closeSync(stdout);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^shipper: Cannot write to stdout: ENOSPC.*\n$/);
  });

  it('sets the exit code', () => {
    const { status, stdout, stderr } = run('flaten');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('did you mean flatten?');
  });
});
