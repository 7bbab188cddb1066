// What is in a swarm of an environment: its services, their tasks, the nodes, and what the swarm remembers.
import type { Context } from '../../core/context.ts';
import type { SwarmNode, SwarmService, SwarmTask } from '../../engine/swarm.ts';
import type { DeployScope } from '../release.ts';
import { readHistory, type SwarmHistory } from './history.ts';
import type { Managers } from './managers.ts';
import { isOurs } from './works.ts';

/** What is there. */
export interface SwarmView {
  /** All of the swarm. */
  readonly services: readonly SwarmService[];
  /** Of the environment's own. */
  readonly own: readonly SwarmService[];
  /** Of the environment's services. */
  readonly tasks: readonly SwarmTask[];
  readonly nodes: readonly SwarmNode[];
  readonly history: SwarmHistory;
}

/** Looks. */
export async function lookAt(
  ctx: Context,
  managers: Managers,
  scope: DeployScope,
): Promise<SwarmView> {
  const history = await readHistory(ctx, managers, scope);
  const seen = await lookAtTasks(ctx, managers, scope);
  return { ...seen, history };
}

/** Looks at what runs only. */
export async function lookAtTasks(
  ctx: Context,
  managers: Managers,
  scope: DeployScope,
): Promise<Omit<SwarmView, 'history'>> {
  return managers.call(ctx, async (swarm, inside) => {
    const services = await swarm.listServices(inside);
    const own = services.filter(({ spec }) => isOurs(scope, spec));
    const ids = own.map(({ id }) => id);
    const tasks = await swarm.listTasks(inside, ids);
    return { services, own, tasks, nodes: await swarm.listNodes(inside) };
  });
}

/** What nodes are called: their host names, with the address where several have one. */
export function nodeNames(nodes: readonly SwarmNode[]): ReadonlyMap<string, string> {
  const count = (hostname: string) => nodes.filter((node) => node.hostname === hostname).length;
  return new Map(
    nodes.map(({ id, hostname, address }) => [
      id,
      count(hostname) === 1 ? hostname : `${hostname} (${address || id.slice(0, 12)})`,
    ]),
  );
}

/** A task in its place. */
export interface PlacedTask {
  readonly service: string;
  /** Of a global service: by the order of its nodes. */
  readonly slot: number;
  readonly host: string;
  readonly task: SwarmTask;
}

/** The newest task that should run in each place; by slot. */
export function placedTasks(
  service: string,
  tasks: readonly SwarmTask[],
  names: ReadonlyMap<string, string>,
): readonly PlacedTask[] {
  const places = new Map<string, SwarmTask>();
  const isLive = ({ desired }: SwarmTask) => desired === 'running' || desired === 'ready';
  const byAge = [...tasks].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  for (const task of byAge.filter(isLive)) {
    places.set(task.slot > 0 ? String(task.slot) : task.nodeId, task);
  }
  const ordered = [...places.values()].sort(
    (a, b) => a.slot - b.slot || (a.nodeId < b.nodeId ? -1 : 1),
  );
  return ordered.map((task, index) => ({
    service,
    slot: task.slot > 0 ? task.slot : index + 1,
    host: names.get(task.nodeId) ?? 'no node',
    task,
  }));
}
