// Where two root file systems differ, path by path: both are walked in canonical order side by side.
import { printable } from '../core/bytes.ts';
import type { PlanStep } from '../flatten/plan.ts';
import type { RandomAccess } from '../image/image.ts';
import { formatPaxTime } from '../tar/pax.ts';
import { contentReader, firstDifference } from './content-reader.ts';
import type { DifferenceList } from './difference-list.ts';
import type { OpenRoot } from './root.ts';

/** Between two moments at which a comparison may be interrupted. */
const SLICE_STEPS = 1024;

/** Adds every path that differs to `list`, yielding where it may be interrupted. Content is only read where the sizes are equal. */
export function* compareRoots(
  a: OpenRoot,
  b: OpenRoot,
  list: DifferenceList,
): Generator<undefined, void, undefined> {
  const stepsA = a.plan.steps()[Symbol.iterator]();
  const stepsB = b.plan.steps()[Symbol.iterator]();
  let nextA = stepsA.next();
  let nextB = stepsB.next();
  let steps = 0;
  while (!nextA.done || !nextB.done) {
    steps += 1;
    if (steps % SLICE_STEPS === 0) yield;
    const order = nextA.done
      ? 1
      : nextB.done
        ? -1
        : comparePaths(nextA.value.head.path, nextB.value.head.path);
    if (order < 0 && !nextA.done) {
      list.add('path', shown(nextA.value), 'only in A');
      nextA = stepsA.next();
    } else if (order > 0 && !nextB.done) {
      list.add('path', shown(nextB.value), 'only in B');
      nextB = stepsB.next();
    } else if (!nextA.done && !nextB.done) {
      yield* compareSteps(nextA.value, nextB.value, a.layers, b.layers, list);
      nextA = stepsA.next();
      nextB = stepsB.next();
    }
  }
}

/** Component by component, `/` below every other byte. */
function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const keyA = a.replaceAll('/', '\0');
  const keyB = b.replaceAll('/', '\0');
  return keyA < keyB ? -1 : 1;
}

function shown({ head }: PlanStep): string {
  return `/${printable(head.path)}`;
}

function* compareSteps(
  a: PlanStep,
  b: PlanStep,
  layersA: readonly RandomAccess[],
  layersB: readonly RandomAccess[],
  list: DifferenceList,
): Generator<undefined, void, undefined> {
  const differences = attributeDifferences(a, b);
  if (differences.length === 0 && a.content !== undefined && b.content !== undefined) {
    const readA = contentReader(a.content, layersA, a.head.path);
    const readB = contentReader(b.content, layersB, b.head.path);
    const at = yield* firstDifference(readA, readB, a.head.size);
    if (at !== undefined) differences.push(`content differs at byte ${at}`);
  }
  if (differences.length > 0) list.add('path', shown(a), differences.join('; '));
}

/** What `head` says, in words; nothing where all is equal. */
function attributeDifferences({ head: a }: PlanStep, { head: b }: PlanStep): string[] {
  const found: string[] = [];
  const compare = (what: string, valueA: string | number, valueB: string | number) => {
    if (valueA !== valueB) found.push(`${what} ${valueA} in A, ${valueB} in B`);
  };
  compare('type', a.type, b.type);
  if (a.type !== b.type) return found;
  compare('mode', octal(a.mode), octal(b.mode));
  compare('uid', a.uid, b.uid);
  compare('gid', a.gid, b.gid);
  compare(
    'mtime',
    formatPaxTime(a.mtimeSeconds, a.mtimeNanos),
    formatPaxTime(b.mtimeSeconds, b.mtimeNanos),
  );
  compare('size', a.size, b.size);
  compare('target', printable(a.linkTarget), printable(b.linkTarget));
  compare('device', `${a.devMajor}:${a.devMinor}`, `${b.devMajor}:${b.devMinor}`);
  found.push(...xattrDifferences(a.xattrs, b.xattrs));
  return found;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

type Xattrs = ReadonlyMap<string, string> | undefined;

function xattrDifferences(a: Xattrs, b: Xattrs): string[] {
  const names = new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])]);
  return [...names].sort().flatMap((name) => {
    const valueA = a?.get(name);
    const valueB = b?.get(name);
    if (valueA === valueB) return [];
    const where =
      valueA === undefined ? 'only in B' : valueB === undefined ? 'only in A' : 'differs';
    return [`attribute ${printable(name)} ${where}`];
  });
}
