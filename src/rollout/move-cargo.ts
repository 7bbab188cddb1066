// What a move takes along, from what runs where it begins: pure, and the same for hosts and swarms.
import { ShipperError } from '../core/errors.ts';
import { sameServices } from './half-way.ts';
import type { MoveRequest } from './move-types.ts';
import type { ReleasedImage } from './release.ts';

/** A service of a release. */
export interface RunningService {
  readonly name: string;
  readonly image: ReleasedImage;
  readonly specHash: string;
}

/** What runs in an environment, and what is remembered of it. */
export interface Running {
  /** The release that runs. */
  readonly release: string;
  readonly services: readonly RunningService[];
  /** Names of all services that any release had. */
  readonly everRan: ReadonlySet<string>;
  /** What is half-way; `services` are absent where nobody remembers them. */
  readonly unfinished?: {
    readonly release: string;
    readonly action: 'rollout' | 'rollback';
    readonly phase: 'rolling' | 'rolling-back';
    readonly services?: readonly RunningService[];
  };
}

interface RanRelease {
  readonly id: string;
  readonly services: readonly RunningService[];
}

/** From what an environment remembers; undefined where nothing was ever rolled out. */
export function runningOf(
  releases: readonly RanRelease[],
  current: RanRelease | undefined,
  unfinished: Running['unfinished'],
): Running | undefined {
  if (current === undefined) return undefined;
  const half = releases.find(({ id }) => id === unfinished?.release);
  return {
    release: current.id,
    services: current.services,
    everRan: new Set(releases.flatMap(({ services }) => services.map(({ name }) => name))),
    ...(unfinished === undefined
      ? {}
      : { unfinished: { ...unfinished, ...(half && { services: half.services }) } }),
  };
}

/** What is moved. */
export interface Cargo {
  /** The release that runs it. */
  readonly release: string;
  readonly services: readonly string[];
  /** By service. */
  readonly images: ReadonlyMap<string, ReleasedImage>;
}

/** What is to be moved. Services that `from` runs no more are there already, or never were: the first are found half-way. */
export function cargoOf(
  running: Running | undefined,
  { from, services: wanted = [] }: MoveRequest,
): Cargo {
  if (running === undefined) {
    const message = `Cannot move from ${from}: nothing was ever rolled out there`;
    throw new ShipperError('NOT_FOUND', message);
  }
  const { release, everRan } = running;
  const unknown = wanted.filter((name) => !everRan.has(name));
  if (unknown.length > 0) {
    const names = running.services.map(({ name }) => name).join(', ') || 'none';
    throw new ShipperError('USAGE', `Cannot move ${unknown.join(', ')}: ${from} does not run it`, {
      hint: `the services that run there: ${names}`,
    });
  }
  const moved = running.services.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const services = moved.map(({ name }) => name);
  requireFree(running, services, from);
  return { release, services, images: new Map(moved.map(({ name, image }) => [name, image])) };
}

/** `from` may be half-way only in the second half of this same move. */
function requireFree(
  { unfinished, services }: Running,
  moved: readonly string[],
  from: string,
): void {
  if (unfinished === undefined) return;
  const staying = services.filter(({ name }) => !moved.includes(name));
  const isOurs =
    unfinished.action === 'rollout' &&
    unfinished.phase === 'rolling' &&
    unfinished.services !== undefined &&
    sameServices(unfinished.services, staying);
  if (isOurs) return;
  const message = `Cannot move from ${from}: release ${unfinished.release} is half-way there`;
  const hint = `shipper resume ${from} or shipper rollback ${from}`;
  throw new ShipperError('PARTIAL', message, { hint });
}

/** Where another release runs by now than the one that was moved, nothing is stopped. */
export function requireMoved(current: string | undefined, cargo: Cargo, environment: string): void {
  if (current === cargo.release) return;
  const message = `Cannot stop the services in ${environment}: release ${current} runs there by now, and ${cargo.release} was moved`;
  throw new ShipperError('CONFLICT', message, { hint: 'run the same command again' });
}
