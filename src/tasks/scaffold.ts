// `shipper init --tasks`: a shipfile to begin with.
import { join } from 'node:path';
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { findShipfile } from './find-shipfile.ts';

const NAME = 'shipfile.ts';

const IMPORT = "import { option, positional, type Shipper, task } from 'shipper';";

const TEXT = `// Tasks of this project: each export is a command, "shipper --help" lists them. All about them: docs/tasks.md of shipper.

${IMPORT}

/** Restart a service, a few containers at a time. */
export const bounce = task(
  {
    service: positional({ help: 'a service or group of shipper.yaml', complete: 'service' }),
    batch: option(1, { alias: 'b', help: 'how many containers at a time' }),
  },
  ({ ship, service, batch }) => ship.restart({ services: [service] }, { batch }),
);

/**
 * List what runs.
 *
 * @param image only containers of this image: nginx, shop/*
 */
export async function running(ship: Shipper, image = '*') {
  const found = await ship.containers({ image, running: true });
  return found.map((containers) => containers.map(({ name, about }) => name + ': ' + about).join(', '));
}
`;

/** Writes `shipfile.ts` in the working directory and gives its path; `OUTPUT_CONFLICT` where it has a shipfile already. */
export async function writeTasks(system: System): Promise<string> {
  const found = await findShipfile(system, undefined);
  if (found !== undefined && found.folder === system.cwd) {
    throw new ShipperError(
      'OUTPUT_CONFLICT',
      `Cannot write ${NAME}: there is ${found.path} already`,
      {
        path: found.path,
        hint: 'edit it, or remove it first',
      },
    );
  }
  const file = join(system.cwd, NAME);
  const written = await system.files.create(file, 0o666);
  try {
    await written.write(new TextEncoder().encode(TEXT), 0);
  } finally {
    await written.close();
  }
  return file;
}
