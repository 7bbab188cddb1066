// What makes a container ours: its name, its labels, and how they are read back (orchestration 5.2, 5.7). Pure.
import type { RestartPolicy } from '../engine/containers.ts';
import type { DeployScope, ReleasedService } from './release.ts';

/** Labels of every container that shipper owns. A container without `managed`, `project` and `environment` is foreign. */
export const LABELS = {
  managed: 'shipper.managed',
  schema: 'shipper.schema',
  project: 'shipper.project',
  environment: 'shipper.env',
  service: 'shipper.service',
  slot: 'shipper.slot',
  release: 'shipper.release',
  specHash: 'shipper.spec-hash',
  imageDigest: 'shipper.image-digest',
  restart: 'shipper.restart',
} as const;

/** What the labels of one of our containers say. */
export interface OwnLabels {
  readonly service: string;
  readonly slot: number;
  /** The release that made it; later ones may run it as it is. */
  readonly release: string;
  readonly specHash: string;
  readonly imageDigest: string;
  /** The restart policy that it has while it serves; a container that was replaced has `no`. */
  readonly restart: RestartPolicy;
}

/** Where a container stands. */
export interface SlotPlace {
  readonly service: string;
  /** From 1. */
  readonly slot: number;
}

/** `api.3`, as people see a slot. */
export function slotName({ service, slot }: SlotPlace): string {
  return `${service}.${slot}`;
}

/** The name of the container of a slot: with the release in it old and new stand side by side, without renames. */
export function containerName(scope: DeployScope, place: SlotPlace, release: string): string {
  return [scope.project, scope.environment, place.service, place.slot, release].join('-');
}

/** Labels that a list is filtered by: all containers of an environment, or those of one slot. */
export function scopeLabels(scope: DeployScope, place?: SlotPlace): readonly string[] {
  const own = [
    `${LABELS.managed}=1`,
    `${LABELS.project}=${scope.project}`,
    `${LABELS.environment}=${scope.environment}`,
  ];
  if (place === undefined) return own;
  return [...own, `${LABELS.service}=${place.service}`, `${LABELS.slot}=${place.slot}`];
}

/** The labels of a container of `service`: the user's own, and ours over them. */
export function labelsOf(
  scope: DeployScope,
  service: ReleasedService,
  slot: number,
  release: string,
): Readonly<Record<string, string>> {
  return {
    ...service.spec.Labels,
    [LABELS.managed]: '1',
    [LABELS.schema]: '1',
    [LABELS.project]: scope.project,
    [LABELS.environment]: scope.environment,
    [LABELS.service]: service.name,
    [LABELS.slot]: String(slot),
    [LABELS.release]: release,
    [LABELS.specHash]: service.specHash,
    [LABELS.imageDigest]: service.image.digest,
    [LABELS.restart]: formatRestart(restartOf(service)),
  };
}

/** Our labels of a container; undefined where it is not ours, or of another environment. */
export function readLabels(
  scope: DeployScope,
  labels: Readonly<Record<string, string>>,
): OwnLabels | undefined {
  if (labels[LABELS.managed] !== '1') return undefined;
  if (labels[LABELS.project] !== scope.project) return undefined;
  if (labels[LABELS.environment] !== scope.environment) return undefined;
  const service = labels[LABELS.service];
  const slot = Number(labels[LABELS.slot]);
  const release = labels[LABELS.release];
  const specHash = labels[LABELS.specHash];
  if (service === undefined || release === undefined || specHash === undefined) return undefined;
  if (!Number.isSafeInteger(slot) || slot < 1) return undefined;
  const imageDigest = labels[LABELS.imageDigest] ?? '';
  return { service, slot, release, specHash, imageDigest, restart: parseRestart(labels) };
}

/** `on-failure:3`. */
export function formatRestart({ name, maximumRetryCount }: RestartPolicy): string {
  return maximumRetryCount > 0 ? `${name}:${maximumRetryCount}` : name;
}

function parseRestart(labels: Readonly<Record<string, string>>): RestartPolicy {
  const [name = '', count = '0'] = (labels[LABELS.restart] ?? '').split(':');
  if (name === 'no' || name === 'always' || name === 'on-failure') {
    return { name, maximumRetryCount: Number(count) || 0 };
  }
  return { name: 'unless-stopped', maximumRetryCount: 0 };
}

function restartOf({ spec }: ReleasedService): RestartPolicy {
  const host = spec['HostConfig'] as { readonly RestartPolicy?: RawPolicy } | undefined;
  const { Name, MaximumRetryCount = 0 } = host?.RestartPolicy ?? {};
  return {
    name: Name === undefined || Name === '' ? 'no' : Name,
    maximumRetryCount: MaximumRetryCount,
  };
}

interface RawPolicy {
  readonly Name?: RestartPolicy['name'] | '';
  readonly MaximumRetryCount?: number;
}

/**
 * The id of a release that is made now: `20261126-224510-3f2a`. Behind `newest` also where that came from a machine whose
 * clock is ahead, so that ids sort by age. `random` is hex.
 */
export function newReleaseId(nowMs: number, random: string, newest?: string): string {
  const atMs = Math.max(nowMs, newest === undefined ? 0 : timeOfRelease(newest) + 1000);
  const text = new Date(atMs).toISOString().replace(/[-:]/g, '');
  return `${text.slice(0, 8)}-${text.slice(9, 15)}-${random.slice(0, 4)}`;
}

/** When a release was made, in milliseconds since the epoch; 0 for what is not the id of one. */
export function timeOfRelease(id: string): number {
  const found = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-/.exec(id);
  if (found === null) return 0;
  const [year = 0, month = 1, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
