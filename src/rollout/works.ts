// From a release and what is on the hosts to the work in each slot: pure.
import { compareText } from '../core/sorted.ts';
import type { BatchRule } from './batches.ts';
import type { RolloutHost } from './host.ts';
import { type SlotPlace, slotName } from './labels.ts';
import type { HostView } from './observe.ts';
import { placeGlobal, placeSlots } from './place-slots.ts';
import type { PreviousSlot, ReleasedService, ReleasedSlot, UnfinishedRollout } from './release.ts';
import {
  isServing,
  NO_MEMORY,
  nextStep,
  type SlotGoal,
  type SlotRules,
  type UpdateOrder,
} from './slot-plan.ts';
import type { OwnContainer } from './slot-view.ts';

/** How containers of a service are replaced, forwards or back. */
export interface StepRules {
  readonly batch: BatchRule;
  readonly delayMs: number;
  readonly order: UpdateOrder;
  readonly monitorMs: number;
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  readonly maxFailureRatio: number;
}

/** A service of a rollout. */
export interface ServiceRules {
  readonly name: string;
  /** What its slots are to run; undefined: they are to go. */
  readonly released: ReleasedService | undefined;
  readonly mode: 'replicated' | 'global';
  readonly replicas: number;
  /** Where its slots are to be, whatever the number of replicas: those of a release that is brought back. */
  readonly placed?: readonly ReleasedSlot[];
  readonly update: StepRules;
  readonly rollback: StepRules;
}

/** One slot of a rollout. */
export interface SlotWork extends SlotPlace {
  readonly host: RolloutHost;
  readonly rules: ServiceRules;
  readonly goal: SlotGoal;
  /** See `SlotRules`. */
  readonly isGated: boolean;
  /** What is there. */
  readonly now: readonly OwnContainer[];
  /** What served before the rollout touched anything. */
  readonly previous: PreviousSlot['container'];
  /** Nothing is to be done. */
  readonly isSettled: boolean;
}

/** What works are made from. */
export interface WorkPlan {
  readonly release: string;
  /** In the order in which they are rolled out. */
  readonly services: readonly ServiceRules[];
  readonly views: readonly HostView[];
  /** Slots that the running release has on hosts that are not among `views`. */
  readonly elsewhere: readonly ReleasedSlot[];
  /** The rollout that is gone on with. */
  readonly resumed?: UnfinishedRollout;
}

/** The work in each slot, by service in their order, then slots that are to run, then those that are to go. */
export function worksOf(plan: WorkPlan): readonly SlotWork[] {
  return plan.services.flatMap((service) => {
    const wanted = placesOf(plan, service);
    const running = wanted.map(({ slot, host }) => workOf(plan, service, slot, host, true));
    const isWanted = new Set(wanted.map(({ slot, host }) => `${slot} ${host.host.id}`));
    const leaving = plan.views.flatMap((view) =>
      slotsThere(view, service.name)
        .filter((slot) => !isWanted.has(`${slot} ${view.host.id}`))
        .map((slot) => workOf(plan, service, slot, view, false)),
    );
    return [...running, ...leaving.filter(({ isSettled }) => !isSettled)];
  });
}

/** The slots of a service that a host has containers of, in any state. */
function slotsThere({ own }: HostView, service: string): readonly number[] {
  const slots = own.flatMap((each) => (each.service === service ? [each.slot] : []));
  return [...new Set(slots)].sort((a, b) => a - b);
}

interface Placed {
  readonly slot: number;
  readonly host: HostView;
}

function placesOf({ views, elsewhere }: WorkPlan, service: ServiceRules): readonly Placed[] {
  if (service.released === undefined) return [];
  const byId = new Map(views.map((view) => [view.host.id, view]));
  if (service.placed !== undefined) {
    return service.placed.flatMap(({ slot, engine }) => {
      const host = byId.get(engine);
      return host === undefined ? [] : [{ slot, host }];
    });
  }
  const current = currentPlaces(views, elsewhere, service.name);
  const away = [...new Set(elsewhere.map(({ engine }) => engine))];
  const engines = [...views.map(({ host }) => host.id), ...away];
  const placed =
    service.mode === 'global'
      ? placeGlobal(engines, current)
      : placeSlots(service.replicas, engines, current);
  return [...placed]
    .sort(([a], [b]) => a - b)
    .flatMap(([slot, engine]) => {
      const host = byId.get(engine);
      return host === undefined ? [] : [{ slot, host }];
    });
}

/**
 * Where the slots of a service are now. A slot in which nothing serves, because a rollout that stops first was cut off, is
 * where its newest container is.
 */
function currentPlaces(
  views: readonly HostView[],
  elsewhere: readonly ReleasedSlot[],
  service: string,
): ReadonlyMap<number, string> {
  const there = views
    .flatMap(({ host, own }) => own.map((container) => ({ ...container, engine: host.id })))
    .filter((each) => each.service === service)
    .sort((a, b) => compareText(a.release, b.release));
  const serving = there.filter(isServing);
  const away = elsewhere.filter((each) => each.service === service);
  return new Map([...there, ...away, ...serving].map(({ slot, engine }) => [slot, engine]));
}

function workOf(
  { release, resumed }: WorkPlan,
  rules: ServiceRules,
  slot: number,
  { host, own }: HostView,
  isWanted: boolean,
): SlotWork {
  const place = { service: rules.name, slot };
  const now = own.filter((each) => each.service === place.service && each.slot === slot);
  const goal: SlotGoal =
    isWanted && rules.released !== undefined
      ? { kind: 'run', specHash: rules.released.specHash, release }
      : { kind: 'none' };
  const isGated = resumed !== undefined && now.some((each) => each.release === release);
  const slotRules = { goal, order: rules.update.order, isGated, isDiscarded: () => false };
  return {
    ...place,
    host,
    rules,
    goal,
    isGated,
    now,
    previous: previousOf(resumed, host, place, now),
    isSettled: isSettled(now, slotRules),
  };
}

function isSettled(now: readonly OwnContainer[], rules: SlotRules): boolean {
  return nextStep(now, rules, NO_MEMORY).kind === 'done';
}

function previousOf(
  resumed: UnfinishedRollout | undefined,
  host: RolloutHost,
  place: SlotPlace,
  now: readonly OwnContainer[],
): PreviousSlot['container'] {
  if (resumed !== undefined) {
    return resumed.previous.find(
      ({ service, slot, engine }) =>
        service === place.service && slot === place.slot && engine === host.id,
    )?.container;
  }
  const serving = now.filter(isServing).at(-1);
  if (serving === undefined) return undefined;
  const { name, release, specHash } = serving;
  return { name, release, specHash };
}

/** Slots that a release has when every work is done, with those that it does not touch. */
export function slotsOf(
  works: readonly SlotWork[],
  untouched: readonly ReleasedSlot[],
): readonly ReleasedSlot[] {
  const own = works.flatMap(({ service, slot, host, goal }) =>
    goal.kind === 'run'
      ? [{ service, slot, engine: host.id, host: host.name, specHash: goal.specHash }]
      : [],
  );
  const touched = new Set(works.map((work) => `${slotName(work)} ${work.host.id}`));
  return [...own, ...untouched.filter((each) => !touched.has(`${slotName(each)} ${each.engine}`))];
}
