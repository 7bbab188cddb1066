// Help texts as files: what a person reads, word for word. `npx vitest run -u test/cli/help.test.ts` writes them anew.
import { describe, expect, it } from 'vitest';
import { runLine } from './terminal.ts';

const VERBS = [
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
  'doctor',
  'ensure',
  'watch',
  'logs',
  'exec',
  'run',
  'wait',
  'pull',
  'init',
  'schema',
  'docker-plugin',
  'completion',
];

describe('help', () => {
  it.each(VERBS)('of %s', async (verb) => {
    const { out, err, code } = await runLine(['help', verb]);
    await expect(out).toMatchFileSnapshot(`help/${verb}.txt`);
    expect([err, code]).toEqual(['', 0]);
    for (const line of [
      [verb, '--help'],
      [verb, '-h'],
    ]) {
      expect((await runLine(line)).out).toBe(out);
    }
  });

  it('of the program, by itself, on request and for no command', async () => {
    const { out, code } = await runLine([]);
    await expect(out).toMatchFileSnapshot('help/shipper.txt');
    expect(code).toBe(0);
    for (const line of [['help'], ['--help'], ['-h']]) {
      expect((await runLine(line)).out).toBe(out);
    }
  });

  it('is no wider than 100 columns', async () => {
    for (const verb of VERBS) {
      const { out } = await runLine(['help', verb]);
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    }
  });
});
