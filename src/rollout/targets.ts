// What a rollout, a rollback or a resume is to bring about, from what was asked and what the hosts remember: pure.
import { ShipperError } from '../core/errors.ts';
import { halfWay, sameServices } from './half-way.ts';
import { recordIn } from './journal-changes.ts';
import { slotName } from './labels.ts';
import type { HostView } from './observe.ts';
import type { DeployScope, Journal, ReleaseRecord } from './release.ts';
import type { RolloutTarget } from './rollout-run.ts';
import type { ServiceRules, StepRules } from './works.ts';

/** What is known when a target is made. */
export interface Known {
  readonly scope: DeployScope;
  readonly journal: Journal;
  readonly views: readonly HostView[];
  /** The services of the configuration, in their order. */
  readonly rules: readonly ServiceRules[];
}

/** A release that is made now. */
export interface Fresh {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly networks: ReleaseRecord['networks'];
  readonly volumes: ReleaseRecord['volumes'];
}

/**
 * Rolls out `rules` (those that were asked for); what else runs stays, unless the whole environment was asked for and the
 * configuration knows it no more. `PARTIAL` where another release is half-way and `force` is not given.
 */
export function rolloutTarget(
  known: Known,
  fresh: Fresh,
  isWhole: boolean,
  force: boolean,
): RolloutTarget {
  const { journal, rules } = known;
  const current = currentOf(journal);
  const asked = new Set(rules.map(({ name }) => name));
  const others = (current?.services ?? []).filter(({ name }) => !asked.has(name));
  const kept = isWhole ? [] : others;
  const services = [...rules.flatMap(({ released }) => released ?? []), ...kept];
  const keptNames = new Set(kept.map(({ name }) => name));
  const leaving = isWhole ? others.map(({ name }) => leavingRules(name)) : [];
  const unfinished = journal.unfinished;
  const record = recordIn(journal, unfinished?.release);
  const common = {
    action: 'rollout' as const,
    services: [...rules, ...leaving],
    untouched: (current?.slots ?? []).filter(
      ({ service, engine }) => keptNames.has(service) || isAway(known, engine),
    ),
    isBack: false,
  };
  if (unfinished !== undefined && record !== undefined && !force) {
    const isSame = unfinished.action === 'rollout' && sameServices(record.services, services);
    if (!isSame || unfinished.phase !== 'rolling')
      throw halfWay(known.scope.environment, unfinished.phase, record);
    return { ...common, record, resumed: unfinished };
  }
  const made: ReleaseRecord = { ...fresh, status: 'unfinished', services, slots: [] };
  return { ...common, record: made };
}

/** Brings back `record`, as it was placed then. */
export function rollbackTarget(known: Known, record: ReleaseRecord): RolloutTarget {
  return { ...recordTarget(known, record), action: 'rollback', isBack: true };
}

/** Goes on with what is half-way; without that, brings every slot to the release that runs. Undefined without any. */
export function resumeTarget(known: Known): RolloutTarget | undefined {
  const { unfinished, current } = known.journal;
  const record = recordIn(known.journal, unfinished?.release ?? current);
  if (record === undefined) return undefined;
  const target = recordTarget(known, record);
  const isBack = unfinished === undefined || unfinished.action === 'rollback';
  return {
    ...target,
    action: 'resume',
    isBack,
    ...(unfinished === undefined ? {} : { resumed: unfinished }),
  };
}

/** Undoes what is half-way. Undefined where nothing is, or where it is a way back itself. */
export function undoTarget(known: Known): RolloutTarget | undefined {
  const { unfinished } = known.journal;
  const record = recordIn(known.journal, unfinished?.release);
  if (unfinished === undefined || unfinished.action === 'rollback' || record === undefined) {
    return undefined;
  }
  const resumed = { ...unfinished, phase: 'rolling-back' as const };
  return { ...recordTarget(known, record), action: 'rollback', isBack: false, resumed };
}

/**
 * The release to go back to: `version`, else the newest that was committed before the one that runs and is complete on every
 * host. `NOT_FOUND` says what is missing of each.
 */
