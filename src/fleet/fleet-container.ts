// A container as the fleet sees it: what its engine lists, whose it is, and where. Pure.
import type {
  ContainerStatus,
  EngineContainer,
  ListedContainer,
  ListedImage,
  PublishedPort,
} from '../engine/containers.ts';
import { LABELS } from '../rollout/labels.ts';

/** A container on one of the hosts. JSON-able. */
export interface FleetContainer {
  /** As the host was called. */
  readonly host: string;
  readonly id: string;
  readonly name: string;
  /** What it was made from, as it was called. */
  readonly image: string;
  readonly imageId: string;
  /** Its process and arguments as one text. */
  readonly command: string;
  readonly status: ContainerStatus;
  /** In the engine's words: `Up 3 hours (healthy)`. */
  readonly about: string;
  /** Absent without a health check. */
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  readonly ports: readonly PublishedPort[];
  /** Seconds since the epoch, by the host's clock. */
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The environment that owns it, with what it is there; absent for what shipper did not make. */
  readonly owned?: OwnedBy;
}

/** A container as its engine has it, and on which host. */
export interface InspectedContainer extends EngineContainer {
  readonly host: string;
}

/** An image on one of the hosts. JSON-able. */
export interface FleetImage extends ListedImage {
  readonly host: string;
}

/** Whose a container is. */
export interface OwnedBy {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  /** From 1; absent for one that was run once, beside the slots. */
  readonly slot?: number;
  /** The release that made it. */
  readonly release?: string;
  readonly specHash?: string;
}

/** The label of a container that was run once: the hash of what it was run with. */
export const RUN_LABEL = 'shipper.run';

/** A listed container of `host`. */
export function fleetContainer(host: string, listed: ListedContainer): FleetContainer {
  const { id, name, image, imageId, command, status, about, ports, createdAt, labels } = listed;
  const health = healthOf(about);
  const owned = ownedBy(labels);
  return {
    ...{ host, id, name, image, imageId, command, status, about },
    ...(health === undefined ? {} : { health }),
    ...{ ports, createdAt, labels },
    ...(owned === undefined ? {} : { owned }),
  };
}

/** Lists say it in words only (moby container/health.go). */
function healthOf(about: string): FleetContainer['health'] {
  const [, word] = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(about) ?? [];
  return word as FleetContainer['health'];
}

function ownedBy(labels: Readonly<Record<string, string>>): OwnedBy | undefined {
  const project = labels[LABELS.project];
  const environment = labels[LABELS.environment];
  const service = labels[LABELS.service];
  if (labels[LABELS.managed] !== '1' || !project || !environment || !service) return undefined;
  const slot = Number(labels[LABELS.slot]);
  const release = labels[LABELS.release];
  const specHash = labels[LABELS.specHash];
  return {
    ...{ project, environment, service },
    ...(Number.isSafeInteger(slot) && slot > 0 ? { slot } : {}),
    ...(release === undefined ? {} : { release }),
    ...(specHash === undefined ? {} : { specHash }),
  };
}

/** `api.3` for what stands in a slot, else the container's name. */
export function shownName({ name, owned }: Pick<FleetContainer, 'name' | 'owned'>): string {
  return owned?.slot === undefined ? name : `${owned.service}.${owned.slot}`;
}

/** Whether its process is there. */
export function isAlive({ status }: Pick<FleetContainer, 'status'>): boolean {
  return status === 'running' || status === 'restarting' || status === 'paused';
}
