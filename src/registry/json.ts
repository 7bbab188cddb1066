// JSON that is not part of an image: settings of people, answers of servers. No message of the parser is kept, because it
// quotes what it was given, and that may be a password.
import { isObject, type JsonObject, type JsonValue, member } from '../image/json-text.ts';

/** The object that `text` is; undefined when it is no JSON or no object. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    // The caller says what it was that is not JSON.
    return undefined;
  }
}

/** A member that is an object. */
export function objectOf(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object === undefined ? undefined : member(object, key);
  return isObject(value) ? value : undefined;
}

/** A member that is a text with something in it. */
export function textOf(object: JsonObject | undefined, key: string): string | undefined {
  const value = object === undefined ? undefined : member(object, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