export function releaseToGoBackTo(known: Known, version: string | undefined): ReleaseRecord {
  const { journal, scope } = known;
  const { current = '' } = journal;
  if (version !== undefined) {
    const found = journal.releases.filter(({ id }) => id === version || id.startsWith(version));
    const [only] = found;
    if (found.length !== 1 || only === undefined) throw unknownRelease(known, version, found);
    return only;
  }
  const older = journal.releases
    .filter(({ id, status }) => id < current && status === 'committed')
    .reverse();
  const lacks: string[] = [];
  for (const record of older) {
    const missing = missingOf(known, record);
    if (missing.length === 0) return record;
    lacks.push(`${record.id} lacks ${missing.slice(0, 3).join(', ')}`);
  }
  const state = older.length === 0 ? 'there is no older release' : lacks.join('; ');
  throw new ShipperError('NOT_FOUND', `Cannot roll back ${scope.environment}: ${state}`, {
    hint: `look at "shipper history ${scope.environment}", or roll out an older report: --report FILE`,
  });
}

/** Slots of a release that cannot be had: neither a container nor a registry has them. */
function missingOf({ views }: Known, { slots, services }: ReleaseRecord): readonly string[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  return slots.flatMap((slot) => {
    const view = views.find(({ host }) => host.id === slot.engine);
    if (view === undefined) return [`${slotName(slot)} on ${slot.host}`];
    const hasContainer = view.own.some(
      (each) =>
        each.service === slot.service && each.slot === slot.slot && each.specHash === slot.specHash,
    );
    const isPulled = byName.get(slot.service)?.image.pinned !== undefined;
    return hasContainer || isPulled ? [] : [`${slotName(slot)} on ${slot.host}`];
  });
}

function recordTarget(known: Known, record: ReleaseRecord): Omit<RolloutTarget, 'action'> {
  const names = new Set(record.services.map(({ name }) => name));
  const current = currentOf(known.journal)?.services ?? [];
  const gone = current.filter(({ name }) => !names.has(name));
  return {
    record,
    services: [...recordRules(known, record), ...gone.map(({ name }) => leavingRules(name))],
    untouched: record.slots.filter(({ engine }) => isAway(known, engine)),
    isBack: true,
  };
}

/** The services of a release as it ran them, where it ran them, treated as the configuration says. */
export function recordRules(
  { rules }: Pick<Known, 'rules'>,
  record: ReleaseRecord,
): readonly ServiceRules[] {
  return record.services.map((released) => ({
    ...rulesFor(rules, released.name),
    released,
    placed: record.slots.filter(({ service }) => service === released.name),
  }));
}

function rulesFor(rules: readonly ServiceRules[], name: string): ServiceRules {
  return rules.find((each) => each.name === name) ?? leavingRules(name);
}

/** How a service is treated that the configuration knows no more. */
export function leavingRules(name: string): ServiceRules {
  const rules: StepRules = {
    batch: { parallelism: 1, canary: 0 },
    delayMs: 0,
    order: 'stop-first',
    monitorMs: 5000,
    failureAction: 'pause',
    maxFailureRatio: 0,
  };
  return {
    name,
    released: undefined,
    mode: 'replicated',
    replicas: 0,
    update: rules,
    rollback: rules,
  };
}

/** The release that runs. */
function currentOf(journal: Journal): ReleaseRecord | undefined {
  return recordIn(journal, journal.current);
}

function isAway({ views }: Known, engine: string): boolean {
  return !views.some(({ host }) => host.id === engine);
}

function unknownRelease(
  { scope, journal }: Known,
  version: string,
  found: readonly ReleaseRecord[],
): ShipperError {
  const state = found.length === 0 ? 'no release is called' : 'several releases begin with';
  const message = `Cannot use a release of ${scope.environment}: ${state} ${JSON.stringify(version)}`;
  const ids = journal.releases.map(({ id }) => id);
  const hint = ids.length === 0 ? 'there are none' : `there are ${ids.slice(-5).join(', ')}`;
  return new ShipperError('USAGE', message, { hint });
}
