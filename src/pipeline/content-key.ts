// What an image is made from, as one digest: where it is known what came of the same before, nothing is done again. Pure.
import type { FlattenChoice } from '../config/types.ts';
import { compareText, digestOfValue } from '../core/sorted.ts';

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
  return digestOfValue({ ...rest, parents: [...parents].sort(([a], [b]) => compareText(a, b)) });
}
