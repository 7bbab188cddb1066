// Pipes and archives between shipper, Docker Engines, podman, skopeo and umoci.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { InspectReport } from '../../src/operations/flatten-types.ts';
import { isAll } from '../support/amount.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { recipeImage } from './support/images.ts';
import { exportTree, umociTree } from './support/oracles.ts';
import { run } from './support/run.ts';
import { sharedEngine, sharedPodman } from './support/shared.ts';
import { differences, flatten, imageNames, inspect, pipeline, shipper } from './support/shipper.ts';

const SOURCE = 'recipe:1';
const NAMES = ['Config', 'Architecture', 'Os', 'Created', 'Author'];

// Built once, on the engine that writes the oldest archives; the same bytes for everybody.
let builder: RunningEngine;
let archive: string;
let layout: string;
let sourceTree: string[];
let sourceExport: string[];

beforeAll(async () => {
  builder = await sharedEngine('20.10');
  await recipeImage(builder, SOURCE);
  archive = join(builder.directory, 'recipe.tar');
  layout = join(builder.directory, 'layout');
  await builder.cli('save', '--output', archive, SOURCE);
  await run('skopeo', ['copy', '--quiet', `docker-archive:${archive}`, `oci:${layout}:recipe`]);
  sourceTree = await umociTree(layout, 'recipe');
  sourceExport = await exportTree(builder, SOURCE);
});

function fresh(name: string): string {
  return join(mkdtempSync(join(builder.directory, 'out-')), name);
}

/** A pipe does not know which store an engine has. */
const PIPED = ENGINE_KINDS.filter((kind) => isAll() || kind !== '26.1');

describe.each(PIPED)('in a pipe on Docker Engine %s', (kind) => {
  let engine: RunningEngine;
  let config: Record<string, unknown>;

  beforeAll(async () => {
    engine = await sharedEngine(kind);
    if (kind !== '20.10') await engine.cli('load', '--input', archive);
    config = await inspect(engine, SOURCE);
  });

  async function expectSame(image: string): Promise<void> {
    const flat = await inspect(engine, image);
    for (const name of NAMES) expect(flat[name]).toEqual(config[name]);
    expect(flat['RootFS']).toMatchObject({ Layers: [expect.any(String)] });
    expect(await exportTree(engine, image)).toEqual(sourceExport);
    expect(await engine.cli('run', '--rm', '--network=none', image)).toBe('ready\n');
  }

  it('docker save | shipper flatten - -o - | docker load', async () => {
    const said = await pipeline(
      engine,
      `docker save ${SOURCE} | $SHIPPER flatten - -o - -t piped:1 | docker load`,
    );
    expect(said).toContain('Loaded image: piped:1');
    await expectSame('piped:1');
  });

  it('the pipe without a name makes NAME:TAG-flat, as between engines', async () => {
    await pipeline(engine, `docker save ${SOURCE} | $SHIPPER flatten - -o - | docker load`);
    await expectSame('recipe:1-flat');
  });

  it.each(['docker-archive', 'oci-archive'])('docker load takes a %s', async (medium) => {
    const file = fresh('flat.tar');
    await flatten(engine, SOURCE, '-o', `${medium}:${file}`, '-t', `from-${medium}:1`);
    const said = await engine.cli('load', '--input', file);
    expect(said).toContain(`Loaded image: from-${medium}:1`);
    await expectSame(`from-${medium}:1`);
    rmSync(file);
  });

  it('an archive goes into the engine, and the id is that of every other way', async () => {
    await flatten(engine, archive, '-t', 'docker-daemon:from-archive:1');
    await expectSame('from-archive:1');
    const { RootFS: layers } = await inspect(engine, 'from-archive:1');
    expect(layers).toEqual((await inspect(engine, 'recipe:1-flat'))['RootFS']);
  });

  it('a layout with zstd layers goes into the engine', async () => {
    const zstd = fresh('zstd');
    const options = ['copy', '--quiet', '--dest-compress-format', 'zstd'];
    await run('skopeo', [...options, `oci:${layout}:recipe`, `oci:${zstd}:recipe`]);
    await flatten(engine, `oci:${zstd}:recipe`, '-t', 'docker-daemon:from-zstd:1');
    // What skopeo drops as it makes an OCI image of Docker's (Healthcheck, Shell, OnBuild) is not there to be kept.
    const said = await run('skopeo', ['inspect', '--config', `oci:${zstd}:recipe`]);
    const kept = JSON.parse(said) as { config: Record<string, unknown> };
    expect((await inspect(engine, 'from-zstd:1'))['Config']).toMatchObject(kept.config);
    expect(await exportTree(engine, 'from-zstd:1')).toEqual(sourceExport);
  });

  it('nothing temporary stays', async () => {
    expect((await imageNames(engine)).filter((name) => name.includes('shipper-tmp'))).toEqual([]);
  });
});

