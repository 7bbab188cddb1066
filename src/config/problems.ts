// Mistakes of configuration files, collected so that all of them are told at once.
import { type Place, type Problem, ShipperError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { Tree } from './tree.ts';

/** More would not be read. */
const MOST = 100;
const MESSAGE_LENGTH = 400;

/** Images, groups, environments, services, targets of one file: more are a mistake, and chains of them are followed. */
const MOST_MEMBERS = 1000;

/** Collects what is wrong. */
export class Problems {
  readonly #found = new Map<string, Problem>();

  /** `words` say what is wrong, `hint` how to mend it. The same at the same place counts once. */
  add({ file, line, column }: Place, words: string, hint?: string): void {
    const message = words.length > MESSAGE_LENGTH ? `${words.slice(0, MESSAGE_LENGTH)}…` : words;
    const key = `${file}\0${line}\0${column}\0${message}`;
    if (this.#found.has(key)) return;
    this.#found.set(key, { file, line, column, message, ...(hint === undefined ? {} : { hint }) });
  }

  /** A name that is not among `known`. `what` is for example `image`; `otherwise` is the hint where none is near. */
  unknown(
    place: Place,
    what: string,
    name: string,
    known: readonly string[],
    otherwise?: string,
  ): void {
    const near = nearest(name, known);
    const all =
      known.length === 0 || known.length > 12 ? undefined : `there is ${known.join(', ')}`;
    const hint = near === undefined ? (otherwise ?? all) : `did you mean ${near}?`;
    this.add(place, `there is no ${what} ${JSON.stringify(name)}`, hint);
  }

  /** `tree` with as many members as there may be; `what` is for example `images`. */
  capped(tree: Tree, what: string): Tree {
    if (tree.kind !== 'map' || tree.entries.size <= MOST_MEMBERS) return tree;
    const entries = [...tree.entries];
    const place = entries[MOST_MEMBERS]?.[1].keyPlace ?? tree.place;
    this.add(place, `there are more than ${MOST_MEMBERS} ${what}`);
    return { ...tree, entries: new Map(entries.slice(0, MOST_MEMBERS)) };
  }

  get isEmpty(): boolean {
    return this.#found.size === 0;
  }

  /** By file in the order in which they were met, then by place. */
  list(): readonly Problem[] {
    const files = [...new Set([...this.#found.values()].map(({ file }) => file))];
    return [...this.#found.values()].sort(
      (a, b) =>
        files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    );
  }

  /** Throws `BAD_CONFIG` with all that was found, if anything was. */
  throwIfAny(): void {
    const problems = this.list();
    const [first] = problems;
    if (first === undefined) return;
    const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
    throw new ShipperError(
      'BAD_CONFIG',
      `Cannot use ${placeText(first)}: ${first.message}${more}`,
      {
        path: first.file,
        problems: problems.slice(0, MOST),
        ...(first.hint === undefined ? {} : { hint: first.hint }),
      },
    );
  }
}

/** `shipper.yaml:3:5`, as editors and terminals understand it. */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}
