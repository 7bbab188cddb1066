// The one way to say that a tar is broken.
import { ShipperError } from '../core/errors.ts';

/** A `BAD_LAYER` that names the byte where the header stands. */
export function corrupt(reason: string, offset: number): ShipperError {
  return new ShipperError('BAD_LAYER', `Cannot read tar header at byte ${offset}: ${reason}`, {
    offset,
  });
}

/** A `LIMIT_EXCEEDED` that names the byte where the header stands. */
export function overLimit(reason: string, offset: number): ShipperError {
  return new ShipperError('LIMIT_EXCEEDED', `Cannot read tar header at byte ${offset}: ${reason}`, {
    offset,
  });
}
