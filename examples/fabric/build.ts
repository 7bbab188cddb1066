// `build` of its env.py: an image on every host.
import type { Shipper } from 'shipper';

export const buildImage = (ship: Shipper, tag: string, path: string) => ship.build({ tag, path });
