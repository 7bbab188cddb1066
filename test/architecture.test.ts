// The rules of docs/architecture.md that a program can check: imports point down, effects have one home, packages have
// one home, and what the style bans is not there.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** A folder may import folders of a lower level, and itself. Files directly in `src` are at the top. */
const LEVELS: Readonly<Record<string, number>> = {
  core: 0,
  system: 1,
  tar: 2,
  blob: 2,
  image: 3,
  flatten: 4,
  engine: 4,
  registry: 4,
  transport: 5,
  config: 5,
  operations: 6,
  pipeline: 7,
  rollout: 7,
  fleet: 8,
  tasks: 8,
  report: 9,
  cli: 10,
};
const TOP = 11;

/** Folders that know nothing of the machine, not even by type. */
const PURE = ['core', 'tar', 'blob', 'image', 'flatten', 'report'];
/** Who may import what `system` really does; its interface, `system.ts`, is for all that are not pure. */
const SYSTEM_HOMES: Readonly<Record<string, RegExp>> = {
  'system/gathered.ts': /^engine\/exchange\.ts$/,
  'system/node.ts': /^(?:bin|index|library|run-process)\.ts$/,
  'system/spool.ts': /^(?:transport\/|pipeline\/memory\.ts$|cli\/id-file\.ts$)/,
  'system/temp-folder.ts': /^(?:pipeline\/|engine\/|rollout\/image-streams\.ts$)/,
};

/** What may be imported from outside, and by whom. Whatever is not listed is not imported. */
const HOMES: Readonly<Record<string, RegExp>> = {
  commander: /^cli\/(?:program|complaint)\.ts$/,
  'docker-modem': /^engine\/modem\.ts$/,
  'fs-extra': /^system\/node-files\.ts$/,
  undici: /^registry\/(?:dispatchers|undici-exchange)\.ts$/,
  fzstd: /^blob\/decompress\.ts$/,
  'p-queue': /^core\/pool\.ts$/,
  yaml: /^config\/parse-yaml\.ts$/,
  zod: /^config\/(?:check-shape|json-schema|schema\/[\w-]+)\.ts$/,
  'tar-stream': /^transport\/graph-driver-sink\.ts$/,
  acorn: /^tasks\/source\/syntax\.ts$/,
  '@sveltejs/acorn-typescript': /^tasks\/source\/syntax\.ts$/,
  jiti: /^system\/user-module\.ts$/,
  // Effects.
  'node:child_process': /^system\//,
  'node:fs': /^(?:system\/|run-process\.ts$)/,
  'node:module': /^system\/user-module\.ts$/,
  'node:fs/promises': /^system\//,
  'node:tty': /^system\//,
  'node:worker_threads': /^system\//,
  'node:http': /^engine\//,
  'node:https': /^engine\//,
  // The numbers of the signals, for exit codes, are a constant and no effect.
  'node:os': /^(?:system\/|cli\/exit-code\.ts$)/,
  // Computation.
  'node:async_hooks': /^tasks\/task\.ts$/,
  'node:crypto': /^(?:core|pipeline|registry|system|transport)\//,
  'node:events': /^(?:core\/own-abort|engine\/bare-get)\.ts$/,
  'node:net': /^engine\/bare-get\.ts$/,
  'node:path': /^(?:cli|config|fleet|pipeline|system|tasks)\//,
  'node:stream': /^(?:blob|engine|system)\//,
  'node:v8': /^bin\.ts$/,
  // The certificates that Node trusts, which are a constant.
  'node:tls': /^registry\/dispatchers\.ts$/,
  'node:url': /^(?:system\/user-module|tasks\/failure-place|run-process)\.ts$/,
  'node:util': /^(?:blob|engine)\//,
  'node:zlib': /^(?:blob\/|system\/codec-threads\.ts$)/,
};

/** Where `process` is known. In `compress.ts` it is the version of Node, for a message. */
const PROCESS_HOMES = /^(?:bin\.ts|run-process\.ts|uncaught\.ts|system\/.*|blob\/compress\.ts)$/;

/** A clean-up has a deadline of its own, behind the run's signal and clock. */
const TIMER_HOMES = /^(?:system\/.*|transport\/engine-target\.ts)$/;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort();
const texts = new Map(files.map((file) => [file, readFileSync(posix.join(SRC, file), 'utf8')]));
const imports = files.flatMap(importsOf);
const local = imports
  .filter(({ to }) => to.startsWith('.'))
  .map((each) => ({ ...each, to: posix.join(posix.dirname(each.from), each.to) }));

function importsOf(from: string): readonly Import[] {
  const text = texts.get(from) ?? '';
  const found = text.matchAll(
    /^(?:import|export)( type)?\b[^;'"]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...found].map(([, type, a, b, c]) => ({
    from,
    to: a ?? b ?? c ?? '',
    isType: type !== undefined,
  }));
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

