// JSON as text: parsed under caps, and edited without touching what is not edited, so that unknown fields, long numbers
// and their order survive (`flatten.md` R9).
import { messageOf, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** A parsed JSON value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A JSON object; only read it through {@link member}. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Where a member's value stands in the text of its object. */
interface MemberSpan {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Parses bytes as one JSON object; `BAD_IMAGE` for anything else, with `what` named. */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  const text = decodeJson(bytes, what);
  checkDepth(text, what);
  const value = parseJson(text, what);
  if (!isObject(value)) throw badJson(what, 'it is not an object');
  return value;
}

/** Parses bytes as one JSON array. */
export function parseJsonArray(bytes: Uint8Array, what: string): readonly JsonValue[] {
  const text = decodeJson(bytes, what);
  checkDepth(text, what);
  const value = parseJson(text, what);
  if (!Array.isArray(value)) throw badJson(what, 'it is not a list');
  return value as readonly JsonValue[];
}

/** An own member: `__proto__` is a key like any other. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Whether a value is an object and not a list. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of JSON bytes: UTF-8 without a byte order mark, under the cap. */
export function decodeJson(bytes: Uint8Array, what: string): string {
  if (bytes.length > LIMITS.metadataBytes) {
    throw new ShipperError(
      'LIMIT_EXCEEDED',
      `Cannot read ${what}: it has ${bytes.length} bytes, over ${LIMITS.metadataBytes}`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badJson(what, 'it is not UTF-8');
  }
}

function parseJson(text: string, what: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw badJson(what, `it is not JSON (${messageOf(error).slice(0, 100)})`);
  }
}

function badJson(what: string, reason: string): ShipperError {
  return new ShipperError('BAD_IMAGE', `Cannot read ${what}: ${reason}`);
}

/** Refuses nesting that would make recursive readers run out of stack. */
function checkDepth(text: string, what: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = stringEnd(text, at) - 1;
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth += 1;
      if (depth > LIMITS.jsonDepth)
        throw badJson(what, `it is nested more than ${LIMITS.jsonDepth} deep`);
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth -= 1;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/**
 * Sets, replaces or (with `undefined`) removes members of the object that `text` is. Values are JSON text. A key that
 * stands twice is refused: readers disagree on which one counts.
 */
export function editMembers(
  text: string,
  edits: ReadonlyMap<string, string | undefined>,
  what: string,
): string {
  const spans = memberSpans(text);
  const byKey = new Map<string, MemberSpan>();
  for (const span of spans) {
    if (!edits.has(span.key)) continue;
    if (byKey.has(span.key))
      throw badJson(what, `the key ${JSON.stringify(span.key)} stands twice`);
    byKey.set(span.key, span);
  }
  const members = spans.flatMap((span) => {
    if (!edits.has(span.key)) return [text.slice(span.keyStart, span.valueEnd)];
    const value = edits.get(span.key);
    return value === undefined ? [] : [text.slice(span.keyStart, span.valueStart) + value];
  });
  for (const [key, value] of edits) {
    if (!byKey.has(key) && value !== undefined) members.push(`${JSON.stringify(key)}:${value}`);
  }
  return `{${members.join(',')}}`;
}

/** The text of a member's value. */
export function memberText(text: string, key: string): string | undefined {
  const span = memberSpans(text).find((candidate) => candidate.key === key);
  return span === undefined ? undefined : text.slice(span.valueStart, span.valueEnd);
}

/** The texts of the elements of a valid JSON list; none for anything else. */
export function elementTexts(text: string): string[] {
  const elements: string[] = [];
  if (!text.startsWith('[')) return elements;
  let at = skipSpace(text, 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = endOfValue(text, at);
    elements.push(text.slice(at, end));
    const comma = skipSpace(text, end);
    if (text.charCodeAt(comma) !== COMMA) break;
    at = skipSpace(text, comma + 1);
  }
  return elements;
}

/** The members of a valid JSON object text, in order. */
function memberSpans(text: string): MemberSpan[] {
  const spans: MemberSpan[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const valueStart = skipSpace(text, text.indexOf(':', keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    spans.push({ key, keyStart: at, valueStart, valueEnd });
    const comma = skipSpace(text, valueEnd);
    if (text.charCodeAt(comma) !== COMMA) break;
    at = skipSpace(text, comma + 1);
  }
  return spans;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1;
  return at;
}

/** Behind the closing quote of the string that begins at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) {
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return at + 1;
}

function endOfValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = stringEnd(text, at) - 1;
      if (depth === 0) return at + 1;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) depth += 1;
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      if (depth === 0) break;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && char === COMMA) break;
  }
  return text.slice(from, at).trimEnd().length + from;
}
