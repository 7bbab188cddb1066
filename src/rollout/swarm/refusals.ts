// What a service of shipper.yaml may say that no swarm can do (moby api `ContainerSpec`, API 1.41): told, never left out. Pure.
import type { ServiceChoice } from '../../config/service-types.ts';
import { type Problem, ShipperError } from '../../core/errors.ts';

/** Refuses services that say what a swarm cannot do: `BAD_CONFIG` names everything at once. */
export function requireSwarmable(services: readonly ServiceChoice[]): void {
  const problems = services.flatMap((service): readonly Problem[] =>
    refusalsOf(service).map((said) => ({
      ...service.place,
      message: `${service.name} cannot have ${said} in a swarm`,
    })),
  );
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  throw new ShipperError('BAD_CONFIG', `Cannot use a swarm: ${first.message}${more}`, { problems });
}

/** Everything that `service` says and a swarm has no place for, in words. */
export function refusalsOf(service: ServiceChoice): readonly string[] {
  return [
    ...ofContainer(service),
    ...ofMounts(service),
    ...ofNetworks(service),
    ...ofDeploy(service),
  ];
}

function ofContainer({ container, deploy }: ServiceChoice): readonly string[] {
  const texts: readonly (readonly [boolean, string])[] = [
    [container.command?.length === 0, 'a command that is empty: the image has its own'],
    [container.entrypoint?.length === 0, 'an entrypoint that is empty: the image has its own'],
    [isFilled(container.annotations), 'annotations'],
    [container.domainname !== undefined, 'domainname'],
    [container.privileged, 'privileged'],
    [container.securityOpt.length > 0, 'security_opt'],
    [container.devices.length > 0, 'devices'],
    [container.deviceCgroupRules.length > 0, 'device_cgroup_rules'],
    [container.shmSizeBytes !== undefined, 'shm_size: mount a tmpfs at /dev/shm'],
    [container.ipc !== undefined, 'ipc'],
    [container.pid !== undefined, 'pid'],
    [container.uts !== undefined, 'uts'],
    [container.usernsMode !== undefined, 'userns_mode'],
    [container.cgroup !== undefined, 'cgroup'],
    [container.cgroupParent !== undefined, 'cgroup_parent'],
    [container.runtime !== undefined, 'runtime'],
    [isFilled(container.storageOptions), 'storage_opt'],
    [container.oomKillDisable !== undefined, 'oom_kill_disable'],
    [container.oomScoreAdj !== undefined, 'oom_score_adj'],
    [container.memorySwapBytes !== undefined, 'memswap_limit'],
    [container.memorySwappiness !== undefined, 'mem_swappiness'],
    [container.cpuShares !== undefined, 'cpu_shares'],
    [container.cpuset !== undefined, 'cpuset'],
    [container.pullPolicy === 'never', 'pull_policy: never, as nodes pull by themselves'],
    [
      container.tmpfs.some((text) => tmpfsOptions(text) === undefined),
      'options of tmpfs besides size and mode',
    ],
    [
      container.ports.some(({ hostIp }) => hostIp !== undefined && hostIp !== ''),
      'an address in ports: they are published on every address of a node',
    ],
    [
      deploy.endpointMode === 'dnsrr' && container.ports.some(({ mode }) => mode === 'ingress'),
      'ports in ingress mode with endpoint_mode: dnsrr: write mode: host',
    ],
    [
      container.ports.some(({ published = '' }) => published.includes('-')),
      'a range in ports: one published port is for one of the service',
    ],
  ];
  return texts.filter(([isSaid]) => isSaid).map(([, text]) => text);
}

function ofMounts({ container }: ServiceChoice): readonly string[] {
  const { mounts } = container;
  return [
    ...(mounts.some(({ selinux }) => selinux !== undefined) ? ['an SELinux label in volumes'] : []),
    ...(mounts.some(({ subpath }) => subpath !== undefined) ? ['subpath in volumes'] : []),
  ];
}

function ofNetworks({ container }: ServiceChoice): readonly string[] {
  const isFixed = container.networks.some(
    ({ ipv4Address, ipv6Address, macAddress }) => ipv4Address ?? ipv6Address ?? macAddress,
  );
  return isFixed ? ['an address of its own in networks'] : [];
}

function ofDeploy({ deploy }: ServiceChoice): readonly string[] {
  const { update, rollback, mode } = deploy;
  const said = (key: string, { canary, parallelism }: typeof update) => [
    ...(canary > 0 ? [`canary in ${key}: write parallelism: 1`] : []),
    ...(mode === 'global' && typeof parallelism === 'object'
      ? [`a percentage in ${key} while it is global: nodes come and go`]
      : []),
  ];
  return [
    ...said('update_config', update),
    ...said('rollback_config', rollback),
    ...(rollback.failureAction === 'rollback'
      ? ['failure_action: rollback in rollback_config']
      : []),
  ];
}

function isFilled(record: Readonly<Record<string, string>>): boolean {
  return Object.keys(record).length > 0;
}

/** A line of `tmpfs`. */
export interface TmpfsOptions {
  readonly target: string;
  readonly sizeBytes?: number;
  readonly mode?: number;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1_048_576, g: 1_073_741_824 };

/** Reads `/run:size=64m,mode=1770`; undefined where it says anything else. */
export function tmpfsOptions(text: string): TmpfsOptions | undefined {
  const at = text.indexOf(':');
  if (at < 0) return { target: text };
  const options: { target: string; sizeBytes?: number; mode?: number } = {
    target: text.slice(0, at),
  };
  for (const option of text.slice(at + 1).split(',')) {
    const size = /^size=(\d+)([kmg]?)$/i.exec(option);
    const mode = /^mode=([0-7]{3,4})$/.exec(option)?.[1];
    if (size !== null) {
      options.sizeBytes = Number(size[1]) * (UNITS[(size[2] ?? '').toLowerCase()] ?? 1);
    } else if (mode !== undefined) options.mode = Number.parseInt(mode, 8);
    else if (option !== '') return undefined;
  }
  return options;
}
