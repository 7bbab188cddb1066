// Questions whose answer is a help and no need.
import { isShipperError } from '../core/errors.ts';

/** The answer; undefined where it cannot be had. Only a cancellation and mistakes of our own pass through. */
export async function orUndefined<T>(asked: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!isShipperError(error) || error.code === 'INTERRUPTED') throw error;
    return undefined;
  }
}
