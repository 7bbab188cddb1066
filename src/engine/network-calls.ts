// Networks and volumes: made where they are missing, never changed.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { namedPath, recoded, repeatable, requestOne } from './container-request.ts';
import type {
  Containers,
  EngineNetwork,
  EngineVolume,
  NetworkSpec,
  VolumeSpec,
} from './containers.ts';
import type { Session } from './session.ts';
import { type Json, recordOf, textOf } from './wire.ts';

type NetworkCalls = Pick<
  Containers,
  | 'inspectNetwork'
  | 'createNetwork'
  | 'connectNetwork'
  | 'removeNetwork'
  | 'inspectVolume'
  | 'createVolume'
>;

/** The calls about what containers stand on. */
export function networkCalls(session: Session): NetworkCalls {
  return {
    inspectNetwork: async (ctx, name) => {
      const path = networkPath(name);
      const action = `inspect network ${JSON.stringify(name)}`;
      const found = await requestOne(session, ctx, { method: 'GET', path, action }, networkOf);
      // Engines also find by id.
      return found?.name === name ? found : undefined;
    },
    createNetwork: (ctx, spec) => createNetwork(session, ctx, spec),
    connectNetwork: (ctx, network, container, settings) =>
      connectNetwork(session, ctx, network, container, settings),
    removeNetwork: async (ctx, name) => {
      const path = networkPath(name);
      const action = `remove network ${JSON.stringify(name)}`;
      try {
        await repeatable(session, ctx, { method: 'DELETE', path, action });
      } catch (error) {
        if (!isShipperError(error, 'NOT_FOUND')) throw error;
      }
    },
    inspectVolume: (ctx, name) => {
      const path = `/volumes/${namedPath('volume', name)}`;
      const action = `inspect volume ${JSON.stringify(name)}`;
      return requestOne(session, ctx, { method: 'GET', path, action }, volumeOf);
    },
    createVolume: (ctx, spec) => createVolume(session, ctx, spec),
  };
}

async function createNetwork(session: Session, ctx: Context, spec: NetworkSpec): Promise<void> {
  const call = {
    method: 'POST',
    path: '/networks/create',
    action: `create network ${JSON.stringify(spec.name)}`,
    json: {
      Name: spec.name,
      // Below API 1.44 engines make a second of the same name without it.
      CheckDuplicate: true,
      Driver: spec.driver ?? 'bridge',
      Internal: spec.internal === true,
      Attachable: spec.attachable === true,
      EnableIPv6: spec.ipv6 === true,
      Options: spec.options ?? {},
      Labels: spec.labels,
    },
    accepts: [409],
  } as const;
  try {
    await repeatable(session, ctx, call);
  } catch (error) {
    // podman has no status of its own for it.
    if (!isShipperError(error, 'ENGINE') || !error.message.includes('already exists')) throw error;
  }
}

async function connectNetwork(
  session: Session,
  ctx: Context,
  network: string,
  container: string,
  settings: Json,
): Promise<void> {
  const call = {
    method: 'POST',
    path: `${networkPath(network)}/connect`,
    action: `connect container ${JSON.stringify(container)} to network ${JSON.stringify(network)}`,
    json: { Container: container, EndpointConfig: settings },
  } as const;
  try {
    await repeatable(session, ctx, call);
  } catch (error) {
    // moby daemon/container_operations.go: a 403, or with newer ones a 409; podman: "already connected".
    if (!isShipperError(error) || !/already (?:exists in|attached|connected)/.test(error.message)) {
      throw error;
    }
  }
}

async function createVolume(session: Session, ctx: Context, spec: VolumeSpec): Promise<void> {
  const call = {
    method: 'POST',
    path: '/volumes/create',
    action: `create volume ${JSON.stringify(spec.name)}`,
    json: {
      Name: spec.name,
      Driver: spec.driver ?? 'local',
      DriverOpts: spec.options ?? {},
      Labels: spec.labels,
    },
  } as const;
  try {
    await repeatable(session, ctx, call);
  } catch (error) {
    throw recoded(error, 409, 'CONFLICT');
  }
}

function networkPath(name: string): string {
  return `/networks/${namedPath('network', name)}`;
}

/** `GET /networks/{name}`; undefined when it has no name. */
export function networkOf(json: Json): EngineNetwork | undefined {
  const name = textOf(json['Name']) ?? textOf(json['name']);
  if (name === undefined) return undefined;
  return {
    id: textOf(json['Id']) ?? '',
    name,
    driver: textOf(json['Driver']) ?? '',
    labels: recordOf(json['Labels']),
  };
}

/** `GET /volumes/{name}`; undefined when it has no name. */
export function volumeOf(json: Json): EngineVolume | undefined {
  const name = textOf(json['Name']);
  if (name === undefined) return undefined;
  return { name, driver: textOf(json['Driver']) ?? '', labels: recordOf(json['Labels']) };
}
