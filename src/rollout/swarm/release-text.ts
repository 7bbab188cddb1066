// What a swarm remembers of an environment, as the data of configs: JSON in gzip. Pure.
import { gunzipWhole, gzipWhole } from '../../blob/whole.ts';
import { anyText, type Check, listOf, mapOf, oneOf, shapeOf } from '../../core/checks.ts';
import { messageOf, ShipperError } from '../../core/errors.ts';
import type { ServiceSpec } from '../../engine/swarm.ts';
import type { NetworkSpecs } from '../release.ts';
import type { ReleasedSwarmService } from './spec.ts';

/** A release in a swarm. JSON-able. */
export interface SwarmRelease {
  /** Sorts by age. */
  readonly id: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly by: string;
  /** In the order in which they are rolled out. */
  readonly services: readonly ReleasedSwarmService[];
  readonly networks: NetworkSpecs;
}

/** What a service was before a run touched anything. */
export interface PreviousService {
  readonly service: string;
  /** Its whole specification, with labels; none: there was none. */
  readonly spec?: ServiceSpec;
}

/** What a run that has begun writes down before it touches anything. */
export interface BegunRun {
  readonly action: 'rollout' | 'rollback';
  /** The release that is rolled out, or back to. */
  readonly release: string;
  readonly previous: readonly PreviousService[];
}

/** Of the form of both. */
const SCHEMA = 1;
/** Older swarms take 500 KiB (swarmkit, `MaxConfigSize`). */
const MOST_DATA_BYTES = 500_000;
/** JSON that a reader takes, in bytes. */
const MOST_BYTES = 33_554_432;

const object: Check = (value, name) => mapOf(() => undefined)(value, name);
const SPEC: Check = (value, name) => {
  object(value, name);
  const { Name, Labels } = value as Readonly<Record<string, unknown>>;
  anyText(Name, `${name}.Name`);
  mapOf(anyText)(Labels, `${name}.Labels`);
  object((value as Readonly<Record<string, unknown>>)['TaskTemplate'], `${name}.TaskTemplate`);
};
const SERVICE: Check = (value, name) => {
  const image = shapeOf({ name: anyText, pinned: anyText, digest: anyText }, ['name', 'digest']);
  const members = { name: anyText, image, spec: SPEC, specHash: anyText, taskHash: anyText };
  shapeOf(members, Object.keys(members))(value, name);
};
const RELEASE: Check = (value, name) => {
  const texts = { id: anyText, at: anyText, by: anyText };
  const members = { ...texts, services: listOf(SERVICE), networks: listOf(object) };
  shapeOf(members, Object.keys(members))(value, name);
};
const RUN: Check = (value, name) => {
  const previous = listOf(shapeOf({ service: anyText, spec: SPEC }, ['service']));
  const members = { action: oneOf('rollout', 'rollback'), release: anyText, previous };
  shapeOf(members, Object.keys(members))(value, name);
};

/** The data of a config. `LIMIT_EXCEEDED` where a swarm would not take it. */
export function dataOf(value: SwarmRelease | BegunRun): Uint8Array {
  const data = gzipWhole(new TextEncoder().encode(JSON.stringify({ schema: SCHEMA, value })));
  if (data.length <= MOST_DATA_BYTES) return data;
  const message = `Cannot keep the release in the swarm: it is ${data.length} bytes, and a config takes ${MOST_DATA_BYTES}`;
  throw new ShipperError('LIMIT_EXCEEDED', message);
}

/** Reads a release. `CONFLICT` where it is none. */
export function readRelease(name: string, data: Uint8Array): SwarmRelease {
  return read(name, data, RELEASE) as SwarmRelease;
}

/** Reads a run. `CONFLICT` where it is none. */
export function readRun(name: string, data: Uint8Array): BegunRun {
  return read(name, data, RUN) as BegunRun;
}

function read(name: string, data: Uint8Array, check: Check): unknown {
  try {
    const text = new TextDecoder().decode(gunzipWhole(data, MOST_BYTES, `the config ${name}`));
    const { schema, value } = JSON.parse(text) as { schema: unknown; value: unknown };
    if (typeof schema !== 'number' || schema > SCHEMA) {
      throw new RangeError('it is of a newer shipper');
    }
    check(value, 'it');
    return value;
  } catch (error) {
    const message = `Cannot read the config ${name} of the swarm: ${messageOf(error)}`;
    const hint = 'use the shipper that wrote it, or remove that config';
    throw new ShipperError('CONFLICT', message, { cause: error, hint });
  }
}
