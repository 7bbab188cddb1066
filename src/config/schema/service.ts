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
  wholeOf,
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
  wholeOf(A_PORT, 1, 65_535),
  mapping({
    target: either(
      'a port from 1 to 65535',
      wholeOf('a port from 1 to 65535', 1, 65_535),
      textOfForm(/^\d{1,5}$/, 'a port from 1 to 65535'),
    ).describe('port of the container'),
    published: either(
      'a port or a range',
      wholeOf('a port or a range', 1, 65_535),
      textOfForm(new RegExp(`^${RANGE}$`), 'a port or a range'),
    )
      .optional()
      .describe('port or range of the host; default one that the engine chooses'),
    host_ip: word.optional().describe('address of the host'),
    protocol: oneOf('tcp', 'udp', 'sctp').optional().describe('default `tcp`'),
    mode: oneOf('ingress', 'host').optional().describe('of a swarm; default `ingress`'),
    name: word.optional().describe('for people'),
    app_protocol: word.optional().describe('for people'),
  }),
);

const A_VOLUME = 'text such as data:/var/lib/data:ro, or a mapping';

const volume = either(
  A_VOLUME,
  textOfForm(/^[^:]+(?::[^:]+)?(?::[^:]+)?$/, A_VOLUME),
  mapping({
    type: oneOf('bind', 'volume', 'tmpfs').describe('what is mounted'),
    source: word.optional().describe('a path of the hosts, or a volume of the environment'),
    target: word.describe('where, in the container'),
    read_only: flag.optional().describe('it cannot be written'),
    consistency: word.optional().describe('not heeded on Linux'),
    bind: mapping(
      optional({
        propagation: oneOf('private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave').describe(
          'what mounts below it are passed on',
        ),
        create_host_path: flag.describe('make the folder where it is missing'),
        selinux: oneOf('z', 'Z').describe('label it for SELinux: shared or private'),
      }),
    )
      .optional()
      .describe('how a path of the host is mounted'),
    volume: mapping(
      optional({
        nocopy: flag.describe('do not copy what the image has there'),
        subpath: word.describe('a folder in the volume'),
      }),
    )
      .optional()
      .describe('how a volume is mounted'),
    tmpfs: mapping(
      optional({
        size: dockerSize.describe('at most this large: `64m`'),
        mode: whole(0, 0o7777).describe('permissions: `0o1777`'),
      }),
    )
      .optional()
      .describe('how memory is mounted'),
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
          aliases: listOf(word).describe('more names in this network'),
          ipv4_address: word.describe('a fixed address'),
          ipv6_address: word.describe('a fixed address'),
          mac_address: word.describe('a fixed hardware address'),
          priority: whole(-1_000_000, 1_000_000).describe(
            'which network is joined first: the highest',
          ),
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
    z
      .array(z.string())
      .min(1, 'must be a command, or a list that begins with CMD, CMD-SHELL or NONE'),
  ).describe('the probe: text for a shell, `[CMD, …]`, `[CMD-SHELL, text]`, `[NONE]`'),
  interval: duration.describe('between two probes; the first comes after one'),
  timeout: duration.describe('how long a probe may take'),
  retries: whole(1, 1_000_000).describe('failures in a row that make it unhealthy'),
  start_period: duration.describe('how long failures do not count after the start'),
  start_interval: duration.describe('between two probes in that time'),
  disable: flag.describe('there is no healthcheck, whatever the image has'),
};

const envFile = oneOrMore(
  either(
    'a path, or a mapping with path',
    word,
    mapping({
      path: word.describe('from the folder of shipper.yaml'),
      required: flag.optional().describe('it must exist; default true'),
    }),
  ),
);

const dependsOn = either(
  'a list of services',
  z.array(word),
  z.record(
    z.string(),
    mapping(
      optional({
        condition: oneOf(
          'service_started',
          'service_healthy',
          'service_completed_successfully',
        ).describe('a rollout always waits until it is healthy'),
        required: flag.describe('not heeded: it must be there'),
        restart: flag.describe('not heeded'),
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
  annotations: keyValues.describe('annotations of the containers'),
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
  stop_signal: word.describe('instead of the signal that stops the image; `SIGTERM`'),
  user: textLike.describe('instead of the user of the image: name or number, `USER:GROUP`'),
  working_dir: word.describe('instead of the working directory of the image'),
  hostname: word.describe('host name of the containers'),
  domainname: word.describe('domain name of the containers'),
  platform: platform.describe('platform of the image: `linux/amd64`'),
  init: flag.describe('a small init is process 1'),
  tty: flag.describe('the containers have a terminal'),
  stdin_open: flag.describe('standard input stays open'),
  read_only: flag.describe('the root file system is read only'),
  privileged: flag.describe('the containers may do what the host may'),
  cap_add: listOf(word).describe('capabilities that are added'),
  cap_drop: listOf(word).describe('capabilities that are dropped; `ALL`'),
  security_opt: listOf(word).describe('security options: `no-new-privileges:true`'),
  group_add: listOf(textLike).describe('more groups of the user'),
  devices: listOf(word).describe('devices of the host: `/dev/x:/dev/y:rwm`'),
  device_cgroup_rules: listOf(word).describe('rules for devices: `c 1:3 mr`'),
  dns: oneOrMore(word).describe('name servers'),
  dns_search: oneOrMore(word).describe('domains that names are looked up in'),
  dns_opt: listOf(word).describe('options of the resolver'),
  extra_hosts: keyValues.describe(
    'hosts that the containers know: `NAME: ADDRESS`, or `NAME=ADDRESS`',
  ),
  ulimits: ulimits.describe('limits of processes'),
  sysctls: keyValues.describe('parameters of the kernel'),
  logging: mapping(
    optional({
      driver: word.describe('where the log goes: `json-file`, `journald`'),
      options: z.record(z.string(), anyScalar).describe('options of the driver'),
    }),
  ).describe('where the log of the containers goes'),
  shm_size: dockerSize.describe('size of /dev/shm: `64m`'),
  ipc: word.describe('IPC of the containers: `host`, `shareable`, `private`'),
  pid: word.describe('processes that are seen: `host`'),
  uts: word.describe('host name of the host: `host`'),
  userns_mode: word.describe('users of the host: `host`'),
  cgroup: oneOf('host', 'private').describe('cgroup of the containers'),
  cgroup_parent: word.describe('cgroup above the containers'),
  runtime: word.describe('runtime of the engine: `runc`'),
  storage_opt: z.record(z.string(), anyScalar).describe('options of the storage driver'),
  oom_kill_disable: flag.describe('do not kill when memory runs out'),
  oom_score_adj: whole(-1000, 1000).describe('how early to kill when memory runs out'),
  memswap_limit: either('a size such as 1g, or -1', dockerSize, z.literal(-1)).describe(
    'memory with swap; -1 is unlimited',
  ),
  mem_swappiness: whole(0, 100).describe('how much is swapped, from 0 to 100'),
  cpu_shares: whole(0, 262_144).describe('weight among containers'),
  cpuset: textLike.describe('processors that are used: `0-3`, `0,1`'),
  pull_policy: oneOf('always', 'missing', 'never').describe('default `missing`'),
  depends_on: dependsOn.describe('services that are rolled out before this one'),
  deploy: deploySchema.describe('how many containers, where, and how they are replaced'),
};

/** One service. */
export const serviceSchema: z.ZodType = mapping(optional(SERVICE));
