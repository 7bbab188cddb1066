// From a release and what runs in the swarm to what is to be done with each service: pure.
import { ShipperError } from '../../core/errors.ts';
import type { ServiceSpec, SwarmService } from '../../engine/swarm.ts';
import { LABELS } from '../labels.ts';
import type { DeployScope } from '../release.ts';
import { specHash } from '../spec-hash.ts';
import { scopeLabelsOf, serviceName } from './names.ts';
import type { ReleasedSwarmService } from './spec.ts';

/** What is to be done with a service. */
export interface ServiceWork {
  /** As the configuration has it. */
  readonly service: string;
  /** In the swarm. */
  readonly name: string;
  readonly kind: 'create' | 'update' | 'keep' | 'remove';
  readonly cause: string;
  /** What it is to be; undefined for `remove`. */
  readonly wanted: ReleasedSwarmService | undefined;
  /** What it was when it was planned; undefined for `create`. */
  readonly now: SwarmService | undefined;
}

/**
 * The works of `wanted`, in their order, then those that are to go. `isWhole`: every other service of the environment goes.
 * `CONFLICT` where something that is not ours has a name.
 */
export function serviceWorks(
  scope: DeployScope,
  wanted: readonly ReleasedSwarmService[],
  present: readonly SwarmService[],
  isWhole: boolean,
): readonly ServiceWork[] {
  const byName = new Map(present.map((service) => [service.spec.Name, service]));
  const works = wanted.map((service) => workOf(scope, service, byName.get(service.spec.Name)));
  const names = new Set(works.map(({ name }) => name));
  const leaving = present.filter(
    ({ spec }) => isWhole && !names.has(spec.Name) && isOurs(scope, spec),
  );
  return [
    ...works,
    ...leaving.map(
      (now): ServiceWork => ({
        service: now.spec.Labels[LABELS.service] ?? now.spec.Name,
        name: now.spec.Name,
        kind: 'remove',
        cause: 'the release does not have it',
        wanted: undefined,
        now,
      }),
    ),
  ];
}

function workOf(
  scope: DeployScope,
  wanted: ReleasedSwarmService,
  now: SwarmService | undefined,
): ServiceWork {
  const place = { service: wanted.name, name: serviceName(scope, wanted.name), wanted };
  if (now === undefined) return { ...place, kind: 'create', cause: 'there is none', now };
  if (!isOurs(scope, now.spec)) throw foreign(scope, wanted);
  const cause = whyUpdate(wanted, now);
  return cause === undefined
    ? { ...place, kind: 'keep', cause: 'it is what it should be', now }
    : { ...place, kind: 'update', cause, now };
}

/** Whether a service belongs to the environment. */
export function isOurs(scope: DeployScope, { Labels }: ServiceSpec): boolean {
  return Object.entries(scopeLabelsOf(scope))
    .filter(([key]) => key !== LABELS.schema)
    .every(([key, value]) => Labels[key] === value);
}

function whyUpdate(wanted: ReleasedSwarmService, now: SwarmService): string | undefined {
  if (now.spec.Labels[LABELS.specHash] !== wanted.specHash) return 'its specification is another';
  const { spec } = now;
  if (imageOf(spec) !== imageOf(wanted.spec)) return 'its image was changed by hand';
  if (replicasOf(spec) !== replicasOf(wanted.spec)) {
    return `it was scaled by hand to ${replicasOf(spec)}`;
  }
  const state = now.update?.state;
  return state === 'paused' ? 'its update is paused' : undefined;
}

/** What its containers are created from. */
export function imageOf(spec: ServiceSpec): string {
  const template = spec['TaskTemplate'] as { readonly ContainerSpec?: { readonly Image?: string } };
  return template.ContainerSpec?.Image ?? '';
}

/** The labels of its containers. */
export function taskLabelsOf(spec: ServiceSpec): Readonly<Record<string, string>> {
  const template = spec['TaskTemplate'] as {
    readonly ContainerSpec?: { readonly Labels?: Readonly<Record<string, string>> };
  };
  return template.ContainerSpec?.Labels ?? {};
}

/** Undefined where it is global. */
export function replicasOf(spec: ServiceSpec): number | undefined {
  const mode = spec['Mode'] as { readonly Replicated?: { readonly Replicas?: number } } | undefined;
  return mode?.Replicated === undefined ? undefined : (mode.Replicated.Replicas ?? 0);
}

/** Whether two specifications say the same, whatever the order of what they say. */
export function isSameSpec(a: ServiceSpec, b: ServiceSpec): boolean {
  return specHash(a) === specHash(b);
}

/** The specification for a way back: the swarm follows the rules for that, and never rolls back by itself. */
export function backwards(spec: ServiceSpec): ServiceSpec {
  const rules = (spec['RollbackConfig'] ?? { Parallelism: 1 }) as Readonly<Record<string, unknown>>;
  const action = rules['FailureAction'] === 'continue' ? 'continue' : 'pause';
  return { ...spec, UpdateConfig: { ...rules, FailureAction: action } };
}

/** `pause`, `continue` or `rollback`. */
export function failureActionOf(spec: ServiceSpec): string {
  const config = spec['UpdateConfig'] as { readonly FailureAction?: string } | undefined;
  return config?.FailureAction ?? 'pause';
}

function foreign({ environment }: DeployScope, { name, spec }: ReleasedSwarmService): ShipperError {
  const message = `Cannot roll out ${name}: the swarm has a service ${spec.Name} that is not of ${environment}`;
  return new ShipperError('CONFLICT', message, {
    hint: `remove it (docker service rm ${spec.Name}), or rename the service`,
  });
}
