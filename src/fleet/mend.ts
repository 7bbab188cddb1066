// One host of an environment brought to the release that runs: each slot looked at, and what is wrong there mended by the steps
// that rollouts take, under the lock of the host.
import { type Context, narrow } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { neverAborts } from '../core/own-abort.ts';
import type { Opened, RolloutParts } from '../rollout/environment.ts';
import { type FleetLock, takeFleetLock } from '../rollout/fleet-lock.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { keptNames } from '../rollout/kept-names.ts';
import { type SlotPlace, scopeLabels, slotName } from '../rollout/labels.ts';
import type { HookRunner, Images } from '../rollout/parts.ts';
import { prepareHost } from '../rollout/prepare.ts';
import type { ReleasedService, ReleaseRecord } from '../rollout/release.ts';
import { type SlotActs, stopGraceMs } from '../rollout/slot-acts.ts';
import { isOf, isServing, type SlotGoal } from '../rollout/slot-plan.ts';
import { runSlot } from '../rollout/slot-run.ts';
import { type OwnContainer, ownOf } from '../rollout/slot-view.ts';
import { leavingRules } from '../rollout/targets.ts';
import type { ServiceRules } from '../rollout/works.ts';
import { type Found, findPlight } from './plight.ts';

/** A slot, what it should run, and how it was found. */
export interface SlotLook extends SlotPlace, Found {
  readonly goal: SlotGoal;
  readonly containers: readonly OwnContainer[];
}

/** What hosts are mended with. */
export interface MendTools {
  readonly opened: Opened;
  readonly parts: RolloutParts;
  readonly record: ReleaseRecord;
  readonly images: Images;
  /** Only these services; none means all of the release. */
  readonly services: readonly string[];
  /** How long a host may be out of reach. */
  readonly patienceMs: number;
}

/** Looks at every slot that the release has on `host`, and at those in which something runs that should not. */
export async function lookAt(
  ctx: Context,
  host: RolloutHost,
  { opened, record, services }: MendTools,
): Promise<readonly SlotLook[]> {
  const { scope } = opened;
  const { containers: calls } = host.engine;
  const own = await ownOf(ctx, calls, scope, await calls.list(ctx, scopeLabels(scope)));
  const isMeant = (service: string) => services.length === 0 || services.includes(service);
  const wanted = record.slots.filter(
    ({ engine, service }) => engine === host.id && isMeant(service),
  );
  const images = new Map<string, string | undefined>();
  for (const service of record.services) {
    if (wanted.some((slot) => slot.service === service.name)) {
      images.set(service.name, await imageIdOn(ctx, host, opened, service));
    }
  }
  const at = ({ service, slot }: SlotPlace) =>
    own.filter((each) => each.service === service && each.slot === slot);
  const looks = wanted.map(({ service, slot, specHash }): SlotLook => {
    const goal = { kind: 'run', specHash, release: record.id } as const;
    const containers = at({ service, slot });
    return {
      service,
      slot,
      goal,
      containers,
      ...findPlight(containers, goal, images.get(service)),
    };
  });
  const isWanted = (place: SlotPlace) =>
    wanted.some(({ service, slot }) => service === place.service && slot === place.slot);
  const extra = own.filter((each) => isServing(each) && isMeant(each.service) && !isWanted(each));
  const places = new Map(extra.map((each) => [slotName(each), each]));
  const leaving = [...places.values()].map(({ service, slot }): SlotLook => {
    const goal = { kind: 'none' } as const;
    const containers = at({ service, slot });
    return { service, slot, goal, containers, ...findPlight(containers, goal, undefined) };
  });
  return [...looks, ...leaving];
}

/** The id that the image of a service has on `host`; undefined where none of its names leads to one. */
async function imageIdOn(
  ctx: Context,
  host: RolloutHost,
  { scope }: Opened,
  service: ReleasedService,
): Promise<string | undefined> {
  for (const name of keptNames(scope, service)) {
    const found = await host.engine.inspectImage(ctx, name);
    if (found !== undefined) return found.id;
  }
  return undefined;
}

