// `HostConfig` of a container: what it may take of its host and how it is shut in. Pure.
import type { ContainerChoice, ResourceChoice } from '../config/service-types.ts';
import { given } from '../core/given.ts';
import type { SpecChoice } from './container-spec.ts';
import { mountsOf } from './mounts.ts';
import { portBindings } from './port-bindings.ts';

/** `HostConfig` without networks. */
export function hostConfig({ service, volumes }: SpecChoice): Readonly<Record<string, unknown>> {
  const { container, deploy } = service;
  const ports = portBindings(container);
  return {
    ...given({ PortBindings: Object.keys(ports).length === 0 ? undefined : ports }),
    ...mountsOf(service.name, container, volumes),
    RestartPolicy: restartPolicy(container.restart),
    ...rights(container),
    ...names(container),
    ...limits(container, deploy.resources),
  };
}

/** `on-failure:3` as the API has it. */
function restartPolicy(restart: string) {
  const [name = 'no', count] = restart.split(':');
  return {
    Name: name,
    ...given({ MaximumRetryCount: count === undefined ? undefined : Number(count) }),
  };
}

function rights(container: ContainerChoice) {
  const { init, readOnly, privileged, capAdd, capDrop, securityOpt, groupAdd } = container;
  const { devices, deviceCgroupRules, sysctls, storageOptions, annotations } = container;
  return given({
    Init: init,
    ReadonlyRootfs: readOnly ? true : undefined,
    Privileged: privileged ? true : undefined,
    CapAdd: some(capAdd),
    CapDrop: some(capDrop),
    SecurityOpt: some(securityOpt),
    GroupAdd: some(groupAdd),
    Devices: some(devices.map(device)),
    DeviceCgroupRules: some(deviceCgroupRules),
    Sysctls: filled(sysctls),
    StorageOpt: filled(storageOptions),
    Annotations: filled(annotations),
  });
}

function names(container: ContainerChoice) {
  const { dns, dnsSearch, dnsOptions, extraHosts, ipc, pid, uts, usernsMode } = container;
  const { cgroup, cgroupParent, runtime, logging } = container;
  return given({
    Dns: some(dns),
    DnsSearch: some(dnsSearch),
    DnsOptions: some(dnsOptions),
    ExtraHosts: some(extraHosts),
    IpcMode: ipc,
    PidMode: pid,
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

/** `/dev/a:/dev/b:rwm`. */
function device(text: string) {
  const [host = '', container = host, rights = 'rwm'] = text.split(':');
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: rights };
}

function some<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function filled(
  record: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
