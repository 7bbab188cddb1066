// M1-M10 of `faults.md`: what an archive says about its images is believed only as far as it can be checked. Each
// refusal is one line that names the archive and the reason, with its exit code, and leaves nothing behind.
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-code.ts';
import { failureText } from '../../src/cli/failure.ts';
import { coloursFor } from '../../src/report/colours.ts';
import { workplace } from '../operations/workplace.ts';
import {
  type ArchiveOptions,
  archive,
  attestation,
  Blobs,
  type DescriptorSpec,
  type ImageSpec,
  legacyArchive,
  legacyMembers,
  ociArchive,
  partsOf,
  sha256,
  zstdStored,
} from '../support/archives.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const MIB = 1_048_576;
const ZEROS = `sha256:${'0'.repeat(64)}`;

/** A row: id and fault, the archive, the code, the line without its digests. */
type Row = readonly [fault: string, archive: Uint8Array, code: string, line: string];

function legacy(options: ArchiveOptions, spec: ImageSpec = {}): Uint8Array {
  return legacyArchive([spec], options);
}

/** A legacy archive with this `manifest.json`. */
function saved(manifest: unknown): Uint8Array {
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  return legacy({ replace: { 'manifest.json': text } });
}

/** A legacy archive of one image, its item of `manifest.json` changed. */
function savedItem(changes: Readonly<Record<string, unknown>>): Uint8Array {
  const members = legacyMembers([{}]);
  const [item] = JSON.parse(String(members.at(-1)?.[1])) as Record<string, unknown>[];
  return saved([{ ...item, ...changes }]);
}

/** A layout whose one manifest is this. */
function manifest(
  change: (whole: Readonly<Record<string, unknown>>, blobs: Blobs) => unknown,
): Uint8Array {
  const blobs = new Blobs();
  const { config, stored } = partsOf({});
  const whole = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: blobs.add(config, 'application/vnd.oci.image.config.v1+json'),
    layers: stored.map((bytes) => blobs.add(bytes, LAYER)),
  };
  return archive(blobs.members([blobs.json(change(whole, blobs), MANIFEST)]));
}

/** A layout whose one layer has this descriptor. */
function descriptor(changes: Readonly<Record<string, unknown>>): Uint8Array {
  return manifest((whole) => {
    const [first, ...rest] = whole['layers'] as DescriptorSpec[];
    return { ...whole, layers: [{ ...first, ...changes }, ...rest] };
  });
}

/** Indexes in indexes. */
function nested(depth: number): Uint8Array {
  const blobs = new Blobs();
  let inner = blobs.image({});
  for (let i = 0; i < depth; i += 1) inner = blobs.index([inner]);
  return archive(blobs.members([inner]));
}

function indexJson(text: string): Uint8Array {
  return ociArchive([{}], { replace: { 'index.json': text } });
}

function config(text: string | Readonly<Record<string, unknown>>): Uint8Array {
  return ociArchive([{ config: text }]);
}

/** A stack with claims about its second layer that are not true. */
const WRONG_ID: ImageSpec = { diffIds: [sha256(partsOf({}).tars[0] ?? ''), ZEROS] };

