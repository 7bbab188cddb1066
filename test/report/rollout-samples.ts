// Reports and plans of rollouts for tests of how they are shown.
import type { MoveReport } from '../../src/rollout/move-types.ts';
import type { PruneReport } from '../../src/rollout/prune.ts';
import type { LocksReport } from '../../src/rollout/queries.ts';
import type { RolloutPlan, RolloutReport, SlotReport } from '../../src/rollout/rollout-types.ts';
import type { HistoryReport, StatusReport } from '../../src/rollout/status.ts';

const OLD = '20260130-090000-0a0a';
const NEW = '20260131-120000-1b1b';
const DIGEST = `sha256:${'a'.repeat(64)}`;
const SCOPE = { project: 'shop', environment: 'staging' } as const;
const IMAGE = { name: 'api', image: 'r.example.com/shop/api:1', digest: DIGEST };

/** `api.1` on `s1`, updated. */
export function slotReport(changes: Partial<SlotReport> = {}): SlotReport {
  return {
    service: 'api',
    slot: 1,
    host: 'ssh://s1',
    state: 'updated',
    runs: NEW,
    seconds: 6.2,
    ...changes,
  };
}

/** Two slots on two hosts, one of which ran the release already. */
export function rolloutReport(changes: Partial<RolloutReport> = {}): RolloutReport {
  return {
    schema: 1,
    shipper: '1.2.3',
    ...SCOPE,
    action: 'rollout',
    release: NEW,
    outcome: 'done',
    startedAt: '2026-01-31T12:00:00.000Z',
    seconds: 12.4,
    hosts: [
      { host: 'ssh://s1', state: 'reached' },
      { host: 'ssh://s2', state: 'reached' },
    ],
    services: [IMAGE],
    slots: [
      slotReport(),
      slotReport({ slot: 2, host: 'ssh://s2', state: 'unchanged', seconds: 0 }),
    ],
    notes: [],
    mend: [],
    ...changes,
  };
}

/** A rollout that paused: one slot failed, one is new, one was not begun. */
export function pausedReport(changes: Partial<RolloutReport> = {}): RolloutReport {
  const error = {
    code: 'UNHEALTHY',
    message: 'Cannot update api.2: it ended with exit code 1',
    log: ['listen: address in use'],
  } as const;
  return rolloutReport({
    outcome: 'paused',
    slots: [
      slotReport(),
      slotReport({ slot: 2, host: 'ssh://s2', state: 'failed', runs: OLD, error }),
      slotReport({ slot: 3, state: 'not-started', runs: OLD, seconds: 0 }),
    ],
    error,
    mend: ['shipper resume staging', 'shipper rollback staging'],
    ...changes,
  });
}

/** A rollout of one slot. */
export function rolloutPlan(changes: Partial<RolloutPlan> = {}): RolloutPlan {
  const host = 'ssh://s1';
  const slot = 'api.1';
  return {
    schema: 1,
    ...SCOPE,
    action: 'rollout',
    release: NEW,
    services: [IMAGE],
    batches: [
      {
        title: 'prepare',
        calls: [{ host, kind: 'deliver', what: IMAGE.image, cause: 'api runs there' }],
      },
      {
        title: 'api',
        calls: [
          { host, slot, kind: 'create', what: `shop-staging-api-1-${NEW}`, cause: 'it is new' },
          { host, slot, kind: 'start', what: `shop-staging-api-1-${NEW}`, cause: 'to serve' },
        ],
      },
    ],
    notes: [],
    ...changes,
  };
}

/** Two slots of two releases, half-way, while somebody is at work. */
export function mixedStatus(changes: Partial<StatusReport> = {}): StatusReport {
  return statusReport({
    unfinished: { action: 'rollout', release: NEW, phase: 'rolling' },
    lock: lockHolder(),
    isMixed: true,
    hosts: [
      { host: 'ssh://s1' },
      {
        host: 'ssh://s2',
        error: { code: 'ENGINE_UNREACHABLE', message: 'Cannot reach ssh://s2: no route', log: [] },
      },
    ],
    slots: [
      {
        service: 'api',
        slot: 1,
        host: 'ssh://s1',
        state: 'running',
        health: 'healthy',
        release: NEW,
        isCurrent: false,
        restarts: 2,
      },
      {
        service: 'api',
        slot: 2,
        host: 'ssh://s1',
        state: 'missing',
        isCurrent: false,
        restarts: 0,
      },
    ],
    ...changes,
  });
}

