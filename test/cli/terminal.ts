// A machine for command-line tests: captured streams, a clock that is moved by hand, files in a map, scripted
// operations and signals that are sent by calling a function.
import { dirname } from 'node:path';
import { main } from '../../src/cli/main.ts';
import type { Operations } from '../../src/cli/operations.ts';
import type { RolloutOperations } from '../../src/cli/rollout-operations.ts';
import type { ProcessHooks, StopSignal } from '../../src/cli/signals.ts';
import { type Context, interruption } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Files, System, WritableFile } from '../../src/system/system.ts';
import {
  historyReport,
  locksReport,
  moveReport,
  pruneReport,
  rolloutPlan,
  rolloutReport,
  statusReport,
} from '../report/rollout-samples.ts';
import {
  copyReport,
  flattenReport,
  inspectReport,
  tagReport,
  verifyReport,
} from '../report/samples.ts';
import { shipPlan, shipReport } from '../report/ship-samples.ts';

/** What a test may set. */
export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdinIsTTY?: boolean;
  readonly stdoutIsTTY?: boolean;
  readonly stderrIsTTY?: boolean;
  /** Every write to stdout fails as when its reader went away. */
  readonly stdoutIsClosed?: boolean;
  /** Nothing ever comes from stdin nor leaves by stdout. */
  readonly isStalled?: boolean;
  readonly operations?: Partial<Operations>;
}

/** A fake terminal with the program in it. */
export interface Terminal {
  readonly system: System;
  readonly files: Map<string, string>;
  /** Calls of operations: name and arguments after the context. */
  readonly calls: (readonly unknown[])[];
  /** Codes given to `exitNow`. */
  readonly exits: number[];
  out(): string;
  err(): string;
  send(signal: StopSignal): void;
  /** Moves the clock; sleepers that are due wake. */
  advance(ms: number): void;
  /** Whether signals are listened to. */
  isListening(): boolean;
  run(...argv: readonly string[]): Promise<number>;
}

/** Makes a terminal. */
export function terminal(options: TerminalOptions = {}): Terminal {
  const text = { out: '', err: '' };
  const files = new Map<string, string>();
  const calls: (readonly unknown[])[] = [];
  const exits: number[] = [];
  const listeners = new Set<(signal: StopSignal) => void>();
  const clock = manualClock();
  const system = fakeSystem(options, text, files, clock);
  const operations = scripted(options.operations ?? {}, calls);
  const hooks: ProcessHooks = {
    onSignal(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    exitNow: (code) => exits.push(code),
  };
  return {
    system,
    files,
    calls,
    exits,
    out: () => text.out,
    err: () => text.err,
    send: (signal) => {
      for (const listener of listeners) listener(signal);
    },
    advance: clock.advance,
    isListening: () => listeners.size > 0,
    run: (...argv) => main(argv, system, operations, hooks),
  };
}

/** Runs one command line in a fresh terminal. */
export async function runLine(
  argv: readonly string[],
  options: TerminalOptions = {},
): Promise<{ code: number; out: string; err: string; terminal: Terminal }> {
  const own = terminal(options);
  const code = await own.run(...argv);
  return { code, out: own.out(), err: own.err(), terminal: own };
}

function scripted(given: Partial<Operations>, calls: (readonly unknown[])[]): Operations {
  return {
    ...scriptedRollouts(given, calls),
    async openShipper(system, options) {
      return given.openShipper?.(system, options) ?? refuse('open');
    },
    async examine(system, ctx, request) {
      calls.push(['examine', request]);
      return given.examine?.(system, ctx, request) ?? { ok: true, checks: [] };
    },
    async flattenImage(system, ctx, request) {
      calls.push(['flattenImage', request]);
      return given.flattenImage?.(system, ctx, request) ?? flattenReport();
    },
    async verifyImages(system, ctx, a, b, options) {
      calls.push(['verifyImages', a, b, options]);
      return given.verifyImages?.(system, ctx, a, b, options) ?? verifyReport();
    },
    async inspectImage(system, ctx, image, options) {
      calls.push(['inspectImage', image, options]);
      return given.inspectImage?.(system, ctx, image, options) ?? inspectReport();
    },
    async copyImage(system, ctx, request) {
      calls.push(['copyImage', request]);
      return given.copyImage?.(system, ctx, request) ?? copyReport();
    },
    async tagImage(system, ctx, request) {
      calls.push(['tagImage', request]);
      return given.tagImage?.(system, ctx, request) ?? tagReport();
    },
    async shipProject(system, ctx, request) {
      calls.push(['shipProject', request]);
      return given.shipProject?.(system, ctx, request) ?? shipReport();
    },
    async planShip(system, ctx, request) {
      calls.push(['planShip', request]);
      return given.planShip?.(system, ctx, request) ?? shipPlan();
    },
    async writeConfig(system) {
      calls.push(['writeConfig', system.cwd]);
      const file = `${system.cwd}/shipper.yaml`;
      return given.writeConfig?.(system) ?? { file, images: ['api', 'base'], included: [] };
    },
    async writeTasks(system) {
      calls.push(['writeTasks', system.cwd]);
      return given.writeTasks?.(system) ?? `${system.cwd}/shipfile.ts`;
    },
    async configSchema() {
      calls.push(['configSchema']);
      return given.configSchema?.() ?? '{}\n';
    },
  };
}

function scriptedRollouts(
  given: Partial<Operations>,
  calls: (readonly unknown[])[],
): RolloutOperations {
  const answers: { [Name in keyof RolloutOperations]: RolloutOperations[Name] } = {
    rolloutEnvironment: async () => rolloutReport(),
    planRollout: async () => rolloutPlan(),
    rollbackEnvironment: async () => rolloutReport({ action: 'rollback' }),
    planRollback: async () => rolloutPlan({ action: 'rollback' }),
    resumeEnvironment: async () => rolloutReport({ action: 'resume' }),
    planResume: async () => rolloutPlan({ action: 'resume' }),
    environmentStatus: async () => statusReport(),
    environmentHistory: async () => historyReport(),
    environmentLocks: async () => locksReport(),
    unlockEnvironment: async () => locksReport(),
    pruneEnvironment: async () => pruneReport(),
    moveServices: async () => moveReport(),
  };
  const told = Object.entries({ ...answers, ...given }).flatMap(([name, answer]) => {
    if (!(name in answers)) return [];
    const call = (system: System, ctx: Context, request: never) => {
      calls.push([name, request]);
      return (answer as (...args: unknown[]) => unknown)(system, ctx, request);
    };
    return [[name, call]];
  });
  return Object.fromEntries(told);
}

type ManualClock = System['clock'] & { advance(ms: number): void };

function manualClock(): ManualClock {
  let nowMs = 1000;
  const sleepers = new Set<{ dueMs: number; wake: () => void }>();
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { dueMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(interruption(signal));
        });
      }),
    advance(ms) {
      nowMs += ms;
      for (const sleeper of sleepers) if (sleeper.dueMs <= nowMs) sleeper.wake();
    },
  };
}

