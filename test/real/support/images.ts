// Small images for the tests, made without any registry.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from './engines.ts';
import { requireParts } from './places.ts';
import { run } from './run.ts';

/** The folder of the support's scripts. */
export const SUPPORT: string = dirname(fileURLToPath(import.meta.url));

/** Imports an image of one layer with a static busybox and all its names (about 2 MB); CMD is `sh`. Returns `tag`. */
export async function busyboxImage(engine: Endpoint, tag: string): Promise<string> {
  const tar = join(engine.directory, 'busybox.tar');
  await busyboxTar(tar);
  await engine.cli('import', '--change', 'CMD ["sh"]', '--change', 'ENV PATH=/bin', tar, tag);
  return tag;
}

/** Writes the busybox image's only layer, the same bytes each time. */
export async function busyboxTar(file: string): Promise<void> {
  requireParts('the busybox image', '/bin/busybox', 'python3');
  await run('python3', [join(SUPPORT, 'recipe.py'), 'busybox', file]);
}
