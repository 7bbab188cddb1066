// `HostConfig` of a container: what it may take of its host and how it is shut in. Pure.
import type {
  ContainerChoice,
  ResourceChoice,
  RestartPolicyChoice,
} from '../config/service-types.ts';
import { given } from '../core/given.ts';
import type { SpecChoice } from './container-spec.ts';
import { devicesOf } from './devices.ts';
import { filled, some } from './filled.ts';
import { mountsOf } from './mounts.ts';
import { namespaceOf } from './namespaces.ts';
import { portBindings } from './port-bindings.ts';
import { security } from './security.ts';

/** `HostConfig` without networks. */
export function hostConfig({ service, volumes }: SpecChoice): Readonly<Record<string, unknown>> {
  const { container, deploy } = service;
  const ports = portBindings(container);
  return {
    ...given({ PortBindings: Object.keys(ports).length === 0 ? undefined : ports }),
    ...mountsOf(service.name, container, volumes),
    RestartPolicy: restartPolicy(container.restart, deploy.restartPolicy),
    ...rights(service.name, container),
    ...names(service.name, container),
    ...limits(container, deploy.resources),
    ...devicesOf(container.devices),
  };
}

/** `on-failure:3` as the API has it; `deploy.restart_policy` counts more, as in Compose. */
function restartPolicy(restart: string, policy: RestartPolicyChoice | undefined) {
  const [name = 'no', count] = (policy === undefined ? restart : restartOf(policy)).split(':');
  return {
    Name: name,
    ...given({ MaximumRetryCount: count === undefined ? undefined : Number(count) }),
  };
}

/** `any` is not `always`, which would also start what was stopped on purpose when the engine starts. */
function restartOf({ condition, maxAttempts }: RestartPolicyChoice): string {
  if (condition === 'none') return 'no';
  if (condition === 'any') return 'unless-stopped';
  return maxAttempts === undefined ? 'on-failure' : `on-failure:${maxAttempts}`;
}

function rights(service: string, container: ContainerChoice) {
  const { init, readOnly, privileged, capAdd, capDrop, securityOpt, groupAdd } = container;
  const { deviceCgroupRules, sysctls, storageOptions, annotations } = container;
  return given({
    Init: init,
    ReadonlyRootfs: readOnly ? true : undefined,
    Privileged: privileged ? true : undefined,
    CapAdd: some(capAdd),
    CapDrop: some(capDrop),
    ...security(service, securityOpt),
    GroupAdd: some(groupAdd),
    DeviceCgroupRules: some(deviceCgroupRules),
    Sysctls: filled(sysctls),
    StorageOpt: filled(storageOptions),
    Annotations: filled(annotations),
  });
}

function names(service: string, container: ContainerChoice) {
  const { dns, dnsSearch, dnsOptions, extraHosts, ipc, pid, uts, usernsMode } = container;
  const { cgroup, cgroupParent, runtime, logging } = container;
  return given({
    Dns: some(dns),
    DnsSearch: some(dnsSearch),
    DnsOptions: some(dnsOptions),
    // Engines of 20.10 know no other form.
    ExtraHosts: some(extraHosts.map((text) => text.replace('=', ':'))),
    IpcMode: namespaceOf(service, 'ipc', ipc),
    PidMode: namespaceOf(service, 'pid', pid),
    UTSMode: uts,
    UsernsMode: usernsMode,
    CgroupnsMode: cgroup,
    CgroupParent: cgroupParent,
    Runtime: runtime,
    LogConfig:
      logging === undefined ? undefined : { Type: logging.driver ?? '', Config: logging.options },
  });
}

function limits(container: ContainerChoice, { limits: most, reservations }: ResourceChoice) {
  const { ulimits, shmSizeBytes, oomKillDisable, oomScoreAdj, memorySwapBytes } = container;
  const { memorySwappiness, cpuShares, cpuset } = container;
  return given({
    Ulimits: some(ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard }))),
    ShmSize: shmSizeBytes,
    OomKillDisable: oomKillDisable,
    OomScoreAdj: oomScoreAdj,
    Memory: most.memoryBytes,
    MemoryReservation: reservations.memoryBytes,
    MemorySwap: memorySwapBytes,
    MemorySwappiness: memorySwappiness,
    NanoCpus: most.cpus === undefined ? undefined : Math.round(most.cpus * 1e9),
    PidsLimit: most.pids,
    CpuShares: cpuShares,
    CpusetCpus: cpuset,
  });
}
