// What of an environment on a host nobody needs any more: containers and names of images, each with its cause (orchestration
// 5.9, decision 29). Pure: `gc-run.ts` removes it.
import type { ListedContainer, ListedImage } from '../engine/containers.ts';
import { judgeContainers } from './gc-containers.ts';
import { judgeImages, pinnedOf } from './gc-images.ts';
import type { DeployScope, Journal, ReleasedService } from './release.ts';

/** All that a host has, whosever it is. */
export interface HostContents {
  readonly containers: readonly ListedContainer[];
  readonly images: readonly ListedImage[];
}

/** What garbage is told by. */
export interface GarbageOptions {
  readonly scope: DeployScope;
  /** Committed releases that are kept besides the current one. */
  readonly retain: number;
  /** Younger images stay, by the clock of the host. Default two hours; 0 is none. */
  readonly graceMs?: number;
  /** The names under which hosts keep the image of a service. Default: what pulled it. */
  readonly refsOf?: (scope: DeployScope, service: ReleasedService) => readonly string[];
  /** Whether shipper gave that name to an image of this environment, though no release says so any more. Default: never. */
  readonly isOwnRef?: (ref: string) => boolean;
}

/** What garbage is. `release`: what a swarm remembers of one. */
export type GarbageKind = 'container' | 'image' | 'release';

/** Something that is removed. */
export interface GarbageItem {
  readonly kind: GarbageKind;
  /** Of the container, image or config. */
  readonly id: string;
  /** What is removed: the name of the container or config, the reference of the image. */
  readonly name: string;
  readonly cause: string;
  /** At most so much becomes free: layers may be shared. 0 where the image has other names. */
  readonly bytes: number;
}

/** Something that could be garbage and is not. */
export interface KeptItem {
  readonly kind: GarbageKind;
  readonly name: string;
  readonly cause: string;
}

/** What may go, containers first, and what stays. */
export interface Garbage {
  readonly items: readonly GarbageItem[];
  readonly kept: readonly KeptItem[];
}

/**
 * Releases that must stay in the journal though they are not retained: an image of theirs stays, and without the record nobody
 * would know later that it is shipper's. `kept` is what stayed, by the plan or by the engine.
 */
export function releasesLeft(
  journal: Journal,
  kept: readonly KeptItem[],
  { scope, refsOf = pinnedOf }: GarbageOptions,
): ReadonlySet<string> {
  const names = new Set(kept.filter(({ kind }) => kind === 'image').map(({ name }) => name));
  const left = journal.releases.filter(({ services }) =>
    services.some((service) => refsOf(scope, service).some((ref) => names.has(ref))),
  );
  return new Set(left.map(({ id }) => id));
}

/** What becomes of one thing. */
export type Verdict =
  | { readonly isGarbage: true; readonly item: GarbageItem }
  | { readonly isGarbage: false; readonly item: KeptItem };

/** What may go of `host`. `journal` is what all hosts know together; without one nothing goes. */
export function planGarbage(
  host: HostContents,
  journal: Journal | undefined,
  options: GarbageOptions,
): Garbage {
  const items: GarbageItem[] = [];
  const kept: KeptItem[] = [];
  for (const verdict of judgeContainers(host.containers, journal, options)) {
    if (verdict.isGarbage) items.push(verdict.item);
    else kept.push(verdict.item);
  }
  const going = new Set(items.map(({ id }) => id));
  const staying = host.containers.filter(({ id }) => !going.has(id));
  for (const verdict of judgeImages({ ...host, containers: staying }, journal, options)) {
    if (verdict.isGarbage) items.push(verdict.item);
    else kept.push(verdict.item);
  }
  return { items, kept };
}
