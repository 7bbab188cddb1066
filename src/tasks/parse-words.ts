// Words of a command line → values of its slots. Options may stand anywhere; `--` ends them.
import type { ShipperError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { usage } from '../core/words.ts';
import type { Slot } from './command.ts';
import { placeholderOf } from './names.ts';

/** What was given, by slot. What was not given is not there. */
export type GivenValues = ReadonlyMap<Slot, unknown>;

/** How a command is called and what it takes. */
export interface Grammar {
  /** `shipper db migrate`: for messages. */
  readonly command: string;
  readonly slots: readonly Slot[];
}

/** Where an option leads: to its slot, and whether its name says no. */
interface Target {
  readonly slot: Slot;
  readonly isNegated: boolean;
}

/** Parses the words behind a command. Throws `USAGE` for what it does not take and for what is missing. */
export function parseWords(words: readonly string[], grammar: Grammar): GivenValues {
  const reader = new Reader(grammar);
  let isOver = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!isOver && word === '--') isOver = true;
    else if (isOver || !isOption(word, reader)) reader.place(word);
    else at += reader.option(word, words[at + 1]);
  }
  return reader.end();
}

/** `-5` is a number, unless there is an option of that name. */
function isOption(word: string, reader: Reader): boolean {
  if (!word.startsWith('-') || word === '-') return false;
  return !/^-\.?\d/.test(word) || reader.knows(word.slice(0, 2));
}

class Reader {
  readonly #grammar: Grammar;
  readonly #targets = new Map<string, Target>();
  readonly #places: readonly Slot[];
  readonly #given = new Map<Slot, unknown>();
  #placed = 0;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
    this.#places = grammar.slots.filter(({ parameter }) => parameter.role === 'positional');
    // The first of a name wins: a task's own options stand before those that every command has.
    const add = (name: string, target: Target) => {
      if (!this.#targets.has(name)) this.#targets.set(name, target);
    };
    for (const slot of grammar.slots) {
      for (const name of [...slot.names, ...slot.otherNames]) {
        add(name, { slot, isNegated: false });
        if (slot.parameter.isNegatable && name.startsWith('--')) {
          add(`--no-${name.slice(2)}`, { slot, isNegated: true });
        }
      }
    }
  }

  knows(name: string): boolean {
    return this.#targets.has(name);
  }

  /** Takes an option; returns how many of the following words are its value. */
  option(word: string, next: string | undefined): number {
    if (!word.startsWith('--') && word.length > 2) return this.#cluster(word, next);
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const target = this.#targets.get(name);
    if (target === undefined) throw this.#unknown(name);
    return this.#take(name, target, equals < 0 ? undefined : word.slice(equals + 1), next);
  }

  /** `-vb4`: flags, and at the end an option with its value. */
  #cluster(word: string, next: string | undefined): number {
    for (let at = 1; at < word.length; at += 1) {
      const name = `-${word.charAt(at)}`;
      const target = this.#targets.get(name);
      if (target === undefined) throw this.#unknown(at === 1 ? word : name);
      const rest = word.slice(at + 1);
      if (target.slot.parameter.role === 'flag') this.#take(name, target, undefined, undefined);
      else return this.#take(name, target, rest === '' ? undefined : rest.replace(/^=/, ''), next);
    }
    return 0;
  }

  #take(
    name: string,
    { slot, isNegated }: Target,
    inline: string | undefined,
    next: string | undefined,
  ): number {
    const { parameter } = slot;
    if (parameter.role === 'flag') {
      if (inline !== undefined && isNegated) {
        throw usage(`Cannot use ${name}=${inline}: ${name} takes no value`);
      }
      const value = inline === undefined ? true : parameter.type.read(name, inline);
      this.#given.set(slot, isNegated ? false : value);
      return 0;
    }
    const text = inline ?? next;
    // A word that is an option of this command is not meant to be the value of another.
    const isMissing = inline === undefined && (text === undefined || this.#isNamed(text));
    if (text === undefined || isMissing) {
      throw usage(`Cannot use ${name}: ${valueName(slot)} is missing`);
    }
    this.#put(slot, name, text);
    return inline === undefined ? 1 : 0;
  }

  #isNamed(word: string): boolean {
    return word === '--' || this.#targets.has(word.replace(/=.*/s, ''));
  }

  /** Takes a word that is given by its place. */
  place(word: string): void {
    const slot = this.#places[Math.min(this.#placed, this.#places.length - 1)];
    if (slot === undefined || (this.#placed >= this.#places.length && !slot.parameter.isList)) {
      throw this.#tooMany(word);
    }
    this.#placed += 1;
    this.#put(slot, placeholderOf(slot.key), word);
  }

  #put(slot: Slot, name: string, text: string): void {
    const { type, isList, separator } = slot.parameter;
    if (!isList) {
      this.#given.set(slot, type.read(name, text));
      return;
    }
    const parts = separator === '' ? [text] : text.split(separator);
    const earlier = this.#given.get(slot);
    const values = parts.map((part) => type.read(name, part));
    this.#given.set(slot, Array.isArray(earlier) ? [...earlier, ...values] : values);
  }

  end(): GivenValues {
    const missing = this.#grammar.slots.find(
      (slot) => slot.parameter.isRequired && !this.#given.has(slot),
    );
    if (missing === undefined) return this.#given;
    const what = missing.names.find((name) => name.startsWith('--')) ?? placeholderOf(missing.key);
    throw usage(`Cannot run ${this.#grammar.command}: ${what} is missing`, this.#help());
  }

  #tooMany(word: string): ShipperError {
    const count = this.#places.length;
    const takes =
      count === 0 ? 'no arguments' : count === 1 ? 'one argument' : `${count} arguments`;
    const state = `it takes ${takes}, ${JSON.stringify(word)} is one more`;
    return usage(`Cannot run ${this.#grammar.command}: ${state}`, this.#help());
  }

  #unknown(name: string): ShipperError {
    const known = [...this.#targets.keys()];
    const near = name.startsWith('--') ? nearest(name, known) : undefined;
    const hint = near === undefined ? this.#help() : `did you mean ${near}?`;
    return usage(`Cannot use ${name}: ${this.#grammar.command} has no such option`, hint);
  }

  #help(): string {
    return `see "${this.#grammar.command} --help"`;
  }
}

/** What stands for the value of an option: `N`, `oci|docker`, `TAG`. */
export function valueName({ key, parameter }: Slot): string {
  const { placeholder, choices } = parameter.type;
  if (choices !== undefined && choices.length <= 4) return choices.join('|');
  return placeholder ?? placeholderOf(key);
}
