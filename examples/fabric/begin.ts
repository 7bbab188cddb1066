// `start` of its env.py: once on every host, whoever runs it again.
import type { Shipper } from 'shipper';

export const begin = (ship: Shipper, image: string, command: string, ports: string[] = []) =>
  ship.run(image, command.split(' '), { ports, once: true });
