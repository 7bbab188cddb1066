// Which containers are meant: by service, label, image, command, name and state. Pure.
import { globOf } from '../core/glob.ts';
import { compareText } from '../core/sorted.ts';
import type { ContainerStatus } from '../engine/containers.ts';
import { type FleetContainer, isAlive } from './fleet-container.ts';

/** What a text must be: as it is, or by `*` and `?` as in a shell; or what an expression finds in it. */
export type Pattern = string | RegExp;

/** Which containers are meant: those for which all of it holds. */
export interface ContainerFilter {
  /** Services of the environment, or groups of shipper.yaml, whose services run an image of theirs. Default all. */
  readonly services?: readonly string[];
  /** `key` or `key=value`. */
  readonly labels?: readonly string[];
  /** What it was made from, as it was called. A text without a tag means every tag. */
  readonly image?: Pattern;
  /** Its process and arguments as one text, or as a list of words. */
  readonly command?: Pattern | readonly string[];
  /** Its name; a text may be its id too, whole or the first 12 characters and more. */
  readonly name?: Pattern;
  readonly state?: ContainerStatus | readonly ContainerStatus[];
  /** Whether its process is there: true for running, paused and restarting ones, false for all others. Default: both. */
  readonly running?: boolean;
  /** Also what shipper did not make. Without an environment that is so anyway. Default false. */
  readonly foreign?: boolean;
}

/** Whether a container is meant. `services` and `foreign` are not looked at here: they need to know the environment. */
export function isChosen(container: FleetContainer, filter: ContainerFilter): boolean {
  const { labels = [], image, command, name, state, running } = filter;
  if (!labels.every((label) => hasLabel(container.labels, label))) return false;
  if (image !== undefined && !isImage(container.image, image)) return false;
  if (command !== undefined && !isLike(container.command, commandText(command))) return false;
  if (name !== undefined && !isNamed(container, name)) return false;
  if (state !== undefined && ![state].flat().includes(container.status)) return false;
  return running === undefined || running === isAlive(container);
}

/** Words as engines show them: one with a space stands in single quotes (moby container/view.go). */
export function commandText(command: Pattern | readonly string[]): Pattern {
  if (typeof command === 'string' || command instanceof RegExp) return command;
  const [program = '', ...rest] = command;
  return [program, ...rest.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ');
}

function hasLabel(labels: Readonly<Record<string, string>>, label: string): boolean {
  const equals = label.indexOf('=');
  if (equals < 0) return label in labels;
  return labels[label.slice(0, equals)] === label.slice(equals + 1);
}

/** `repository`, `repository:tag`, with a registry or without, as it was called. */
function isImage(image: string, pattern: Pattern): boolean {
  if (isLike(image, pattern)) return true;
  if (typeof pattern !== 'string') return false;
  const repository = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  return isLike(repository, pattern);
}

function isNamed({ name, id }: FleetContainer, pattern: Pattern): boolean {
  if (isLike(name, pattern)) return true;
  return typeof pattern === 'string' && pattern.length >= 12 && id.startsWith(pattern);
}

function isLike(text: string, pattern: Pattern): boolean {
  if (typeof pattern === 'string') return text === pattern || globOf(pattern).test(text);
  // One with a memory of where it found something would find it every other time.
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(text);
}

/** By service, slot, then name. */
export function inOrder(containers: readonly FleetContainer[]): readonly FleetContainer[] {
  return [...containers].sort(
    (a, b) =>
      compareText(a.owned?.service ?? '', b.owned?.service ?? '') ||
      (a.owned?.slot ?? 0) - (b.owned?.slot ?? 0) ||
      compareText(a.name, b.name),
  );
}

/** The slot that a container stands in on its host; undefined for one that stands in none. */
function slotKey({ host, owned }: FleetContainer): string | undefined {
  if (owned?.slot === undefined) return undefined;
  const { project, environment, service, slot } = owned;
  return [host, project, environment, service, slot].join(' ');
}

/** A container of a slot that is wanted there: by the hash of its specification. */
export type IsWanted = (container: FleetContainer) => boolean;

/**
 * What people mean by the containers of a service: of each slot those that run, else the one that is wanted, else the newest.
 * Older ones are kept, stopped, for a way back. What stands in no slot is meant as it is.
 */
export function currentOnes(
  containers: readonly FleetContainer[],
  isWanted: IsWanted = () => false,
): readonly FleetContainer[] {
  const bySlot = new Map<string, FleetContainer[]>();
  for (const container of containers) {
    const key = slotKey(container);
    if (key !== undefined) bySlot.set(key, [...(bySlot.get(key) ?? []), container]);
  }
  return containers.filter((container) => {
    const key = slotKey(container);
    const others = key === undefined ? [container] : (bySlot.get(key) ?? []);
    if (others.some(isAlive)) return isAlive(container);
    const wanted = others.filter(isWanted);
    return container === newest(wanted.length > 0 ? wanted : others);
  });
}

function newest(containers: readonly FleetContainer[]): FleetContainer | undefined {
  return [...containers]
    .sort(
      (a, b) =>
        compareText(a.owned?.release ?? '', b.owned?.release ?? '') || a.createdAt - b.createdAt,
    )
    .at(-1);
}
