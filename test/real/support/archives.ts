// Image archives made by hand, for layers that no builder makes.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entry, tar, tarOf } from '../../support/tar-builder.ts';
import type { Endpoint } from './engines.ts';

/** Loads an image of these layer tars, base first. Returns `tag`. */
export async function loadLayers(
  engine: Endpoint,
  tag: string,
  layers: readonly Uint8Array[],
): Promise<string> {
  const file = join(engine.directory, `${tag.replace(/\W/g, '-')}.tar`);
  writeFileSync(file, dockerArchive(tag, layers));
  await engine.cli('load', '--input', file);
  return tag;
}

/** The bytes of a docker archive with one image. */
export function dockerArchive(tag: string, layers: readonly Uint8Array[]): Uint8Array {
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: '2023-11-14T22:13:20.123456789Z',
      config: { Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    }),
  );
  const names = layers.map((_, index) => `layer-${index}.tar`);
  const configName = `${sha256(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: [tag], Layers: names }];
  return tar([
    entry({ name: configName, type: 'file', body: config }),
    ...layers.map((body, index) => entry({ name: `layer-${index}.tar`, type: 'file', body })),
    entry({ name: 'manifest.json', type: 'file', body: JSON.stringify(manifest) }),
  ]);
}

const SECOND = 1_000_000_000n;
const TIME = 1_600_000_000n * SECOND;

/** Layers that engines and the specification read differently (`flatten.md` 2), or that engines cannot keep. */
export function oddLayers(): Uint8Array[] {
  const own = { mode: 0o755, mtimeNs: TIME } as const;
  const base = tarOf(
    { name: './', type: 'dir', ...own, mode: 0o750, uid: 7 },
    { name: 'tmp/', type: 'dir', ...own, mode: 0o1777 },
    { name: 'srv/', type: 'dir', ...own, mode: 0o700, uid: 1000, gid: 1000 },
    { name: 'srv/kept', type: 'file', ...own, body: 'kept' },
    { name: 'usr/', type: 'dir', ...own },
    { name: 'usr/lib/', type: 'dir', ...own },
    { name: 'lib', type: 'symlink', linkname: 'usr/lib', ...own, mode: 0o777 },
    { name: 'ancient', type: 'file', ...own, mtimeNs: -1_500_000_000n, body: 'before 1970' },
    { name: 'future', type: 'file', ...own, mtimeNs: 9_000_000_000n * SECOND + 1n, body: 'x' },
    { name: 'whiteout', type: 'char', ...own, major: 0, minor: 0 },
    { name: 'gone/', type: 'dir', ...own, mode: 0o700, uid: 5 },
    { name: 'gone/a', type: 'file', ...own, body: 'a' },
    { name: 'part/', type: 'dir', ...own, mode: 0o700, uid: 6 },
    { name: 'part/a', type: 'file', ...own, body: 'a' },
    { name: 'part/b', type: 'file', ...own, body: 'b' },
    { name: 'one', type: 'symlink', linkname: 'nowhere', ...own, mode: 0o777 },
    { name: 'two', type: 'link', linkname: 'one', ...own, mode: 0o777 },
    { name: 'none', type: 'file', ...own, mode: 0, body: 'mode 0' },
  );
  const top = tarOf(
    { name: 'tmp/below', type: 'file', ...own, body: 'its parent is not in this layer' },
    { name: 'srv/below', type: 'file', ...own, body: 'nor is this' },
    { name: 'lib/x', type: 'file', ...own, body: 'its parent is a link' },
    { name: 'new/deep/x', type: 'file', ...own, body: 'its parents are nowhere' },
    { name: 'gone/.wh..wh..opq', type: 'file', ...own },
    { name: 'gone/b', type: 'file', ...own, body: 'b' },
    { name: 'part/.wh.a', type: 'file', ...own },
  );
  return [base, top];
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
