// Names and labels of what is ours in a swarm. Pure.
import { digestOf, shortDigest } from '../../core/digest.ts';
import { LABELS } from '../labels.ts';
import type { DeployScope } from '../release.ts';

/** What a config of ours is for. */
export type ConfigKind = 'lock' | 'run' | 'release';

/** Labels besides those of {@link LABELS}. */
export const SWARM_LABELS = {
  /** Of configs. */
  kind: 'shipper.kind',
  /** Of a container: what would need another one has another. The service's own `spec-hash` is over all that it says. */
  taskHash: 'shipper.task-hash',
} as const;

/** A swarm takes names of so many characters: swarmkit, manager/controlapi. */
const MOST_OF_A_SERVICE = 63;
const MOST_OF_A_CONFIG = 64;

/** `shop_production_api`. */
export function serviceName({ project, environment }: DeployScope, service: string): string {
  return fitted([project, environment, service].join('_'), MOST_OF_A_SERVICE);
}

/** `shipper-release-shop-production-20261126-224510-3f2a`; there is one lock and one run. */
export function configName(scope: DeployScope, kind: ConfigKind, release?: string): string {
  const { project, environment } = scope;
  const end = release === undefined ? '' : `-${release}`;
  return fitted(`shipper-${kind}-${project}-${environment}`, MOST_OF_A_CONFIG - end.length) + end;
}

/** The name itself where a swarm takes it; else the beginning of it, and a digest, so that no two become one. */
function fitted(name: string, most: number): string {
  const plain = name.replace(/[^A-Za-z0-9_-]/g, '-');
  if (plain === name && name.length <= most) return name;
  const end = `-${shortDigest(digestOf(Buffer.from(name)))}`;
  return plain.slice(0, most - end.length).replace(/[-_]+$/, '') + end;
}

/** Labels of everything of an environment. */
export function scopeLabelsOf({
  project,
  environment,
}: DeployScope): Readonly<Record<string, string>> {
  return {
    [LABELS.managed]: '1',
    [LABELS.schema]: '1',
    [LABELS.project]: project,
    [LABELS.environment]: environment,
  };
}

/** What a list is filtered by. */
export function scopeFilter(scope: DeployScope, kind?: ConfigKind): readonly string[] {
  const { project, environment } = scope;
  const own = [
    `${LABELS.managed}=1`,
    `${LABELS.project}=${project}`,
    `${LABELS.environment}=${environment}`,
  ];
  return kind === undefined ? own : [...own, `${SWARM_LABELS.kind}=${kind}`];
}
