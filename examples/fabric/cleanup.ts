// Its two clean-ups, `docker rm $(docker ps -aq)` and `docker rmi` of all that has no name: of what one owns, not of everything.
import type { Shipper } from 'shipper';

/** Remove containers that have ended. */
export const containers = (ship: Shipper, label = 'shop') =>
  ship.remove({ labels: [label], running: false });

/** Remove images that have lost their names. */
export async function images(ship: Shipper, label = 'shop') {
  const all = (await ship.images({ labels: [label] })).values.flat();
  const lost = new Set(all.filter(({ tags }) => tags.length === 0).map(({ id }) => id));
  for (const id of lost) await ship.removeImage(id);
  return `${lost.size} removed`;
}
