// action.yml: its script is run as GitHub Actions runs it, and its outputs are those that the program leaves.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { flattenOutputs } from '../src/report/ci.ts';
import { rolloutOutputs } from '../src/report/rollout-ci.ts';
import { shipOutputs } from '../src/report/ship-ci.ts';
import { rolloutReport } from './report/rollout-samples.ts';
import { flattenReport } from './report/samples.ts';
import { shipReport } from './report/ship-samples.ts';

const ACTION = parse(
  readFileSync(fileURLToPath(new URL('../action.yml', import.meta.url)), 'utf8'),
);
const [step] = ACTION.runs.steps;
const temp = mkdtempSync(join(tmpdir(), 'shipper-action-'));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

/** The words that the program is called with. */
function wordsOf(command: string, lines: string): string[] {
  mkdirSync(join(temp, 'dist'), { recursive: true });
  writeFileSync(join(temp, 'dist/bin.js'), 'console.log(JSON.stringify(process.argv.slice(2)))');
  const env = {
    PATH: process.env['PATH'],
    SHIPPER_ACTION_PATH: temp,
    SHIPPER_ACTION_COMMAND: command,
    SHIPPER_ACTION_ARGUMENTS: lines,
  };
  const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run];
  return JSON.parse(execFileSync('bash', args, { env, cwd: temp, encoding: 'utf8' }));
}

describe('the action', () => {
  it('calls the program with one word for each line, whatever is in it', () => {
    expect(wordsOf('ship', '')).toEqual(['ship']);
    expect(wordsOf('ship', 'web\n--report\nship.json\n')).toEqual([
      'ship',
      'web',
      '--report',
      'ship.json',
    ]);
    const nasty = 'a b; $(touch x) `y` "z" \'w\' $HOME *';
    expect(wordsOf('flatten', `${nasty}\n\n-t\n\\n`)).toEqual(['flatten', nasty, '-t', '\\n']);
  });

  it('gives no input to a shell', () => {
    expect(step.run).not.toContain('${{');
    expect(Object.keys(ACTION.inputs).sort()).toEqual([
      'arguments',
      'command',
      'working-directory',
    ]);
  });

  it('has the outputs that the program leaves', () => {
    const left = [
      ...Object.keys(shipOutputs(shipReport(), 'ship.json')),
      ...Object.keys(flattenOutputs(flattenReport())),
      ...Object.keys(rolloutOutputs(rolloutReport())),
    ];
    expect(Object.keys(ACTION.outputs).sort()).toEqual([...new Set(left)].sort());
    for (const [name, { value }] of Object.entries<{ value: string }>(ACTION.outputs)) {
      expect(value).toBe(`\${{ steps.run.outputs.${name} }}`);
    }
  });
});
