// `services:` of an environment: the keys of Compose (compose-spec `05-services.md`) that say how a container runs.
import { z } from 'zod';
import { deploySchema } from './deploy.ts';
import { ulimits } from './image.ts';
import {
  anyScalar,
  dockerSize,
  duration,
  either,
  flag,
  keyValues,
  listOf,
  mapping,
  oneOf,
  oneOrMore,
  optional,
  platform,
  type Shape,
  textLike,
  textOfForm,
  whole,
  word,
} from './words.ts';

const commandLine = either('text, or a list of words', z.string(), z.array(textLike), z.null());

const HOST_IP = '(?:(?:\\d{1,3}(?:\\.\\d{1,3}){3}|\\[[0-9a-fA-F:.]+\\]):)?';
const RANGE = '\\d{1,5}(?:-\\d{1,5})?';
const PORT = new RegExp(`^${HOST_IP}(?:(?:${RANGE})?:)?${RANGE}(?:/(?:tcp|udp|sctp))?$`);

const A_PORT = 'a port such as 80, 8080:80 or 127.0.0.1:8080:80/tcp, or a mapping';

const port = either(
  A_PORT,
  textOfForm(PORT, A_PORT),
  z.number().int().min(1).max(65_535),
  mapping({
    target: either(
      'a port from 1 to 65535',
      z.number().int().min(1).max(65_535),
      textOfForm(/^\d{1,5}$/, 'a port from 1 to 65535'),
    ),
    published: either(
      'a port or a range',
      z.number().int(),
      textOfForm(new RegExp(`^${RANGE}$`), 'a port or a range'),
    ).optional(),
    host_ip: word.optional(),
    protocol: oneOf('tcp', 'udp', 'sctp').optional(),
    mode: oneOf('ingress', 'host').optional(),
    name: word.optional(),
    app_protocol: word.optional(),
  }),
);

const A_VOLUME = 'text such as data:/var/lib/data:ro, or a mapping';

const volume = either(
  A_VOLUME,
  textOfForm(/^[^:]+(?::[^:]+)?(?::[^:]+)?$/, A_VOLUME),
  mapping({
    type: oneOf('bind', 'volume', 'tmpfs'),
    source: word.optional(),
    target: word,
    read_only: flag.optional(),
    consistency: word.optional(),
    bind: mapping(
      optional({
        propagation: oneOf('private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'),
        create_host_path: flag,
        selinux: oneOf('z', 'Z'),
      }),
    ).optional(),
    volume: mapping(optional({ nocopy: flag, subpath: word })).optional(),
    tmpfs: mapping(optional({ size: dockerSize, mode: whole(0, 0o7777) })).optional(),
  }),
);

const networks = either(
  'a list of networks, or a mapping',
  z.array(word),
  z.record(
    z.string(),
    either(
      'a mapping, or nothing',
      mapping(
        optional({
          aliases: listOf(word),
          ipv4_address: word,
          ipv6_address: word,
          mac_address: word,
          priority: whole(-1_000_000, 1_000_000),
        }),
      ),
      z.null(),
    ),
  ),
);

const HEALTHCHECK: Shape = {
  test: either(
    'a command, or a list that begins with CMD, CMD-SHELL or NONE',
    z.string(),
    z.array(z.string()).min(1),
  ),
  interval: duration,
  timeout: duration,
  retries: whole(1, 1_000_000),
  start_period: duration,
  start_interval: duration,
  disable: flag,
};

const envFile = oneOrMore(
  either(
    'a path, or a mapping with path',
    word,
    mapping({ path: word, required: flag.optional() }),
  ),
);

const dependsOn = either(
  'a list of services',
  z.array(word),
  z.record(
    z.string(),
    mapping(
      optional({
        condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'),
        required: flag,
        restart: flag,
      }),
    ),
  ),
);

const RESTART = /^(?:no|always|unless-stopped|on-failure(?::\d+)?)$/;

const SERVICE: Shape = {
  image: word.describe('a name under `images`, or a whole reference with a tag or digest'),
  command: commandLine.describe('instead of the command of the image'),
  entrypoint: commandLine.describe('instead of the entry point of the image'),
  environment: keyValues.describe('variables; one without a value has that of the environment'),
  env_file: envFile.describe('files of variables'),
  labels: keyValues.describe('labels of the containers'),
  annotations: keyValues,
  ports: listOf(port).describe('ports that are published'),
  expose: listOf(textLike).describe('ports that are only told'),
  volumes: listOf(volume).describe('folders, volumes and memory that are mounted'),
  tmpfs: oneOrMore(word).describe('folders in memory'),
  networks: networks.describe('networks of the environment that are joined'),
  network_mode: word.describe('`host`, `none`, `bridge`, instead of networks'),
  healthcheck: mapping(optional(HEALTHCHECK)).describe('instead of the HEALTHCHECK of the image'),
  restart: textOfForm(RESTART, 'no, always, unless-stopped or on-failure[:N]').describe(
    'when the engine restarts it; default `unless-stopped`',
  ),
  stop_grace_period: duration.describe('how long it may take to stop; default 10s'),
  stop_signal: word,
  user: textLike,
  working_dir: word,
  hostname: word,
  domainname: word,
  platform,
  init: flag,
  tty: flag,
  stdin_open: flag,
  read_only: flag.describe('the root file system is read only'),
  privileged: flag,
  cap_add: listOf(word),
  cap_drop: listOf(word),
  security_opt: listOf(word),
  group_add: listOf(textLike),
  devices: listOf(word),
  device_cgroup_rules: listOf(word),
  dns: oneOrMore(word),
  dns_search: oneOrMore(word),
  dns_opt: listOf(word),
  extra_hosts: keyValues,
  ulimits,
  sysctls: keyValues,
  logging: mapping(optional({ driver: word, options: z.record(z.string(), anyScalar) })),
  shm_size: dockerSize,
  ipc: word,
  pid: word,
  uts: word,
  userns_mode: word,
  cgroup: oneOf('host', 'private'),
  cgroup_parent: word,
  runtime: word,
  storage_opt: z.record(z.string(), anyScalar),
  oom_kill_disable: flag,
  oom_score_adj: whole(-1000, 1000),
  memswap_limit: either('a size such as 1g, or -1', dockerSize, z.literal(-1)),
  mem_swappiness: whole(0, 100),
  cpu_shares: whole(0, 262_144),
  cpuset: textLike,
  pull_policy: oneOf('always', 'missing', 'never').describe('default `missing`'),
  depends_on: dependsOn.describe('services that are rolled out before this one'),
  deploy: deploySchema.describe('how many containers, where, and how they are replaced'),
};

/** One service. */
export const serviceSchema: z.ZodType = mapping(optional(SERVICE));
