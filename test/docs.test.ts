// What the documentation says is true: its examples are run, its command lines are parsed, its links lead somewhere, its
// tests exist, and what of it is made from the program is up to date.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../src/cli/program.ts';
import { isAll } from './support/amount.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const temp = mkdtempSync(join(tmpdir(), 'shipper-docs-'));

const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
];

/** A fenced block, and the comment in front of it. */
interface Block {
  readonly page: string;
  readonly language: string;
  readonly mark: string | undefined;
  readonly text: string;
}

const blocks = pages.flatMap((page): Block[] =>
  [...read(page).matchAll(/(?:<!-- ([^>]*) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, mark, language = '', text = '']) => ({ page, language, mark, text }),
  ),
);

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** An environment in which nobody's settings matter; progress is left out, as a terminal takes it back. */
function environment(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: `${join(temp, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: temp,
    TMPDIR: folder,
    SHIPPER_PROGRESS: 'quiet',
    DOCKER_HOST: `unix://${temp}/no.sock`,
  };
}

/** A folder with the fixtures, as the tour makes it. */
function workplace(name: string): string {
  const folder = join(temp, name);
  cpSync(join(ROOT, 'native-free-fixtures'), folder, {
    recursive: true,
    filter: (path) => !/\/make\b|README/.test(relative(ROOT, path)),
  });
  return folder;
}

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: 'pipe' });
  mkdirSync(join(temp, 'bin'));
  const shim = join(temp, 'bin/shipper');
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${ROOT}/dist/bin.js" "$@"\n`);
  chmodSync(shim, 0o755);
});

afterAll(() => rmSync(temp, { recursive: true, force: true }));

/** `…` alone in a line stands for any lines; times are not compared. */
function expectOutput(actual: string, expected: string): void {
  const tidy = (text: string) => text.replace(/^( *time ).*$/gm, '$1').trimEnd();
  const wanted = tidy(expected).split('\n');
  if (!wanted.some((line) => line.trim() === '…')) {
    expect(tidy(actual)).toBe(wanted.join('\n'));
    return;
  }
  const lines = wanted.map((line) =>
    line.trim() === '…' ? '(?:.*\\n)*?' : `${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`,
  );
  expect(`${tidy(actual)}\n`).toMatch(new RegExp(`^${lines.join('')}$`));
}

describe('sessions', () => {
  const sessions = blocks.filter(({ language }) => language === 'console');
  const withSessions = [...new Set(sessions.map(({ page }) => page))];

  // A process for each command: all of them where every repetition is wanted.
  it.each(isAll() ? withSessions : ['README.md'])('of %s print what stands there', (page) => {
    const folder = workplace(page.replaceAll('/', '-'));
    let status = 0;
    for (const { text } of sessions.filter((block) => block.page === page)) {
      for (const [, command = '', output = ''] of text.matchAll(
        /^\$ (.*)\n((?!\$ )[\s\S]*?)(?=^\$ |$(?![\s\S]))/gm,
      )) {
        // `$?` is that of the command before.
        const run = spawnSync('bash', ['-c', `(exit ${status}); { ${command}\n} 2>&1`], {
          cwd: folder,
          env: environment(folder),
          encoding: 'utf8',
        });
        status = run.status ?? 1;
        expectOutput(run.stdout, output);
      }
    }
  });
});

describe('the two commands of the README', () => {
  const commands = blocks.filter(({ page, mark }) => page === 'README.md' && mark === 'command');

  it('are two lines', () => {
    expect(commands.map(({ text }) => text.trim().split('\n').length)).toEqual([1, 1]);
  });

  it('run scripts that exist, and the first ends as shown', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const [first = '', second = ''] = commands.map(({ text }) => text.trim());
    for (const [, script = ''] of `${first} && ${second}`.matchAll(/npm (?:run )?(?!ci\b)(\w+)/g))
      expect(scripts).toHaveProperty(script);
    const shown = blocks.find(({ page, language }) => page === 'README.md' && language === 'text');
    const output = join(temp, 'app-flat.tar');
    const command = first.replace(/^.*&& (?=node )/, '').replace('/tmp/app-flat.tar', output);
    const run = spawnSync('bash', ['-c', command], {
      cwd: ROOT,
      env: environment(temp),
      encoding: 'utf8',
    });
    expectOutput(run.stdout.replace(output, '/tmp/app-flat.tar'), `${shown?.text}…`);
  });

  it('come within the first 80 lines', () => {
    const lines = read('README.md').split('\n');
    expect(lines.findIndex((line) => line.startsWith('  verified'))).toBeLessThan(80);
  });
});

