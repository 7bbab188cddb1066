// A build's progress as lines for people, and what there is to say when it failed.
import { type Line, LineSplitter } from '../../core/lines.ts';
import type { Mask } from '../../core/mask.ts';
import { tidy } from '../../core/tidy.ts';
import { RawJsonReader, type RawStatus, type RawVertex } from './rawjson.ts';

/** Why a build failed. */
export interface BuildFailure {
  /** One line: the step and its reason. */
  readonly reason: string;
  /** The last lines of the failing step's own log; those of the builder where no step failed. */
  readonly log: readonly string[];
}

/** How many lines of a log an error keeps. */
export const LOG_LINES = 20;
/** Where a line of an error is cut. */
const LINE_CHARACTERS = 2000;

/** Bake reads its definition as a Compose file first, and says what that would lack. */
const NOISE =
  /^(?:time="[^"]*" level=warning msg="?)?(?:WARNING: )?The \\?"[^"]*\\?" variable is not set/;

interface Step {
  readonly name: string;
  readonly lines: LineSplitter;
  readonly tail: string[];
  isStarted: boolean;
  error: string;
}

/** Follows `--progress=rawjson`. */
export class BuildLog {
  readonly #tell: (line: string) => void;
  readonly #mask: Mask;
  readonly #reader = new RawJsonReader();
  readonly #steps = new Map<string, Step>();
  readonly #texts: string[] = [];

  constructor(tell: (line: string) => void, mask: Mask) {
    this.#tell = tell;
    this.#mask = mask;
  }

  /** Takes a line of stderr. */
  readonly take = (line: string): void => {
    for (const status of this.#reader.read(line)) this.#apply(status);
  };

  /** What made the build fail, after its last line. */
  failure(): BuildFailure {
    for (const status of this.#reader.end()) this.#apply(status);
    const failed = [...this.#steps.values()].find(({ error }) => isCause(error));
    const said = this.#texts
      .findLast((line) => line.startsWith('ERROR: '))
      ?.slice('ERROR: '.length);
    if (failed === undefined) {
      const reason = said ?? this.#texts.at(-1) ?? 'the builder gave no reason';
      return { reason: withoutFrame(reason), log: this.#texts.slice(-LOG_LINES) };
    }
    this.#flush(failed);
    const reason = `${this.#mask(failed.name)}: ${exitOf(this.#mask(failed.error))}`;
    return { reason, log: failed.tail };
  }

  #apply(status: RawStatus): void {
    if (status.kind === 'text') {
      this.#text(status.line);
      return;
    }
    for (const vertex of status.vertexes) this.#vertex(vertex);
    for (const { vertex, data } of status.logs) {
      const step = this.#steps.get(vertex);
      if (step === undefined) continue;
      for (const line of step.lines.split(data)) this.#line(step, line);
    }
  }

  #text(line: string): void {
    const masked = this.#mask(line).trimEnd();
    if (masked === '' || NOISE.test(masked)) return;
    if (this.#texts.push(shortened(masked)) > 10 * LOG_LINES) this.#texts.shift();
    this.#tell(masked);
  }

  #vertex(vertex: RawVertex): void {
    const step = this.#steps.get(vertex.digest) ?? newStep(vertex.name);
    this.#steps.set(vertex.digest, step);
    const isNew = !step.isStarted && (vertex.isStarted || vertex.isCached);
    if (isNew) {
      step.isStarted = true;
      this.#tell(this.#mask(vertex.isCached ? `${step.name} (cached)` : step.name));
    }
    if (vertex.isCompleted) this.#flush(step);
    if (vertex.error !== '' && step.error === '') {
      step.error = vertex.error;
      this.#tell(`${labelOf(this.#mask(step.name))}failed: ${exitOf(this.#mask(vertex.error))}`);
    }
  }

  #flush(step: Step): void {
    const last = step.lines.last();
    if (last !== undefined) this.#line(step, last);
  }

  #line(step: Step, { text }: Line): void {
    // A progress bar paints over itself: what it ends as is what counts.
    const painted = text.replace(/\r+$/, '');
    const masked = this.#mask(painted.slice(painted.lastIndexOf('\r') + 1));
    if (step.tail.push(shortened(masked)) > LOG_LINES) step.tail.shift();
    this.#tell(`${labelOf(step.name)}${masked}`);
  }
}

function newStep(name: string): Step {
  return { name, lines: new LineSplitter(), tail: [], isStarted: false, error: '' };
}

/** `[stage 2/3] `, so that the lines of steps that run side by side can be told apart. */
function labelOf(name: string): string {
  const label = /^\[[^\]]*\]/.exec(name)?.[0];
  return label === undefined ? '' : `${label} `;
}

/** A step that was stopped because another one failed is not the cause. */
function isCause(error: string): boolean {
  return error !== '' && !/context canceled$/.test(error);
}

/** The command stands in the name of the step already. */
function exitOf(error: string): string {
  const code = /did not complete successfully: (exit code: .*)$/s.exec(error)?.[1];
  // The reference is BuildKit's own, and says nothing to anybody.
  return tidy(
    code ??
      error.replace(/^failed to (?:calculate checksum|compute cache key)(?: of ref \S+)?: /, ''),
  );
}

function withoutFrame(reason: string): string {
  return tidy(reason.replace(/^(?:target \S+: )?failed to solve: /, ''));
}

function shortened(line: string): string {
  return line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS)}…` : line;
}
