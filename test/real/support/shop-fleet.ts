// A fleet that this very process reaches as a user's would, with one image that all hosts have. Root only.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Fleet, startFleet } from './fleet.ts';
import { busyboxImage } from './images.ts';

/** A fleet, and what is on it. */
export interface ShopFleet extends Fleet {
  /** Busybox; every host has it, and the registry. */
  readonly image: string;
  /** Empty, private, deleted with the fleet. */
  readonly folder: string;
}

/** Starts it. The environment of this process is that of the fleet until it is stopped. */
export async function startShopFleet(): Promise<ShopFleet> {
  const fleet = await startFleet();
  const before = { ...process.env };
  const stop = async () => {
    process.env = before;
    await fleet[Symbol.asyncDispose]();
  };
  try {
    // ssh and docker contexts are found as a user's are.
    for (const name of ['PATH', 'DOCKER_CONFIG']) process.env[name] = fleet.env[name];
    delete process.env['DOCKER_HOST'];
    const image = `${fleet.registry.address}/shop/busybox:1`;
    const [first] = fleet.hosts;
    await busyboxImage(first.engine, image);
    await first.engine.cli('push', image);
    await Promise.all(fleet.hosts.map(({ engine }) => engine.cli('pull', '-q', image)));
    const folder = join(fleet.directory, 'shop');
    mkdirSync(folder);
    return { ...fleet, image, folder, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
