// A service → what its containers are made with.

import type { Place } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { readHosts, readUlimits } from './read-build.ts';
import { duration } from './read-deploy.ts';
import { readMounts } from './read-mounts.ts';
import { readPorts } from './read-ports.ts';
import {
  absolute,
  choice,
  flag,
  number,
  type Reading,
  record,
  recordFromEnvironment,
  text,
  texts,
} from './reading.ts';
import type { ContainerChoice, EnvFile, HealthcheckChoice, NetworkJoin } from './service-types.ts';
import { child, entriesOf, itemsOf, type Tree, textOf } from './tree.ts';
import { dockerBytes, shellWords } from './units.ts';

/** What a service is read with. */
export interface ServiceReading extends Reading {
  /** Keys that the environment declares. */
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

const STOP_MS = 10_000;

/** The container of `service`. */
export function readContainer(service: Tree, reading: ServiceReading): ContainerChoice {
  const { problems, volumes } = reading;
  const shmSize = text(service, 'shm_size');
  const swap = text(service, 'memswap_limit');
  return {
    ...given({
      command: readWords(service, 'command', reading),
      entrypoint: readWords(service, 'entrypoint', reading),
      healthcheck: readHealthcheck(service, reading),
      networkMode: text(service, 'network_mode'),
      stopSignal: text(service, 'stop_signal'),
      user: text(service, 'user'),
      workingDir: text(service, 'working_dir'),
      hostname: text(service, 'hostname'),
      domainname: text(service, 'domainname'),
      platform: text(service, 'platform'),
      init: flag(service, 'init'),
      logging: readLogging(service),
      shmSizeBytes: shmSize === undefined ? undefined : dockerBytes(shmSize),
      ipc: text(service, 'ipc'),
      pid: text(service, 'pid'),
      uts: text(service, 'uts'),
      usernsMode: text(service, 'userns_mode'),
      cgroup: text(service, 'cgroup'),
      cgroupParent: text(service, 'cgroup_parent'),
      runtime: text(service, 'runtime'),
      oomKillDisable: flag(service, 'oom_kill_disable'),
      oomScoreAdj: number(service, 'oom_score_adj'),
      memorySwapBytes: swap === undefined ? undefined : swap === '-1' ? -1 : dockerBytes(swap),
      memorySwappiness: number(service, 'mem_swappiness'),
      cpuShares: number(service, 'cpu_shares'),
      cpuset: text(service, 'cpuset'),
    }),
    environment: recordFromEnvironment(service, 'environment', reading),
    envFiles: readEnvFiles(service, reading),
    labels: record(service, 'labels'),
    annotations: record(service, 'annotations'),
    ports: readPorts(service, problems),
    expose: texts(service, 'expose'),
    mounts: readMounts(service, volumes, problems),
    tmpfs: texts(service, 'tmpfs'),
    networks: readNetworks(service, reading),
    restart: text(service, 'restart') ?? 'unless-stopped',
    stopGracePeriodMs: duration(service, 'stop_grace_period') ?? STOP_MS,
    tty: flag(service, 'tty') ?? false,
    stdinOpen: flag(service, 'stdin_open') ?? false,
    readOnly: flag(service, 'read_only') ?? false,
    privileged: flag(service, 'privileged') ?? false,
    capAdd: texts(service, 'cap_add'),
    capDrop: texts(service, 'cap_drop'),
    securityOpt: texts(service, 'security_opt'),
    groupAdd: texts(service, 'group_add'),
    devices: texts(service, 'devices'),
    deviceCgroupRules: texts(service, 'device_cgroup_rules'),
    dns: texts(service, 'dns'),
    dnsSearch: texts(service, 'dns_search'),
    dnsOptions: texts(service, 'dns_opt'),
    extraHosts: readHosts(service),
    ulimits: readUlimits(service),
    sysctls: record(service, 'sysctls'),
    storageOptions: record(service, 'storage_opt'),
    pullPolicy: choice(service, 'pull_policy', ['always', 'missing', 'never']) ?? 'missing',
  };
}

/** Words of a command; text is divided as a shell does. Undefined where there is none. */
function readWords(
  service: Tree,
  key: string,
  { problems }: Reading,
): readonly string[] | undefined {
  const tree = child(service, key);
  if (tree === undefined) return undefined;
  if (tree.kind === 'list') return tree.items.map((item) => textOf(item) ?? '');
  const line = textOf(tree);
  if (line === undefined) return undefined;
  const words = shellWords(line);
  if (words === undefined) problems.add(tree.place, `a quote in ${key} is not closed`);
  return words;
}

function readHealthcheck(service: Tree, { problems }: Reading): HealthcheckChoice | undefined {
  const tree = child(service, 'healthcheck');
  if (tree?.kind !== 'map') return undefined;
  if (flag(tree, 'disable') === true) return { test: ['NONE'] };
  return given({
    test: readTest(tree, (place, state, hint) => problems.add(place, state, hint)),
    intervalMs: duration(tree, 'interval'),
    timeoutMs: duration(tree, 'timeout'),
    retries: number(tree, 'retries'),
    startPeriodMs: duration(tree, 'start_period'),
    startIntervalMs: duration(tree, 'start_interval'),
  });
}

function readTest(
  tree: Tree,
  tell: (place: Place, state: string, hint?: string) => void,
): readonly string[] | undefined {
  const test = child(tree, 'test');
  if (test === undefined) return undefined;
  const line = textOf(test);
  if (line !== undefined) return line === 'NONE' ? ['NONE'] : ['CMD-SHELL', line];
  const words = itemsOf(test).map((item) => textOf(item) ?? '');
  const [first = ''] = words;
  if (test.kind === 'list' && first !== '' && !['NONE', 'CMD', 'CMD-SHELL'].includes(first)) {
    const hint = `write [CMD, ${words.join(', ').slice(0, 60)}]`;
    tell(test.place, 'test begins with CMD, CMD-SHELL or NONE', hint);
  }
  return words;
}

function readEnvFiles(service: Tree, reading: Reading): readonly EnvFile[] {
  const tree = child(service, 'env_file');
  const members = tree === undefined ? [] : tree.kind === 'list' ? tree.items : [tree];
  return members.flatMap((item) => {
    const path = textOf(item) ?? text(item, 'path');
    if (path === undefined) return [];
    return [{ path: absolute(reading, path), required: flag(item, 'required') ?? true }];
  });
}

function readNetworks(
  service: Tree,
  { networks, problems }: ServiceReading,
): readonly NetworkJoin[] {
  const tree = child(service, 'networks');
  const joins: NetworkJoin[] = [];
  const add = (network: string, place: Place, how: Tree | undefined): void => {
    if (!networks.includes(network)) {
      problems.unknown(
        place,
        'network',
        network,
        networks,
        'declare it in the environment: networks',
      );
    }
    joins.push({
      network,
      aliases: texts(how, 'aliases'),
      priority: number(how, 'priority') ?? 0,
      ...given({
        ipv4Address: text(how, 'ipv4_address'),
        ipv6Address: text(how, 'ipv6_address'),
        macAddress: text(how, 'mac_address'),
      }),
    });
  };
  for (const item of itemsOf(tree)) {
    const network = textOf(item);
    if (network !== undefined) add(network, item.place, undefined);
  }
  for (const [key, { keyPlace, value }] of entriesOf(tree)) add(key, keyPlace, value);
  const mode = child(service, 'network_mode');
  if (mode !== undefined && tree !== undefined) {
    problems.add(mode.place, '"network_mode" and "networks" exclude each other');
  }
  return joins;
}

function readLogging(service: Tree): ContainerChoice['logging'] {
  const tree = child(service, 'logging');
  if (tree?.kind !== 'map') return undefined;
  return { ...given({ driver: text(tree, 'driver') }), options: record(tree, 'options') };
}
