// What is odd in an archive and true nevertheless: M2, M7-M10 and C1-C6 of `faults.md` from their lawful side.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Workplace, workplace } from '../operations/workplace.ts';
import {
  archive,
  attestation,
  Blobs,
  hybridArchive,
  type ImageSpec,
  legacyArchive,
  legacyMembers,
  ociArchive,
  ociMembers,
  partsOf,
  sha256,
  writeMembers,
  zstdSkippable,
  zstdStored,
} from '../support/archives.ts';

const STACK = 'etc/ etc/passwd=root bin->usr/bin | -etc/passwd etc/motd=hello[600]';

/** The diff_id of what the stack is when flat: the same from every archive that holds it. */
async function flatId(place: Workplace, source: string): Promise<string | undefined> {
  const report = await place.flatten({ source, outputs: [`out-${place.names().length}.tar`] });
  return report.images[0]?.diffId;
}

const EXPECTED = await (async () => {
  using place = workplace();
  place.write('plain.tar', legacyArchive([{ layers: STACK }]));
  return await flatId(place, 'plain.tar');
})();

/** Gzip of a tar as several members, one of them empty. */
const members = (tar: Uint8Array) =>
  Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(''), gzipSync(tar.subarray(700))]);
/** As zstd:chunked and pzstd have it. */
const frames = (tar: Uint8Array) =>
  Buffer.concat([
    zstdSkippable('x'),
    zstdStored(tar.subarray(0, 700)),
    zstdStored(tar.subarray(700, 703)),
    zstdSkippable(''),
    zstdStored(tar.subarray(703)),
    zstdSkippable('manifest', 7),
  ]);

