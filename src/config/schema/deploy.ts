// `deploy:` of a service (compose-spec `deploy.md`).
import type { z } from 'zod';
import {
  dockerSize,
  duration,
  either,
  keyValues,
  listOf,
  mapping,
  numberOf,
  oneOf,
  optional,
  type Shape,
  textOfForm,
  whole,
  word,
} from './words.ts';

const cpus = either(
  'a number of processors such as 0.5',
  numberOf('a number of processors such as 0.5', 0, 1_000_000),
  textOfForm(/^\d+(?:\.\d+)?$/, 'a number of processors such as 0.5'),
);

const AT_ONCE = 'a number of containers, or a part of all such as 25%';

const UPDATE: Shape = {
  parallelism: either(
    AT_ONCE,
    whole(0, 10_000),
    textOfForm(/^(?:100|[1-9]\d?)%$/, AT_ONCE),
  ).describe('containers that are replaced at once, or a part of all: `25%`; 0 is all; default 1'),
  canary: whole(0, 10_000).describe(
    'containers that are replaced first and must do well; default 0',
  ),
  delay: duration.describe('between two batches; default 0'),
  order: oneOf('stop-first', 'start-first').describe('which container goes first'),
  monitor: duration.describe('how long a new container is watched; default 5s'),
  failure_action: oneOf('pause', 'continue', 'rollback').describe(
    'what is done when too many fail; default `rollback`',
  ),
  max_failure_ratio: numberOf('a number from 0 to 1', 0, 1).describe(
    'the part that may fail; default 0',
  ),
};

const RESTART: Shape = {
  condition: oneOf('none', 'on-failure', 'any').describe('default `any`'),
  delay: duration.describe('between two attempts'),
  max_attempts: whole(0, 1_000_000).describe('how often; default without end'),
  window: duration.describe('how long it must run to count as started'),
};

const LIMITS: Shape = {
  cpus: cpus.describe('processors'),
  memory: dockerSize.describe('memory: `512m`'),
};

const PLACEMENT: Shape = {
  constraints: listOf(word).describe('for example `node.role == worker`'),
  preferences: listOf(mapping({ spread: word.describe('a label to spread over') })).describe(
    'what to spread tasks over',
  ),
  max_replicas_per_node: whole(0, 10_000).describe('at most this many on one node'),
};

const DEPLOY: Shape = {
  mode: oneOf('replicated', 'global').describe('`global`: one on every host; default `replicated`'),
  replicas: whole(0, 10_000).describe('containers over all hosts; default 1'),
  update_config: mapping(optional(UPDATE)).describe('how a rollout replaces containers'),
  rollback_config: mapping(
    optional({
      ...UPDATE,
      failure_action: oneOf('pause', 'continue').describe(
        'what is done when too many fail; default `pause`',
      ),
    }),
  ).describe('how a rollback does'),
  restart_policy: mapping(optional(RESTART)).describe('how a swarm restarts tasks'),
  placement: mapping(optional(PLACEMENT)).describe('where tasks of a swarm may run'),
  resources: mapping(
    optional({
      limits: mapping(
        optional({ ...LIMITS, pids: whole(-1, 4_194_304).describe('processes; -1 is unlimited') }),
      ).describe('what containers may take'),
      reservations: mapping(optional(LIMITS)).describe('what is kept for them'),
    }),
  ).describe('processors and memory'),
  labels: keyValues.describe('labels of the service of a swarm'),
  endpoint_mode: oneOf('vip', 'dnsrr').describe('how a swarm finds the containers; default `vip`'),
};

/** How many containers, where, and how they are replaced. */
export const deploySchema: z.ZodType = mapping(optional(DEPLOY));
