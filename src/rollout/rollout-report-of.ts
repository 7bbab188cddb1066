// From how a run went to its report: pure.
import { failureOf } from '../core/errors.ts';
import type { SkippedHost } from './fleet.ts';
import type { RolloutHost } from './host.ts';
import type { DeployScope } from './release.ts';
import type { RolloutTarget, RunResult } from './rollout-run.ts';
import type {
  HostReport,
  RolloutOutcome,
  RolloutReport,
  ServiceReport,
  SlotReport,
} from './rollout-types.ts';
import { isServing } from './slot-plan.ts';
import type { ServiceRules } from './works.ts';

/** What a report is made from, beside the result. */
export interface ReportFacts {
  readonly shipper: string;
  readonly scope: DeployScope;
  readonly hosts: readonly RolloutHost[];
  readonly skipped: readonly SkippedHost[];
  readonly startedAt: string;
  readonly seconds: number;
  readonly notes: readonly string[];
}

/** The report of a run. */
export function reportOf(
  { action, record, services, untouched }: RolloutTarget,
  { outcome, works, results, error }: RunResult,
  facts: ReportFacts,
): RolloutReport {
  const { skipped } = facts;
  const slots: SlotReport[] = works.map((work) => {
    const { service, slot, host, now, isSettled } = work;
    const result = results.get(work);
    const place = { service, slot, host: host.name };
    const runs = result === undefined ? now.findLast(isServing)?.release : result.runs;
    return {
      ...place,
      state: result?.state ?? (isSettled ? 'unchanged' : 'not-started'),
      ...(runs === undefined ? {} : { runs }),
      seconds: result?.seconds ?? 0,
      ...(result?.error === undefined ? {} : { error: failureOf(result.error) }),
    };
  });
  const away = untouched.flatMap(({ service, slot, host }): readonly SlotReport[] =>
    skipped.some(({ name }) => name === host)
      ? [{ service, slot, host, state: 'skipped', seconds: 0 }]
      : [],
  );
  const { head, tail } = frameOf(
    { action, release: record.id, outcome, error },
    facts,
    skipped.length > 0,
  );
  return {
    ...head,
    hosts: hostsOf(facts, slots),
    services: services.flatMap(serviceOf),
    slots: [...slots, ...away],
    ...tail,
  };
}

/** What a run on hosts and one in a swarm tell alike. */
interface ReportFrame {
  readonly head: Omit<RolloutReport, 'hosts' | 'services' | 'slots' | keyof ReportFrame['tail']>;
  readonly tail: Pick<RolloutReport, 'notes' | 'error' | 'mend'>;
}

/** The members of a report in front of hosts, services and slots, and behind them. A rollback that ended is done. */
export function frameOf(
  run: Pick<RolloutReport, 'action' | 'release' | 'outcome'> & { readonly error?: unknown },
  { shipper, scope, startedAt, seconds, notes }: Omit<ReportFacts, 'hosts' | 'skipped'>,
  isIncomplete: boolean,
): ReportFrame {
  const { action, release, error } = run;
  const isUndone = action === 'rollback' && run.outcome === 'rolled-back';
  const outcome = isUndone ? 'done' : run.outcome;
  const { project, environment } = scope;
  const names = { schema: 1, shipper, project, environment } as const;
  return {
    head: { ...names, action, release, outcome, startedAt, seconds },
    tail: {
      notes,
      ...(error === undefined || isUndone ? {} : { error: failureOf(error) }),
      mend: mendOf(outcome, scope, isIncomplete),
    },
  };
}

function serviceOf({ released }: ServiceRules): readonly ServiceReport[] {
  if (released === undefined) return [];
  const { name, image } = released;
  return [{ name, image: image.name, digest: image.digest }];
}

function hostsOf(
  { hosts, skipped }: ReportFacts,
  slots: readonly SlotReport[],
): readonly HostReport[] {
  const lost = new Map(
    slots.flatMap(({ host, state, error }) =>
      state === 'unknown' && error !== undefined ? [[host, error] as const] : [],
    ),
  );
  return [
    ...hosts.map(({ name }): HostReport => {
      const error = lost.get(name);
      return error === undefined
        ? { host: name, state: 'reached' }
        : { host: name, state: 'lost', error };
    }),
    ...skipped.map(
      ({ name, error }): HostReport => ({ host: name, state: 'skipped', error: failureOf(error) }),
    ),
  ];
}

/** Commands that mend what was left. */
function mendOf(
  outcome: RolloutOutcome,
  { environment }: DeployScope,
  isSkipped: boolean,
): readonly string[] {
  switch (outcome) {
    case 'done':
    case 'unchanged':
      return isSkipped ? [`shipper resume ${environment}`] : [];
    case 'failed':
    case 'rolled-back':
      return [];
    case 'rollback-paused':
      return [`shipper resume ${environment}`];
    case 'paused':
    case 'partial':
    case 'interrupted':
    case 'lock-lost':
      return [`shipper resume ${environment}`, `shipper rollback ${environment}`];
  }
}
