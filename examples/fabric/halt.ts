// `stop` of its env.py: what runs and has such an image.
import type { Shipper } from 'shipper';

export const halt = (ship: Shipper, image = '.*') =>
  ship.stop({ image: new RegExp(image), running: true });
