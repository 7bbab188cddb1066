// What runs in an environment, host by host and slot by slot, and what its hosts remember: pure, from what was observed.

import { failureOf } from '../core/errors.ts';
import { compareText } from '../core/sorted.ts';
import type { SkippedHost } from './fleet.ts';
import type { LockHolder } from './lock.ts';
import type { HostView } from './observe.ts';
import type { AuditEntry, Journal, ReleaseRecord } from './release.ts';
import type { RolloutFailure } from './rollout-types.ts';
import { isServing } from './slot-plan.ts';
import type { OwnContainer } from './slot-view.ts';

/** `shipper status`. JSON-able. */
export interface StatusReport {
  readonly schema: 1;
  readonly project: string;
  readonly environment: string;
  /** The release that was committed last. */
  readonly current?: string;
  /** A rollout that is half-way. */
  readonly unfinished?: {
    readonly action: string;
    readonly release: string;
    readonly phase: string;
  };
  /** Who changes the environment now. */
  readonly lock?: LockHolder;
  /** Slots of several releases run, or not all that should. */
  readonly isMixed: boolean;
  readonly hosts: readonly { readonly host: string; readonly error?: RolloutFailure }[];
  readonly slots: readonly StatusSlot[];
}

/** One slot. */
export interface StatusSlot {
  readonly service: string;
  readonly slot: number;
  readonly host: string;
  /** `running`, `exited` … of the container that serves, else the newest; `missing` where there should be one. */
  readonly state: string;
  /** Of its health check; absent where it has none. */
  readonly health?: string;
  /** The release that made it. */
  readonly release?: string;
  /** Whether it is what the current release wants. */
  readonly isCurrent: boolean;
  readonly container?: string;
  readonly image?: string;
  readonly restarts: number;
  /** By the host's clock. */
  readonly startedAt?: string;
}

/** The status of an environment. */
export function statusOf(
  scope: { readonly project: string; readonly environment: string },
  views: readonly HostView[],
  skipped: readonly SkippedHost[],
  journal: Journal | undefined,
  lock: LockHolder | undefined,
): StatusReport {
  const current = journal?.releases.find(({ id }) => id === journal.current);
  const slots = views.flatMap((view) => slotsOn(view, current));
  const { unfinished } = journal ?? {};
  return {
    schema: 1,
    ...scope,
    ...(journal?.current === undefined ? {} : { current: journal.current }),
    ...(unfinished === undefined
      ? {}
      : {
          unfinished: {
            action: unfinished.action,
            release: unfinished.release,
            phase: unfinished.phase,
          },
        }),
    ...(lock === undefined ? {} : { lock }),
    isMixed: slots.some(({ isCurrent, state }) => !isCurrent || state !== 'running'),
    hosts: [
      ...views.map(({ host }) => ({ host: host.name })),
      ...skipped.map(({ name, error }) => ({ host: name, error: failureOf(error) })),
    ],
    slots: slots.sort(
      (a, b) => compareText(a.service, b.service) || a.slot - b.slot || compareText(a.host, b.host),
    ),
  };
}

function slotsOn({ host, own }: HostView, current: ReleaseRecord | undefined): StatusSlot[] {
  const wanted = (current?.slots ?? []).filter(({ engine }) => engine === host.id);
  const keys = new Set([
    ...wanted.map(({ service, slot }) => `${service} ${slot}`),
    // Stopped ones are kept for a way back, and are nothing to look at.
    ...own.filter(isServing).map(({ service, slot }) => `${service} ${slot}`),
  ]);
  return [...keys].map((key) => {
    const [service = '', slot = ''] = key.split(' ');
    const there = own.filter((each) => each.service === service && each.slot === Number(slot));
    const shown = there.findLast(isServing) ?? there.at(-1);
    const hash = wanted.find(
      (each) => each.service === service && each.slot === Number(slot),
    )?.specHash;
    const place = { service, slot: Number(slot), host: host.name };
    if (shown === undefined) return { ...place, state: 'missing', isCurrent: false, restarts: 0 };
    return {
      ...place,
      ...factsOf(shown),
      isCurrent: hash === undefined ? current === undefined : hash === shown.specHash,
    };
  });
}

function factsOf({ name, release, status, seen }: OwnContainer) {
  const { health, restartCount, startedAt } = seen.state;
  return {
    state: status,
    ...(health === undefined ? {} : { health: health.status }),
    release,
    container: name,
    image: seen.image,
    restarts: restartCount,
    startedAt,
  };
}

/** `shipper history`. JSON-able. */
export interface HistoryReport {
  readonly schema: 1;
  readonly project: string;
  readonly environment: string;
  /** Newest first. */
  readonly releases: readonly HistoryEntry[];
  /** Oldest first. */
  readonly audit: readonly AuditEntry[];
}

/** One release. */
export interface HistoryEntry {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly status: ReleaseRecord['status'];
  readonly isCurrent: boolean;
  readonly services: readonly {
    readonly name: string;
    readonly image: string;
    readonly digest: string;
  }[];
  readonly slots: number;
}

/** The history of an environment. */
export function historyOf(
  scope: { readonly project: string; readonly environment: string },
  journal: Journal | undefined,
): HistoryReport {
  const releases = [...(journal?.releases ?? [])].reverse().map((record) => ({
    id: record.id,
    at: record.at,
    by: record.by,
    status: record.status,
    isCurrent: record.id === journal?.current,
    services: record.services.map(({ name, image }) => ({
      name,
      image: image.name,
      digest: image.digest,
    })),
    slots: record.slots.length,
  }));
  return { schema: 1, ...scope, releases, audit: journal?.audit ?? [] };
}
