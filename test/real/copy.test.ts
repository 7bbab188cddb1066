// `copy` and `tag` between real engines, the registry of Debian, layouts and archives; skopeo says what a digest is.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CopyReport, TagReport } from '../../src/operations/copy-types.ts';
import { sha256 } from '../support/registry-store.ts';
import { ENGINE_KINDS, type EngineKind, type RunningEngine } from './support/engines.ts';
import { busyboxImage, recipeImage } from './support/images.ts';
import { exportTree } from './support/oracles.ts';
import type { RunningRegistry } from './support/registry.ts';
import { run } from './support/run.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';
import { inspect, shipper } from './support/shipper.ts';

const PAIRS = ENGINE_KINDS.flatMap((from) => ENGINE_KINDS.map((to) => [from, to] as const));

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
    source = at('busybox:1');
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
    const report = await json<TagReport>(engine, 'tag', source, ...names);
    expect(report.names.map(({ before }) => before)).toEqual([undefined, undefined, undefined]);
    for (const name of ['busybox:1.2', 'busybox:stable', 'prod/busybox:1'])
      expect(await rawDigest(at(name))).toBe(digest);
    await run('skopeo', ['copy', '--src-tls-verify=false', at('prod/busybox:1'), 'oci:prod:x'], {
      cwd: folder,
    });
  });
});

describe.each(PAIRS)('shipper copy from Docker Engine %s through a registry to %s', (from, to) => {
  const name = `recipe-${from}:1`;
  const copied = `copied-${from}:1`;
  const id = async (kind: EngineKind, image: string) =>
    (await inspect(await sharedEngine(kind), image))['Id'];

  it('keeps files, layers and configuration', { timeout: 120_000 }, async () => {
    const [a, b] = [await sharedEngine(from), await sharedEngine(to)];
    await recipeImage(a, name);
    const place = at(`engines/${from}:1`);
    const up = await copy(a, `docker-daemon:${name}`, place);
    expect(await rawDigest(place)).toBe(up.digest);
    const down = await copy(b, place, `docker-daemon:${copied}`);
    const [image] = down.images;
    const isByManifest = to === '26.1-containerd';
    expect(down.digestKept).toBe(isByManifest);
    expect(await id(to, copied)).toBe(isByManifest ? down.digest : image?.configDigest);
    const [source, result] = [await inspect(a, name), await inspect(b, copied)];
    expect([result['RootFS'], result['Config']]).toEqual([source['RootFS'], source['Config']]);
    expect(await exportTree(b, copied)).toEqual(await exportTree(a, name));
  });
});