/** One slot that runs. */
export function statusReport(changes: Partial<StatusReport> = {}): StatusReport {
  return {
    schema: 1,
    ...SCOPE,
    current: OLD,
    isMixed: false,
    hosts: [{ host: 'ssh://s1' }],
    slots: [
      {
        service: 'api',
        slot: 1,
        host: 'ssh://s1',
        state: 'running',
        release: OLD,
        isCurrent: true,
        container: `shop-staging-api-1-${OLD}`,
        image: IMAGE.image,
        restarts: 0,
        startedAt: '2026-01-30T09:00:05Z',
      },
    ],
    ...changes,
  };
}

/** Two releases and two lines of the log. */
export function historyReport(changes: Partial<HistoryReport> = {}): HistoryReport {
  const services = [IMAGE];
  return {
    schema: 1,
    ...SCOPE,
    releases: [
      {
        ...{ id: NEW, at: '2026-01-31T12:00:00.000Z', by: 'ann@laptop' },
        ...{ status: 'failed', isCurrent: false, services, slots: 3 },
      },
      {
        ...{ id: OLD, at: '2026-01-30T09:00:00.000Z', by: 'bob@ci' },
        ...{ status: 'committed', isCurrent: true, services, slots: 3 },
      },
    ],
    audit: [
      {
        ...{ at: '2026-01-31T12:00:00.000Z', by: 'ann@laptop', action: 'rollout' },
        ...{ release: NEW, outcome: 'begun' },
      },
      {
        ...{ at: '2026-01-31T12:00:09.000Z', by: 'ann@laptop', action: 'rollout' },
        ...{ release: NEW, outcome: 'failed', detail: 'Cannot update api.2: it ended' },
      },
    ],
    ...changes,
  };
}

/** Ann, who rolls out. */
export function lockHolder() {
  return {
    scope: SCOPE,
    container: 'c1',
    token: 'T1',
    by: 'ann@laptop',
    owner: 'laptop-7-7',
    action: 'rollout',
    since: '2026-01-31T12:00:00.000Z',
  } as const;
}

/** Her lock on two hosts. */
export function locksReport(changes: Partial<LocksReport> = {}): LocksReport {
  const holder = lockHolder();
  const locks = [
    { host: 'ssh://s1', holder },
    { host: 'ssh://s2', holder },
  ];
  return { schema: 1, ...SCOPE, locks, skipped: [], ...changes };
}

/** A container and an image went from one of two hosts. */
export function pruneReport(changes: Partial<PruneReport> = {}): PruneReport {
  return {
    schema: 1,
    ...SCOPE,
    isDryRun: false,
    hosts: [
      {
        host: 'ssh://s1',
        removed: [
          {
            ...{ kind: 'container', id: 'c1', name: `shop-staging-api-1-${OLD}`, bytes: 0 },
            cause: 'its release is not kept',
          },
          {
            ...{ kind: 'image', id: 'i1', name: 'r.example.com/shop/api:0', bytes: 72_800_000 },
            cause: 'no release that is kept has it',
          },
        ],
        kept: [{ kind: 'image', name: 'r.example.com/shop/api:1', cause: 'it is too young' }],
        bytes: 72_800_000,
      },
      { host: 'ssh://s2', removed: [], kept: [], bytes: 0 },
    ],
    skipped: [],
    bytes: 72_800_000,
    ...changes,
  };
}

/** `api` went from dev to staging. */
export function moveReport(changes: Partial<MoveReport> = {}): MoveReport {
  const left = rolloutReport({
    environment: 'dev',
    services: [],
    slots: [slotReport({ host: 'ssh://d1', state: 'stopped' })],
  });
  return {
    schema: 1,
    shipper: '1.2.3',
    project: 'shop',
    from: 'dev',
    to: 'staging',
    services: ['api'],
    outcome: 'done',
    seconds: 30,
    arrived: rolloutReport(),
    left,
    mend: [],
    ...changes,
  };
}
