// The small schemas that the large ones are made of, and the form of their messages: "must be …". A schema here says what
// may be written; what it means is read by `config/read-*.ts`.
import { z } from 'zod';

/** Members of an object by their key. */
export type Shape = Readonly<Record<string, z.ZodType>>;

/** A mapping of these keys only; those that begin with `x-` may hold anything, as in Compose. */
export function mapping(shape: Shape): z.ZodObject {
  return z.strictObject(shape, {
    // Known keys travel in the message, which is where the nearest right word is looked for.
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? Object.keys(shape).join(KEY_SEPARATOR) : undefined,
  });
}

/** Between the known keys in the message of an `unrecognized_keys`. */
export const KEY_SEPARATOR = '\n';

/** The same mapping with nothing required and more keys. */
export function optional(shape: Shape): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(shape).map(([key, each]) => [key, each.optional()]));
}

/** One of several forms; `expected` completes "must be". */
export function either(expected: string, ...forms: readonly z.ZodType[]): z.ZodType {
  return z.union(forms, `must be ${expected}`);
}

/** Text of a form; `expected` completes "must be". */
export function textOfForm(form: RegExp, expected: string): z.ZodType {
  return z.string().regex(form, `must be ${expected}`);
}

/** Text that is not empty. */
export const word: z.ZodType = z.string().min(1, 'must not be empty');

/** Text, or what YAML takes for a number though a text is meant. */
export const textLike: z.ZodType = either('text', z.string(), z.number());

/** Text, a number, a truth value, or nothing. */
export const anyScalar: z.ZodType = either(
  'text, a number, true or false',
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
);

/** A truth value. */
export const flag: z.ZodType = z.boolean();

/** A whole number. */
export function whole(least: number, most: number): z.ZodType {
  return wholeOf(`a whole number from ${least} to ${most}`, least, most);
}

/** A whole number between bounds; `expected` completes "must be". */
export function wholeOf(expected: string, least: number, most: number): z.ZodType {
  const state = `must be ${expected}`;
  return z.number(state).int(state).min(least, state).max(most, state);
}

/** A number between bounds; `expected` completes "must be". */
export function numberOf(expected: string, least: number, most: number): z.ZodType {
  const state = `must be ${expected}`;
  return z.number(state).min(least, state).max(most, state);
}

/** A list. */
export function listOf(each: z.ZodType): z.ZodType {
  return z.array(each);
}

/** One text or a list of them. */
export function oneOrMore(each: z.ZodType): z.ZodType {
  return either('text or a list of texts', each, z.array(each));
}

/** `KEY: VALUE`, or a list of `KEY=VALUE`. */
export const keyValues: z.ZodType = either(
  'a mapping, or a list of KEY=VALUE',
  z.record(z.string(), anyScalar),
  z.array(z.string()),
);

/** Names that a person chooses for images, groups, services. */
export const NAME: RegExp = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/;

/** A mapping of names that a person chooses. */
export function named(each: z.ZodType): z.ZodType {
  const state = 'a name is made of a-z, 0-9 and single . _ - between them';
  return z.record(z.string().regex(NAME, state).max(63, 'a name has at most 63 characters'), each);
}

const A_DURATION = 'a duration such as 30s or 1m30s';
const DURATION = /^(?:0|(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d))+)$/;

/** `30s`, `1m30s`, `500ms`. */
export const duration: z.ZodType = either(
  A_DURATION,
  textOfForm(DURATION, A_DURATION),
  z.literal(0),
);

const A_SIZE = 'a size such as 64m or 1g';
const DOCKER_SIZE = /^\d+(?:\.\d+)? ?(?:[bkmgt]|[kmgt]i?b)?$/i;

/** `64m`, `1gb`, as Compose has them: powers of 1024. */
export const dockerSize: z.ZodType = either(
  A_SIZE,
  textOfForm(DOCKER_SIZE, A_SIZE),
  wholeOf(A_SIZE, 0, Number.MAX_SAFE_INTEGER),
);

const AN_EXACT_SIZE = 'a size such as 500000, 10MB or 1.5GiB';
const EXACT_SIZE = /^\d+(?:\.\d+)? ?(?:B|[kMGT]i?B|KB|KiB)?$/;

/** `10MB`, `1.5GiB`, as `shipper flatten` has them. */
export const exactSize: z.ZodType = either(
  AN_EXACT_SIZE,
  textOfForm(EXACT_SIZE, AN_EXACT_SIZE),
  wholeOf(AN_EXACT_SIZE, 1, Number.MAX_SAFE_INTEGER),
);

const PLATFORM = /^[a-z0-9_.-]+(?:\/[a-z0-9_.-]+){0,2}$/i;

/** `os/arch[/variant]`. */
export const platform: z.ZodType = textOfForm(
  PLATFORM,
  'a platform such as linux/amd64 or linux/arm64/v8',
);

/** One of some words. */
export function oneOf(...words: readonly [string, ...string[]]): z.ZodType {
  return z.enum(words);
}