describe('command lines', () => {
  const lines = blocks
    .filter(({ language }) => language === 'sh' || language === 'console')
    .flatMap(({ page, language, text }) => {
      const typed = language === 'sh' ? text : (text.match(/(?<=^\$ ).*/gm) ?? []).join('\n');
      return typed
        .replaceAll('\\\n', ' ')
        .split(/\n|\||&&|;/)
        .map((line) => line.replace(/ # .*$/, '').trim())
        .filter((line) => /^(?:\w+=\S+ )*shipper /.test(line))
        .map((line) => [page, line] as const);
    });

  it.each(lines)('%s: %s', async (_page, line) => {
    const words: readonly string[] = line.match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
    const argv = words
      .slice(words.indexOf('shipper') + 1)
      .filter((word) => !/^(?:\d?>|<)/.test(word))
      .map((word) => word.replace(/^(['"])(.*)\1$/, '$2').replaceAll('"', ''));
    const host = { print: () => {}, helpColumns: 80, argv, start: async () => {} };
    const program = createProgram(host);
    const parsed = program.parseAsync(argv, { from: 'user' });
    if (argv.includes('--help') || argv[0] === 'help') return;
    await parsed;
  });
});

describe('examples', () => {
  const examples = blocks.flatMap((block, at) => {
    const name = /^example: (\S+\.ts)$/.exec(block.mark ?? '')?.[1];
    return name === undefined ? [] : [{ ...block, name, next: blocks[at + 1] }];
  });

  it('are all marked', () => {
    const loose = blocks.filter(({ language, mark }) => language === 'ts' && mark === undefined);
    expect(loose.map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
  });

  it.runIf(isAll())('compile and print what stands behind them', { timeout: 120_000 }, () => {
    const folder = workplace('examples');
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    symlinkSync(ROOT, join(folder, 'node_modules/shipper'));
    symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    for (const { name, text } of examples) writeFileSync(join(folder, name), text);
    // The declarations themselves are checked in package.test.ts.
    const language = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const options = ['--strict', '--skipLibCheck', ...language];
    const names = examples.map(({ name }) => name);
    const tsc = spawnSync(process.execPath, [TSC, ...options, ...names], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(tsc.stdout).toBe('');
    for (const { name, page, next } of examples) {
      const run = spawnSync(process.execPath, [name.replace(/\.ts$/, '.js')], {
        cwd: folder,
        env: environment(folder),
        encoding: 'utf8',
      });
      expect(next?.page === page && next.language, `${name} has its output behind it`).toBe('text');
      expectOutput(run.stdout + run.stderr, next?.text ?? '');
    }
  });
});

describe('links', () => {
  /** As GitHub makes them of headings. */
  const anchorsOf = (page: string): string[] =>
    [
      ...read(page)
        .replace(/^```[\s\S]*?^```$/gm, '')
        .matchAll(/^#+ (.*)$/gm),
    ].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  const links = pages.flatMap((page) =>
    [
      ...read(page)
        .replace(/^```[\s\S]*?^```$/gm, '')
        .matchAll(/\]\(([^)\s]+)\)/g),
    ].map(([, link = '']) => ({ page, link })),
  );

  it('lead to files and headings', () => {
    const dead = links.filter(({ page, link }) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(links.length).toBeGreaterThan(30);
    expect(dead).toEqual([]);
  });

  it('stay in the repository: no host is named', () => {
    const hosts = pages.filter((page) =>
      /\bhttps?:\/\/\w|\b(?:ghcr|quay|docker|gcr)\.io\b/.test(read(page)),
    );
    expect(hosts).toEqual([]);
  });

  it('reach every page from the README', () => {
    const seen = new Set<string>(['README.md']);
    for (const page of seen) {
      for (const { link } of links.filter((each) => each.page === page)) {
        const target = join(dirname(page), link.split('#')[0] ?? '');
        if (target.endsWith('.md') && pages.includes(target)) seen.add(target);
      }
    }
    expect(pages.filter((page) => !seen.has(page))).toEqual([]);
  });
});

describe('docs/fidelity.md', () => {
  const fidelity = read('docs/fidelity.md');
  const rows = (heading: string): string[][] => {
    const section = fidelity.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
    return [...section.matchAll(/^\| (.*) \|$/gm)]
      .map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
      .slice(1);
  };

  /** `file.test.ts: words of the title`, several divided by `; `. */
  const citations = (cell: string) =>
    cell.split('; ').map((text) => {
      const [file = '', title = ''] = text.replaceAll('`', '').split(/: (.*)/);
      return { file: `test/${file}`, title };
    });
  const isThere = ({ file, title }: { file: string; title: string }) =>
    existsSync(join(ROOT, file)) && title !== '' && read(file).includes(title);

  it('has a row for each of the 46 bugs', () => {
    const numbers = rows('Bugs').map(([number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: 46 }, (_, at) => at + 1));
  });

  it('names tests of the bugs that exist, or says what they wait for', () => {
    const shown = rows('Bugs').filter(([, , , cell]) => !cell?.startsWith('later:'));
    expect(rows('Bugs').length - shown.length).toBeLessThanOrEqual(4);
    const missing = shown.flatMap(([number, , , cell = '']) =>
      citations(cell)
        .filter((each) => !isThere(each))
        .map(({ file, title }) => `${number}: ${file}: ${title}`),
    );
    expect(missing).toEqual([]);
  });

  it('names tests of the rules and policies that exist', () => {
    const cells = [...rows('Rules'), ...rows('Policies')].map((row) => row.at(-1) ?? '');
    expect(cells.length).toBeGreaterThan(25);
    expect(cells.flatMap(citations).filter((each) => !isThere(each))).toEqual([]);
  });

  it('has a policy for every warning, and no other warning', () => {
    const warnings = read('docs/reference/warnings.md').match(/(?<=^\| `)[a-z-]+/gm) ?? [];
    const named = rows('Policies').flatMap((row) => row[2]?.match(/(?<=`)[a-z-]+(?=`)/g) ?? []);
    expect([...new Set(named)].sort()).toEqual([...warnings].sort());
  });
});

describe('what is made from the program', () => {
  it('is up to date: npm run docs changes nothing', () => {
    const check = spawnSync(process.execPath, ['scripts/docs.mjs', '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(check.stdout + check.stderr).toBe('');
  });
});

describe('docs/decisions', () => {
  const decisions = pages.filter((page) => page.startsWith('docs/decisions/'));

  it('are numbered without a gap, and listed', () => {
    const numbers = decisions.map((page) => Number(/(\d{4})-/.exec(page)?.[1]));
    expect(numbers).toEqual(decisions.map((_, at) => at + 1));
    for (const page of decisions)
      expect(read('docs/index.md')).toContain(page.slice('docs/'.length));
  });

  it.each(decisions)('%s says rule, reason, what was rejected, and how it is tested', (page) => {
    for (const heading of ['Rule', 'Reason', 'Rejected', 'Tested']) {
      expect(read(page)).toMatch(new RegExp(`^## ${heading}$`, 'm'));
    }
    const tested = read(page).split('## Tested')[1] ?? '';
    const files = tested.match(/\btest\/[\w./-]+\.ts\b|\bbench\/[\w./-]+\b/g) ?? [];
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(files.length).toBeGreaterThan(0);
  });
});
