// Looks at all that the other commands need, and says of each whether it works and what mends it. Changes nothing: of a
// registry it is asked whether it would take a push, by an upload that is begun and taken back.
import { loadProject } from '../config/load.ts';
import type { Project } from '../config/types.ts';
import { type Context, narrow } from '../core/context.ts';
import { isShipperError, messageOf, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { runAll } from '../core/pool.ts';
import type { EngineFacts } from '../engine/engine.ts';
import type { FoundBuildx } from '../pipeline/build/find-buildx.ts';
import { type Home, homesOf, placesOf } from '../pipeline/places.ts';
import { HOSTS_AT_ONCE, requireApi } from '../rollout/fleet.ts';
import { within } from '../rollout/within.ts';
import type { System } from '../system/system.ts';
import type { DoctorCheck, DoctorReport, DoctorRequest } from './doctor-types.ts';
import type { Reach } from './targets.ts';

/** What the doctor reaches things with. */
export interface DoctorParts extends Pick<Reach, 'connect'> {
  readonly system: System;
  /** What the engine of this machine says of itself. */
  engineFacts(ctx: Context): Promise<EngineFacts>;
  /** The buildx that would build, or why there is none. */
  builder(ctx: Context, name: string | undefined): Promise<FoundBuildx | string>;
  /** As `Registry.checkPush`. */
  checkPush(ctx: Context, home: Home): Promise<void>;
}

/** Below this a flatten of an ordinary image may find no room for its temporary file. */
const FEW_BYTES = 1_073_741_824;
/** Whoever does not answer for so long is out of reach. */
const PATIENCE_MS = 10_000;
const REGISTRIES_AT_ONCE = 8;

/** Looks at everything side by side. Rejects with `INTERRUPTED`, and `USAGE` for an environment that there is not. */
export async function examine(
  ctx: Context,
  parts: DoctorParts,
  request: DoctorRequest = {},
): Promise<DoctorReport> {
  const { project, check } = await lookAtConfiguration(ctx, parts, request);
  const groups = await Promise.all([
    lookAtDisk(parts),
    [check],
    lookAtEngine(ctx, parts, project),
    lookAtRegistries(ctx, parts, project),
    lookAtHosts(ctx, parts, project, request),
  ]);
  const checks = groups.flat();
  return { ok: checks.every(({ state }) => state !== 'failed'), checks };
}

async function lookAtDisk({ system }: DoctorParts): Promise<readonly DoctorCheck[]> {
  const subject = system.tmpdir;
  const bytes = await system.files.freeBytes(subject);
  const found = `${(bytes / 1e9).toFixed(1)} GB are free for temporary files`;
  if (bytes >= FEW_BYTES) return [{ area: 'disk', subject, state: 'ok', found }];
  const mend = 'free some space, or name another folder with TMPDIR';
  return [{ area: 'disk', subject, state: 'warning', found, mend }];
}

interface LookedUp {
  readonly project: Project | undefined;
  readonly check: DoctorCheck;
}

async function lookAtConfiguration(
  { signal }: Context,
  { system }: DoctorParts,
  { config, environments = [] }: DoctorRequest,
): Promise<LookedUp> {
  const area = 'configuration';
  try {
    const project = await loadProject(system, { signal, ...given({ config }) });
    requireEnvironments(project, environments);
    const counts = [
      count(project.images.length, 'image'),
      count(project.environmentNames.length, 'environment'),
    ];
    const found = `${project.name}: ${counts.join(', ')}`;
    return { project, check: { area, subject: project.file, state: 'ok', found } };
  } catch (error) {
    const isAsked = config !== undefined || environments.length > 0;
    const isNone = isShipperError(error, 'USAGE') && !isAsked;
    if (!isNone && !isShipperError(error, 'BAD_CONFIG')) throw error;
    const subject = config ?? 'shipper.yaml';
    const state = isNone ? 'warning' : 'failed';
    return { project: undefined, check: { area, subject, state, ...tell(error) } };
  }
}

function requireEnvironments({ environmentNames }: Project, environments: readonly string[]): void {
  const missing = environments.find((name) => !environmentNames.includes(name));
  if (missing === undefined) return;
  const message = `Cannot examine ${JSON.stringify(missing)}: there is no such environment`;
  throw new ShipperError('USAGE', message, { hint: `there are ${environmentNames.join(', ')}` });
}

/** The engine of this machine, and what builds on it. Nobody needs one who builds nothing. */
async function lookAtEngine(
  ctx: Context,
  parts: DoctorParts,
  project: Project | undefined,
): Promise<readonly DoctorCheck[]> {
  const builds = project?.images.some(({ source }) => source.kind === 'build') ?? false;
  try {
    const facts = await within(ctx, PATIENCE_MS, 'reach the engine', (inside) =>
      parts.engineFacts(inside),
    );
    const engine = { area: 'engine', subject: facts.endpoint, state: 'ok', found: say(facts) };
    return [engine as DoctorCheck, await lookAtBuilder(ctx, parts, project?.builder)];
  } catch (error) {
    throwIfInterrupted(ctx, error);
    const state = builds ? 'failed' : 'warning';
    return [{ area: 'engine', subject: 'the engine of this machine', state, ...tell(error) }];
  }
}

async function lookAtBuilder(
  ctx: Context,
  parts: DoctorParts,
  name: string | undefined,
): Promise<DoctorCheck> {
  const area = 'builder';
  const found = await parts.builder(ctx, name);
  if (typeof found !== 'string') {
    const { version, builder, driver } = found;
    const words = `buildx ${version}, driver ${driver}`;
    return { area, subject: builder, state: 'ok', found: words };
  }
  if (name !== undefined) return { area, subject: name, state: 'failed', found };
  const mend = 'install docker buildx 0.13 or later, or build without it: by the classic builder';
  return { area, subject: 'buildx', state: 'warning', found, mend };
}

async function lookAtRegistries(
  ctx: Context,
  parts: DoctorParts,
  project: Project | undefined,
): Promise<readonly DoctorCheck[]> {
  if (project === undefined) return [];
  const references = project.images.flatMap((image) => image.references);
  const homes = homesOf(placesOf(project, references, 'ship'));
  const look = async (home: Home): Promise<DoctorCheck> => {
    const place = { area: 'registry', subject: home.name } as const;
    try {
      const limit = `ask ${home.name}`;
      await within(ctx, PATIENCE_MS, limit, (inside) => parts.checkPush(inside, home));
      return { ...place, state: 'ok', found: 'takes a push' };
    } catch (error) {
      throwIfInterrupted(ctx, error);
      return { ...place, state: 'failed', ...tell(error) };
    }
  };
  return inTurns(homes, look, REGISTRIES_AT_ONCE);
}

async function lookAtHosts(
  ctx: Context,
  parts: DoctorParts,
  project: Project | undefined,
  { config, environments }: DoctorRequest,
): Promise<readonly DoctorCheck[]> {
  const names = environments?.length ? environments : (project?.environmentNames ?? []);
  const groups = names.map(async (environment) => {
    try {
      const options = { environment, signal: ctx.signal, ...given({ config }) };
      const { environment: own } = await loadProject(parts.system, options);
      const hosts = own?.hosts ?? [];
      const look = (host: (typeof hosts)[number]) => lookAtHost(ctx, parts, environment, host);
      return await inTurns(hosts, look, HOSTS_AT_ONCE);
    } catch (error) {
      throwIfInterrupted(ctx, error);
      const subject = environment;
      return [{ area: 'configuration', subject, state: 'failed', ...tell(error) } as const];
    }
  });
  return (await Promise.all(groups)).flat();
}

async function lookAtHost(
  ctx: Context,
  parts: DoctorParts,
  environment: string,
  host: Parameters<Reach['connect']>[0],
): Promise<DoctorCheck> {
  const place = { area: 'host', subject: `${environment}: ${host.address}` } as const;
  const { clock } = ctx;
  const reach = async (inside: Context): Promise<DoctorCheck> => {
    await using engine = await parts.connect(host, PATIENCE_MS);
    const startMs = clock.monotonic();
    const facts = await engine.facts(inside);
    const tookMs = Math.round(clock.monotonic() - startMs);
    requireApi({ name: host.address, id: facts.id ?? host.address, engine, facts });
    return { ...place, state: 'ok', found: `${say(facts)}, answers after ${tookMs} ms` };
  };
  try {
    const inside = narrow(ctx, { host: host.address });
    return await within(inside, PATIENCE_MS, `reach ${host.address}`, reach);
  } catch (error) {
    throwIfInterrupted(ctx, error);
    return { ...place, state: 'failed', ...tell(error) };
  }
}

async function inTurns<T>(
  items: readonly T[],
  look: (item: T) => Promise<DoctorCheck>,
  atOnce: number,
): Promise<readonly DoctorCheck[]> {
  const found = new Map<T, DoctorCheck>();
  const jobs = items.map((item) => async () => void found.set(item, await look(item)));
  await runAll(jobs, atOnce);
  return items.flatMap((item) => found.get(item) ?? []);
}

function say({ product, version, apiVersion, store, driver }: EngineFacts): string {
  const images = store === 'containerd' ? 'containerd store' : driver;
  return `${product} ${version}, API ${apiVersion}${images === '' ? '' : `, ${images}`}`;
}

function tell(error: unknown): Pick<DoctorCheck, 'found' | 'mend'> {
  const mend = error instanceof ShipperError ? error.hint : undefined;
  return { found: messageOf(error), ...given({ mend }) };
}

function throwIfInterrupted({ signal }: Context, error: unknown): void {
  if (signal.aborted) throw error;
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}
