// What somebody gets who installs the package: it is packed, installed into an empty project, and used as the README says.
// In CI only: it takes long. Packages come from npm's cache by the versions and hashes of our own lock file; what is not there is fetched.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAll } from './support/amount.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const project = isAll() ? mkdtempSync(join(tmpdir(), 'shipper-package-')) : '';

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

interface Lock {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

let packed: Packed;

function npm(cwd: string, ...args: string[]): string {
  // Whether there is a newer npm is nothing to ask the network.
  const env = { ...process.env, npm_config_update_notifier: 'false' };
  return execFileSync('npm', args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A lock file for the project: the package itself, and of our own lock what it needs at run time. */
function lockFor(manifest: object, tarball: string): object {
  const own: Lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const { dependencies, bin, engines, license } = own.packages[''] ?? {};
  const isNeeded = ([path, { dev }]: [string, Readonly<Record<string, unknown>>]) =>
    path !== '' && dev !== true;
  return {
    name: 'project',
    lockfileVersion: 3,
    packages: {
      '': manifest,
      'node_modules/shipper': {
        version: '0.1.0',
        resolved: `file:${tarball}`,
        dependencies,
        bin,
        engines,
        license,
      },
      ...Object.fromEntries(Object.entries(own.packages).filter(isNeeded)),
      'node_modules/@types/node': own.packages['node_modules/@types/node'],
      'node_modules/undici-types': own.packages['node_modules/undici-types'],
    },
  };
}

beforeAll(() => {
  if (!isAll()) return;
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: 'pipe' });
  const out = npm(ROOT, 'pack', '--json', '--ignore-scripts', '--pack-destination', project);
  [packed] = JSON.parse(out);
  const manifest = {
    name: 'project',
    type: 'module',
    dependencies: { '@types/node': '22.19.1', shipper: `file:${packed.filename}` },
  };
  const lock = lockFor(manifest, packed.filename);
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify(lock));
  npm(project, 'ci', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund');
  cpSync(
    join(project, 'node_modules/shipper/native-free-fixtures/app.tar'),
    join(project, 'app.tar'),
  );
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Runs Node in the project. */
function node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: process.env['PATH'], HOME: project, TMPDIR: project, NO_COLOR: '1' };
  return spawnSync(process.execPath, args, { cwd: project, env, encoding: 'utf8' });
}

/** The README's own lines. */
function example(): string {
  const readme = readFileSync(join(project, 'node_modules/shipper/README.md'), 'utf8');
  const text = /<!-- example: flatten\.ts -->\n```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(text.trim().split('\n').length).toBeLessThanOrEqual(10);
  return text;
}

let compilerSaid: string | undefined;

/** Compiles the README's lines to flatten.js, once, with every declaration checked; gives what the compiler says. */
function compiled(): string {
  const compilerOptions = {
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    types: ['node'],
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  };
  if (compilerSaid === undefined) {
    const files = ['flatten.ts'];
    writeFileSync(join(project, 'flatten.ts'), example());
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    compilerSaid = node(TSC).stdout;
  }
  return compilerSaid;
}

describe.runIf(isAll())('the package', () => {
  it('holds what is meant, and not more', () => {
    const tops = [...new Set(packed.files.map(({ path }) => path.replace(/\/.*/, '')))].sort();
    expect(tops).toEqual([
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'docs'],
      ...['native-free-fixtures', 'package.json', 'schema'],
    ]);
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => /\.map$|\.built$|\.test\.|(?<!\.d)\.ts$/.test(path))).toEqual([]);
    expect(packed.size).toBeLessThan(2_000_000);
    expect(packed.unpackedSize).toBeLessThan(8_000_000);
  });

  it('has no maps that point nowhere', () => {
    const folder = join(project, 'node_modules/shipper');
    const mapped = packed.files.filter(
      ({ path }) =>
        // The comment that a compiler writes, on a line of its own; user-module.js reads such comments.
        path.startsWith('dist/') &&
        /^\/\/# sourceMappingURL=/m.test(readFileSync(join(folder, path), 'utf8')),
    );
    expect(mapped).toEqual([]);
  });

  it('has its dependencies, and no more', () => {
    const stdout = npm(project, 'ls', '--all', '--parseable');
    expect(stdout).not.toMatch(/node_modules\/(?:vitest|typescript|@biomejs)/);
  });

  it('runs as a command', () => {
    const bin = 'node_modules/.bin/shipper';
    expect(node(bin, '--version').stdout).toBe('0.1.0\n');
    const run = node(bin, 'flatten', 'app.tar', '-o', 'cli.tar', '--verify', '--json');
    expect(run.status, run.stderr).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ verified: true, outputs: ['cli.tar'] });
    expect(node(bin, 'verify', 'app.tar', 'cli.tar', '-q').status).toBe(0);
  });

  it('has types that resolve, checked to the last declaration', () => {
    expect(compiled()).toBe('');
    // Types that are not found would be `any`, which takes everything.
    writeFileSync(
      join(project, 'wrong.ts'),
      "import { flatten } from 'shipper';\nvoid flatten({ source: 1 });\n",
    );
    expect(
      node(
        TSC,
        '--noEmit',
        '--ignoreConfig',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--target',
        'es2023',
        'wrong.ts',
      ).stdout,
    ).toContain('TS2322');
  });

  it("flattens the fixture with the README's own lines", () => {
    compiled();
    const { stdout, stderr } = node('flatten.js');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^6 layers, \d+ bytes -> \d+ bytes, sha256:[a-f0-9]{64}\nthe same\n$/);
  });

  it('gives nothing but its own entry', () => {
    const run = node('--input-type=module', '-e', "await import('shipper/dist/bin.js')");
    expect(run.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});
