// `ps` of its env.py, whose --all could not work there.
import type { Shipper } from 'shipper';

export const list = (ship: Shipper, all = false) => ship.containers(all ? {} : { running: true });
