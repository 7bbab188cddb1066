// All hosts of an environment, connected: which answer, which are left out, and that no engine stands there twice.
import type { Environment, HostChoice } from '../config/environment-types.ts';
import { type Context, narrow } from '../core/context.ts';
import { messageOf, type Problem, ShipperError } from '../core/errors.ts';
import { globOf } from '../core/glob.ts';
import { expectListeners } from '../core/own-abort.ts';
import { runAll } from '../core/pool.ts';
import type { Engine } from '../engine/engine.ts';
import { apiHas } from '../engine/terms.ts';
import type { RolloutHost } from './host.ts';
import type { EnvironmentRequest } from './rollout-types.ts';

/** Connects to the engine of a host; nothing is sent before its first call. */
export type Connect = (host: HostChoice) => Promise<Engine>;

/** A host that does not answer, and is left out by permission. */
export interface SkippedHost {
  readonly name: string;
  readonly error: unknown;
}

/** The hosts of a run. Dispose it last. */
export interface Fleet extends AsyncDisposable {
  /** In the order of the configuration. */
  readonly hosts: readonly RolloutHost[];
  readonly skipped: readonly SkippedHost[];
}

/** At most so many hosts are connected to at once: an sshd drops more (orchestration 3, row 28). */
export const HOSTS_AT_ONCE = 30;
/** The first engine that has all that is used here: 20.10. */
const LEAST_API = '1.41';

/**
 * Connects to the chosen hosts of `environment`, side by side. `ENGINE_UNREACHABLE` where more than `skipUnreachable` do not
 * answer, `BAD_CONFIG` where two of them are one engine, `USAGE` where none is chosen, `UNSUPPORTED` for an engine that is too old.
 */
export async function connectFleet(
  ctx: Context,
  environment: Environment,
  request: Pick<EnvironmentRequest, 'hosts' | 'skipUnreachable'>,
  connect: Connect,
): Promise<Fleet> {
  const choices = chooseHosts(environment, request.hosts);
  // Each host has calls of its own under way.
  expectListeners(ctx.signal);
  const engines: Engine[] = [];
  const close = async () => {
    for (const engine of engines) await engine[Symbol.asyncDispose]();
  };
  const found = new Map<HostChoice, RolloutHost>();
  const failures = new Map<HostChoice, unknown>();
  const reach = async (choice: HostChoice) => {
    try {
      const engine = await connect(choice);
      engines.push(engine);
      const facts = await engine.facts(narrow(ctx, { host: choice.address }));
      found.set(choice, { name: choice.address, id: facts.id ?? choice.address, engine, facts });
    } catch (error) {
      failures.set(choice, error);
    }
  };
  try {
    await runAll(
      choices.map((choice) => () => reach(choice)),
      HOSTS_AT_ONCE,
    );
    if (ctx.signal.aborted) throw [...failures.values()][0] ?? ctx.signal.reason;
    requireReach(environment, failures, request.skipUnreachable ?? 0, choices.length);
    requireDistinct(found);
    const hosts = choices.flatMap((choice) => found.get(choice) ?? []);
    for (const host of hosts) requireApi(host);
    const skipped = choices
      .filter((choice) => failures.has(choice))
      .map((choice) => ({ name: choice.address, error: failures.get(choice) }));
    return { hosts, skipped, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The hosts of an environment that `patterns` name, all without any. `USAGE` for a pattern that names none. */
export function chooseHosts(
  { name, hosts }: Pick<Environment, 'name' | 'hosts'>,
  patterns: readonly string[] = [],
): readonly HostChoice[] {
  if (patterns.length === 0) return hosts;
  const globs = patterns.map((pattern) => ({ pattern, glob: globOf(pattern) }));
  for (const { pattern, glob } of globs) {
    if (hosts.some(({ address }) => isMeant(glob, address))) continue;
    const message = `Cannot choose hosts of ${name}: none is called ${JSON.stringify(pattern)}`;
    const hint = `they are ${hosts.map(({ address }) => address).join(', ')}`;
    throw new ShipperError('USAGE', message, { hint });
  }
  return hosts.filter(({ address }) => globs.some(({ glob }) => isMeant(glob, address)));
}

/** By the whole address, or by the host in it: `s1` is `ssh://deploy@s1:22`. */
function isMeant(glob: RegExp, address: string): boolean {
  const host = /^[a-z+]+:\/\/(?:[^@/]*@)?([^/:]+|\[[^\]]*\])/.exec(address)?.[1];
  return glob.test(address) || (host !== undefined && glob.test(host));
}

function requireReach(
  { name }: Environment,
  failures: ReadonlyMap<HostChoice, unknown>,
  allowed: number,
  all: number,
): void {
  if (failures.size === 0) return;
  const isNobodyLeft = failures.size === all;
  if (failures.size <= allowed && !isNobodyLeft) return;
  const [first] = failures.values();
  const lines = [...failures].map(([{ address }, error]) => `${address}: ${messageOf(error)}`);
  const count = all === 1 ? 'its host' : `${failures.size} of ${all} hosts`;
  const message = `Cannot reach ${count} of ${name}, nothing was changed: ${lines.join('; ')}`;
  const hint = isNobodyLeft
    ? undefined
    : `mend them, or go on without them: --skip-unreachable ${failures.size}`;
  const code = first instanceof ShipperError ? first.code : 'ENGINE_UNREACHABLE';
  throw new ShipperError(code, message, {
    cause: first,
    ...(hint === undefined ? {} : { hint }),
    ...(first instanceof ShipperError ? first.details : {}),
  });
}

function requireDistinct(found: ReadonlyMap<HostChoice, RolloutHost>): void {
  const seen = new Map<string, HostChoice>();
  const problems: Problem[] = [];
  for (const [choice, { id }] of found) {
    const other = seen.get(id);
    if (other === undefined) seen.set(id, choice);
    else {
      const twice = `${choice.address} is the engine that ${other.address} is: name it once`;
      problems.push({ ...choice.place, message: twice });
    }
  }
  const [problem] = problems;
  if (problem === undefined) return;
  throw new ShipperError('BAD_CONFIG', `Cannot use the hosts: ${problem.message}`, { problems });
}

/** `UNSUPPORTED` for an engine that lacks what is used here. */
export function requireApi({ name, facts }: RolloutHost): void {
  if (apiHas(facts.apiVersion, LEAST_API)) return;
  const message = `Cannot use ${name}: it speaks API ${facts.apiVersion}, and ${LEAST_API} is needed`;
  throw new ShipperError('UNSUPPORTED', message, { host: name, hint: 'update its Docker Engine' });
}
