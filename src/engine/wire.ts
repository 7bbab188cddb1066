// The JSON lines that an engine answers a load or an import with, one object a line. They come from another machine:
// every line may be broken, endless or split anywhere, and none of it may crash us or fill our memory.

/** One line of progress. */
export type Progress =
  | {
      readonly kind: 'message';
      readonly status: string | undefined;
      readonly stream: string | undefined;
      readonly id: string | undefined;
    }
  /** The engine failed, although its HTTP status was 200. */
  | { readonly kind: 'error'; readonly message: string }
  /** Not a JSON object, or longer than {@link LINE_CAP_BYTES}. */
  | { readonly kind: 'unreadable'; readonly bytes: number };

/** The longest line that is kept; what goes over it is dropped up to the next line end. */
export const LINE_CAP_BYTES = 1_048_576;

/** Reads progress. Empty lines are passed over; a last line without an end counts. Throws only what `chunks` throws. */
export async function* readProgress(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Progress, void, undefined> {
  const line = new LineBuffer();
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      line.add(chunk.subarray(from, end));
      from = end + 1;
      const progress = line.take();
      if (progress !== undefined) yield progress;
    }
    line.add(chunk.subarray(from));
  }
  const last = line.take();
  if (last !== undefined) yield last;
}

const NEWLINE = 0x0a;

/** Collects one line. A buffer that grows, not a list of pieces: a line that comes byte by byte must not cost more. */
class LineBuffer {
  #bytes = Buffer.alloc(4096);
  #kept = 0;
  #seen = 0;

  add(piece: Uint8Array): void {
    this.#seen += piece.length;
    const wanted = Math.min(piece.length, LINE_CAP_BYTES - this.#kept);
    if (wanted === 0) return;
    if (this.#kept + wanted > this.#bytes.length) {
      const size = Math.min(LINE_CAP_BYTES, Math.max(this.#bytes.length * 2, this.#kept + wanted));
      const grown = Buffer.alloc(size);
      grown.set(this.#bytes.subarray(0, this.#kept));
      this.#bytes = grown;
    }
    this.#bytes.set(piece.subarray(0, wanted), this.#kept);
    this.#kept += wanted;
  }

  /** The finished line as progress, undefined when it is empty; starts the next. */
  take(): Progress | undefined {
    // Decoded as a whole, so that a character split over chunks is one again.
    const text = this.#bytes.toString('utf8', 0, this.#kept);
    const bytes = this.#seen;
    const cut = this.#seen > this.#kept;
    this.#kept = 0;
    this.#seen = 0;
    return cut ? progressOfCutLine(text, bytes) : progressOfLine(text, bytes);
  }
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
