// How words become values: text, numbers, durations, flags. A default is held to the same rules.
import { parseDuration, parseWord, refuse, type ValueParser } from '../core/words.ts';

/** How a word becomes a value. */
export interface WordType {
  /** What stands for the value in the usage text: `N`, `DURATION`; undefined for a name made of the parameter's own. */
  readonly placeholder?: string;
  /** The closed set of its values. */
  readonly choices?: readonly string[];
  readonly read: ValueParser<unknown>;
  /** A value as it would be typed. */
  readonly show: (value: unknown) => string;
}

/** What a number may be. */
export interface NumberBounds {
  /** The least that is taken. */
  readonly min?: number;
  /** The most that is taken. */
  readonly max?: number;
  /** Only whole numbers. Default false. */
  readonly whole?: boolean;
}

/** Text, any word but the empty one. */
export const TEXT: WordType = { read: parseWord, show: String };

export const FLAG: WordType = {
  read: (name, text) => {
    if (text === 'true' || text === 'false') return text === 'true';
    return refuse(name, text, 'it is not one of true, false');
  },
  show: String,
};

export const DURATION: WordType = {
  placeholder: 'DURATION',
  read: parseDuration,
  show: (value) => shownDuration(Number(value)),
};

/** `90s`, `1h30m`: the fewest units that say it exactly. */
function shownDuration(ms: number): string {
  if (ms % 1000 !== 0) return `${ms}ms`;
  const seconds = ms / 1000;
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count}${unit}`);
  return shown.length === 0 ? '0s' : shown.join('');
}

/** Numbers as they are written in JSON, within the bounds of `settings`. */
export function numberType(settings: NumberBounds): WordType {
  const {
    min = Number.NEGATIVE_INFINITY,
    max = Number.POSITIVE_INFINITY,
    whole = false,
  } = settings;
  const read: ValueParser<number> = (name, text) => {
    const value = /^-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?$/i.test(text)
      ? Number(text)
      : Number.NaN;
    if (!Number.isFinite(value)) refuse(name, text, 'it is not a number');
    if (whole && !Number.isSafeInteger(value)) refuse(name, text, 'it is not a whole number');
    if (value < min || value > max) refuse(name, text, `it is not ${bounds(min, max)}`);
    return value;
  };
  return { placeholder: 'N', read, show: String };
}

function bounds(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return `${min} or more`;
  return min === Number.NEGATIVE_INFINITY ? `${max} or less` : `between ${min} and ${max}`;
}

/** A default is refused where the same word would be. */
export function checkDefault(type: WordType, isList: boolean, value: unknown): void {
  if (value === undefined) return;
  const values: readonly unknown[] = isList && Array.isArray(value) ? value : [value];
  for (const each of values) {
    // An empty text is no word that one would type, and a fair default.
    if (each === '' && type === TEXT) continue;
    const read = misuse(() => type.read('default', type.show(each)));
    if (read === each) continue;
    throw new TypeError(
      `Cannot use default ${JSON.stringify(each)}: it would be read as ${JSON.stringify(read)}`,
    );
  }
}

/** What a mistake in a program is, and not in a command line. */
export function misuse<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new TypeError(error instanceof Error ? error.message : String(error));
  }
}
