// What an image is made from, as one digest: where it is known what came of the same before, nothing is done again. Pure.
import type { FlattenChoice } from '../config/types.ts';
import { digestOf } from '../core/digest.ts';

/** Everything that decides what comes out. */
export interface Ingredients {
  /** The program: another version may do it another way. */
  readonly shipper: string;
  /** Digest of the image that is flattened, or of all that goes into its build. */
  readonly origin: string;
  /** Absent where the image passes through. */
  readonly flatten: FlattenChoice | undefined;
  /** Digest of a base that is kept and is no image of the project. */
  readonly base: string | undefined;
  /** Digests of the images that it needs, by name. */
  readonly parents: ReadonlyMap<string, string>;
  /** SOURCE_DATE_EPOCH. */
  readonly epoch: string | undefined;
}

/** The key of `ingredients`: `sha256:…`. */
export function contentKey({ parents, ...rest }: Ingredients): string {
  return keyOf({ ...rest, parents: [...parents].sort(([a], [b]) => (a < b ? -1 : 1)) });
}

/** The digest of a plain value; the order in which members were written does not matter. */
export function keyOf(value: unknown): string {
  return digestOf(new TextEncoder().encode(JSON.stringify(sorted(value)) ?? 'null'));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
