// What the flatten tests share: flatten, read back strictly, and give it in the notation.
import { isShipperError, type ShipperError } from '../../src/core/errors.ts';
import { type FlatResult, flattenTars } from '../support/flatten.ts';
import { layers, notationOf } from '../support/layers.ts';
import { type FlatTree, readFlat } from '../support/tar-oracle.ts';

/** Options of the function under test. */
export type FlattenOptions = NonNullable<Parameters<typeof flattenTars>[1]>;

/** A stack: in the notation, or as ready tars. */
export type Stack = string | readonly Uint8Array[];

/** What came of a flatten, read back. */
export interface Flat {
  readonly text: string;
  readonly tree: FlatTree;
  readonly tar: Uint8Array;
  readonly warnings: FlatResult['warnings'];
  /** The codes of the warnings, sorted, each once. */
  readonly codes: readonly string[];
}

/** Flattens a stack and reads the result with the strict reader. */
export async function flatten(stack: Stack, options: FlattenOptions = {}): Promise<Flat> {
  const result = await flattenTars(tarsOf(stack), options);
  const tree = readFlat(result.tar);
  const codes = [...new Set(result.warnings.map((warning) => warning.code))].sort();
  return { text: notationOf(tree), tree, tar: result.tar, warnings: result.warnings, codes };
}

/** The flat tree of a stack in the notation. */
export async function flat(stack: Stack, options: FlattenOptions = {}): Promise<string> {
  return (await flatten(stack, options)).text;
}

/** The refusal of a stack; fails where it is not refused with a ShipperError. */
export async function refusal(stack: Stack, options: FlattenOptions = {}): Promise<ShipperError> {
  let shown: string;
  try {
    const { tar } = await flattenTars(tarsOf(stack), options);
    shown = `is not refused: it gives a tar of ${tar.length} bytes`;
  } catch (error) {
    if (isShipperError(error)) return error;
    shown = `is refused with ${error instanceof Error ? error.stack : String(error)}`;
  }
  throw new Error(`${typeof stack === 'string' ? stack : 'the stack'} ${shown}`);
}

function tarsOf(stack: Stack): readonly Uint8Array[] {
  return typeof stack === 'string' ? layers(stack) : stack;
}
