// What all calls about containers share: how they are named, how a list is read, which refusals may pass.
import type { Context } from '../core/context.ts';
import { isShipperError, reworded, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { failure } from './failures.ts';
import type { Answer, Call, Session } from './session.ts';
import { isObject, type Json, parseArray } from './wire.ts';

/** A container, network or volume by its name or id, as a part of a URL's path. */
export function namedPath(kind: string, name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)) {
    return encodeURIComponent(name);
  }
  const message = `Cannot ask the engine for ${kind} ${JSON.stringify(name)}: it is not a name or id`;
  throw new ShipperError('USAGE', message);
}

/** `verb container "name"`, for messages. */
export function doingTo(verb: string, container: string): string {
  return `${verb} container ${JSON.stringify(container)}`;
}

/**
 * A call that may be repeated: an engine that fails (any 5xx) may do it next time. Where repeating cannot help, as with a port
 * that is in use, `Session.request` is the one to take.
 */
export async function repeatable(
  session: Session,
  ctx: Context,
  call: Call,
  limitMs?: number,
): Promise<Answer> {
  try {
    return await session.request(ctx, call, limitMs);
  } catch (error) {
    if (!isShipperError(error) || error.retryable || (error.details.status ?? 0) < 500) throw error;
    throw reworded(error, error.message, { retryable: true, cause: error.cause });
  }
}

/** A list of objects, each as `read` has it; what that cannot read is left out. */
export async function requestList<T>(
  session: Session,
  ctx: Context,
  call: Call,
  read: (json: Json) => T | undefined,
): Promise<readonly T[]> {
  const { text } = await session.request(ctx, call, undefined, LIMITS.engineListBytes);
  const items = text.trim() === 'null' ? [] : parseArray(text);
  if (items === undefined) {
    throw failure(session.doing(call, call.path), 'the answer is not a list');
  }
  return items
    .filter(isObject)
    .map(read)
    .filter((item) => item !== undefined);
}

/** One object as `read` has it; undefined when the engine has none. */
export async function requestOne<T>(
  session: Session,
  ctx: Context,
  call: Call,
  read: (json: Json) => T | undefined,
): Promise<T | undefined> {
  let json: Json;
  try {
    json = await session.requestJson(ctx, call);
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
  const found = read(json);
  if (found !== undefined) return found;
  throw failure(session.doing(call, call.path), 'the answer is not what was asked for');
}

/** The `filters` parameter for labels; nothing where there are none. */
export function labelFilter(labels: readonly string[]): Readonly<Record<string, string>> {
  return labels.length === 0 ? {} : { filters: JSON.stringify({ label: labels }) };
}

/** The same failure under another code, for a status that means something particular in one call. */
export function recoded(
  error: unknown,
  status: number,
  code: 'CONFLICT' | 'NO_SPACE' | 'UNAUTHORIZED' | 'NOT_FOUND',
): unknown {
  if (!isShipperError(error, 'ENGINE') || error.details.status !== status) return error;
  return new ShipperError(code, error.message, { ...error.details, cause: error.cause });
}
