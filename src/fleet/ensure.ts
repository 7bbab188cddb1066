// Makes sure that an environment runs what it should: every slot of the release that runs, on each host by itself.
import type { Context } from '../core/context.ts';
import { ShipperError, withDetails } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { readJournal } from '../rollout/journal.ts';
import { latestOf } from '../rollout/journal-changes.ts';
import { slotName } from '../rollout/labels.ts';
import type { Journal } from '../rollout/release.ts';
import { serviceNames } from './chosen.ts';
import { currentRelease } from './current-release.ts';
import { type FanOut, fanOut, type HostWork, onHosts, type Told } from './fan-out.ts';
import type { FleetParts } from './fleet-parts.ts';
import { GroupResult, type HostResult } from './group-result.ts';
import { HostMender, lockHost, lookAt, type MendTools, type SlotLook } from './mend.ts';
import type { Plight } from './plight.ts';
import { openedAt, requireHome } from './pull-services.ts';
import type { Home } from './targets.ts';

/** A slot that was made sure of. JSON-able. */
export interface Ensured {
  readonly host: string;
  readonly service: string;
  readonly slot: number;
  /** How it was found. */
  readonly found: Plight;
  /** Why, as far as that is known: `exit code 1`. Empty mostly. */
  readonly why: string;
  /** `planned`: a dry run would mend it. */
  readonly did: 'unchanged' | 'mended' | 'planned';
}

/** What is made sure of. */
export interface EnsureJob {
  /** Services and groups; none means all. */
  readonly services: readonly string[];
  readonly home: Home | undefined;
  readonly dryRun: boolean;
}

/** Slots of one host that are mended at once. */
const SLOTS_AT_ONCE = 4;

/**
 * Makes sure of every slot. Rejects where that cannot be told what should run: nothing was rolled out (`NOT_FOUND`), or a release
 * is half-way (`PARTIAL`); hosts that fail are results, and so are slots.
 */
export async function ensure(
  ctx: Context,
  parts: FleetParts,
  spread: FanOut,
  { services, home, dryRun }: EnsureJob,
  told: Told<Ensured> = () => undefined,
): Promise<GroupResult<Ensured>> {
  const own = requireHome(home, 'make sure of services');
  const names = services.length === 0 ? [] : serviceNames(own, services);
  const journals = await readJournals(ctx, spread, own, told);
  const latest = latestOf(journals.values);
  // Where no host answers that is what is to be told.
  if (journals.values.length === 0) return new GroupResult(journals.failures, journals.hosts);
  const record = currentRelease(own.scope, latest);
  const rollout = await parts.rollout();
  const opened = openedAt(parts, own, rollout);
  await using images = rollout.images(opened);
  const { patienceMs } = spread;
  const tools: MendTools = { opened, parts: rollout, record, images, services: names, patienceMs };
  const away = new Set(journals.failures.map(({ host }) => host));
  const work: HostWork<Ensured> = (inside, host, tell) =>
    dryRun
      ? plan(inside, host, tools, tell)
      : mendHost(inside, host, tools, latest?.revision ?? 0, tell);
  const there = { ...spread, only: (name: string) => !away.has(name) };
  const done = await fanOut(ctx, there, 'make sure of its slots', work, told);
  return new GroupResult(
    journals.hosts.flatMap((host): readonly HostResult<Ensured>[] => [
      ...journals.failures.filter((each) => each.host === host),
      ...done.results.filter((each) => each.host === host),
    ]),
    journals.hosts,
  );
}

/** The newest may be on any of them. Failures are told at once. */
function readJournals(
  ctx: Context,
  spread: FanOut,
  { scope }: Home,
  told: Told<Ensured>,
): Promise<GroupResult<Journal | undefined>> {
  const read = (inside: Context, { engine }: RolloutHost) => readJournal(inside, engine, scope);
  return onHosts(ctx, spread, 'read its journal', read, (result) => {
    if (!result.ok) told(result);
  });
}

async function plan(
  ctx: Context,
  host: RolloutHost,
  tools: MendTools,
  told: Told<Ensured>,
): Promise<readonly HostResult<Ensured>[]> {
  const looks = await lookAt(ctx, host, tools);
  return looks.map((look) => {
    const did = look.plight === 'running' ? 'unchanged' : 'planned';
    const result = resultOf(host, look, did);
    told(result);
    return result;
  });
}

async function mendHost(
  ctx: Context,
  host: RolloutHost,
  tools: MendTools,
  revision: number,
  told: Told<Ensured>,
): Promise<readonly HostResult<Ensured>[]> {
  const { opened } = tools;
  await using lock = await lockHost(ctx, host, opened, 'ensure');
  await requireSame(ctx, host, tools, revision);
  const mender = new HostMender(host, tools, lock);
  await mender.prepare(ctx);
  const looks = await lookAt(ctx, host, tools);
  const results = new Map<SlotLook, HostResult<Ensured>>();
  const run = async (look: SlotLook) => {
    const result = await mendSlot(ctx, host, mender, look);
    results.set(look, result);
    told(result);
  };
  await runAll(
    looks.map((look) => () => run(look)),
    SLOTS_AT_ONCE,
  );
  return looks.flatMap((look) => results.get(look) ?? []);
}

async function mendSlot(
  ctx: Context,
  host: RolloutHost,
  mender: HostMender,
  look: SlotLook,
): Promise<HostResult<Ensured>> {
  if (look.plight === 'running') return resultOf(host, look, 'unchanged');
  try {
    await mender.mend(ctx, look);
    return resultOf(host, look, 'mended');
  } catch (cause) {
    const error = withDetails(cause, { host: host.name });
    return { host: host.name, container: slotName(look), ok: false, error };
  }
}

function resultOf(
  { name: host }: RolloutHost,
  look: SlotLook,
  did: Ensured['did'],
): HostResult<Ensured> {
  const { service, slot, plight: found, why } = look;
  const value = { host, service, slot, found, why, did };
  return { host, container: slotName(look), ok: true, value };
}

/** A rollout that came in between has changed what should run. */
async function requireSame(
  ctx: Context,
  host: RolloutHost,
  { opened }: MendTools,
  revision: number,
): Promise<void> {
  const { scope } = opened;
  const journal = await readJournal(ctx, host.engine, scope);
  if ((journal?.revision ?? 0) <= revision) return;
  const message = `Cannot make sure of ${scope.environment} on ${host.name}: somebody rolled out there meanwhile`;
  throw new ShipperError('CONFLICT', message, { host: host.name, hint: 'run it again' });
}
