// Where and how services run, as an environment of shipper.yaml says: plain values for the rollout. The keys are those of
// Compose (compose-spec `05-services.md`, `deploy.md`), read into one form each. Durations are milliseconds, sizes bytes.
import type { Place } from '../core/errors.ts';
import type { ServiceChoice } from './service-types.ts';

/** One environment, with what it extends merged in. */
export interface Environment {
  readonly name: string;
  /** `docker`: engines that know nothing of each other; `swarm`: managers of one swarm. */
  readonly engine: 'docker' | 'swarm';
  /** At least one, without repetition, in the order of the file. */
  readonly hosts: readonly HostChoice[];
  /** In the order of the file. */
  readonly services: readonly ServiceChoice[];
  readonly networks: readonly NetworkChoice[];
  readonly volumes: readonly VolumeChoice[];
  readonly hooks: Hooks;
  /** How hosts get images: `pull`: from their registry; `direct`: from this machine. Default `pull`. */
  readonly transfer: 'pull' | 'direct';
  /** Releases that are kept for a rollback. Default 5. */
  readonly retain: number;
  /** How long to wait for a lock that somebody else holds. Default 0: not at all. */
  readonly lockTimeoutMs: number;
  readonly place: Place;
}

/** An engine: `unix://`, `tcp://`, `ssh://`, or the docker context that is named. */
export interface HostChoice {
  readonly kind: 'host' | 'context';
  /** The URL or the name of the context. */
  readonly address: string;
  readonly place: Place;
}

/** Programs that are run inside the lock, by their moment; absolute paths, or words found in PATH, without a shell. */
export interface Hooks {
  readonly preRollout?: string;
  readonly route?: string;
  readonly drain?: string;
  readonly postRollout?: string;
}

/** A network that services join. */
export interface NetworkChoice {
  readonly key: string;
  /** Its name in the engine: `name`, else the key where it is external, else project, environment and key. */
  readonly name: string;
  /** It must exist; it is never made or removed. */
  readonly external: boolean;
  readonly driver?: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly attachable: boolean;
  readonly internal: boolean;
  readonly ipv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly place: Place;
}

/** A volume that services mount. */
export interface VolumeChoice {
  readonly key: string;
  /** As with networks. */
  readonly name: string;
  readonly external: boolean;
  readonly driver?: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly place: Place;
}
