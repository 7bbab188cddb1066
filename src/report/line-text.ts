// Lines that containers wrote, with whose they are in front. Types only from the fleet.
import type { FleetLine } from '../fleet/output.ts';
import type { Colours } from './colours.ts';
import { nameOf } from './fleet-text.ts';
import { displayWidth } from './format.ts';
import { safe } from './text.ts';

/** How lines are shown. */
export interface LineOptions {
  readonly colours: Colours;
  /** Whose a line is. Default true. */
  readonly prefix: boolean;
  /** When it was written, by the host's clock. */
  readonly timestamps: boolean;
}

/** Each container has one of these, by the order in which they were first heard. */
const PREFIX_COLOURS = ['cyan', 'yellow', 'green', 'bold', 'red'] as const;

/** Makes text of lines: prefixes are as wide as the widest so far. */
export class LineText {
  readonly #options: LineOptions;
  readonly #prefixes = new Map<
    string,
    { readonly text: string; readonly width: number; readonly paint: (text: string) => string }
  >();
  #width = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Each ended by a line feed. What could move a cursor is escaped; colours that a container chose stay. */
  lines(lines: readonly FleetLine[]): string {
    let text = '';
    for (const line of lines) {
      const time = this.#options.timestamps && line.time !== '' ? `${line.time} ` : '';
      text += `${this.#prefix(line)}${time}${shown(line.text)}\n`;
    }
    return text;
  }

  #prefix({ container }: FleetLine): string {
    if (!this.#options.prefix) return '';
    const key = `${container.host} ${container.id}`;
    let known = this.#prefixes.get(key);
    if (known === undefined) {
      const text = safe(`${nameOf(container)}@${hostName(container.host)}`);
      const colour = PREFIX_COLOURS[this.#prefixes.size % PREFIX_COLOURS.length] ?? 'cyan';
      const paint = (word: string) => this.#options.colours[colour](word);
      known = { text, width: displayWidth(text), paint };
      this.#prefixes.set(key, known);
      this.#width = Math.max(this.#width, known.width);
    }
    const { text, width, paint } = known;
    return `${paint(text + ' '.repeat(this.#width - width))} | `;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const COLOUR = /(\x1b\[[\d;]*m)/;
const PLAIN = /^[\x20-\x7e\t]*$/;

/** Most lines are plain text, of which there may be very many. */
function shown(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .split(COLOUR)
    .map((part) => (COLOUR.test(part) ? part : part.split('\t').map(escaped).join('\t')))
    .join('');
}

/** Secrets are the container's own to tell: only what hides or moves text is escaped. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => safe(character));
}

/** The host in an address: `s1` of `ssh://deploy@s1:22`; a path as it is. */
export function hostName(address: string): string {
  return /^[a-z+]+:\/\/(?:[^@/]*@)?([^/:]+|\[[^\]]*\])/.exec(address)?.[1] ?? address;
}
