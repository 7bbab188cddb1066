// What a manager's JSON says, field by field. Pure.
import type {
  ImagePlatform,
  ServiceSpec,
  SwarmConfig,
  SwarmNode,
  SwarmService,
  SwarmState,
  SwarmTask,
  UpdateState,
} from './swarm.ts';
import { arrayOf, isObject, type Json, numberOf, objectOf, recordOf, textOf } from './wire.ts';

/** Reads `Swarm` of `GET /info`. */
export function swarmStateOf(info: Json): SwarmState {
  const swarm = objectOf(info['Swarm']);
  return {
    nodeId: textOf(swarm['NodeID']) ?? '',
    clusterId: textOf(objectOf(swarm['Cluster'])['ID']) || undefined,
    isManager: swarm['ControlAvailable'] === true,
    state: textOf(swarm['LocalNodeState']) || 'inactive',
  };
}

const UPDATE_STATES: readonly string[] = [
  'updating',
  'paused',
  'completed',
  'rollback_started',
  'rollback_paused',
  'rollback_completed',
] satisfies readonly UpdateState[];

/** Reads a service; undefined where it is none. */
export function serviceOf(json: Json): SwarmService | undefined {
  const id = textOf(json['ID']);
  const version = versionOf(json);
  const raw = objectOf(json['Spec']);
  const name = textOf(raw['Name']);
  if (!id || version === undefined || name === undefined) return undefined;
  const spec: ServiceSpec = { ...raw, Name: name, Labels: recordOf(raw['Labels']) };
  return { id, version, spec, update: updateOf(objectOf(json['UpdateStatus'])) };
}

function updateOf(status: Json): SwarmService['update'] {
  const state = textOf(status['State']) ?? '';
  if (!UPDATE_STATES.includes(state)) return undefined;
  return { state: state as UpdateState, message: textOf(status['Message']) ?? '' };
}

/** Reads a task. */
export function taskOf(json: Json): SwarmTask | undefined {
  const id = textOf(json['ID']);
  if (!id) return undefined;
  const status = objectOf(json['Status']);
  const container = objectOf(status['ContainerStatus']);
  const spec = objectOf(objectOf(json['Spec'])['ContainerSpec']);
  return {
    id,
    serviceId: textOf(json['ServiceID']) ?? '',
    slot: numberOf(json['Slot']) ?? 0,
    nodeId: textOf(json['NodeID']) ?? '',
    labels: recordOf(spec['Labels']),
    image: textOf(spec['Image']) ?? '',
    state: textOf(status['State']) ?? 'unknown',
    desired: textOf(json['DesiredState']) ?? '',
    error: textOf(status['Err']) ?? '',
    exitCode: numberOf(container['ExitCode']),
    containerId: textOf(container['ContainerID']) || undefined,
    createdAt: textOf(json['CreatedAt']) ?? '',
    at: textOf(status['Timestamp']) ?? '',
  };
}

/** Reads a node. */
export function nodeOf(json: Json): SwarmNode | undefined {
  const id = textOf(json['ID']);
  if (!id) return undefined;
  const status = objectOf(json['Status']);
  return {
    id,
    hostname: textOf(objectOf(json['Description'])['Hostname']) || id,
    address: textOf(status['Addr']) ?? '',
    state: textOf(status['State']) ?? 'unknown',
    availability: textOf(objectOf(json['Spec'])['Availability']) ?? 'active',
  };
}

/** Reads a config. */
export function configOf(json: Json): SwarmConfig | undefined {
  const id = textOf(json['ID']);
  const version = versionOf(json);
  const spec = objectOf(json['Spec']);
  const name = textOf(spec['Name']);
  if (!id || version === undefined || name === undefined) return undefined;
  const data = new Uint8Array(Buffer.from(textOf(spec['Data']) ?? '', 'base64'));
  return { id, version, name, labels: recordOf(spec['Labels']), data };
}

/** Reads `GET /distribution/{name}/json`. Statements about an image stand beside it as one for an unknown system. */
export function platformsOf(json: Json): readonly ImagePlatform[] {
  return arrayOf(json['Platforms'])
    .filter(isObject)
    .map((each) => ({
      os: textOf(each['os']) ?? '',
      architecture: textOf(each['architecture']) ?? '',
    }))
    .filter(({ os, architecture }) => os !== '' && os !== 'unknown' && architecture !== '');
}

function versionOf(json: Json): number | undefined {
  return numberOf(objectOf(json['Version'])['Index']);
}
