// `deploy:` of a service → how many containers, where, and how they are replaced.

import type { Place } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { Environment } from './environment-types.ts';
import { choice, number, type Reading, record, text, texts } from './reading.ts';
import type {
  DeployChoice,
  ResourceLimits,
  RestartPolicyChoice,
  UpdateChoice,
} from './service-types.ts';
import { child, itemsOf, type Tree } from './tree.ts';
import { dockerBytes, durationMs } from './units.ts';

/** As in a swarm (swarmkit, `api/defaults/service.go`). */
const MONITOR_MS = 5000;

/** What only a swarm knows. */
const OF_A_SWARM = ['placement', 'endpoint_mode', 'labels'];

/** The deployment of `service`. */
export function readDeploy(
  service: Tree,
  engine: Environment['engine'],
  { problems }: Reading,
): DeployChoice {
  const tree = child(service, 'deploy');
  const mode = choice(tree, 'mode', ['replicated', 'global']) ?? 'replicated';
  const replicas = child(tree, 'replicas');
  if (mode === 'global' && replicas !== undefined) {
    problems.add(replicas.place, 'a global service has no replicas: there is one on every host');
  }
  for (const key of engine === 'docker' ? OF_A_SWARM : []) {
    const place = keyPlace(tree, key);
    if (place === undefined) continue;
    problems.add(place, `"${key}" is for a swarm`, 'write engine: swarm, or leave it out');
  }
  const resources = child(tree, 'resources');
  const policy = child(tree, 'restart_policy');
  const placement = child(tree, 'placement');
  return {
    mode,
    replicas: number(tree, 'replicas') ?? 1,
    update: readUpdate(child(tree, 'update_config'), 'rollback'),
    rollback: readUpdate(child(tree, 'rollback_config'), 'pause'),
    ...given({ restartPolicy: policy === undefined ? undefined : readPolicy(policy) }),
    placement: {
      constraints: texts(placement, 'constraints'),
      spread: itemsOf(child(placement, 'preferences')).flatMap(
        (each) => text(each, 'spread') ?? [],
      ),
      ...given({ maxReplicasPerNode: number(placement, 'max_replicas_per_node') }),
    },
    resources: {
      limits: readLimits(child(resources, 'limits')),
      reservations: readLimits(child(resources, 'reservations')),
    },
    labels: record(tree, 'labels'),
    endpointMode: choice(tree, 'endpoint_mode', ['vip', 'dnsrr']) ?? 'vip',
  };
}

function keyPlace(tree: Tree | undefined, key: string): Place | undefined {
  return tree?.kind === 'map' ? tree.entries.get(key)?.keyPlace : undefined;
}

function readUpdate(
  tree: Tree | undefined,
  failureAction: UpdateChoice['failureAction'],
): UpdateChoice {
  return {
    parallelism: parallelism(tree),
    canary: number(tree, 'canary') ?? 0,
    delayMs: duration(tree, 'delay') ?? 0,
    ...given({ order: choice(tree, 'order', ['stop-first', 'start-first']) }),
    monitorMs: duration(tree, 'monitor') ?? MONITOR_MS,
    failureAction:
      choice(tree, 'failure_action', ['pause', 'continue', 'rollback']) ?? failureAction,
    maxFailureRatio: number(tree, 'max_failure_ratio') ?? 0,
  };
}

/** `2`, or a part of all: `25%`. */
function parallelism(tree: Tree | undefined): UpdateChoice['parallelism'] {
  const percent = /^(\d+)%$/.exec(text(tree, 'parallelism') ?? '')?.[1];
  if (percent !== undefined) return { percent: Number(percent) };
  return number(tree, 'parallelism') ?? 1;
}

function readPolicy(tree: Tree): RestartPolicyChoice {
  return {
    condition: choice(tree, 'condition', ['none', 'on-failure', 'any']) ?? 'any',
    ...given({
      delayMs: duration(tree, 'delay'),
      maxAttempts: number(tree, 'max_attempts'),
      windowMs: duration(tree, 'window'),
    }),
  };
}

function readLimits(tree: Tree | undefined): ResourceLimits {
  const memory = text(tree, 'memory');
  return given({
    cpus: number(tree, 'cpus'),
    memoryBytes: memory === undefined ? undefined : dockerBytes(memory),
    pids: number(tree, 'pids'),
  });
}

/** Milliseconds under `key`. */
export function duration(tree: Tree | undefined, key: string): number | undefined {
  const found = text(tree, key);
  return found === undefined ? undefined : durationMs(found);
}
