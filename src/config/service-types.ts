// A service: what a container is started with, and how many of them there are, in the words of Compose.
import type { Place } from '../core/errors.ts';
import type { Ulimit } from './types.ts';

/** A service of an environment. */
export interface ServiceChoice {
  readonly name: string;
  /** An image of this file, or one that exists, with a tag or digest. */
  readonly image:
    | { readonly kind: 'project'; readonly image: string }
    | { readonly kind: 'image'; readonly reference: string };
  readonly container: ContainerChoice;
  readonly deploy: DeployChoice;
  /** Services that are rolled out before this one. Acyclic. */
  readonly dependsOn: readonly string[];
  readonly place: Place;
}

/** What a container is made with. What is absent is the image's or the engine's own. */
export interface ContainerChoice {
  /** Words, without a shell; none clears the image's, which a command only does beside an entry point. */
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** Values that come from the environment of this process are in; those that it does not have are left out. */
  readonly environment: Readonly<Record<string, string>>;
  /** Read when containers are made; later ones win, and `environment` wins over all. */
  readonly envFiles: readonly EnvFile[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports: readonly PortChoice[];
  /** `80/tcp`: ports that are not published. */
  readonly expose: readonly string[];
  readonly mounts: readonly MountChoice[];
  readonly tmpfs: readonly string[];
  /** Keys of `networks` and how they are joined; none is the engine's default. */
  readonly networks: readonly NetworkJoin[];
  /** `host`, `none`, `bridge` or a network's name, instead of `networks`. */
  readonly networkMode?: string;
  readonly healthcheck?: HealthcheckChoice;
  /** `no`, `always`, `unless-stopped`, `on-failure[:N]`. Default `unless-stopped`. */
  readonly restart: string;
  /** How long a container may take to stop before it is killed. Default 10 s. */
  readonly stopGracePeriodMs: number;
  readonly stopSignal?: string;
  readonly user?: string;
  readonly workingDir?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly platform?: string;
  readonly init?: boolean;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly readOnly: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly groupAdd: readonly string[];
  readonly devices: readonly string[];
  readonly deviceCgroupRules: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `host=address`. */
  readonly extraHosts: readonly string[];
  readonly ulimits: readonly Ulimit[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly logging?: {
    readonly driver?: string;
    readonly options: Readonly<Record<string, string>>;
  };
  readonly shmSizeBytes?: number;
  readonly ipc?: string;
  readonly pid?: string;
  readonly uts?: string;
  readonly usernsMode?: string;
  readonly cgroup?: string;
  readonly cgroupParent?: string;
  readonly runtime?: string;
  readonly storageOptions: Readonly<Record<string, string>>;
  readonly oomKillDisable?: boolean;
  readonly oomScoreAdj?: number;
  readonly memorySwapBytes?: number;
  readonly memorySwappiness?: number;
  readonly cpuShares?: number;
  readonly cpuset?: string;
  /** How the image is fetched on the hosts. Default `missing`. */
  readonly pullPolicy: 'always' | 'missing' | 'never';
}

/** A file of variables, absolute. */
export interface EnvFile {
  readonly path: string;
  readonly required: boolean;
}

/** A port of a container, and where it is published. */
export interface PortChoice {
  readonly target: number;
  /** A port or a range `8000-8010` of the host; absent is one that the engine chooses. */
  readonly published?: string;
  readonly hostIp?: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Of a swarm. Default `ingress`. */
  readonly mode: 'ingress' | 'host';
}

/** Something that is mounted into a container. */
export interface MountChoice {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** A path of the host, absolute there; a key of `volumes`; absent for an anonymous volume. */
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation?: string;
  /** Of a bind: make the folder where it is missing. Default true for the short form. */
  readonly createHostPath?: boolean;
  readonly selinux?: string;
  /** Of a volume: do not copy what the image has there. */
  readonly noCopy?: boolean;
  readonly subpath?: string;
  readonly tmpfsSizeBytes?: number;
  readonly tmpfsMode?: number;
}

/** How a service joins a network. */
export interface NetworkJoin {
  /** A key of the environment's `networks`. */
  readonly network: string;
  readonly aliases: readonly string[];
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
  readonly priority: number;
}

/** How an engine sees whether a container works. What is absent is the image's. */
export interface HealthcheckChoice {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`. */
  readonly test?: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
}

/** How many containers, where, and how they are replaced. */
export interface DeployChoice {
  readonly mode: 'replicated' | 'global';
  /** Containers of a replicated service over all hosts. Default 1. */
  readonly replicas: number;
  readonly update: UpdateChoice;
  readonly rollback: UpdateChoice;
  readonly restartPolicy?: RestartPolicyChoice;
  readonly placement: PlacementChoice;
  readonly resources: ResourceChoice;
  /** Labels of the service of a swarm, not of its containers. */
  readonly labels: Readonly<Record<string, string>>;
  readonly endpointMode: 'vip' | 'dnsrr';
}

/** How containers are replaced by new ones. */
export interface UpdateChoice {
  /** How many at once; 0 is all; or a part of all. Default 1. */
  readonly parallelism: number | { readonly percent: number };
  /** So many go first, and must do well. Default 0. */
  readonly canary: number;
  /** Between two batches. Default 0. */
  readonly delayMs: number;
  /** Absent where the file leaves it to the rollout. */
  readonly order?: 'stop-first' | 'start-first';
  /** How long a new container is watched. Default 5 s, as in a swarm. */
  readonly monitorMs: number;
  /** Default `rollback` for updates, `pause` for rollbacks. */
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  /** From 0 to 1. Default 0. */
  readonly maxFailureRatio: number;
}

/** How a swarm restarts tasks. */
export interface RestartPolicyChoice {
  readonly condition: 'none' | 'on-failure' | 'any';
  readonly delayMs?: number;
  readonly maxAttempts?: number;
  readonly windowMs?: number;
}

/** Where tasks of a swarm may run. */
export interface PlacementChoice {
  readonly constraints: readonly string[];
  /** Labels to spread over. */
  readonly spread: readonly string[];
  readonly maxReplicasPerNode?: number;
}

/** What containers may take, and what is kept for them. */
export interface ResourceChoice {
  readonly limits: ResourceLimits;
  readonly reservations: ResourceLimits;
}

/** Processors, memory, processes. */
export interface ResourceLimits {
  /** Processors, `0.5`. */
  readonly cpus?: number;
  readonly memoryBytes?: number;
  /** Of limits only. */
  readonly pids?: number;
}
