// A command as a value. `program.ts` turns these into commander's commands, so that no command knows commander.
import type { Session } from './session.ts';
import type { ValueParser } from './values.ts';

/** What completion offers for a value. */
export type ValueKind = 'file' | 'folder' | 'image' | 'environment' | 'service' | 'host' | 'none';

/** One option. */
export interface OptionSpec {
  /** As commander has them: `-t, --tag <NAME>`. */
  readonly flags: string;
  readonly about: string;
  /** Heading in the help. */
  readonly group: string;
  readonly parse?: ValueParser<unknown>;
  /** A second use is refused where the last would silently win and the user may have meant both. */
  readonly once?: boolean;
  /** Closed set of values: named in the help, completed. */
  readonly choices?: readonly string[];
  /** Beginnings of values that completion offers, where the set is not closed. */
  readonly suggestions?: readonly string[];
  /** May be given several times; the values are collected in order. */
  readonly repeats?: boolean;
  /** For the help only: what happens without it. */
  readonly otherwise?: string;
  readonly value?: ValueKind;
}

/** A positional argument; required unless it says otherwise. The last may be given several times, or be left out. */
export interface ArgumentSpec {
  readonly name: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly value?: ValueKind;
  readonly repeats?: boolean;
  readonly optional?: boolean;
}

/** One command. `Flags` is what commander makes of the options: camel-cased long names. */
export interface Verb<Flags extends object = object> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, for its own help. */
  readonly about: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** It takes the words of another command behind `--`: what they are for. */
  readonly command?: { readonly about: string; readonly optional?: boolean };
  /** Command lines and what they do. */
  readonly examples: readonly (readonly [string, string])[];
  /**
   * Does it and resolves to the exit code; `words` are those behind `--`. A method, so that a list can hold verbs of different
   * flags.
   */
  run(
    session: Session,
    args: readonly string[],
    flags: Flags,
    words: readonly string[],
  ): Promise<number>;
}
