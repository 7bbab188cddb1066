// The first example of the original's README: what runs on the local engine.
import type { Shipper } from 'shipper';

export const hello = (ship: Shipper) => ship.containers({ running: true });
