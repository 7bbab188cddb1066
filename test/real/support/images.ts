// Small images for the tests, made without any registry.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
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

/**
 * Builds an ordinary image in a small form: 12 layers, 10 MB, 580 paths, every kind of change and configuration; see
 * `recipe.Dockerfile` and `recipe.py`. Its first layer is `TAG-base`. Returns `tag`.
 */
export async function recipeImage(engine: Endpoint, tag: string): Promise<string> {
  const context = mkdtempSync(join(engine.directory, 'recipe-'));
  try {
    for (const layer of ['base', 'added']) {
      await run('python3', [join(SUPPORT, 'recipe.py'), layer, join(context, `${layer}.tar`)]);
    }
    copyFileSync(join(SUPPORT, 'recipe.Dockerfile'), join(context, 'Dockerfile'));
    const change = ['--change', 'ENV PATH=/usr/bin:/bin'];
    await engine.cli('import', ...change, join(context, 'base.tar'), `${tag}-base`);
    rmSync(join(context, 'base.tar'));
    // The classic builder, because it is the one that each of the engines has and that needs no network.
    const args = ['build', '--quiet', '--build-arg', `BASE=${tag}-base`, '--tag', tag, context];
    await run('docker', args, { env: { ...engine.env, DOCKER_BUILDKIT: '0' } });
    return tag;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}
