// A command line before it is known whether its command is a built-in one or a task: what stands in front of the command.

import { usage } from '../values.ts';
import type { OptionSpec } from '../verb.ts';

/** A command line in its parts. */
export interface TaskLine {
  /** What `-f` names. */
  readonly file: string | undefined;
  /** Global options in front of the command. */
  readonly head: readonly string[];
  /** The command; undefined where there is none. */
  readonly word: string | undefined;
  /** All that follows it. */
  readonly tail: readonly string[];
}

const FILE_NAMES: readonly string[] = ['-f', '--shipfile'];

/** Cuts `argv`. `-f` counts only in front of the command: behind it, it belongs to that. */
export function cutLine(argv: readonly string[], globals: readonly OptionSpec[]): TaskLine {
  const taking = new Set(
    globals.filter(({ flags }) => flags.includes('<')).flatMap(({ flags }) => namesIn(flags)),
  );
  const head: string[] = [];
  let file: string | undefined;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    const [name = ''] = word.split('=', 1);
    if (FILE_NAMES.includes(name)) {
      const inline = word.length > name.length;
      file = inline ? word.slice(name.length + 1) : argv[at + 1];
      if (file === undefined || file === '') throw usage(`Cannot use ${name}: FILE is missing`);
      if (!inline) at += 1;
    } else if (taking.has(word)) {
      head.push(word, ...argv.slice(at + 1, at + 2));
      at += 1;
    } else if (word.startsWith('-') && word !== '-') head.push(word);
    else return { file, head, word, tail: argv.slice(at + 1) };
  }
  return { file, head, word: undefined, tail: [] };
}

/** The names in `-t, --tag <NAME>`. */
export function namesIn(flags: string): readonly string[] {
  return flags.match(/(?<![\w-])--?[A-Za-z][\w-]*/g) ?? [];
}

/** Whether help is asked for before `--`. */
export function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words
    .slice(0, end < 0 ? words.length : end)
    .some((word) => word === '-h' || word === '--help');
}
