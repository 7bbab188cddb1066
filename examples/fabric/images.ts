// The script that one of its users built images with: build, flatten, tag, push. There a flatten ran the image, exported it to a
// file in /tmp and lost CMD, ENV, ENTRYPOINT and USER; here it loses nothing.
import type { Shipper } from 'shipper';

/** Build the base image, flat, and give it its date. */
export async function precise(ship: Shipper, stamp: string) {
  await ship.build({ tag: 'precise:fresh', path: './precise' });
  await ship.flatten('precise:fresh', { tags: ['precise:flat'] });
  await ship.tag('precise:flat', `registry.example.com/precise:${stamp}`);
  return ship.push(`registry.example.com/precise:${stamp}`);
}

/** Merge the layers of any image. */
export const flat = (ship: Shipper, image: string) => ship.flatten(image);
