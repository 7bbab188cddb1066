// From registry to registry in every mode of `--spool`: the same image, more layers than connections, and no file where that
// is said.
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SPOOL_MODES } from '../../src/transport/spool-mode.ts';
import { isAll } from '../support/amount.ts';
import { sha256 } from '../support/archives.ts';
import { type FakeRegistry, startFakeRegistry } from '../support/registry-server.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { workplace } from './workplace.ts';

const OCI = 'application/vnd.oci.image';
/** Names that go from layer to layer, so that all are read side by side. */
const LAYERS = Array.from({ length: 20 }, (_, i) =>
  tar(
    [`a${i}`, `m${i}`, `z${i}`].map((name) =>
      entry({ name, type: 'file', body: Buffer.alloc(100_000, `${name} ${i * 7919}`) }),
    ),
  ),
);

function putImage(registry: FakeRegistry): void {
  const repository = registry.repository('app');
  const layers = LAYERS.map((layer) => ({
    mediaType: `${OCI}.layer.v1.tar+gzip`,
    ...repository.putBlob(gzipSync(layer, { level: 0 })),
  }));
  const rootfs = { type: 'layers', diff_ids: LAYERS.map((layer) => sha256(layer)) };
  const text = JSON.stringify({ os: 'linux', architecture: 'amd64', config: {}, rootfs });
  const config = { mediaType: `${OCI}.config.v1+json`, ...repository.putBlob(Buffer.from(text)) };
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config, layers });
  repository.putManifest(mediaType, Buffer.from(manifest), '1');
}

describe.runIf(isAll())('flatten from registry to registry', () => {
  it('gives the same image with every --spool, and with a cache', async () => {
    using place = workplace();
    await using registry = await startFakeRegistry();
    putImage(registry);
    const name = `docker://${registry.address}/app`;
    const ids = new Set<string | undefined>();
    const runs = [...SPOOL_MODES.map((spool) => ({ spool })), { cache: 'c' }, { cache: 'c' }];
    for (const [i, options] of runs.entries()) {
      const request = {
        source: `${name}:1`,
        tags: [`${name}:flat${i}`],
        insecure: [registry.address],
      };
      const report = await place.flatten({ ...request, ...options });
      ids.add(report.images[0]?.manifestDigest);
      expect(readdirSync(place.tmp)).toEqual([]);
    }
    expect(ids.size).toBe(1);
    expect(registry.repository('app').tags.size).toBe(1 + runs.length);
  }, 60_000);
});
