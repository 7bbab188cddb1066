// The text of a YAML 1.2 or JSON file → a tree with places. Refuses what could mean two things (keys twice, tags, several
// documents) and what could take the machine (alias bombs, nesting).
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml';
import type { Place } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Problems } from './problems.ts';
import type { Entry, Mapping, Scalar, ScalarValue, Tree } from './tree.ts';

/** A built value with what it comes to when its aliases are followed. */
interface Built {
  readonly tree: Tree;
  readonly weight: number;
  readonly depth: number;
}

/** The nodes of the package, as far as they matter here. */
interface YamlNode {
  readonly range?: readonly [number, number, number] | null;
  readonly anchor?: string;
}

/** The tree of `text`; undefined where it cannot be told, which `problems` then says. `file` is for places. */
export function parseYaml(text: string, file: string, problems: Problems): Tree | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    stringKeys: false,
    logLevel: 'error',
    schema: 'core',
    merge: false,
  });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const faults = [...document.errors, ...document.warnings];
  const seen = new Set<number>();
  for (const { code, message, pos } of faults) {
    const opening = openingOf(document, code, message, pos[0]);
    const place = placeOf(opening?.offset ?? pos[0]);
    // What follows in the same line is mostly the same mistake.
    if (seen.has(place.line) || seen.size >= SYNTAX_ERRORS) continue;
    seen.add(place.line);
    problems.add(place, opening?.state ?? SYNTAX[code] ?? wordsOf(message));
    if (code === 'RESOURCE_EXHAUSTION') return undefined;
  }
  if (faults.length > 0) return undefined;
  if (document.contents === null) {
    problems.add({ file, line: 1, column: 1 }, 'the file is empty');
    return undefined;
  }
  return new Builder(placeOf, problems).build(document.contents, undefined, 0).tree;
}

const SYNTAX_ERRORS = 20;

/** Words for mistakes that people make; others are told in the words of the parser. */
const SYNTAX: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab cannot indent: use spaces',
  MULTIPLE_DOCS: 'a second document begins here: one is expected',
  BLOCK_AS_IMPLICIT_KEY: 'a value cannot hold ": " unless it is quoted',
  RESOURCE_EXHAUSTION: `values are nested more than ${LIMITS.jsonDepth} deep`,
};

/** Where a quote or bracket that is missed at `end` begins: that is what a person looks for. */
function openingOf(
  document: Document,
  code: string,
  message: string,
  end: number,
): { offset: number; state: string } | undefined {
  const isQuote = code === 'MISSING_CHAR' && message.includes('quote');
  if (!isQuote && !/^Flow (?:map|sequence) in block collection/.test(message)) return undefined;
  let offset: number | undefined;
  visit(document, {
    Node(_, node) {
      const isOpen = isQuote
        ? isScalar(node) && node.type?.startsWith('QUOTE') === true
        : isCollection(node) && node.flow === true;
      const start = node.range?.[0] ?? Number.POSITIVE_INFINITY;
      if (isOpen && start < end) offset = start;
    },
  });
  if (offset === undefined) return undefined;
  const state = isQuote
    ? 'the quote that begins here is not closed'
    : 'the bracket that begins here is not closed, or what follows is not indented more than its key';
  return { offset, state };
}

/** The parser's words as we write ours: no capital, no dot, one line. */
function wordsOf(message: string): string {
  const line = message.replace(/\s+/g, ' ').replace(/[.:]$/, '').slice(0, 200);
  return line.charAt(0).toLowerCase() + line.slice(1);
}

class Builder {
  readonly #placeOf: (offset: number) => Place;
  readonly #problems: Problems;
  readonly #anchors = new Map<string, Built | 'open'>();
  /** Values that aliases have repeated so far. */
  #repeated = 0;

  constructor(placeOf: (offset: number) => Place, problems: Problems) {
    this.#placeOf = placeOf;
    this.#problems = problems;
  }

  /** `otherwise` is the place of what has none of its own. */
  build(node: unknown, otherwise: Place | undefined, depth: number): Built {
    const { range, anchor } = node as YamlNode;
    const place = range ? this.#placeOf(range[0]) : (otherwise ?? this.#placeOf(0));
    if (isAlias(node)) return this.#alias(node.source, place, depth);
    if (anchor !== undefined) this.#anchors.set(anchor, 'open');
    const built = depth > LIMITS.jsonDepth ? this.#tooDeep(place) : this.#node(node, place, depth);
    if (anchor !== undefined) this.#anchors.set(anchor, built);
    return built;
  }

