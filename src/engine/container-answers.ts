// What an engine says about containers, checked field by field; see `answers.ts`.
import type {
  ContainerHealth,
  ContainerHealthcheck,
  ContainerStatus,
  EngineContainer,
  ListedContainer,
  PublishedPort,
  RestartPolicy,
} from './containers.ts';
import { arrayOf, isObject, type Json, numberOf, objectOf, recordOf, textOf } from './wire.ts';

/** An item of `GET /containers/json`; undefined when it has no id. */
export function listedContainerOf(json: Json): ListedContainer | undefined {
  const id = textOf(json['Id']);
  if (!id) return undefined;
  const names = arrayOf(json['Names']).filter((name) => typeof name === 'string');
  // `/other/alias` is what a container with a link calls it.
  const own = names.find((name) => !name.slice(1).includes('/')) ?? names[0] ?? '';
  return {
    id,
    name: bareName(own),
    image: textOf(json['Image']) ?? '',
    imageId: withAlgorithm(textOf(json['ImageID']) ?? ''),
    command: textOf(json['Command']) ?? '',
    status: statusOf(json['State']),
    about: textOf(json['Status']) ?? '',
    labels: recordOf(json['Labels']),
    ports: arrayOf(json['Ports']).filter(isObject).flatMap(listedPort),
    createdAt: numberOf(json['Created']) ?? 0,
  };
}

/** `GET /containers/{id}/json`; undefined when it has no id. */
export function containerOf(json: Json): EngineContainer | undefined {
  const id = textOf(json['Id']);
  if (!id) return undefined;
  const state = objectOf(json['State']);
  const config = objectOf(json['Config']);
  const settings = objectOf(json['NetworkSettings']);
  return {
    id,
    name: bareName(textOf(json['Name']) ?? ''),
    image: textOf(config['Image']) ?? '',
    imageId: withAlgorithm(textOf(json['Image']) ?? ''),
    labels: recordOf(config['Labels']),
    state: {
      status: statusOf(state['Status']),
      exitCode: numberOf(state['ExitCode']) ?? 0,
      oomKilled: state['OOMKilled'] === true,
      error: textOf(state['Error']) ?? '',
      startedAt: textOf(state['StartedAt']) ?? '',
      finishedAt: textOf(state['FinishedAt']) ?? '',
      restartCount: numberOf(json['RestartCount']) ?? 0,
      health: healthOf(state['Health'] ?? state['Healthcheck']),
    },
    healthcheck: healthcheckOf(config['Healthcheck']),
    restartPolicy: restartPolicyOf(objectOf(json['HostConfig'])['RestartPolicy']),
    addresses: addressesOf(settings['Networks']),
    ports: Object.entries(objectOf(settings['Ports'])).flatMap(boundPorts),
    raw: json,
  };
}

/** podman has words of its own. What is not known counts as broken: nothing is built on it. */
function statusOf(value: unknown): ContainerStatus {
  switch (value) {
    case 'created':
    case 'running':
    case 'paused':
    case 'restarting':
    case 'removing':
    case 'exited':
      return value;
    case 'configured':
    case 'initialized':
      return 'created';
    case 'stopping':
      return 'running';
    case 'stopped':
      return 'exited';
    default:
      return 'dead';
  }
}

function healthOf(value: unknown): ContainerHealth | undefined {
  if (!isObject(value)) return undefined;
  const status = value['Status'];
  if (status !== 'starting' && status !== 'healthy' && status !== 'unhealthy') return undefined;
  const log = arrayOf(value['Log'])
    .filter(isObject)
    .map((entry) => ({
      exitCode: numberOf(entry['ExitCode']) ?? 0,
      output: textOf(entry['Output']) ?? '',
    }));
  return { status, failingStreak: numberOf(value['FailingStreak']) ?? 0, log };
}

const DEFAULT_CHECK: ContainerHealthcheck = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
};

/** 0 is the engine's default; `NONE` and no test at all are no check (moby daemon/health.go). */
function healthcheckOf(value: unknown): ContainerHealthcheck | undefined {
  if (!isObject(value)) return undefined;
  const [kind] = arrayOf(value['Test']);
  if (kind === undefined || kind === '' || kind === 'NONE') return undefined;
  return {
    intervalMs: milliseconds(value['Interval']) || DEFAULT_CHECK.intervalMs,
    timeoutMs: milliseconds(value['Timeout']) || DEFAULT_CHECK.timeoutMs,
    retries: numberOf(value['Retries']) || DEFAULT_CHECK.retries,
    startPeriodMs: milliseconds(value['StartPeriod']) || DEFAULT_CHECK.startPeriodMs,
  };
}

function milliseconds(nanoseconds: unknown): number {
  return Math.ceil((numberOf(nanoseconds) ?? 0) / 1_000_000);
}

function restartPolicyOf(value: unknown): RestartPolicy {
  const policy = objectOf(value);
  const name = policy['Name'];
  const isKnown = name === 'always' || name === 'unless-stopped' || name === 'on-failure';
  return {
    name: isKnown ? name : 'no',
    maximumRetryCount: numberOf(policy['MaximumRetryCount']) ?? 0,
  };
}

function addressesOf(networks: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(objectOf(networks)).flatMap(([name, network]) => {
    const joined = objectOf(network);
    const address = textOf(joined['IPAddress']) || textOf(joined['GlobalIPv6Address']);
    return address ? [[name, address] as const] : [];
  });
  return Object.fromEntries(pairs);
}

function listedPort(port: Json): readonly PublishedPort[] {
  const published = numberOf(port['PublicPort']) ?? 0;
  if (published === 0) return [];
  return [
    {
      hostIp: textOf(port['IP']) ?? '',
      published,
      target: numberOf(port['PrivatePort']) ?? 0,
      protocol: textOf(port['Type']) ?? 'tcp',
    },
  ];
}

/** `80/tcp` with what it is bound to. */
function boundPorts([key, bindings]: [string, unknown]): readonly PublishedPort[] {
  const [target = '', protocol = 'tcp'] = key.split('/');
  return arrayOf(bindings)
    .filter(isObject)
    .map((binding) => ({
      hostIp: textOf(binding['HostIp']) ?? '',
      published: Number(textOf(binding['HostPort']) ?? 0),
      target: Number(target),
      protocol,
    }))
    .filter(({ published }) => published > 0);
}

function bareName(name: string): string {
  return name.replace(/^\//, '');
}

/** podman leaves the algorithm out. */
function withAlgorithm(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? `sha256:${id}` : id;
}