describe('what shipper writes', () => {
  // umoci keeps times to the nanosecond; the root directory's own time is not carried (`flatten.md` 2).
  const expectTree = (tree: readonly string[]) =>
    expect(differences(sourceTree, tree).filter((line) => !/^[-+] \. d /.test(line))).toEqual([]);

  // Node writes zstd from 22.15 on.
  const oci = 'createZstdCompress' in zlib ? ['none', 'gzip', 'zstd'] : ['none', 'gzip'];
  it.each([
    ...['none', 'gzip'].map((kind) => ['docker-archive', kind] as const),
    ...oci.flatMap((kind) => [['oci-archive', kind] as const, ['oci', kind] as const]),
  ])('%s with a layer stored as %s is read by skopeo, and unpacked by umoci', async (medium, kind) => {
    const path = fresh('out');
    const place = `${medium}:${path}:flat:1`;
    const report = await flatten(builder, archive, '-o', place, '--compression', kind);
    const seen = JSON.parse(await run('skopeo', ['inspect', place])) as Record<string, unknown>;
    expect(seen).toMatchObject({ Architecture: 'amd64', Os: 'linux' });
    const config = await run('skopeo', ['inspect', '--config', place]);
    expect(JSON.parse(config)).toMatchObject({ rootfs: { diff_ids: [report.images[0]?.diffId] } });
    const copy = fresh('copy');
    // umoci of Debian 12 cannot read zstd.
    await run('skopeo', ['copy', '--quiet', '--dest-compress-format=gzip', place, `oci:${copy}:x`]);
    expectTree(await umociTree(copy, 'x'));
    expect((await shipper(builder, ['verify', archive, place])).status).toBe(0);
  });

  it('is one diff_id for layers stored plain, as gzip and as zstd, and for docker and OCI', async () => {
    const places = [archive, `oci:${layout}:recipe`];
    const zstd = fresh('zstd');
    const options = ['copy', '--quiet', '--dest-compress-format', 'zstd'];
    await run('skopeo', [...options, `oci:${layout}:recipe`, `oci:${zstd}:recipe`]);
    const diffIds = new Set<string | undefined>();
    for (const place of [...places, `oci:${zstd}:recipe`]) {
      const { images } = await flatten(builder, place, '-o', `oci-archive:${fresh('flat.tar')}`);
      diffIds.add(images[0]?.diffId);
    }
    expect(diffIds.size).toBe(1);
  });

  it('is the same bytes through a pipe as into a file', async () => {
    const file = fresh('flat.tar');
    await flatten(builder, archive, '-o', `docker-archive:${file}`, '-t', 'same:1');
    const out = fresh('piped.tar');
    await pipeline(builder, `cat ${archive} | $SHIPPER flatten - -o - -t same:1 > ${out}`);
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
  });
});

describe('podman through its socket', () => {
  it('is a source and a destination, and runs what it got', async () => {
    const podman = await sharedPodman();
    await podman.cli('load', '--input', archive);
    const report = await flatten(podman, SOURCE);
    expect(report.outputs).toEqual(['docker-daemon:recipe:1-flat']);
    const runs = ['run', '--rm', '--network=none'];
    expect(await podman.podman(...runs, 'recipe:1-flat')).toBe('ready\n');
    const tree = await exportTree(podman, 'recipe:1-flat');
    expect(tree).toEqual(await exportTree(podman, SOURCE));
    const [source, flat] = [await inspect(podman, SOURCE), await inspect(podman, 'recipe:1-flat')];
    for (const name of NAMES) expect(flat[name]).toEqual(source[name]);
    expect(flat['Id']).toBe(report.images[0]?.configDigest);
  });

  it('takes an archive, gives one, and keeps nothing temporary', async () => {
    const podman = await sharedPodman();
    await flatten(podman, archive, '-t', 'docker-daemon:from-archive:1', '--verify');
    const file = fresh('flat.tar');
    const { images } = await flatten(podman, SOURCE, '-o', `docker-archive:${file}`);
    expect((await inspect(podman, 'from-archive:1'))['RootFS']).toMatchObject({
      Layers: [images[0]?.diffId],
    });
    expect((await imageNames(podman)).filter((name) => name.includes('shipper-tmp'))).toEqual([]);
  });
});

describe('an index on the containerd store', () => {
  it('is flattened for every platform, and stays an index', async () => {
    const engine = await sharedEngine('26.1-containerd');
    const index = await twoPlatforms();
    await pipeline(engine, `tar -C ${index} -cf - . | docker load`);
    const report = await flatten(engine, 'several:1');
    expect(report.images.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
    const { Id: id } = await inspect(engine, 'several:1-flat');
    expect(id).toBe(report.indexDigest);
    expect(await exportTree(engine, 'several:1-flat')).toEqual(sourceExport);
    const one = await flatten(engine, 'several:1', '-t', 'one:1', '--platform', 'linux/arm64');
    expect(one.images.map(({ platform }) => platform.architecture)).toEqual(['arm64']);
    expect((await inspect(engine, 'one:1'))['Architecture']).toBe('arm64');
  });

  it('--in-place --platform keeps the other platforms under the name', async () => {
    const engine = await sharedEngine('26.1-containerd');
    await pipeline(engine, `tar -C ${await twoPlatforms()} -cf - . | docker load`);
    const before = await inspected(engine, 'several:1');
    const options = ['--in-place', '--platform', 'linux/arm64', '--verify'];
    const report = await flatten(engine, 'several:1', ...options);
    expect(report.images.map(({ platform }) => platform.architecture)).toEqual(['arm64']);
    expect(report.verified).toBe(true);
    const after = await inspected(engine, 'several:1');
    expect(after.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
    expect(after[0]).toEqual(before[0]);
    expect(after[1]?.manifestDigest).toBe(report.images[0]?.manifestDigest);
    expect(after[1]?.layers).toHaveLength(1);
    expect(await exportTree(engine, 'several:1')).toEqual(sourceExport);
  });
});

/** What `shipper inspect` tells of each platform. */
async function inspected(
  engine: RunningEngine,
  image: string,
): Promise<InspectReport['platforms']> {
  const said = await shipper(engine, ['inspect', image, '--json', '--progress=quiet']);
  return (JSON.parse(said.stdout) as InspectReport).platforms;
}

/** An OCI layout with an index of two platforms, named as containerd wants it. */
async function twoPlatforms(): Promise<string> {
  const path = fresh('index');
  await run('python3', [join(import.meta.dirname, 'support/two-platforms.py'), layout, path]);
  return path;
}
