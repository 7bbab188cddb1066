// The projects below examples/: each is read, planned, and has the files that it names.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadProject, nodeSystem, planShip } from '../src/index.ts';

const EXAMPLES = fileURLToPath(new URL('../examples', import.meta.url));

describe.each(readdirSync(EXAMPLES))('examples/%s', (name) => {
  const system = { ...nodeSystem(), env: {}, cwd: join(EXAMPLES, name) };

  it('has a Dockerfile for every image that is built', async () => {
    const { images } = await loadProject({ system });
    expect(images.length).toBeGreaterThan(0);
    for (const { source } of images) {
      if (source.kind !== 'build') continue;
      const { context, dockerfile = join(context, 'Dockerfile') } = source.build;
      expect(existsSync(dockerfile), dockerfile).toBe(true);
    }
  });

  it('has a plan in which each image stands behind those that it needs', async () => {
    const { images } = await planShip({}, { system });
    const names = images.map((image) => image.name);
    for (const [at, image] of images.entries()) {
      for (const need of image.needs) expect(names.slice(0, at)).toContain(need);
    }
  });
});
