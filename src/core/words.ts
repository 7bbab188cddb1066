// Words that a person types → typed values, for command lines of ours and of tasks. Every parser throws `USAGE` that names the
// option and the word.
import { ShipperError } from './errors.ts';
import { nearest } from './nearest.ts';

/** Parses the value of one option. `option` is its long name with dashes. */
export type ValueParser<T> = (option: string, text: string) => T;

/** A refusal of the command line. */
export function usage(message: string, hint?: string): ShipperError {
  return new ShipperError('USAGE', message, hint === undefined ? {} : { hint });
}

/** Refuses `text` as the value of `option`: `state` says why. */
export function refuse(option: string, text: string, state: string, hint?: string): never {
  throw usage(`Cannot use ${option} ${JSON.stringify(text)}: ${state}`, hint);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds: `30s`, `5m`, `1h30m`, `500ms`; a number alone is seconds. More than 0, at most 24 days. */
export function parseDuration(option: string, text: string): number {
  const isNumber = /^\d+(?:\.\d+)?$/.test(text);
  if (!isNumber && !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) {
    refuse(option, text, 'it is not a duration', 'durations are written as 30s, 5m, 1h30m');
  }
  let totalMs = isNumber ? Number(text) * 1000 : 0;
  if (!isNumber) {
    for (const [, digits, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
      totalMs += Number(digits) * (UNIT_MS[unit] ?? 0);
    }
  }
  if (totalMs < 1) refuse(option, text, 'it is no time at all');
  // What a Node timer takes.
  if (totalMs > 2 ** 31 - 1) refuse(option, text, 'it is more than 24 days');
  return Math.round(totalMs);
}

/** One of `choices`. */
export function choiceOf<const T extends string>(choices: readonly T[]): ValueParser<T> {
  return (option, text) => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    const near = nearest(text, choices);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    return refuse(option, text, `it is not one of ${choices.join(', ')}`, hint);
  };
}

/** Any word but the empty one. */
export function parseWord(option: string, text: string): string {
  if (text === '') refuse(option, text, 'it is empty');
  if (text.includes('\0')) refuse(option, text, 'it holds a NUL character');
  // Node decodes arguments; what it could not would name another file than the one that is meant.
  if (text.includes('\ufffd')) refuse(option, text, 'it holds bytes that are not UTF-8');
  return text;
}
