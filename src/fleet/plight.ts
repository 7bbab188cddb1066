// What stands in a slot beside what should: pure, from what its engine says of each container there.
import { isOf, isServing, type SlotGoal } from '../rollout/slot-plan.ts';
import type { OwnContainer } from '../rollout/slot-view.ts';

/** How a slot was found. */
export type Plight =
  | 'running'
  /** No container is there. */
  | 'missing'
  /** It was made and never started. */
  | 'created'
  /** It has ended, or was stopped. */
  | 'stopped'
  /** It was stopped by `shipper stop`, or as `retire` of a rollout does it. */
  | 'put aside'
  | 'paused'
  | 'unhealthy'
  /** Its engine restarts it again and again. */
  | 'restarting'
  /** Its labels are right and its image is another. */
  | 'wrong image'
  /** A container of another release serves. */
  | 'another release'
  /** The wanted one serves, and another beside it. */
  | 'doubled'
  /** Something serves where nothing should. */
  | 'not wanted'
  /** Its engine removes it, or could not. */
  | 'broken';

/** What is found in a slot. */
export interface Found {
  readonly plight: Plight;
  /** The container that this is about; undefined where there is none. */
  readonly container: OwnContainer | undefined;
  /** Why it has ended, as far as that is known: `exit code 1, out of memory`. */
  readonly why: string;
}

/** `imageId` is the id that the wanted image has on the host; undefined where it is not there. */
export function findPlight(
  containers: readonly OwnContainer[],
  goal: SlotGoal,
  imageId: string | undefined,
): Found {
  const serving = containers.filter(isServing);
  if (goal.kind === 'none') {
    const [extra] = serving;
    return extra === undefined ? found('running', undefined) : found('not wanted', extra);
  }
  const broken = containers.find(({ status }) => status === 'dead' || status === 'removing');
  if (broken !== undefined) return found('broken', broken);
  const own = containers.filter((container) => isOf(container, goal));
  const strange = own.find(({ seen }) => imageId !== undefined && seen.imageId !== imageId);
  if (strange !== undefined) return found('wrong image', strange);
  const chosen = own.find(isServing) ?? own.at(-1);
  if (chosen === undefined) {
    const [other] = serving;
    return other === undefined ? found('missing', undefined) : found('another release', other);
  }
  const plight = plightOf(chosen);
  if (plight === 'running' && serving.length > 1) return found('doubled', chosen);
  return found(plight, chosen);
}

function plightOf({ status, seen, restartPolicy, servingPolicy }: OwnContainer): Plight {
  switch (status) {
    case 'running':
      return seen.state.health?.status === 'unhealthy' ? 'unhealthy' : 'running';
    case 'paused':
    case 'restarting':
    case 'created':
      return status;
    case 'exited':
      return restartPolicy.name === 'no' && servingPolicy.name !== 'no' ? 'put aside' : 'stopped';
    case 'dead':
    case 'removing':
      return 'broken';
  }
}

function found(plight: Plight, container: OwnContainer | undefined): Found {
  return { plight, container, why: container === undefined ? '' : whyOf(container) };
}

function whyOf({ status, seen }: OwnContainer): string {
  const { exitCode, oomKilled, error, health } = seen.state;
  if (health?.status === 'unhealthy') {
    const last = health.log.at(-1)?.output.trim().split('\n').at(-1) ?? '';
    return `${health.failingStreak} health checks failed${last === '' ? '' : `: ${last.slice(0, 200)}`}`;
  }
  if (status !== 'exited' && status !== 'restarting') return '';
  const memory = oomKilled ? ', out of memory' : '';
  return `exit code ${exitCode}${memory}${error === '' ? '' : `: ${error}`}`;
}
