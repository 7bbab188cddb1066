// Kept layers on real engines: what `--from` and `--keep-base` make is what a whole flatten makes, as engines and umoci
// apply it; the base is untouched, and the image runs.
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { flatten as flattenHere } from '../../src/library.ts';
import { dockerArchive } from './support/archives.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { recipeImage } from './support/images.ts';
import { keptStacks, stacksIn } from './support/kept-stacks.ts';
import { exportTree, overlayTree, umociTree } from './support/oracles.ts';
import { packedStacks } from './support/packed-stacks.ts';
import { privateDirectory } from './support/places.ts';
import { run } from './support/run.ts';
import { sharedEngine } from './support/shared.ts';
import { differences, flatten, inspect, pipeline, shipper } from './support/shipper.ts';

const STACKS = 40;
/** Those that are unpacked as they were drawn: `SHIPPER_KEPT=<count>` for more or fewer. */
const DRAWN = Number(process.env['SHIPPER_KEPT'] ?? 1000);
const DRAWN_AT_ONCE = 100;
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

describe('random stacks as they were drawn', () => {
  it(`${DRAWN} stacks over bases of one to three layers: umoci unpacks what their last states are`, async () => {
    const folder = privateDirectory('drawn');
    const failures: string[] = [];
    try {
      for (let first = FIRST; first < FIRST + DRAWN; first += DRAWN_AT_ONCE) {
        const count = Math.min(DRAWN_AT_ONCE, FIRST + DRAWN - first);
        failures.push(...(await failuresOf(join(folder, `from-${first}`), first, count)));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    expect(failures).toEqual([]);
  });

  /** Lines of what differs, after the names of the stacks: `SHIPPER_FIRST=<number> SHIPPER_KEPT=1` runs one alone. */
  async function failuresOf(layout: string, first: number, count: number): Promise<string[]> {
    const baseLayers = 1 + (Math.floor(first / DRAWN_AT_ONCE) % 3);
    const { layers, expected } = keptStacks(first, count, baseLayers);
    await putLayers(layout, 'src', layers);
    await putLayers(layout, 'expected', [expected]);
    const base = (await layersIn(layout, 'src')).slice(0, baseLayers);
    const before = base.map(({ digest }) => stateOf(layout, digest));
    const source = `oci:${layout}:src`;
    await flattenHere({ source, outputs: [`oci:${layout}:kept`], from: baseLayers });
    await flattenHere({ source, outputs: [`oci:${layout}:flat`] });
    const made = await layersIn(layout, 'kept');
    expect(made.slice(0, baseLayers)).toEqual(base);
    expect(made).toHaveLength(baseLayers + 1);
    expect(base.map(({ digest }) => stateOf(layout, digest))).toEqual(before);
    const unpack = (tag: string) => umociTree(layout, tag, { hasStubs: false });
    const [right, kept, flat] = await Promise.all([
      unpack('expected'),
      unpack('kept'),
      unpack('flat'),
    ]);
    expect(right.length).toBeGreaterThan(5 * count);
    const failures: string[] = [];
    for (const [what, tree] of Object.entries({ kept, flat })) {
      const lines = differences(right, tree);
      if (lines.length === 0) continue;
      failures.push(`${what} over ${baseLayers}: ${stacksIn(lines).join(' ')}`);
      failures.push(...lines.slice(0, 20));
    }
    return failures;
  }
});

/** Puts an image of these layers into a layout, by skopeo. */
async function putLayers(
  layout: string,
  tag: string,
  layers: readonly Uint8Array[],
): Promise<void> {
  const archive = `${layout}-${tag}.tar`;
  writeFileSync(archive, dockerArchive(`${tag}:1`, layers));
  await run('skopeo', ['copy', '--quiet', `docker-archive:${archive}`, `oci:${layout}:${tag}`]);
  rmSync(archive);
}

/** The layers of an image of a layout as its manifest lists them. */
async function layersIn(layout: string, tag: string): Promise<readonly { digest: string }[]> {
  return JSON.parse(await run('skopeo', ['inspect', '--raw', `oci:${layout}:${tag}`])).layers;
}

/** What changes when a blob is written. */
function stateOf(layout: string, digest: string): readonly bigint[] {
  const { ino, mtimeNs } = statSync(join(layout, 'blobs', digest.replace(':', '/')), {
    bigint: true,
  });
  return [ino, mtimeNs];
}
