// The calls of a manager over one session.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { answeredLines } from './container-logs.ts';
import {
  labelFilter,
  namedPath,
  recoded,
  repeatable,
  requestList,
  requestOne,
} from './container-request.ts';
import type { EngineLogin } from './engine.ts';
import { failure } from './failures.ts';
import { authHeader } from './image-calls.ts';
import type { Call, Session } from './session.ts';
import type { SwarmCalls } from './swarm.ts';
import { configOf, nodeOf, platformsOf, serviceOf, swarmStateOf, taskOf } from './swarm-answers.ts';
import { inPath } from './terms.ts';
import { isObject, objectOf, parseObject, textOf } from './wire.ts';

type Kind = 'service' | 'config' | 'task';

/** What an engine can do as a manager. */
export function swarmOf(session: Session): SwarmCalls {
  return { ...lookCalls(session), ...serviceCalls(session), ...configCalls(session) };
}

function lookCalls(
  session: Session,
): Pick<SwarmCalls, 'state' | 'listTasks' | 'taskLogs' | 'listNodes' | 'platforms'> {
  return {
    async state(ctx) {
      const action = 'ask the engine about its swarm';
      return swarmStateOf(await session.requestJson(ctx, { method: 'GET', path: '/info', action }));
    },
    async listTasks(ctx, services) {
      if (services.length === 0) return [];
      const query = { filters: JSON.stringify({ service: services }) };
      const call = { method: 'GET', path: '/tasks', action: 'list the tasks', query } as const;
      return requestList(session, ctx, call, taskOf);
    },
    taskLogs: (ctx, task, tail) => taskLogs(session, ctx, task, tail),
    listNodes(ctx) {
      const call = { method: 'GET', path: '/nodes', action: 'list the nodes' } as const;
      return requestList(session, ctx, call, nodeOf);
    },
    async platforms(ctx, reference, login) {
      const call = {
        method: 'GET',
        path: `/distribution/${inPath(reference)}/json`,
        action: `ask for the systems of ${JSON.stringify(reference)}`,
        image: reference,
        headers: loginHeader(login),
      } as const;
      return platformsOf(await session.requestJson(ctx, call));
    },
  };
}

async function* taskLogs(session: Session, ctx: Context, task: string, tail: number) {
  const path = pathOf('task', task);
  const action = doing('read the log of', 'task', task);
  const about = await session.requestJson(ctx, { method: 'GET', path, action });
  const isRaw = objectOf(objectOf(about['Spec'])['ContainerSpec'])['TTY'] === true;
  const query = { stdout: '1', stderr: '1', tail: String(tail) };
  yield* answeredLines(session, ctx, { method: 'GET', path: `${path}/logs`, action, query }, isRaw);
}

function serviceCalls(
  session: Session,
): Pick<
  SwarmCalls,
  'listServices' | 'inspectService' | 'createService' | 'updateService' | 'removeService'
> {
  return {
    listServices(ctx, labels = []) {
      const query = labelFilter(labels);
      const call = {
        method: 'GET',
        path: '/services',
        action: 'list the services',
        query,
      } as const;
      return requestList(session, ctx, call, serviceOf);
    },
    inspectService: (ctx, service) =>
      requestOne(session, ctx, inspectCall('service', service), serviceOf),
    createService(ctx, spec, login) {
      const action = doing('create', 'service', spec.Name);
      const headers = loginHeader(login);
      return create(session, ctx, { ...createCall('/services/create', action, spec), headers });
    },
    updateService: (ctx, { id, version }, spec, login) =>
      update(session, ctx, {
        method: 'POST',
        path: `${pathOf('service', id)}/update`,
        action: doing('update', 'service', spec.Name),
        query: { version: String(version), registryAuthFrom: 'spec' },
        headers: loginHeader(login),
        json: spec,
      }),
    removeService: (ctx, service) => remove(session, ctx, 'service', service),
  };
}

function configCalls(
  session: Session,
): Pick<
  SwarmCalls,
  'listConfigs' | 'inspectConfig' | 'createConfig' | 'updateConfig' | 'removeConfig'
> {
  return {
    listConfigs(ctx, labels = []) {
      const query = labelFilter(labels);
      const call = { method: 'GET', path: '/configs', action: 'list the configs', query } as const;
      return requestList(session, ctx, call, configOf);
    },
    inspectConfig: (ctx, config) =>
      requestOne(session, ctx, inspectCall('config', config), configOf),
    createConfig(ctx, { name, labels, data }) {
      const json = { Name: name, Labels: labels, Data: Buffer.from(data).toString('base64') };
      const action = doing('create', 'config', name);
      return create(session, ctx, createCall('/configs/create', action, json));
    },
    updateConfig: (ctx, { id, version, name }, labels) =>
      update(session, ctx, {
        method: 'POST',
        path: `${pathOf('config', id)}/update`,
        action: doing('update', 'config', name),
        query: { version: String(version) },
        json: { Name: name, Labels: labels },
      }),
    removeConfig: (ctx, config) => remove(session, ctx, 'config', config),
  };
}

function createCall(path: string, action: string, json: object) {
  return { method: 'POST', path, action, json } as const;
}

async function create(session: Session, ctx: Context, call: Call): Promise<string> {
  let text: string;
  try {
    ({ text } = await repeatable(session, ctx, call));
  } catch (error) {
    throw recoded(error, 409, 'CONFLICT');
  }
  const answer = parseObject(text);
  const id = isObject(answer) ? textOf(answer['ID']) : undefined;
  if (id) return id;
  throw failure(session.doing(call, call.path), 'the engine did not say what its id is');
}

/** Managers answer with 500 where somebody else was first: that a repetition would fail again is for the caller to know. */
async function update(session: Session, ctx: Context, call: Call): Promise<void> {
  try {
    await repeatable(session, ctx, call);
  } catch (error) {
    const isLate = isShipperError(error, 'ENGINE') && error.message.includes('out of sequence');
    throw isLate ? recoded(error, error.details.status ?? 500, 'CONFLICT') : error;
  }
}

async function remove(session: Session, ctx: Context, kind: Kind, name: string): Promise<void> {
  const action = doing('remove', kind, name);
  try {
    await repeatable(session, ctx, { method: 'DELETE', path: pathOf(kind, name), action });
  } catch (error) {
    if (!isShipperError(error, 'NOT_FOUND')) throw error;
  }
}

function inspectCall(kind: Kind, name: string) {
  return {
    method: 'GET',
    path: pathOf(kind, name),
    action: doing('inspect', kind, name),
  } as const;
}

function doing(verb: string, kind: Kind, name: string): string {
  return `${verb} ${kind} ${JSON.stringify(name)}`;
}

function pathOf(kind: Kind, name: string): string {
  return `/${kind}s/${namedPath(kind, name)}`;
}

function loginHeader(login: EngineLogin | undefined): Readonly<Record<string, string>> {
  return login === undefined ? {} : { 'X-Registry-Auth': authHeader(login) };
}
