// A release: what runs in an environment under one name, as the journals of its hosts keep it. Plain values.
import type { ContainerSpec, NetworkSpec, VolumeSpec } from '../engine/containers.ts';

/** One project and environment: what a lock, a journal and the labels of a container are about. */
export interface DeployScope {
  readonly project: string;
  readonly environment: string;
}

/** The image of a service, the same on every host whatever its tags say. */
export interface ReleasedImage {
  /** As the configuration has it, for people: `registry.example.com/shop/api:1.2`. */
  readonly name: string;
  /** `repository@sha256:…`: pulls it. Absent where no registry has it. */
  readonly pinned?: string;
  /** Of the manifest or index; of the configuration where there is no manifest. */
  readonly digest: string;
  /** `os/architecture[/variant]` where the service says so; else each host's own. */
  readonly platform?: string;
}

/** A service of a release: what each of its containers is made with. */
export interface ReleasedService {
  readonly name: string;
  readonly image: ReleasedImage;
  /**
   * Without what differs by slot and host: its `Image` is `pinned` or `digest`, its `Labels` are the user's own (see
   * `labels.ts` for those that are added).
   */
  readonly spec: ContainerSpec;
  /** Further networks that a container joins after it was created, with its `EndpointSettings`, in this order. */
  readonly moreNetworks: readonly (readonly [string, Readonly<Record<string, unknown>>])[];
  /** Hex of 16 characters over image and spec: what would need another container has another one. */
  readonly specHash: string;
  /** SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
}

/** One container's place: `slot` counts from 1 over all hosts, whatever host it is on. */
export interface ReleasedSlot {
  readonly service: string;
  readonly slot: number;
  /** `ID` of the engine, which its names may change without. */
  readonly engine: string;
  /** What the host was called, for people. */
  readonly host: string;
  readonly specHash: string;
}

/** Networks that a release needs. */
export type NetworkSpecs = readonly NetworkSpec[];

/** Volumes that a release needs. */
export type VolumeSpecs = readonly VolumeSpec[];

/** How far a release came. */
export type ReleaseStatus = 'unfinished' | 'committed' | 'failed' | 'rolled-back';

/** A release. JSON-able; every host of the environment has the whole of it in its journal. */
export interface ReleaseRecord {
  /** Sorts by age: `20261126-224510-3f2a`. */
  readonly id: string;
  /** RFC 3339, UTC, by the clock of the machine that made it. */
  readonly at: string;
  /** `user@machine`. */
  readonly by: string;
  readonly status: ReleaseStatus;
  readonly services: readonly ReleasedService[];
  readonly slots: readonly ReleasedSlot[];
  readonly networks: NetworkSpecs;
  readonly volumes: VolumeSpecs;
}

/** What a slot ran before a rollout touched anything. */
export interface PreviousSlot {
  readonly service: string;
  readonly slot: number;
  readonly engine: string;
  /** None: the slot is new. */
  readonly container?: {
    readonly name: string;
    readonly release: string;
    readonly specHash: string;
  };
}

/** A rollout that has begun and not ended: written to every host before anything is touched. */
export interface UnfinishedRollout {
  readonly action: 'rollout' | 'rollback';
  /** The release that is rolled out, or back to. It is in `releases`. */
  readonly release: string;
  readonly phase: 'rolling' | 'rolling-back';
  readonly previous: readonly PreviousSlot[];
}

/** One line of the audit log. */
export interface AuditEntry {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly by: string;
  /** `rollout`, `rollback`, `resume`, `unlock`, `prune`, `move` … */
  readonly action: string;
  readonly release?: string;
  /** `begun`, `committed`, `failed`, `rolled back`, `paused`, `interrupted` … */
  readonly outcome: string;
  readonly detail?: string;
}

/** What one host remembers of an environment. JSON-able. */
export interface Journal {
  /** Of this form; a reader refuses a higher one. */
  readonly schema: 1;
  readonly project: string;
  readonly environment: string;
  /** Counts its changes: of what two hosts have the higher is the newer, whatever their clocks say. */
  readonly revision: number;
  /** Oldest first. */
  readonly releases: readonly ReleaseRecord[];
  /** The release that runs; absent before the first was committed. */
  readonly current?: string;
  readonly unfinished?: UnfinishedRollout;
  /** Oldest first, the last 100. */
  readonly audit: readonly AuditEntry[];
}