  #node(node: unknown, place: Place, depth: number): Built {
    if (isMap(node)) return this.#map(node.items, place, depth);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.build(item, place, depth + 1));
      return gather({ kind: 'list', place, items: items.map(({ tree }) => tree) }, items);
    }
    return { tree: scalarOf(node, place), weight: 1, depth: 1 };
  }

  #alias(name: string, place: Place, depth: number): Built {
    const found = this.#anchors.get(name);
    if (found === undefined || found === 'open') {
      const state =
        found === undefined ? 'has no anchor before it' : 'stands within its own anchor';
      this.#problems.add(place, `the alias *${name} ${state}`);
      return nothing(place);
    }
    this.#repeated += found.weight;
    if (this.#repeated > ALIAS_VALUES) {
      if (this.#repeated - found.weight <= ALIAS_VALUES)
        this.#problems.add(place, `aliases repeat more than ${ALIAS_VALUES} values`);
      return nothing(place);
    }
    return found.depth + depth > LIMITS.jsonDepth ? this.#tooDeep(place) : found;
  }

  #tooDeep(place: Place): Built {
    this.#problems.add(place, `values are nested more than ${LIMITS.jsonDepth} deep`);
    return nothing(place);
  }

  #map(pairs: readonly unknown[], place: Place, depth: number): Built {
    const entries = new Map<string, Entry>();
    const merged: Built[] = [];
    const members: Built[] = [];
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const keyPlace = this.#keyPlace(pair.key, place);
      const value = this.build(pair.value ?? {}, keyPlace, depth + 1);
      members.push(value);
      const key = this.#keyOf(pair.key, keyPlace);
      if (key === undefined) continue;
      if (key === '<<' && isPlain(pair.key)) {
        merged.push(value);
        continue;
      }
      const earlier = entries.get(key);
      if (earlier === undefined) entries.set(key, { keyPlace, value: value.tree });
      else {
        const state = `the key ${JSON.stringify(key)} stands twice, first in line ${earlier.keyPlace.line}`;
        this.#problems.add(keyPlace, state);
      }
    }
    for (const { tree } of merged) this.#merge(tree, entries);
    return gather({ kind: 'map', place, entries } satisfies Mapping, members);
  }

  /** `<<`: what is not there yet comes from a mapping, or from several of which the first wins. */
  #merge(tree: Tree, entries: Map<string, Entry>): void {
    for (const source of tree.kind === 'list' ? tree.items : [tree]) {
      if (source.kind !== 'map') {
        this.#problems.add(source.place, '<< takes a mapping, or a list of them');
        continue;
      }
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }

  #keyPlace(key: unknown, otherwise: Place): Place {
    const range = (key as YamlNode | null)?.range;
    return range ? this.#placeOf(range[0]) : otherwise;
  }

  #keyOf(node: unknown, place: Place): string | undefined {
    const key = isAlias(node) ? this.#alias(node.source, place, 0).tree : undefined;
    const scalar = key ?? (isScalar(node) ? scalarOf(node, place) : undefined);
    if (scalar?.kind !== 'scalar' || scalar.text === '') {
      this.#problems.add(place, 'a key must be a word');
      return undefined;
    }
    if (scalar.text !== '__proto__') return scalar.text;
    this.#problems.add(place, 'the key "__proto__" cannot be used');
    return undefined;
  }
}

/** What aliases may repeat, in values: a few lines can stand for billions. */
const ALIAS_VALUES = 10_000;

function gather(tree: Tree, members: readonly Built[]): Built {
  return {
    tree,
    weight: members.reduce((sum, { weight }) => sum + weight, 1),
    depth: members.reduce((most, { depth }) => Math.max(most, depth), 0) + 1,
  };
}

function nothing(place: Place): Built {
  return { tree: { kind: 'scalar', place, value: null, text: '' }, weight: 1, depth: 1 };
}

function scalarOf(node: unknown, place: Place): Scalar {
  if (!isScalar(node)) return { kind: 'scalar', place, value: null, text: '' };
  const value = plainValue(node.value);
  const text = typeof value === 'string' ? value : (node.source ?? String(value ?? ''));
  return { kind: 'scalar', place, value, text };
}

function plainValue(value: unknown): ScalarValue {
  if (value === undefined || value === null) return null;
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
}

function isPlain(node: unknown): boolean {
  return isScalar(node) && node.type === 'PLAIN';
}
