// The face of a manager for a swarm in memory, with faults: a call may be lost before or after it had its effect.
import { type Context, interruption } from '../../src/core/context.ts';
import { type ErrorCode, ShipperError } from '../../src/core/errors.ts';
import type {
  SwarmCalls,
  SwarmConfig,
  SwarmNode,
  SwarmService,
  SwarmTask,
} from '../../src/engine/swarm.ts';
import type { FakeConfig, FakeService, FakeSwarm, FakeTask } from './fake-swarm.ts';

/** What happens to a call. */
export type SwarmFault =
  | 'pass'
  | 'drop-before'
  | 'drop-after'
  /** The caller dies before the call, or right after its effect. */
  | 'kill-before'
  | 'kill-after';

/** How a manager is reached. */
export interface ManagerOptions {
  readonly node?: string;
  /** `manager`, `method`, and how many calls there were, from 1. */
  readonly intercept?: (method: string, number: number) => SwarmFault;
  /** While it says true, nothing answers. */
  readonly isCut?: () => boolean;
  /** Called for a kill. */
  readonly onKill?: () => void;
  /** Once the caller is dead nobody hears of anything. */
  readonly isDead?: () => boolean;
}

/** A manager of `swarm`. */
export function fakeManager(swarm: FakeSwarm, options: ManagerOptions = {}): SwarmCalls {
  let count = 0;
  const node = options.node ?? swarm.nodes[0] ?? '';
  const call = async <T>(ctx: Context, method: string, effect: () => T): Promise<T> => {
    await Promise.resolve();
    const never = () => new Promise<never>(() => undefined);
    if (options.isDead?.() === true) return never();
    if (ctx.signal.aborted) throw interruption(ctx.signal);
    count += 1;
    const fault = options.intercept?.(method, count) ?? 'pass';
    if (options.isCut?.() === true || fault === 'drop-before') throw lost(node, method);
    if (fault === 'kill-before') {
      options.onKill?.();
      return never();
    }
    swarm.advance();
    const answer = effect();
    if (fault === 'kill-after') {
      options.onKill?.();
      return never();
    }
    if (fault === 'drop-after') throw lost(node, method);
    return answer;
  };
  const serviceAt = (name: string): FakeService => {
    const found = swarm.service(name);
    if (found === undefined) throw refusal('NOT_FOUND', `service ${name} not found`);
    return found;
  };
  const configAt = (name: string): FakeConfig | undefined =>
    swarm.configs.get(name) ?? [...swarm.configs.values()].find((each) => each.name === name);
  return {
    state: (ctx) =>
      call(ctx, 'state', () => ({
        nodeId: node,
        clusterId: swarm.id,
        isManager: true,
        state: 'active',
      })),
    listServices: (ctx, labels = []) =>
      call(ctx, 'listServices', () =>
        [...swarm.services.values()]
          .filter(({ spec }) => hasAll(spec.Labels, labels))
          .map(serviceOf),
      ),
    inspectService: (ctx, name) =>
      call(ctx, 'inspectService', () => {
        const found = swarm.service(name);
        return found && serviceOf(found);
      }),
    createService: (ctx, spec) =>
      call(ctx, 'createService', () => {
        if (swarm.service(spec.Name) !== undefined) {
          throw refusal('CONFLICT', `service ${spec.Name} already exists`);
        }
        const id = swarm.newId();
        const own = { previous: undefined, update: undefined, updater: undefined };
        swarm.services.set(id, { id, version: swarm.nextIndex(), spec: clone(spec), ...own });
        return id;
      }),
    updateService: (ctx, { id, version }, spec) =>
      call(ctx, 'updateService', () => {
        const found = serviceAt(id);
        if (found.version !== version) throw refusal('CONFLICT', 'update out of sequence');
        swarm.change(found, clone(spec));
      }),
    removeService: (ctx, name) =>
      call(ctx, 'removeService', () => {
        const found = swarm.service(name);
        if (found === undefined) return;
        swarm.services.delete(found.id);
        swarm.tasks = swarm.tasks.filter(({ serviceId }) => serviceId !== found.id);
      }),
    listTasks: (ctx, services) =>
      call(ctx, 'listTasks', () =>
        swarm.tasks.filter(({ serviceId }) => services.includes(serviceId)).map(taskOf),
      ),
    async *taskLogs(ctx, id, tail) {
      const lines = await call(ctx, 'taskLogs', () => {
        const task = swarm.tasks.find((each) => each.id === id);
        return task === undefined ? [] : swarm.logOf(task);
      });
      for (const text of lines.slice(-tail)) yield { stream: 'stdout', text };
    },
    listNodes: (ctx) => call(ctx, 'listNodes', () => swarm.nodes.map(nodeOf)),
    listConfigs: (ctx, labels = []) =>
      call(ctx, 'listConfigs', () =>
        [...swarm.configs.values()].filter((each) => hasAll(each.labels, labels)).map(configOf),
      ),
    inspectConfig: (ctx, name) =>
      call(ctx, 'inspectConfig', () => {
        const found = configAt(name);
        return found && configOf(found);
      }),
    createConfig: (ctx, { name, labels, data }) =>
      call(ctx, 'createConfig', () => {
        if (configAt(name) !== undefined)
          throw refusal('CONFLICT', `config ${name} already exists`);
        if (!/^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$/.test(name) || name.length > 64) {
          throw refusal('ENGINE', 'invalid config name');
        }
        const id = swarm.newId();
        swarm.configs.set(id, { id, name, labels, data, version: swarm.nextIndex() });
        return id;
      }),
    updateConfig: (ctx, { id, version }, labels) =>
      call(ctx, 'updateConfig', () => {
        const found = configAt(id);
        if (found === undefined) throw refusal('NOT_FOUND', `config ${id} not found`);
        if (found.version !== version) throw refusal('CONFLICT', 'update out of sequence');
        found.labels = labels;
        found.version = swarm.nextIndex();
      }),
    removeConfig: (ctx, name) =>
      call(ctx, 'removeConfig', () => {
        const found = configAt(name);
        if (found !== undefined) swarm.configs.delete(found.id);
      }),
    platforms: (ctx) => call(ctx, 'platforms', () => [{ os: 'linux', architecture: 'amd64' }]),
  };
}

function lost(host: string, method: string): ShipperError {
  const message = `Cannot ${method} at ${host}: the connection was closed`;
  return new ShipperError('ENGINE_UNREACHABLE', message, { host, retryable: true });
}

function refusal(code: ErrorCode, message: string): ShipperError {
  return new ShipperError(code, message);
}

function hasAll(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const at = text.indexOf('=');
    return at < 0 ? text in labels : labels[text.slice(0, at)] === text.slice(at + 1);
  });
}

function clone<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function serviceOf({ id, version, spec, update }: FakeService): SwarmService {
  return clone({ id, version, spec, update });
}

function taskOf(task: FakeTask): SwarmTask {
  const { Image, Labels = {} } = task.template.ContainerSpec;
  return {
    ...{ id: task.id, serviceId: task.serviceId, slot: task.slot, nodeId: task.nodeId },
    ...{ labels: Labels, image: Image, state: task.state, desired: task.desired },
    ...{ error: task.error, exitCode: task.exitCode, containerId: `c${task.id}` },
    createdAt: new Date(task.createdMs).toISOString(),
    at: new Date(task.atMs).toISOString(),
  };
}

function nodeOf(id: string): SwarmNode {
  return { id, hostname: `host-${id}`, address: id, state: 'ready', availability: 'active' };
}

function configOf({ id, version, name, labels, data }: FakeConfig): SwarmConfig {
  return { id, version, name, labels: { ...labels }, data };
}
