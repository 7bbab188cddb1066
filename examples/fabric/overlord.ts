// The scripts of a third: several images, in their order. Each is built once, however many need it.
import { option, type Shipper, task } from 'shipper';

type Step = (input: { ship: Shipper; tag: string }) => Promise<unknown>;

const from = (path: string, ...needs: Step[]) =>
  task({ tag: option('latest') }, async ({ ship, tag }) => {
    for (const need of needs) await need({ ship, tag });
    return ship.build({ tag: `overlord/${path}:${tag}`, path: `./${path}` });
  });

const base = from('base');
export const api = from('api', base);
export const worker = from('worker', base);
export const everything = from('proxy', api, worker);
