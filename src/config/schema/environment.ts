// `environments:`: hosts, services, hooks.
import { z } from 'zod';
import { serviceSchema } from './service.ts';
import {
  anyScalar,
  duration,
  either,
  flag,
  keyValues,
  listOf,
  mapping,
  named,
  oneOf,
  optional,
  type Shape,
  textOfForm,
  whole,
  word,
} from './words.ts';

const A_HOST =
  'an address such as ssh://user@host, tcp://host:2376 or unix:///var/run/docker.sock, or a mapping with context';

const host = either(
  A_HOST,
  textOfForm(/^(?:ssh|tcp|unix|https?):\/\/\S+$/, A_HOST),
  mapping({ context: word.describe('a docker context') }),
);

const declared = (shape: Shape): z.ZodType =>
  z.record(
    z.string().regex(/^[a-zA-Z0-9][\w.-]*$/, 'a name is made of letters, digits, . _ -'),
    either('a mapping, or nothing', mapping(optional(shape)), z.null()),
  );

const DECLARED: Shape = {
  external: flag.describe('it exists; it is never made or removed'),
  name: word.describe('its name in the engine'),
  driver: word.describe('its driver; default the one of the engine'),
  driver_opts: z.record(z.string(), anyScalar).describe('options of the driver'),
  labels: keyValues.describe('its labels'),
};

const HOOK_ABOUT =
  'a program and nothing else: a path from the folder of the file, or a word of PATH';

const HOOKS: Shape = {
  'pre-rollout': word.describe(`before anything is changed: ${HOOK_ABOUT}`),
  route: word.describe('a new container is healthy, the old one not yet drained'),
  drain: word.describe('the old container is about to be stopped'),
  'post-rollout': word.describe('everything is done'),
};

const ENVIRONMENT: Shape = {
  extends: word.describe('another environment whose keys count where this one has none'),
  engine: oneOf('docker', 'swarm').describe('`swarm`: hosts are managers; default `docker`'),
  hosts: listOf(host).describe('engines: ssh://, tcp://, unix://, or `{context: NAME}`'),
  services: named(serviceSchema).describe('what runs there'),
  networks: declared({
    ...DECLARED,
    attachable: flag.describe('of a swarm: single containers can join it'),
    internal: flag.describe('it leads nowhere else'),
    enable_ipv6: flag.describe('it has IPv6 as well'),
  }).describe('networks that services join'),
  volumes: declared(DECLARED).describe('volumes that services mount'),
  hooks: mapping(optional(HOOKS)).describe('programs that are run during a rollout'),
  transfer: oneOf('pull', 'direct').describe(
    'how hosts get images: `pull` from their registry, `direct` from this machine; default `pull`',
  ),
  retain: whole(1, 1000).describe('releases that are kept for a rollback; default 5'),
  lock_timeout: duration.describe(
    'how long to wait for a lock that somebody else holds; default 0',
  ),
};

/** One environment. */
export const environmentSchema: z.ZodType = mapping(optional(ENVIRONMENT));
