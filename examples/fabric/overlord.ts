// The scripts of a third: several images, in their order. Each is built once, however many need it.
import { option, task } from 'shipper';

const from = (path: string, ...needs: Array<typeof base>) =>
  task({ tag: option('latest') }, async ({ ship, tag }): Promise<void> => {
    for (const need of needs) await need({ ship, tag });
    await ship.build({ tag: `overlord/${path}:${tag}`, path: `./${path}` });
  });

const base: ReturnType<typeof from> = from('base');
export const api = from('api', base);
export const worker = from('worker', base);
export const everything = from('proxy', api, worker);
