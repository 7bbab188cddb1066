// `shipper init` and `shipper schema`, and how the mistakes of a configuration are told.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { runLine } from './terminal.ts';

const NEXT = 'Next: shipper ship --dry-run, which shows what would be done\n';

describe('shipper init', () => {
  it('says what it wrote, for people, scripts and programs', async () => {
    const { out, code, terminal } = await runLine(['init']);
    expect([out, code]).toEqual([`shipper.yaml is written: images: api, base\n${NEXT}`, 0]);
    expect(terminal.calls).toEqual([['writeConfig', '/work']]);
    expect((await runLine(['-C', 'inner', 'init', '-q'])).out).toBe('/work/inner/shipper.yaml\n');
    const { out: json } = await runLine(['init', '--json']);
    expect(JSON.parse(json)).toEqual({
      file: '/work/shipper.yaml',
      images: ['api', 'base'],
      included: [],
    });
  });

  it('says what it found not', async () => {
    const found = async (images: string[], included: string[]) => {
      const report = { file: '/work/shipper.yaml', images, included };
      const operations = { writeConfig: async () => report };
      return (await runLine(['init'], { operations })).out;
    };
    expect(await found([], [])).toBe(
      'shipper.yaml is written: no Dockerfile was found: see its comments\n',
    );
    expect(await found(['a'], ['compose.yaml'])).toBe(
      `shipper.yaml is written: images: a; includes compose.yaml\n${NEXT}`,
    );
  });
});

describe('shipper schema', () => {
  it('prints it', async () => {
    const operations = { configSchema: async () => '{"title": "x"}\n' };
    expect(await runLine(['schema'], { operations })).toMatchObject({
      out: '{"title": "x"}\n',
      err: '',
      code: 0,
    });
  });
});

describe('mistakes of a configuration', () => {
  const problems = [
    {
      file: 'shipper.yaml',
      line: 3,
      column: 5,
      message: 'the key "contxt" is not known',
      hint: 'did you mean context?',
    },
    { file: 'a,b.yaml', line: 9, column: 1, message: 'pull must be 100% \u001b[31mtrue' },
  ];
  const failing = (count: number) => ({
    writeConfig: async () => {
      throw new ShipperError(
        'BAD_CONFIG',
        'Cannot use shipper.yaml:3:5: the key "contxt" is not known',
        {
          problems: problems.slice(0, count),
          hint: 'did you mean context?',
        },
      );
    },
  });

  it('one is one line and its hint', async () => {
    const { err, code } = await runLine(['init'], { operations: failing(1) });
    expect([err, code]).toEqual([
      'shipper: Cannot use shipper.yaml:3:5: the key "contxt" is not known\n  hint: did you mean context?\n',
      2,
    ]);
  });

  it('several are one line each, safe for a terminal', async () => {
    const { err } = await runLine(['init'], { operations: failing(2) });
    expect(err.split('\n')).toEqual([
      'shipper: Cannot use shipper.yaml:3:5: the key "contxt" is not known',
      '  shipper.yaml:3:5: the key "contxt" is not known (did you mean context?)',
      '  a,b.yaml:9:1: pull must be 100% \\x1b[31mtrue',
      '',
    ]);
  });

  it('are all part of --json, and annotations at their places on GitHub', async () => {
    const { out } = await runLine(['init', '--json'], { operations: failing(2) });
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'BAD_CONFIG', details: { problems } } });
    const env = { GITHUB_ACTIONS: 'true' };
    const { err } = await runLine(['init'], { operations: failing(2), env });
    expect(err).toContain(
      '::error file=shipper.yaml,line=3,col=5,title=shipper::the key "contxt" is not known\n' +
        '::error file=a%2Cb.yaml,line=9,col=1,title=shipper::pull must be 100%25 \\x1b[31mtrue\n',
    );
  });
});