const stack = (spec: ImageSpec = {}): ImageSpec => ({ layers: STACK, ...spec });
const typed = (suffix: string): ImageSpec =>
  stack({ mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}` });

const ARCHIVES: readonly (readonly [name: string, bytes: () => Uint8Array])[] = [
  ['legacy', () => legacyArchive([stack()])],
  ['legacy with gzip layers', () => legacyArchive([stack({ wrap: 'gzip' })])],
  ['legacy with zstd layers', () => legacyArchive([stack({ wrap: 'zstd' })])],
  ['hybrid', () => hybridArchive([stack()])],
  ['hybrid with gzip layers', () => hybridArchive([stack({ wrap: 'gzip' })])],
  ['OCI', () => ociArchive([stack()])],
  ['OCI with gzip layers', () => ociArchive([stack({ wrap: 'gzip' })])],
  ['OCI with zstd layers', () => ociArchive([stack({ wrap: 'zstd' })])],
  ['C4: gzip of several members', () => ociArchive([stack({ wrap: members })])],
  ['C4: zstd frames and skippable frames', () => ociArchive([stack({ wrap: frames })])],
  ['C5: gzip called plain', () => ociArchive([{ ...typed(''), wrap: 'gzip' }])],
  ['C5: plain called gzip', () => ociArchive([typed('+gzip')])],
  ['C5: zstd called gzip', () => ociArchive([{ ...typed('+gzip'), wrap: 'zstd' }])],
  ['C5: gzip called zstd', () => ociArchive([{ ...typed('+zstd'), wrap: 'gzip' }])],
  ['C6: all in gzip', () => gzipSync(legacyArchive([stack({ wrap: 'gzip' })]))],
  ['C6: all in zstd', () => frames(ociArchive([stack()]))],
  ['M2: a layer that is a link to another', () => repeatedLayer('symlink')],
  ['M2: a layer that is a hard link to another', () => repeatedLayer('link')],
  ['M7: __proto__ as keys', () => ociArchive([stack({ config: protoConfig() })])],
  ['M8: indexes 3 deep', () => nested(3)],
  ['M8: the same manifest twice', () => sameTwice()],
  ['M9: an attestation first', () => withAttestation()],
  ['M10: urls and data are ignored', () => withUrls()],
  [
    'members named ./x',
    () => archive(legacyMembers([stack()]).map(([name, body]) => [`./${name}`, body])),
  ],
  [
    'unknown members',
    () =>
      legacyArchive([stack()], {
        extra: [
          ['VERSION', '1'],
          ['a/b', 'x'],
        ],
      }),
  ],
  ['no history', () => ociArchive([stack({ config: { history: null } })])],
  [
    'no platform',
    () => legacyArchive([stack({ config: { os: undefined, architecture: undefined } })]),
  ],
  ['no tags', () => legacyArchive([stack({ tags: [] })])],
];

function repeatedLayer(kind: 'symlink' | 'link'): Uint8Array {
  const { tars, config } = partsOf(stack());
  const first = tars[0] ?? new Uint8Array(0);
  // Base, base again, top: the second is a link, as engines save a repeated diff_id.
  const ids = [first, first, tars[1] ?? first].map(sha256);
  const changed = JSON.stringify({
    ...JSON.parse(String(config)),
    rootfs: { type: 'layers', diff_ids: ids },
  });
  const alias = kind === 'symlink' ? { symlink: '../1/layer.tar' } : { link: '1/layer.tar' };
  const saved = [
    {
      Config: 'c.json',
      RepoTags: ['app:1'],
      Layers: ['1/layer.tar', '2/layer.tar', '3/layer.tar'],
    },
  ];
  return archive([
    ['1/layer.tar', first],
    ['2/layer.tar', alias],
    ['3/layer.tar', tars[1] ?? first],
    ['c.json', changed],
    ['manifest.json', JSON.stringify(saved)],
  ]);
}

function protoConfig(): Readonly<Record<string, unknown>> {
  const config = JSON.parse(
    '{"Labels":{"__proto__":"x","constructor":"y"},"__proto__":{"polluted":1}}',
  );
  return { config, constructor: { prototype: { polluted: 1 } } };
}

function nested(depth: number): Uint8Array {
  const blobs = new Blobs();
  let inner = blobs.image(stack());
  for (let i = 0; i < depth; i += 1) inner = blobs.index([inner]);
  return archive(blobs.members([inner]));
}

function sameTwice(): Uint8Array {
  const blobs = new Blobs();
  const image = blobs.image(stack());
  return archive(blobs.members([blobs.index([image, image])]));
}

function withAttestation(): Uint8Array {
  const blobs = new Blobs();
  const image = blobs.image(stack());
  return archive(blobs.members([blobs.index([attestation(blobs, image), image])]));
}

function withUrls(): Uint8Array {
  const blobs = new Blobs();
  const { stored } = partsOf(stack());
  const layers = stored.map((bytes) => ({
    ...blobs.add(bytes, 'application/vnd.oci.image.layer.v1.tar'),
    urls: ['http://127.0.0.1:1/evil', 'file:///etc/passwd'],
    data: 'bm90IHRoZSBsYXllcg==',
  }));
  return archive(blobs.members([blobs.image(stack(), { layers })]));
}

describe('an archive that is odd and true', () => {
  it.each(ARCHIVES)('%s', async (_name, bytes) => {
    using place = workplace();
    place.write('x.tar', bytes());
    expect(await flatId(place, 'x.tar')).toBe(EXPECTED);
    expect(place.leftovers()).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('is read from standard input as well, in any chunks', async () => {
    for (const bytes of [hybridArchive([stack()]), gzipSync(legacyArchive([stack()]))]) {
      for (const size of [1, 511, 100_000]) {
        using place = workplace({ stdio: stdinOf(bytes, size) });
        const report = await place.flatten({ source: '-', outputs: ['out.tar'] });
        expect(report.images[0]?.diffId).toBe(EXPECTED);
        expect(place.leftovers()).toEqual([]);
      }
    }
  });

  it('C6: bzip2 and xz around it are refused with their names', async () => {
    for (const [kind, hex] of [
      ['bzip2', '425a6839314159'],
      ['xz', 'fd377a585a0000'],
    ] as const) {
      using place = workplace();
      place.write('x.tar', Buffer.from(hex.padEnd(2000, '0'), 'hex'));
      const error = await place.refusal({ source: 'x.tar' });
      expect([error.code, error.message]).toEqual([
        'UNSUPPORTED',
        `Cannot open x.tar: it is compressed with ${kind}`,
      ]);
      expect(error.hint).toContain(kind);
    }
  });

  it('C7: nothing is run from the folder it stands in', async () => {
    using place = workplace();
    for (const program of ['gzip', 'unpigz', 'zstd', 'xz', 'tar'])
      execFileSync(
        'sh',
        ['-c', `printf '#!/bin/sh\\ntouch ran\\n' > ${program} && chmod 755 ${program}`],
        { cwd: place.folder },
      );
    place.write('x.tar', gzipSync(ociArchive([stack({ wrap: 'zstd' })])));
    expect(await flatId(place, 'x.tar')).toBe(EXPECTED);
    expect(place.names()).not.toContain('ran');
  });

  it('a layout folder is read where it lies', async () => {
    using place = workplace();
    writeMembers(place.path('layout'), ociMembers([stack({ wrap: 'gzip' })]));
    expect(await flatId(place, 'oci:layout')).toBe(EXPECTED);
    expect(await flatId(place, './layout')).toBe(EXPECTED);
  });

  it('pipes and folders in the place of files are refused at once', async () => {
    using place = workplace();
    execFileSync('mkfifo', ['pipe.tar'], { cwd: place.folder });
    mkdirSync(place.path('folder.tar'));
    writeMembers(place.path('layout'), [['oci-layout', '{}']]);
    execFileSync('mkfifo', ['layout/index.json'], { cwd: place.folder });
    const lines = await Promise.all(
      ['pipe.tar', 'docker-archive:folder.tar', 'oci:layout'].map(
        async (source) => (await place.refusal({ source })).message,
      ),
    );
    expect(lines).toEqual([
      'Cannot open pipe.tar: it is no plain file',
      'Cannot open docker-archive:folder.tar: it is a folder',
      'Cannot open oci:layout: it has no index.json',
    ]);
  });
});

function stdinOf(bytes: Uint8Array, size: number): Workplace['system']['stdio'] {
  return {
    async *stdin() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    },
    writeOut: async () => undefined,
    writeErr: () => undefined,
    stdinIsTTY: false,
    stdoutIsTTY: false,
    stderrIsTTY: false,
    columns: () => 80,
  };
}

describe('M9: several images in one archive', () => {
  const several: readonly ImageSpec[] = [
    { layers: 'a=1', tags: ['a:1', 'reg.example:5000/x/a:2'] },
    { layers: 'b=1', tags: ['b:latest'] },
    { layers: 'c=1', tags: [] },
  ];
  const CHOICES: readonly (readonly [reference: string, file: string])[] = [
    ['a:1', 'a'],
    ['docker.io/library/a:1', 'a'],
    ['reg.example:5000/x/a:2', 'a'],
    ['b', 'b'],
    ['@0', 'a'],
    ['@2', 'c'],
  ];
  it.each(CHOICES)('%s of a legacy and of an OCI archive', async (reference, file) => {
    using place = workplace();
    place.write('one.tar', legacyArchive([{ layers: `${file}=1` }]));
    const wanted = await flatId(place, 'one.tar');
    place.write('legacy.tar', legacyArchive(several));
    expect(await flatId(place, `docker-archive:legacy.tar:${reference}`)).toBe(wanted);
    // The names of one image are entries of their own in index.json.
    const inIndex = reference === '@2' ? '@3' : reference;
    place.write('oci.tar', ociArchive(several));
    expect(await flatId(place, `oci-archive:oci.tar:${inIndex}`)).toBe(wanted);
  });

  it.each(['no:1', '@3', '@99', '@-1', 'a:2'])('%s is not there', async (reference) => {
    using place = workplace();
    place.write('x.tar', legacyArchive(several));
    const error = await place.refusal({ source: `docker-archive:x.tar:${reference}` });
    expect([error.code, error.message]).toEqual([
      'NOT_FOUND',
      `Cannot find ${JSON.stringify(reference)} in docker-archive:x.tar:${reference}: it holds a:1, reg.example:5000/x/a:2, b:latest, @2`,
    ]);
  });
});
