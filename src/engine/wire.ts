// The JSON lines that an engine answers a load or an import with, one object a line. They come from another machine:
// every line may be broken, endless or split anywhere, and none of it may crash us or fill our memory.
import { type Line, LineSplitter } from '../core/lines.ts';

/** One line of progress. */
export type Progress =
  | {
      readonly kind: 'message';
      readonly status: string | undefined;
      readonly stream: string | undefined;
      readonly id: string | undefined;
      /** `aux.ID`: what a build has become so far. */
      readonly auxId: string | undefined;
    }
  /** The engine failed, although its HTTP status was 200. */
  | { readonly kind: 'error'; readonly message: string }
  /** Not a JSON object, or longer than `LINE_CAP_BYTES`. */
  | { readonly kind: 'unreadable'; readonly bytes: number };

/** Reads progress. Empty lines are passed over; a last line without an end counts. Throws only what `chunks` throws. */
export async function* readProgress(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Progress, void, undefined> {
  const lines = new LineSplitter();
  for await (const chunk of chunks) {
    for (const line of lines.split(chunk)) {
      const progress = progressOf(line);
      if (progress !== undefined) yield progress;
    }
  }
  const last = lines.last();
  const progress = last && progressOf(last);
  if (progress !== undefined) yield progress;
}

function progressOf({ text, bytes, isCut }: Line): Progress | undefined {
  return isCut ? progressOfCutLine(text, bytes) : progressOfLine(text, bytes);
}

function progressOfLine(line: string, bytes: number): Progress | undefined {
  // Record separator: the engine may frame its answer as a JSON text sequence (RFC 7464).
  const text = line.replace(RECORD_SEPARATOR, '').trim();
  if (text === '') return undefined;
  const value = parseObject(text);
  if (value === undefined) return { kind: 'unreadable', bytes };
  const message = errorOf(value);
  if (message !== undefined) return { kind: 'error', message };
  return {
    kind: 'message',
    status: textOf(value['status']),
    stream: textOf(value['stream']),
    id: textOf(value['id']),
    auxId: isObject(value['aux']) ? textOf(value['aux']['ID']) : undefined,
  };
}

const RECORD_SEPARATOR = String.fromCharCode(0x1e);

/** A line over the cap cannot be parsed, but it must not hide a failure. */
function progressOfCutLine(text: string, bytes: number): Progress {
  const found = /"errorDetail"|"error"\s*:\s*"/.exec(text);
  if (found === null) return { kind: 'unreadable', bytes };
  const message = text.slice(found.index, found.index + 200);
  return { kind: 'error', message: `${message}… (a line of ${bytes} bytes)` };
}

/** `errorDetail` is the current form, `error` the deprecated one; engines send both. */
function errorOf(value: Readonly<Record<string, unknown>>): string | undefined {
  const detail = value['errorDetail'];
  const plain = textOf(value['error']);
  if (detail === undefined || detail === null) return plain === '' ? undefined : plain;
  const message = isObject(detail) ? textOf(detail['message']) : textOf(detail);
  return message || plain || 'it gave no reason';
}

/** Parses JSON that must be an object; undefined when it is not. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    // The caller says what it was that is not JSON.
    return undefined;
  }
}

/** Parses JSON that must be an array; undefined when it is not. */
export function parseArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    // As above.
    return undefined;
  }
}

/** Whether `value` is an object and no array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` if it is a string. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** An object of an engine's JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** `value` if it is an object, else an empty one. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

/** `value` if it is an array, else an empty one: engines leave empty lists out, or write `null`. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `value` if it is a number. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** The texts of an object, by their names: labels and attributes. */
export function recordOf(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(objectOf(value)).filter(([, text]) => typeof text === 'string');
  return Object.fromEntries(pairs) as Readonly<Record<string, string>>;
}