const ROWS: readonly Row[] = [
  [
    'M1: a layer outside the archive',
    savedItem({ Layers: ['../../etc/passwd', '/etc/passwd'] }),
    'BAD_ARCHIVE',
    'Cannot open x.tar: the member "../../etc/passwd" of layer 1 is missing',
  ],
  [
    'M1: a configuration outside the archive',
    savedItem({ Config: '../../../etc/passwd' }),
    'BAD_ARCHIVE',
    'Cannot read the configuration of x.tar: the member "../../../etc/passwd" is missing',
  ],
  [
    'M1: an absolute configuration',
    savedItem({ Config: '/etc/passwd' }),
    'BAD_ARCHIVE',
    'Cannot read the configuration of x.tar: the member "/etc/passwd" is missing',
  ],
  [
    'M1: a member that leaves the archive',
    legacy({ extra: [['../evil', 'x']] }),
    'BAD_ARCHIVE',
    'Cannot open x.tar: Cannot place entry "../evil": it leaves the root of the image',
  ],
  [
    'M2: a layer that is a link out of the archive',
    savedItemWithLink('../../../etc/passwd'),
    'BAD_ARCHIVE',
    'Cannot open x.tar: the member "l/layer.tar" of layer 2 is missing',
  ],
  [
    'M2: a layer that is an absolute link',
    savedItemWithLink('/etc/passwd'),
    'BAD_ARCHIVE',
    'Cannot open x.tar: the member "l/layer.tar" of layer 2 is missing',
  ],
  [
    'M2: a layer that is a link to itself',
    savedItemWithLink('l/layer.tar'),
    'BAD_ARCHIVE',
    'Cannot open x.tar: the member "l/layer.tar" of layer 2 is missing',
  ],
  [
    'M3: two manifest.json',
    legacy({ extra: [['manifest.json', '[]']] }),
    'BAD_ARCHIVE',
    'Cannot open x.tar: the member "manifest.json" stands twice',
  ],
  [
    'M3: two index.json',
    ociArchive([{}], { extra: [['./index.json', '{}']] }),
    'BAD_ARCHIVE',
    'Cannot open x.tar: the member "index.json" stands twice',
  ],
  [
    'M4: manifest.json is null',
    saved('null'),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: it is not a list',
  ],
  [
    'M4: manifest.json is []',
    saved('[]'),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: it lists no image',
  ],
  [
    'M4: manifest.json is {}',
    saved('{}'),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: it is not a list',
  ],
  [
    'M4: manifest.json is empty',
    saved(''),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: it is not JSON',
  ],
  [
    'M4: manifest.json is no JSON',
    saved('[{"Config":'),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: it is not JSON',
  ],
  [
    'M4: an item is null',
    saved([null]),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: item 0 is not an object',
  ],
  [
    'M4: an item is {}',
    saved([{}]),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: item 0 has no Config',
  ],
  [
    'M4: Config is a number',
    savedItem({ Config: 1 }),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: item 0 has no Config',
  ],
  [
    'M4: Layers is a text',
    savedItem({ Layers: 'x' }),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: Layers is not a list of strings',
  ],
  [
    'M4: Layers holds a number',
    savedItem({ Layers: [1] }),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: Layers is not a list of strings',
  ],
  [
    'M4: RepoTags is an object',
    savedItem({ RepoTags: {} }),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: RepoTags is not a list of strings',
  ],
  [
    'M4: the configuration is missing',
    savedItem({ Config: 'no.json' }),
    'BAD_ARCHIVE',
    'Cannot read the configuration of x.tar: the member "no.json" is missing',
  ],
  [
    'M4: the configuration is a list',
    config('[]'),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: it is not an object',
  ],
  [
    'M4: rootfs is null',
    config({ rootfs: null }),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: it has no rootfs.diff_ids',
  ],
  [
    'M4: diff_ids is a text',
    config({ rootfs: { diff_ids: 'x' } }),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: it has no rootfs.diff_ids',
  ],
  [
    'M4: history is an object',
    config({ history: {} }),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: history is not a list',
  ],
  [
    'M4: a line of history is null',
    config({ history: [null] }),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: history[0] is not an object',
  ],
  [
    'M4: os is a number',
    config({ os: 1 }),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: os is not a string',
  ],
  [
    'M4: index.json is null',
    indexJson('null'),
    'BAD_IMAGE',
    'Cannot read index.json of x.tar: it is not an object',
  ],
  [
    'M4: index.json is {}',
    indexJson('{}'),
    'BAD_IMAGE',
    'Cannot read index.json of x.tar: it is neither a manifest nor an index',
  ],
  [
    'M4: index.json lists nothing',
    indexJson('{"manifests":[]}'),
    'BAD_IMAGE',
    'Cannot open x.tar: its index.json lists nothing',
  ],
  [
    'M4: manifests is an object',
    indexJson('{"manifests":{}}'),
    'BAD_IMAGE',
    'Cannot read index.json of x.tar: manifests is not a list',
  ],
  [
    'M4: manifests holds null',
    indexJson('{"manifests":[null]}'),
    'BAD_IMAGE',
    'Cannot read index.json of x.tar, manifests[0]: it is not a descriptor',
  ],
  [
    'M4: a manifest without a configuration',
    manifest(({ config: _, ...rest }) => rest),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, config: it is not a descriptor',
  ],
  [
    'M4: layers is an object',
    manifest((whole) => ({ ...whole, layers: {} })),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar: layers is not a list',
  ],
  [
    'M4: annotations is a list',
    manifest((whole) => ({ ...whole, annotations: [] })),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, annotations: annotations are not an object',
  ],
  [
    'M4: a schema 1 manifest',
    manifest((whole) => ({ ...whole, schemaVersion: 1 })),
    'UNSUPPORTED',
    'Cannot read the manifest sha256:… of x.tar: it is a schema 1 manifest, which registries no longer serve',
  ],
  [
    'M4: no manifest.json and no index.json',
    archive([['x', 'y']]),
    'BAD_ARCHIVE',
    'Cannot open x.tar: it has no manifest.json',
  ],
  ['M4: an empty file', new Uint8Array(0), 'BAD_ARCHIVE', 'Cannot open x.tar: it is empty'],
  [
    'M4: not a tar',
    Buffer.from('#!/bin/sh\n'.repeat(200)),
    'BAD_ARCHIVE',
    'Cannot open x.tar: it is not a tar archive, nor one in gzip or zstd',
  ],
  [
    'M4: cut in the middle of a layer',
    legacyArchive([{}]).subarray(0, 3300),
    'BAD_ARCHIVE',
    'Cannot open x.tar: Cannot read tar header at byte 2560: the tar ends in the middle of the content',
  ],
  [
    'M5: more layers than diff_ids',
    legacy({}, { diffIds: [ZEROS] }),
    'BAD_IMAGE',
    'Cannot read x.tar: manifest.json lists 2 layers and the configuration 1 diff_ids',
  ],
  [
    'M5: fewer layers than diff_ids',
    legacy({}, { diffIds: [ZEROS, ZEROS, ZEROS] }),
    'BAD_IMAGE',
    'Cannot read x.tar: manifest.json lists 2 layers and the configuration 3 diff_ids',
  ],
  [
    'M5: more layers than diff_ids, OCI',
    ociArchive([{ diffIds: [] }]),
    'BAD_IMAGE',
    'Cannot open x.tar: the manifest has 2 layers and the configuration 0 diff_ids',
  ],
  [
    'M5: another diff_id',
    legacy({}, WRONG_ID),
    'DIGEST_MISMATCH',
    'Cannot read x.tar: layer 2 of 2 (…): Cannot trust a layer: its diff_id is sha256:… where sha256:… is claimed',
  ],
  [
    'M5: another diff_id, OCI',
    ociArchive([WRONG_ID]),
    'DIGEST_MISMATCH',
    'Cannot read x.tar: layer 2 of 2 (…): Cannot trust a layer: its diff_id is sha256:… where sha256:… is claimed',
  ],
  [
    'M5: another diff_id, gzip',
    ociArchive([{ ...WRONG_ID, wrap: 'gzip' }]),
    'DIGEST_MISMATCH',
    'Cannot read x.tar: layer 2 of 2 (…): Cannot trust a layer: its diff_id is sha256:… where sha256:… is claimed',
  ],
  [
    'M5: another diff_id, zstd',
    ociArchive([{ ...WRONG_ID, wrap: 'zstd' }]),
    'DIGEST_MISMATCH',
    'Cannot read x.tar: layer 2 of 2 (…): Cannot trust a layer: its diff_id is sha256:… where sha256:… is claimed',
  ],
  [
    'M5: another size of the first layer',
    descriptor({ size: 1 }),
    'DIGEST_MISMATCH',
    'Cannot read x.tar: layer 1 of 2 (…): Cannot trust a layer: it has 2048 bytes where the manifest says 1',
  ],
  [
    'M5: other bytes in the blob of a layer',
    otherBytes(),
    'DIGEST_MISMATCH',
    'Cannot read x.tar: layer 2 of 2 (…): Cannot trust a layer: its diff_id is sha256:… where sha256:… is claimed',
  ],
  [
    'M5: a missing layer',
    descriptor({ digest: ZEROS }),
    'NOT_FOUND',
    'Cannot read x.tar: layer 1 of 2 (…): Cannot read x.tar: the blob sha256:… is missing',
  ],
  [
    'M5: other bytes in the blob of the configuration',
    otherConfig(),
    'DIGEST_MISMATCH',
    'Cannot read the configuration of x.tar: its digest is sha256:… where sha256:… is claimed',
  ],
  [
    'M5: another size of the manifest',
    otherManifestSize(),
    'DIGEST_MISMATCH',
    'Cannot read the manifest sha256:… of x.tar: it has 547 bytes where 7 are claimed',
  ],
  [
    'M6: a digest with a path in it',
    descriptor({ digest: 'sha256:../../../../etc/passwd' }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its digest is not a sha256 or sha512 digest',
  ],
  [
    'M6: an upper-case digest',
    descriptor({ digest: `sha256:${'A'.repeat(64)}` }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its digest is not a sha256 or sha512 digest',
  ],
  [
    'M6: an empty digest',
    descriptor({ digest: '' }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its digest is not a sha256 or sha512 digest',
  ],
  [
    'M6: a digest of another algorithm',
    descriptor({ digest: `md5:${'0'.repeat(32)}` }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its digest is not a sha256 or sha512 digest',
  ],
  [
    'M6: a digest that is a number',
    descriptor({ digest: 5 }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its digest is not a sha256 or sha512 digest',
  ],
  [
    'M6: a negative size',
    descriptor({ size: -1 }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its size is not a number of bytes',
  ],
  [
    'M6: a size past 2^53',
    descriptor({ size: 2 ** 60 }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its size is not a number of bytes',
  ],
  [
    'M6: a size that is a text',
    descriptor({ size: '5' }),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar, layers[0]: its size is not a number of bytes',
  ],
  [
    'M6: a diff_id with a path in it',
    config({ rootfs: { diff_ids: ['sha256:../../x', ZEROS] } }),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: rootfs.diff_ids[0] is not a digest',
  ],
  [
    'M7: a configuration of 5 MiB',
    config(' '.repeat(5 * MIB)),
    'LIMIT_EXCEEDED',
    'Cannot read the configuration of x.tar: it has 5242880 bytes, over 4194304',
  ],
  [
    'M7: a manifest.json of 5 MiB',
    saved(' '.repeat(5 * MIB)),
    'LIMIT_EXCEEDED',
    'Cannot read manifest.json of x.tar: it has 5242880 bytes, over 4194304',
  ],
  [
    'M7: 100,000 levels of JSON',
    config(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: it is nested more than 100 deep',
  ],
  [
    'M7: 100,000 levels that are never closed',
    saved('['.repeat(100_000)),
    'BAD_IMAGE',
    'Cannot read manifest.json of x.tar: it is nested more than 100 deep',
  ],
  [
    'M7: a byte order mark',
    config('\xef\xbb\xbf{}'),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: it is not JSON',
  ],
  [
    'M7: no UTF-8',
    config('{"a":"\xff"}'),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: it is not UTF-8',
  ],
  [
    'M7: rootfs twice',
    config(twice('rootfs')),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: the key "rootfs" stands twice',
  ],
  [
    'M7: diff_ids twice',
    config(twice('diff_ids')),
    'BAD_IMAGE',
    'Cannot read the configuration of x.tar: the key "diff_ids" stands twice',
  ],
  [
    'M8: indexes 5 deep',
    nested(5),
    'BAD_IMAGE',
    'Cannot open x.tar: indexes are nested more than 4 deep',
  ],
  [
    'M8: indexes 60 deep',
    nested(60),
    'BAD_IMAGE',
    'Cannot open x.tar: indexes are nested more than 4 deep',
  ],
  [
    'M8: both layers and manifests',
    manifest((whole) => ({ ...whole, manifests: [] })),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar: it is both a manifest and an index',
  ],
  [
    'M8: a manifest that says it is an index',
    manifest((whole) => ({ ...whole, mediaType: INDEX })),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar: its media type application/vnd.oci.image.index.v1+json is not what it holds',
  ],
  [
    'M8: a descriptor that says it is an index',
    lyingDescriptor(),
    'BAD_IMAGE',
    'Cannot read the manifest sha256:… of x.tar: its media type application/vnd.oci.image.index.v1+json is not what it holds',
  ],
  [
    'M8: index.json is a manifest',
    indexJson('{"config":{},"layers":[]}'),
    'BAD_IMAGE',
    'Cannot read index.json of x.tar: its media type application/vnd.oci.image.index.v1+json is not what it holds',
  ],
  [
    'M9: attestations and no image',
    onlyAttestation(),
    'UNSUPPORTED',
    'Cannot open x.tar: it holds attestations or artifacts and no image',
  ],
  [
    'M9: several images, legacy',
    legacyArchive([{ tags: ['a:1', 'b:1'] }, { layers: 'c=3', tags: [] }]),
    'AMBIGUOUS_IMAGE',
    'Cannot choose an image of x.tar: it holds 2: a:1, b:1, @1',
  ],
  [
    'M9: several images, OCI',
    ociArchive([{ tags: ['a'] }, { layers: 'c=3', tags: ['b'] }]),
    'AMBIGUOUS_IMAGE',
    'Cannot choose an image of x.tar: it holds 2: a, b',
  ],
  [
    'M9: an artifact',
    manifest((whole) => ({ ...whole, artifactType: 'application/x' })),
    'UNSUPPORTED',
    'Cannot open x.tar: it holds attestations or artifacts and no image',
  ],
  [
    'M9: an artifact with another configuration',
    artifact(),
    'UNSUPPORTED',
    'Cannot open x.tar: it holds attestations or artifacts and no image',
  ],
  [
    'M10: a layer that may not be distributed',
    descriptor({
      mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
      urls: ['http://127.0.0.1:1/'],
    }),
    'UNSUPPORTED',
    'Cannot read x.tar: layer 1 may not be distributed (application/vnd.oci.image.layer.nondistributable.v1.tar)',
  ],
  [
    'M10: a foreign layer of Docker',
    descriptor({ mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }),
    'UNSUPPORTED',
    'Cannot read x.tar: layer 1 may not be distributed (application/vnd.docker.image.rootfs.foreign.diff.tar.gzip)',
  ],
  [
    'a Windows image',
    config({ os: 'windows', rootfs: { diff_ids: partsOf({}).tars.map(sha256) } }),
    'UNSUPPORTED',
    'Cannot read x.tar: it is a Windows image, whose layers follow other rules',
  ],
  [
    'C3: a layer whose zstd is cut',
    ociArchive([{ layers: 'a=1', wrap: (tar) => zstdStored(tar).subarray(0, -1) }]),
    'BAD_COMPRESSION',
    'Cannot read x.tar: layer 1 of 1 (…): Cannot decompress zstd: the stream is cut short',
  ],
  [
    'C5: a bzip2 layer',
    ociArchive([{ layers: 'a=1', wrap: () => Buffer.from('BZh91AY&SY') }]),
    'UNSUPPORTED',
    'Cannot read x.tar: layer 1 of 1 (…): Cannot read a layer: it is compressed with bzip2',
  ],
];

function savedItemWithLink(target: string): Uint8Array {
  const members = legacyMembers([{}]);
  const [item] = JSON.parse(String(members.at(-1)?.[1])) as Record<string, unknown>[];
  const layers = item?.['Layers'] as string[];
  const text = JSON.stringify([{ ...item, Layers: [layers[0], 'l/layer.tar'] }]);
  return legacy({ replace: { 'manifest.json': text, 'l/layer.tar': { symlink: target } } });
}

function otherBytes(): Uint8Array {
  const { stored } = partsOf({});
  const body = Buffer.from(stored[1] ?? '');
  body[512] = 0x58;
  return ociArchive([{}], {
    replace: { [`blobs/${sha256(stored[1] ?? '').replace(':', '/')}`]: body },
  });
}

function otherConfig(): Uint8Array {
  const { config: bytes } = partsOf({});
  const body = Buffer.from(bytes.toString().replace('"sh"', '"SH"'));
  return ociArchive([{}], { replace: { [`blobs/${sha256(bytes).replace(':', '/')}`]: body } });
}

function otherManifestSize(): Uint8Array {
  const blobs = new Blobs();
  return archive(blobs.members([{ ...blobs.image({}), size: 7 }]));
}

function lyingDescriptor(): Uint8Array {
  const blobs = new Blobs();
  return archive(blobs.members([{ ...blobs.image({}), mediaType: INDEX }]));
}

function onlyAttestation(): Uint8Array {
  const blobs = new Blobs();
  const image = blobs.image({});
  return archive(blobs.members([blobs.index([attestation(blobs, image)])]));
}

function artifact(): Uint8Array {
  return manifest((whole, blobs) => ({
    ...whole,
    config: blobs.json({}, 'application/vnd.cncf.helm.config.v1+json'),
  }));
}

/** A configuration in which a key stands twice. */
function twice(key: string): string {
  const ids = JSON.stringify(partsOf({}).tars.map(sha256));
  const inner = `"diff_ids":${ids}`;
  const rootfs = `"rootfs":{${key === 'diff_ids' ? `${inner},` : ''}${inner}}`;
  return `{"os":"linux",${key === 'rootfs' ? `${rootfs},` : ''}${rootfs}}`;
}

/** A message without its digests, and without what Node says about JSON. */
function line(message: string): string {
  return message
    .replace(/[a-f0-9]{64}/g, '…')
    .replace(/\([a-f0-9]{12}\)/g, '(…)')
    .replace(/it is not JSON \(.*\)/s, 'it is not JSON');
}

describe('an archive that lies', () => {
  it.each(ROWS)('%s', async (_fault, bytes, code, text) => {
    using place = workplace();
    place.write('x.tar', bytes);
    const error = await place.refusal({ source: 'x.tar' });
    expect([error.code, line(error.message)]).toEqual([code, text]);
    expect(exitCodeOf(error, 'flatten')).toBe(1);
    const told = failureText(error, {
      debug: false,
      errColours: coloursFor({ choice: 'never', env: {}, isTTY: false }),
    });
    expect(
      told.split('\n').filter((part) => part !== '' && !part.startsWith('  hint:')).length,
    ).toBe(1);
    expect(told).toContain('x.tar');
  });
});
