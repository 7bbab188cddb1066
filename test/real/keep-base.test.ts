// Kept layers on real engines: what `--from` and `--keep-base` make is what a whole flatten makes, as engines and umoci
// apply it; the base is untouched, and the image runs.
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dockerArchive } from './support/archives.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { recipeImage } from './support/images.ts';
import { exportTree, overlayTree, umociTree } from './support/oracles.ts';
import { packedStacks } from './support/packed-stacks.ts';
import { sharedEngine } from './support/shared.ts';
import { differences, flatten, inspect, pipeline, shipper } from './support/shipper.ts';

const STACKS = 40;
const FIRST = Number(process.env['SHIPPER_FIRST'] ?? 1);

async function layersOf(engine: RunningEngine, image: string): Promise<readonly string[]> {
  const { RootFS: rootfs } = await inspect(engine, image);
  return (rootfs as { Layers: string[] }).Layers;
}

describe.each(ENGINE_KINDS)('kept layers on Docker Engine %s', (kind) => {
  let engine: RunningEngine;

  beforeAll(async () => {
    engine = await sharedEngine(kind);
    await recipeImage(engine, 'recipe:1');
    const archive = join(engine.directory, 'stacks.tar');
    writeFileSync(archive, dockerArchive('stacks:1', await packedStacks(FIRST, STACKS)));
    await flatten(engine, archive, '-t', 'docker-daemon:stacks:flat');
    await flatten(engine, archive, '-t', 'docker-daemon:stacks:kept', '--from', '1');
  });

  it(`${STACKS} random stacks over one base are what one flat layer is`, async () => {
    const [flat, kept] = ['stacks:flat', 'stacks:kept'];
    expect(await layersOf(engine, kept)).toHaveLength(2);
    const tree = await exportTree(engine, flat);
    expect(tree.length).toBeGreaterThan(500);
    expect(differences(tree, await exportTree(engine, kept))).toEqual([]);
    const full = await overlayTree(engine, flat, { hasStubs: false });
    const found = await overlayTree(engine, kept, { hasStubs: false });
    expect(differences(full, found)).toEqual([]);
  });

  it('an image on its base: the layers of the base stay, the tree is the same, and it runs', async () => {
    const report = await flatten(
      engine,
      'recipe:1',
      ...['--keep-base', 'recipe:1-base', '-t', 'recipe:kept', '--verify'],
    );
    expect(report).toMatchObject({ verified: true, images: [{ layersAfter: 2, layersKept: 1 }] });
    const layers = await layersOf(engine, 'recipe:kept');
    expect(layers[0]).toBe((await layersOf(engine, 'recipe:1-base'))[0]);
    expect(await exportTree(engine, 'recipe:kept')).toEqual(await exportTree(engine, 'recipe:1'));
    const runs = ['run', '--rm', '--network=none', 'recipe:kept'];
    expect(await engine.cli(...runs)).toBe('ready\n');
    expect(await engine.cli(...runs, 'id -u; pwd; cat /data/kept')).toBe('1000\n/work dir\nkept\n');
  });

  it('the same into an engine that has no layer of it', async () => {
    const archive = join(engine.directory, 'recipe.tar');
    await engine.cli('save', '--output', archive, 'recipe:1');
    await engine.cli('rmi', '--force', 'recipe:1', 'recipe:kept', 'recipe:1-base');
    const target = ['-t', 'docker-daemon:recipe:again', '--from', '3', '--verify'];
    const report = await flatten(engine, archive, ...target);
    expect(report).toMatchObject({ verified: true, images: [{ layersAfter: 4, layersKept: 3 }] });
    const said = await engine.cli('run', '--rm', '--network=none', 'recipe:again');
    expect(said).toBe('ready\n');
    const names = await engine.cli('images', '--format', '{{.Repository}}');
    expect(names).not.toContain('shipper-tmp');
  });
});

describe('kept layers in a layout', () => {
  it(`${STACKS} random stacks are unpacked by umoci as one flat layer is, and the base is untouched`, async () => {
    const engine = await sharedEngine('20.10');
    const folder = engine.directory;
    const archive = join(folder, 'stacks.tar');
    const layout = join(folder, 'layout');
    writeFileSync(archive, dockerArchive('stacks:1', await packedStacks(FIRST + STACKS, STACKS)));
    await pipeline(engine, `skopeo copy --quiet docker-archive:${archive} oci:${layout}:src`);
    const index = JSON.parse(await pipeline(engine, `skopeo inspect --raw oci:${layout}:src`));
    const [base] = index.layers as { digest: string }[];
    const blob = join(layout, 'blobs', (base?.digest ?? '').replace(':', '/'));
    const before = statSync(blob, { bigint: true });
    for (const [tag, from] of [
      ['kept', '1'],
      ['flat', '0'],
    ] as const) {
      const to = ['-o', `oci:${layout}:${tag}`, '--from', from, '--verify'];
      expect((await flatten(engine, `oci:${layout}:src`, ...to)).verified).toBe(true);
    }
    const after = statSync(blob, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
    const kept = JSON.parse(await pipeline(engine, `skopeo inspect --raw oci:${layout}:kept`));
    expect(kept.layers).toHaveLength(2);
    expect(kept.layers[0]).toEqual(base);
    const flat = await umociTree(layout, 'flat');
    expect(flat.length).toBeGreaterThan(500);
    expect(differences(flat, await umociTree(layout, 'kept'))).toEqual([]);
    const same = await shipper(engine, ['verify', `oci:${layout}:src`, `oci:${layout}:kept`]);
    expect(same.status).toBe(0);
  });
});
