// Colours as plain functions. `node:util` has styleText, but on Node 20 it does not know which stream is meant.

/** Wraps text in a colour, or gives it back as it is. */
export interface Colours {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const plain = (text: string): string => text;
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    `\x1b[${on}m${text}\x1b[${off}m`;

/** No colours. */
export const NO_COLOURS: Colours = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
};

/** The terminal's own colours. */
export const ANSI_COLOURS: Colours = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  cyan: sgr(36, 39),
};

/** What decides about colour. */
export interface ColourFacts {
  /** `--color`. */
  readonly choice: 'auto' | 'always' | 'never';
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the stream that is written to is a terminal. */
  readonly isTTY: boolean;
}

/**
 * `--color`, then NO_COLOR (no-color.org: set and not empty; it wins over FORCE_COLOR, which Node and chalk order the
 * other way round), then FORCE_COLOR and CLICOLOR_FORCE, then TERM=dumb, then whether it is a terminal.
 */
export function useColour({ choice, env, isTTY }: ColourFacts): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'] || env['CLICOLOR_FORCE'];
  if (forced) return forced !== '0' && forced !== 'false';
  return isTTY && env['TERM'] !== 'dumb';
}

/** The colours that {@link useColour} decides on. */
export function coloursFor(facts: ColourFacts): Colours {
  return useColour(facts) ? ANSI_COLOURS : NO_COLOURS;
}