function levelOf(file: string): number {
  const folder = folderOf(file);
  return folder === '' ? TOP : (LEVELS[folder] ?? Number.NaN);
}

/** Code without comments and without what stands in quotes. Expressions of templates go too, which is bearable. */
function codeOf(file: string): string {
  const tokens =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/(?![*/\s])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*(?=[.,;)\s])/g;
  return (texts.get(file) ?? '').replace(tokens, "''");
}

/** `file: match` wherever `pattern` is found in code. */
function matches(pattern: RegExp, isAllowed: (file: string) => boolean = () => false): string[] {
  return files
    .filter((file) => !isAllowed(file))
    .flatMap((file) => [...codeOf(file).matchAll(pattern)].map(([found]) => `${file}: ${found}`));
}

describe('imports', () => {
  it('are found at all', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(imports.length).toBeGreaterThan(400);
    expect(local.filter(({ to }) => !texts.has(to))).toEqual([]);
  });

  it('point down', () => {
    expect(files.filter((file) => Number.isNaN(levelOf(file)))).toEqual([]);
    const up = local.filter(
      ({ from, to }) => folderOf(from) !== folderOf(to) && levelOf(to) >= levelOf(from),
    );
    expect(up).toEqual([]);
  });

  // Types may name each other: a verb says what it is run with, and that knows the list of verbs.
  it('have no cycles when the program runs', () => {
    const running = local.filter(({ isType }) => !isType);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' > '));
      if (done.has(file) || path.includes(file)) return;
      for (const { to } of running.filter(({ from }) => from === file)) visit(to, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('of the machine stay out of pure folders', () => {
    const wrong = local.filter(
      ({ from, to }) => PURE.includes(folderOf(from)) && folderOf(to) === 'system',
    );
    expect(wrong).toEqual([]);
  });

  it('of the real machine are those of its homes', () => {
    const wrong = local.filter(({ from, to }) => {
      if (folderOf(to) !== 'system' || folderOf(from) === 'system') return false;
      return to !== 'system/system.ts' && SYSTEM_HOMES[to]?.test(from) !== true;
    });
    expect(wrong).toEqual([]);
  });

  it('of packages and of Node stay in their homes', () => {
    const outside = imports.filter(({ to }) => !to.startsWith('.'));
    expect(outside.filter(({ from, to }) => HOMES[to]?.test(from) !== true)).toEqual([]);
  });
});

describe('code', () => {
  it('knows the process in few places', () => {
    expect(matches(/\bprocess\.\w+/g, (file) => PROCESS_HOMES.test(file))).toEqual([]);
  });

  it('takes time and chance from the System', () => {
    const pattern =
      /\bDate\.now|\bnew Date\(\)|\bMath\.random|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\.|\bAbortSignal\.timeout/g;
    expect(matches(pattern, (file) => TIMER_HOMES.test(file))).toEqual([]);
  });

  it('has no any, no !, no default export, no console', () => {
    // A member may be called so, as `--any` is.
    expect(matches(/\bany\b(?!\??:)/g)).toEqual([]);
    expect(matches(/[\w)\]]!(?=[.,;)\][\s])(?!\s*=)/g)).toEqual([]);
    expect(matches(/\bexport default\b|\bconsole\.\w+/g)).toEqual([]);
  });

  it('throws ShipperErrors, or TypeError and RangeError for misuse', () => {
    // What runs in a thread of its own has no imports; what `node-files.ts` throws there it wraps itself.
    const isAllowed = (file: string) =>
      /^system\/(?:codec-worker|file-worker|node-files)\.ts$/.test(file);
    const thrown = /\bthrow new (?!ShipperError|TypeError|RangeError)\w+/g;
    expect(matches(thrown, isAllowed)).toEqual([]);
  });

  it('has no unfinished business', () => {
    const marks = [...texts].filter(([, text]) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text));
    expect(marks.map(([file]) => file)).toEqual([]);
  });

  it('has no file over 400 lines', () => {
    const long = [...texts].filter(([, text]) => text.split('\n').length > 401);
    expect(long.map(([file]) => file)).toEqual([]);
  });

  it('begins every file by saying what it is', () => {
    const silent = [...texts].filter(([, text]) => !/^(?:#!.*\n)?\/(?:\/|\*\*) /.test(text));
    expect(silent.map(([file]) => file)).toEqual([]);
  });

  it('keeps the engine to 20 calls', () => {
    const body = /export interface Engine extends[^{]*\{([\s\S]*?)\n\}/.exec(
      texts.get('engine/engine.ts') ?? '',
    )?.[1];
    const calls = [...(body ?? '').matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name);
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.length).toBeLessThanOrEqual(20);
  });
});
