// The images that a Dockerfile begins from or copies from, as far as its text alone tells. Pure.
import {
  type Expanded,
  GlobalArguments,
  hasOtherEscape,
  instructionsOf,
  keywordOf,
} from './dockerfile-text.ts';

/** What a Dockerfile names. */
export interface NamedImages {
  /** References that are none of its own stages, each once. */
  readonly images: readonly string[];
  /** False where the text does not tell all: a variable without a value, a file that is fetched, another escape character. */
  readonly isComplete: boolean;
}

/** Reads a Dockerfile; `args` are values of build arguments. */
export function namedImages(
  dockerfile: string,
  args: Readonly<Record<string, string>>,
): NamedImages {
  const reader = new Reader(args);
  for (const instruction of instructionsOf(dockerfile)) reader.read(instruction);
  return {
    images: [...reader.images],
    isComplete: reader.isComplete && !hasOtherEscape(dockerfile),
  };
}

class Reader {
  readonly images = new Set<string>();
  isComplete = true;
  readonly #globals: GlobalArguments;
  readonly #stages = new Set(['scratch']);
  #isGlobal = true;

  constructor(args: Readonly<Record<string, string>>) {
    this.#globals = new GlobalArguments(args);
  }

  read(instruction: string): void {
    const line = joined(instruction);
    switch (keywordOf(line)) {
      case 'ARG':
        if (this.#isGlobal) this.#globals.declare(line);
        break;
      case 'FROM':
        this.#isGlobal = false;
        this.#from(line);
        break;
      case 'COPY':
        for (const [, from = ''] of line.matchAll(/\s--from=(\S+)/g)) this.#name(from);
        break;
      case 'ADD':
        // What is fetched may be another thing tomorrow.
        if (/[\s"'](?:https?:\/\/|git@|git:\/\/)/.test(line)) this.isComplete = false;
        break;
      case 'RUN':
        for (const [, mount = ''] of line.matchAll(/\s--mount=(\S+)/g)) this.#mount(mount);
        break;
    }
  }

  #from(line: string): void {
    const words = line.split(/\s+/).slice(1);
    const [image = '', as = '', stage] = words.filter((word) => !word.startsWith('--'));
    this.#name(image);
    if (as.toLowerCase() === 'as' && stage !== undefined) this.#stages.add(stage.toLowerCase());
  }

  #mount(mount: string): void {
    const from = mount.split(',').find((part) => part.startsWith('from='));
    if (from !== undefined) this.#name(from.slice('from='.length));
  }

  #name(text: string): void {
    const { text: name, isKnown }: Expanded = this.#globals.expand(text);
    if (!isKnown || name === '' || name.includes('$')) this.isComplete = false;
    else if (!this.#stages.has(name.toLowerCase()) && !/^\d+$/.test(name)) this.images.add(name);
  }
}

/** An instruction as one line, without the comments in it. */
function joined(instruction: string): string {
  return instruction
    .split('\n')
    .filter((line, at) => at === 0 || !/^\s*#/.test(line))
    .map((line) => line.replace(/[\\`]\s*$/, ' '))
    .join('\n')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}