/** The lock of one host, for as long as it is mended. */
export function lockHost(
  ctx: Context,
  host: RolloutHost,
  { system, scope, by, environment }: Opened,
  action: string,
): Promise<FleetLock> {
  return takeFleetLock(ctx, system, [host], {
    ...{ scope, by, action, waitMs: environment.lockTimeoutMs },
  });
}

/** Mends slots of one host whose lock is held. */
export class HostMender {
  readonly #host: RolloutHost;
  readonly #tools: MendTools;
  readonly #acts: SlotActs;

  constructor(host: RolloutHost, tools: MendTools, lock: FleetLock) {
    const { opened, parts, record, images } = tools;
    const hooks: HookRunner = parts.hooks(opened, lock.env);
    this.#host = host;
    this.#tools = tools;
    this.#acts = {
      checkLock: (inside, own) => lock.check(inside, own),
      serviceOf: (name, specHash) =>
        record.services.find((each) => each.name === name && each.specHash === specHash),
      imageOn: (inside, own, service, isAgain) => images.imageOn(inside, own, service, isAgain),
      route: (inside, facts) => hooks.route(inside, facts),
      drain: (inside, facts) => hooks.drain(inside, facts),
    };
  }

  /** Networks and volumes of the release, as far as they are missing. */
  prepare(ctx: Context): Promise<void> {
    return prepareHost(ctx, this.#host, this.#tools.record, this.#acts.checkLock);
  }

  /**
   * Brings a slot to what it should run, and watches until that works. `UNHEALTHY`, with the last lines of the container, where
   * it does not; the failures of its engine, `LOCKED` where the lock was lost.
   */
  async mend(ctx: Context, look: SlotLook): Promise<void> {
    const { service, slot, goal } = look;
    const name = slotName(look);
    const inside = narrow({ ...ctx, signal: neverAborts() }, { slot: name });
    await this.#clear(inside, look);
    const { update } = this.#rulesOf(service);
    const job = {
      ...{ service, slot, goal, host: this.#host, order: update.order },
      isGated: true,
      isDiscarded: () => false,
      gate: { monitorMs: update.monitorMs },
    };
    const { opened, patienceMs } = this.#tools;
    const ending = await runSlot(inside, job, {
      ...{ scope: opened.scope, acts: this.#acts, soft: ctx.signal, hostTimeoutMs: patienceMs },
    });
    if (ending.kind === 'reached') return;
    const message = `Cannot mend ${name} on ${this.#host.name}: it was stopped on the way`;
    throw ending.error ?? new ShipperError('INTERRUPTED', message, { host: this.#host.name });
  }

  /** What the table of a rollout does not know: a container that is not what its labels say, and one that is sick. */
  async #clear(ctx: Context, { plight, containers, goal, service, container }: SlotLook) {
    const calls = this.#host.engine.containers;
    if (plight === 'unhealthy' && container !== undefined) {
      await this.#acts.checkLock(ctx, this.#host);
      await calls.restart(ctx, container.id, stopGraceMs(this.#acts, service, container));
    }
    if (plight !== 'wrong image') return;
    for (const each of containers.filter((own) => isOf(own, goal))) {
      if (each.seen.imageId !== container?.seen.imageId) continue;
      await this.#acts.checkLock(ctx, this.#host);
      if (each.status === 'paused') await calls.unpause(ctx, each.id);
      if (isServing(each)) {
        await calls.stop(ctx, each.id, stopGraceMs(this.#acts, service, each));
      }
      await calls.remove(ctx, each.id);
    }
  }

  #rulesOf(service: string): ServiceRules {
    const { parts, opened } = this.#tools;
    return parts.rules(opened).find(({ name }) => name === service) ?? leavingRules(service);
  }
}
