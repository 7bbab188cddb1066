// Small texts: `.env` files, words of a command line, templates.
import { describe, expect, it } from 'vitest';
import { parseDotenv } from '../../src/config/dotenv.ts';
import { loadProject } from '../../src/config/load.ts';
import { parseTemplate } from '../../src/config/template.ts';
import { dockerBytes, durationMs, exactBytes, shellWords } from '../../src/config/units.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { machine } from './machine.ts';

describe('parseDotenv()', () => {
  const outside: Readonly<Record<string, string>> = { HOME: '/root', EMPTY: '' };
  const reading = (onMissing?: (name: string) => void) => ({
    path: 'a.env',
    variable: (name: string) => outside[name],
    earlier: new Map([['OLD', 'old']]),
    ...(onMissing === undefined ? {} : { onMissing }),
  });

  it.each([
    ['A=b', { A: 'b' }],
    ['export A = b c # d', { A: 'b c' }],
    ['A=\'b # c\'\r\nB="x\\n\\"y\\""', { A: 'b # c', B: 'x\n"y"' }],
    ['A=b#c', { A: 'b#c' }],
    ['A=\nB: x\n# C=d\nnot a line\nA=2', { A: '2', B: 'x' }],
    ['\uFEFFA=1\nB=$A/${A}\nC="<$B>"\nD=\'$B\'', { A: '1', B: '1/1', C: '<1/1>', D: '$B' }],
    ['A=$HOME\nB=${NONE}x${NONE:-y}${EMPTY:-z}${HOME:+w}', { A: '/root', B: 'xyzw' }],
    ['A=$$x\nB="\\$HOME"\nC={date} {{.Name}}', { A: '$x', B: '$HOME', C: '{date} {{.Name}}' }],
    ['HOME\n  export EMPTY\nNONE\n', { HOME: '/root', EMPTY: '' }],
    ['HOME=/tmp\nA=$HOME', { HOME: '/tmp', A: '/root' }],
    ['A="1\nHOME\n2"', { A: '1\nHOME\n2' }],
    ['A=$OLD', { A: 'old' }],
  ])('%j', (text, expected) => {
    expect(Object.fromEntries(parseDotenv(text, reading()))).toEqual(expected);
  });

  it.each([
    ['A=1\nB=cost $1', 2, '"$" begins no variable'],
    ['A=${X', 1, '"${X" is not closed'],
    ['\n\nA=${X:?say which}', 3, 'the variable X is not set: say which'],
  ])('refuses %j with its line', (text, line, fault) => {
    expect(() => parseDotenv(text, reading())).toThrow(
      expect.objectContaining({
        code: 'BAD_CONFIG',
        message: `Cannot read a.env: line ${line}: ${fault}`,
        details: expect.objectContaining({
          problems: [expect.objectContaining({ file: 'a.env', line })],
        }),
      }),
    );
  });

  it('tells of variables that nobody has', () => {
    const names: string[] = [];
    parseDotenv(
      'A=$X$Y${Z:-}',
      reading((name) => names.push(name)),
    );
    expect(names).toEqual(['X', 'Y']);
  });

  it('does not take long over blanks', () => {
    const text = `A=b${' '.repeat(300_000)}c`;
    expect(parseDotenv(text, reading()).get('A')).toMatch(/^b +c$/);
    expect(parseDotenv(' '.repeat(300_000), reading()).size).toBe(0);
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
