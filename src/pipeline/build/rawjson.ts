// What `docker buildx --progress=rawjson` prints on stderr: BuildKit's `SolveStatus` as JSON, one object a line or
// (before buildx 0.14) indented over many lines, with plain lines of warnings and errors between them.
import { isObject, parseObject, textOf } from '../../engine/wire.ts';

/** One step of a build, as far as it is known. */
export interface RawVertex {
  readonly digest: string;
  readonly name: string;
  readonly isStarted: boolean;
  readonly isCompleted: boolean;
  readonly isCached: boolean;
  /** Why it failed; empty when it did not. */
  readonly error: string;
}

/** Bytes that a step printed. */
export interface RawLog {
  readonly vertex: string;
  readonly data: Uint8Array;
}

/** What one object, or one plain line, says. */
export type RawStatus =
  | { readonly kind: 'status'; readonly vertexes: RawVertex[]; readonly logs: RawLog[] }
  | { readonly kind: 'text'; readonly line: string };

/** An indented object that is longer is no status. */
const OBJECT_CHARACTERS = 4_194_304;

/** Puts lines together to statuses. What is no status comes back as text. */
export class RawJsonReader {
  #lines: string[] = [];
  #size = 0;

  /** What `line` completes. */
  read(line: string): readonly RawStatus[] {
    if (this.#lines.length === 0) {
      if (line === '{') {
        this.#keep(line);
        return [];
      }
      return [statusOf(line) ?? { kind: 'text', line }];
    }
    this.#keep(line);
    if (line === '}') {
      const status = statusOf(this.#lines.join('\n'));
      return status === undefined ? this.end() : this.#done(status);
    }
    // Only what is indented belongs to the object.
    if (!line.startsWith(' ') || this.#size > OBJECT_CHARACTERS) return this.end();
    return [];
  }

  /** What was begun and not completed. */
  end(): readonly RawStatus[] {
    const texts = this.#lines.map((line) => ({ kind: 'text', line }) as const);
    this.#lines = [];
    this.#size = 0;
    return texts;
  }

  #keep(line: string): void {
    this.#lines.push(line);
    this.#size += line.length;
  }

  #done(status: RawStatus): readonly RawStatus[] {
    this.#lines = [];
    this.#size = 0;
    return [status];
  }
}

function statusOf(text: string): RawStatus | undefined {
  if (!text.startsWith('{')) return undefined;
  const value = parseObject(text);
  if (value === undefined) return undefined;
  return {
    kind: 'status',
    vertexes: objectsIn(value['vertexes']).map(vertexOf),
    logs: objectsIn(value['logs']).map(logOf),
  };
}

function vertexOf(value: Json): RawVertex {
  return {
    digest: textOf(value['digest']) ?? '',
    name: textOf(value['name']) ?? '',
    isStarted: value['started'] !== undefined,
    isCompleted: value['completed'] !== undefined,
    isCached: value['cached'] === true,
    error: textOf(value['error']) ?? '',
  };
}

function logOf(value: Json): RawLog {
  return {
    vertex: textOf(value['vertex']) ?? '',
    data: Buffer.from(textOf(value['data']) ?? '', 'base64'),
  };
}

type Json = Readonly<Record<string, unknown>>;

function objectsIn(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