function fakeSystem(
  options: TerminalOptions,
  text: { out: string; err: string },
  files: Map<string, string>,
  clock: ManualClock,
): System {
  return {
    clock,
    env: options.env ?? {},
    platform: 'linux',
    homedir: '/home/me',
    tmpdir: '/tmp',
    cwd: '/work',
    cores: 2,
    freeMemory: () => 8_589_934_592,
    files: fakeFiles(files),
    threads: {
      hasher: () => refuse('hash'),
      hashFile: () => refuse('hash'),
      codecs: undefined,
      close: async () => {},
    },
    stdio: {
      async *stdin() {
        if (options.isStalled) await new Promise(() => {});
        yield new Uint8Array();
      },
      async writeOut(bytes) {
        if (options.stdoutIsClosed) throw brokenPipe();
        if (options.isStalled) await new Promise(() => {});
        text.out += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1');
      },
      writeErr: (more) => {
        text.err += more;
      },
      stdinIsTTY: options.stdinIsTTY ?? false,
      stdoutIsTTY: options.stdoutIsTTY ?? false,
      stderrIsTTY: options.stderrIsTTY ?? false,
      columns: () => 100,
    },
    random: (bytes) => 'ab'.repeat(bytes),
    spawnDuplex: () => refuse('spawn'),
    run: () => refuse('spawn'),
    follow: () => refuse('spawn'),
    modules: { load: () => refuse('load'), column: () => refuse('load') },
  };
}

function brokenPipe(): ShipperError {
  const cause = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  return new ShipperError('IO', 'Cannot write to stdout: write EPIPE', { cause });
}

const FOLDERS: ReadonlySet<string> = new Set(['/', '/work', '/work/inner', '/tmp']);

function fakeFiles(files: Map<string, string>): Files {
  const stat: Files['stat'] = async (path) => {
    if (!FOLDERS.has(path) && !files.has(path)) return undefined;
    const kind = FOLDERS.has(path) ? 'directory' : 'file';
    return { kind, size: files.get(path)?.length ?? 0, version: '1', mtimeMs: 0 };
  };
  return {
    stat,
    lstat: stat,
    realPath: async (path) => path,
    readLink: () => refuse('read'),
    list: () => refuse('list'),
    read: () => refuse('read'),
    openRead: () => refuse('open'),
    create: async (path) => writable(path, files),
    makeDirectory: () => refuse('create'),
    async rename(from, to) {
      files.set(to, files.get(from) ?? '');
      files.delete(from);
    },
    link: () => refuse('link'),
    async remove(path) {
      files.delete(path);
    },
    syncDirectory: async () => {},
    async appendText(path, more) {
      if (!FOLDERS.has(dirname(path))) refuse('write');
      files.set(path, (files.get(path) ?? '') + more);
    },
    touch: () => refuse('touch'),
    freeBytes: () => refuse('examine'),
    owner: { tag: 'test-1-1', isDead: () => undefined, onExitRemove: () => () => {} },
  };
}

function writable(path: string, files: Map<string, string>): WritableFile {
  if (files.has(path)) refuse('create');
  files.set(path, '');
  return {
    path,
    size: 0,
    fd: -1,
    readSync: () => 0,
    facts: () => refuse('examine'),
    close: async () => {},
    async write(bytes) {
      files.set(path, (files.get(path) ?? '') + Buffer.from(bytes).toString('utf8'));
    },
    dataSync: async () => {},
    sync: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function refuse(verb: string): never {
  throw new ShipperError('IO', `Cannot ${verb}: the test machine has no such thing`);
}
