// What a rollout, a rollback or a resume is to bring about in a swarm, from what was asked and what the swarm remembers: pure. The
// rules are those of single hosts (`targets.ts`).
import { ShipperError } from '../../core/errors.ts';
import type { SwarmService } from '../../engine/swarm.ts';
import { halfWay, sameServices } from '../half-way.ts';
import type { DeployScope, NetworkSpecs } from '../release.ts';
import type { KeptRelease, KeptRun, SwarmHistory } from './history.ts';
import type { SwarmRelease } from './release-text.ts';
import type { ReleasedSwarmService } from './spec.ts';
import { type ServiceWork, serviceWorks } from './works.ts';

/** What is known when a target is made. */
export interface SwarmKnown {
  readonly scope: DeployScope;
  readonly history: SwarmHistory;
  /** Services of the environment, and what else has a name of theirs. */
  readonly present: readonly SwarmService[];
}

/** What is to be brought about. */
export interface SwarmTarget {
  readonly action: 'rollout' | 'rollback' | 'resume';
  readonly release: SwarmRelease;
  readonly works: readonly ServiceWork[];
  /** Failures are not answered by going back: it is a way back already. */
  readonly isBack: boolean;
  /** What an earlier run began. */
  readonly resumed?: KeptRun;
  /** A run of another release that is given up. */
  readonly givenUp?: KeptRun;
  /** Services that are as they should be are watched too: whether they work decides of something else. Default false. */
  readonly watchesAll?: boolean;
}

/** A release that is made now. */
export interface FreshRelease {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly networks: NetworkSpecs;
}

/** As `rolloutTarget` of single hosts: `services` are those that were asked for. */
export function swarmRolloutTarget(
  known: SwarmKnown,
  fresh: FreshRelease,
  services: readonly ReleasedSwarmService[],
  isWhole: boolean,
  force: boolean,
): SwarmTarget {
  const { history, scope, present } = known;
  const asked = new Set(services.map(({ name }) => name));
  const others = (history.current?.services ?? []).filter(({ name }) => !asked.has(name));
  const all = [...services, ...(isWhole ? [] : others)];
  const works = serviceWorks(scope, services, present, isWhole);
  return newTarget(known, { ...fresh, services: all }, works, force);
}

/** A release in which `leaving` do not run any more; what else runs stays as it is. */
export function swarmLeavingTarget(
  known: SwarmKnown,
  fresh: FreshRelease,
  leaving: readonly string[],
): SwarmTarget {
  const { history, scope, present } = known;
  const services = (history.current?.services ?? []).filter(({ name }) => !leaving.includes(name));
  const works = serviceWorks(scope, [], present, true).filter(({ service }) =>
    leaving.includes(service),
  );
  return newTarget(known, { ...fresh, services }, works, false);
}

/** Goes on with the same release where that is half-way; another one has to be given up by `force`. */
function newTarget(
  { history, scope }: SwarmKnown,
  release: SwarmRelease,
  works: readonly ServiceWork[],
  force: boolean,
): SwarmTarget {
  const { run } = history;
  const common = { action: 'rollout' as const, works, isBack: false };
  const record = history.releases.find(({ id }) => id === run?.release);
  if (run !== undefined && record !== undefined && !force) {
    const isSame = run.action === 'rollout' && sameServices(record.services, release.services);
    if (!isSame || run.phase !== 'rolling') throw halfWay(scope.environment, run.phase, record);
    return { ...common, release: record, resumed: run };
  }
  return { ...common, release, ...(run === undefined ? {} : { givenUp: run }) };
}

/** Undoes what is half-way; else brings back `version`, or the newest release that ran before the one that runs. */
export function swarmRollbackTarget(known: SwarmKnown, version: string | undefined): SwarmTarget {
  const { history } = known;
  const { run } = history;
  const record = history.releases.find(({ id }) => id === run?.release);
  if (version === undefined && run?.action === 'rollout' && record !== undefined) {
    const resumed: KeptRun = { ...run, phase: 'rolling-back' };
    return { ...releaseTarget(known, record), action: 'rollback', isBack: false, resumed };
  }
  const release = releaseOf(known, version);
  return {
    ...releaseTarget(known, release),
    action: 'rollback',
    isBack: true,
    ...(run === undefined ? {} : { givenUp: run }),
  };
}

/** Goes on with what is half-way; without that, brings back what should run. `NOT_FOUND` without any. */
export function swarmResumeTarget(known: SwarmKnown): SwarmTarget {
  const { history, scope } = known;
  const { run, current } = history;
  const release = history.releases.find(({ id }) => id === run?.release) ?? current;
  if (release === undefined) {
    const message = `Cannot resume ${scope.environment}: nothing was ever rolled out there`;
    throw new ShipperError('NOT_FOUND', message, { hint: `shipper rollout ${scope.environment}` });
  }
  return {
    ...releaseTarget(known, release),
    action: 'resume',
    isBack: run === undefined || run.action === 'rollback',
    ...(run === undefined ? {} : { resumed: run }),
  };
}

/** The release `version`; without it the newest older one. */
export function releaseOf(
  { history, scope }: SwarmKnown,
  version: string | undefined,
): KeptRelease {
  const { releases, current } = history;
  if (version !== undefined) {
    const found = releases.filter(({ id }) => id === version || id.startsWith(version));
    const [only] = found;
    if (found.length === 1 && only !== undefined) return only;
    const state = found.length === 0 ? 'no release is called' : 'several releases begin with';
    const message = `Cannot use a release of ${scope.environment}: ${state} ${JSON.stringify(version)}`;
    const ids = releases.map(({ id }) => id).slice(-5);
    const hint = ids.length === 0 ? 'there are none' : `there are ${ids.join(', ')}`;
    throw new ShipperError('USAGE', message, { hint });
  }
  const older = releases.filter(
    ({ id, status }) => current !== undefined && id < current.id && status === 'committed',
  );
  const newest = older.at(-1);
  if (newest !== undefined) return newest;
  const message = `Cannot roll back ${scope.environment}: there is no older release`;
  throw new ShipperError('NOT_FOUND', message, {
    hint: `look at "shipper history ${scope.environment}", or roll out an older report: --report FILE`,
  });
}

function releaseTarget({ scope, present }: SwarmKnown, release: KeptRelease) {
  return { release, works: serviceWorks(scope, release.services, present, true) };
}
