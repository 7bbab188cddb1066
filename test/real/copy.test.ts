// `copy` and `tag` between real engines, the registry of Debian, layouts and archives; skopeo says what a digest is.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CopyReport, TagReport } from '../../src/operations/copy-types.ts';
import { sha256 } from '../support/registry-store.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { busyboxImage, recipeImage } from './support/images.ts';
import { exportTree } from './support/oracles.ts';
import type { RunningRegistry } from './support/registry.ts';
import { run } from './support/run.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';
import { inspect, shipper } from './support/shipper.ts';

let registry: RunningRegistry;
let folder: string;

async function json<T>(engine: RunningEngine, ...args: readonly string[]): Promise<T> {
  const result = await shipper(engine, [...args, '--json'], { cwd: folder });
  expect([result.status, result.stderr, result.leftovers]).toEqual([0, expect.any(String), []]);
  return JSON.parse(result.stdout) as T;
}

const copy = (engine: RunningEngine, from: string, to: string, ...more: readonly string[]) =>
  json<CopyReport>(engine, 'copy', from, to, ...more);

/** The digest of the manifest as skopeo reads it. */
async function rawDigest(image: string): Promise<string> {
  const raw = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', image], {
    cwd: folder,
  });
  return sha256(Buffer.from(raw));
}

const at = (name: string): string => `docker://${registry.address}/${name}`;

beforeAll(async () => {
  registry = await sharedRegistry();
  folder = mkdtempSync(join(registry.directory, 'copy-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('shipper copy between places that keep a manifest', () => {
  let engine: RunningEngine;
  let source: string;
  let digest: string;

  beforeAll(async () => {
    engine = await sharedEngine('26.1');
    await busyboxImage(engine, `${registry.address}/busybox:1`);
    await engine.cli('push', `${registry.address}/busybox:1`);
    // Docker pushes its own kind of manifest, which skopeo does not look for in a layout.
    source = at('busybox-oci:1');
    const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await run('skopeo', ['copy', '--format', 'oci', ...tls, at('busybox:1'), source]);
    digest = await rawDigest(source);
  });

  it.each([
    ['docker://', () => at('copied/busybox:1'), () => at('copied/busybox:1')],
    ['oci:', () => 'oci:layout:busybox', () => 'oci:layout:busybox'],
    ['oci-archive:', () => 'oci-archive:x.tar:busybox', () => 'oci-archive:x.tar:busybox'],
    ['a path', () => './saved.tar', () => 'oci-archive:saved.tar'],
  ])('keeps the digest on the way to %s and back', async (_, target, seen) => {
    const report = await copy(engine, source, target(), '--preserve-digests');
    expect([report.digest, report.digestKept]).toEqual([digest, true]);
    expect(await rawDigest(seen())).toBe(digest);
    const back = await copy(engine, target(), at('back/busybox:1'), '--preserve-digests');
    expect(back.digest).toBe(digest);
    expect(await rawDigest(at('back/busybox:1'))).toBe(digest);
  });

  it('keeps an index of skopeo, with all its platforms', async () => {
    const index = join(folder, 'two.tar');
    await run('cp', [
      join(import.meta.dirname, '../../native-free-fixtures/multi-platform.tar'),
      index,
    ]);
    const report = await copy(engine, './two.tar', at('two:1'), '--preserve-digests');
    expect(await rawDigest(at('two:1'))).toBe(report.indexDigest);
    const tls = ['--src-tls-verify=false', '--all'];
    await run('skopeo', ['copy', ...tls, at('two:1'), 'oci:skopeo:two'], { cwd: folder });
    expect(await rawDigest('oci:skopeo:two')).toBe(report.indexDigest);
    const again = await copy(engine, 'oci:skopeo:two', at('two:2'), '--preserve-digests');
    expect(again.digest).toBe(report.digest);
  });

  it('names it in the registry, in this and in another repository', async () => {
    const names = ['1.2', 'stable', `${registry.address}/prod/busybox:1`];
    const docker = await rawDigest(at('busybox:1'));
    const report = await json<TagReport>(engine, 'tag', at('busybox:1'), ...names);
    expect(report.names.map(({ before }) => before)).toEqual([undefined, undefined, undefined]);
    for (const name of ['busybox:1.2', 'busybox:stable', 'prod/busybox:1'])
      expect(await rawDigest(at(name))).toBe(docker);
    await run('skopeo', ['copy', '--src-tls-verify=false', at('prod/busybox:1'), 'oci:prod:x'], {
      cwd: folder,
    });
  });
});

describe.each(ENGINE_KINDS)('shipper copy from Docker Engine %s through a registry', (from) => {
  const name = `recipe-${from}:1`;
  const copied = `copied-${from}:1`;
  let up: CopyReport;
  let source: Record<string, unknown>;
  let tree: unknown;

  beforeAll(async () => {
    const engine = await sharedEngine(from);
    await recipeImage(engine, name);
    up = await copy(engine, `docker-daemon:${name}`, at(`engines/${from}:1`));
    source = await inspect(engine, name);
    tree = await exportTree(engine, name);
  }, 120_000);

  it('says the digest that skopeo reads', async () => {
    expect(await rawDigest(at(`engines/${from}:1`))).toBe(up.digest);
    expect(up.digestKept).toBe(from === '26.1-containerd');
  });

  it.each(ENGINE_KINDS)('to %s keeps files, layers and configuration', async (to) => {
    const engine = await sharedEngine(to);
    const down = await copy(engine, at(`engines/${from}:1`), `docker-daemon:${copied}`);
    const result = await inspect(engine, copied);
    const isByManifest = to === '26.1-containerd';
    expect(down.digestKept).toBe(isByManifest);
    expect(result['Id']).toBe(isByManifest ? up.digest : up.images[0]?.configDigest);
    // Engines show the same configuration in different ways: its digest is what counts.
    expect(result['RootFS']).toEqual(source['RootFS']);
    expect(down.images[0]?.configDigest).toBe(up.images[0]?.configDigest);
    expect(await exportTree(engine, copied)).toEqual(tree);
  }, 120_000);
});
