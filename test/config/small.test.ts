// Small texts: `.env` files, words of a command line, templates.
import { describe, expect, it } from 'vitest';
import { parseDotenv } from '../../src/config/dotenv.ts';
import { loadProject } from '../../src/config/load.ts';
import { parseTemplate } from '../../src/config/template.ts';
import { dockerBytes, durationMs, exactBytes, shellWords } from '../../src/config/units.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { machine } from './machine.ts';

describe('parseDotenv()', () => {
  it.each([
    ['A=b', { A: 'b' }],
    ['export A = b c # d', { A: 'b c' }],
    ['A=\'b # c\'\r\nB="x\\n\\"y\\""', { A: 'b # c', B: 'x\n"y"' }],
    ['A=b#c', { A: 'b#c' }],
    ['A=\nB: x\n# C=d\nnot a line\nA=2', { A: '2', B: 'x' }],
  ])('%j', (text, expected) => {
    expect(Object.fromEntries(parseDotenv(text))).toEqual(expected);
  });

  it('does not take long over blanks', () => {
    expect(parseDotenv(`A=b${' '.repeat(300_000)}c`).get('A')).toMatch(/^b +c$/);
  });
});

describe('shellWords()', () => {
  it.each([
    ['', []],
    ['  a  b ', ['a', 'b']],
    [`sh -c "echo 'x' \\"y\\" \\$z"`, ['sh', '-c', `echo 'x' "y" $z`]],
    ["a'b c'd ''", ['ab cd', '']],
    ['a\\ b \\n', ['a b', 'n']],
    ["a 'b", undefined],
    ['a "b', undefined],
    ['a \\', undefined],
  ])('%j', (text, expected) => {
    expect(shellWords(text)).toEqual(expected);
  });
});

describe('numbers', () => {
  it('of durations', () => {
    const texts = ['0', '1m30s', '500ms', '1.5h', '1d', '10us'];
    expect(texts.map(durationMs)).toEqual([0, 90_000, 500, 5_400_000, 86_400_000, 0]);
  });

  it('of sizes: docker counts by 1024, the command line by what is written', () => {
    expect(['64m', '1.5gb', '2GiB', '10', '1k'].map(dockerBytes)).toEqual([
      67_108_864, 1_610_612_736, 2_147_483_648, 10, 1024,
    ]);
    expect(['10MB', '1.5GiB', '500000', '7 kB', '3B'].map(exactBytes)).toEqual([
      10_000_000, 1_610_612_736, 500_000, 7000, 3,
    ]);
  });
});

describe('parseTemplate()', () => {
  it('costs nothing where there is nothing to put in', () => {
    for (const text of ['', 'plain', '{x} {{y}}', '{git}', '}']) {
      expect(parseTemplate(text)).toBeUndefined();
    }
  });

  it('divides', () => {
    expect(parseTemplate('a${B:-c{date}}d$$')).toEqual([
      { kind: 'text', text: 'a' },
      {
        kind: 'variable',
        name: 'B',
        operator: '-',
        emptyIsUnset: true,
        operand: [
          { kind: 'text', text: 'c' },
          { kind: 'fact', name: 'date' },
        ],
      },
      { kind: 'text', text: 'd$' },
    ]);
  });

  it('has an end', () => {
    const deep = `${'${A:-'.repeat(30)}x${'}'.repeat(30)}`;
    expect(parseTemplate(deep)).toEqual({ fault: 'defaults are nested too deep' });
  });
});

describe('a run that is cancelled', () => {
  it.each(['git', 'docker'])('while %s is asked stays cancelled', async (program) => {
    const text = 'include: [a.hcl]\nimages: { a: { context: ., tags: ["{git.sha}"] } }';
    const { system } = machine({
      files: { '/work/shipper.yaml': text, '/work/a.hcl': '' },
      run: (command) =>
        command === program
          ? new ShipperError('INTERRUPTED', 'Cannot go on: cancelled')
          : { code: 0, stdout: '{}', stderr: '' },
    });
    await expect(loadProject(system)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
