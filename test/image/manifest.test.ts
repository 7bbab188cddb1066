import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { buildIndex, buildManifest, parseManifest } from '../../src/image/manifest.ts';
import {
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  isLayerType,
  isNondistributable,
  layerType,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/image/media-types.ts';
import { formatPlatform, matchesPlatform, parsePlatform } from '../../src/image/platform.ts';

const DIGEST = digestOf(new Uint8Array(0));
const ENTRY = { mediaType: 'x', digest: DIGEST, size: 1 };
const parse = (value: unknown, type?: string) =>
  parseManifest(new TextEncoder().encode(JSON.stringify(value)), type, 'x');

describe('parseManifest()', () => {
  const manifest = { schemaVersion: 2, config: ENTRY, layers: [ENTRY] };
  const index = { schemaVersion: 2, manifests: [ENTRY] };

  it.each([
    [{ ...manifest, mediaType: OCI_MANIFEST }, undefined, 'manifest oci'],
    [{ ...manifest, mediaType: DOCKER_MANIFEST }, undefined, 'manifest docker'],
    [manifest, DOCKER_MANIFEST, 'manifest docker'],
    [manifest, OCI_MANIFEST, 'manifest oci'],
    [manifest, undefined, 'manifest oci'],
    [manifest, 'application/octet-stream', 'manifest oci'],
    [{ ...index, mediaType: OCI_INDEX }, undefined, 'index oci'],
    [{ ...index, mediaType: DOCKER_INDEX }, OCI_INDEX, 'index docker'],
    [index, DOCKER_INDEX, 'index docker'],
    [{ ...manifest, layers: undefined }, undefined, 'manifest oci'],
  ])('%#: is of a kind and a family', (value, type, expected) => {
    const parsed = parse(value, type);
    expect(`${parsed.kind} ${parsed.family}`).toBe(expected);
  });

  it.each([
    [{ ...manifest, manifests: [] }, undefined, 'it is both a manifest and an index'],
    [{ ...index, config: ENTRY }, undefined, 'it is both a manifest and an index'],
    [{ schemaVersion: 2 }, undefined, 'it is neither a manifest nor an index'],
    [manifest, OCI_INDEX, `its media type ${OCI_INDEX} is not what it holds`],
    [index, DOCKER_MANIFEST, `its media type ${DOCKER_MANIFEST} is not what it holds`],
    [
      { ...manifest, mediaType: OCI_INDEX },
      undefined,
      `its media type ${OCI_INDEX} is not what it holds`,
    ],
    [{ ...manifest, mediaType: 5 }, undefined, 'mediaType is not a string'],
    [{ ...manifest, schemaVersion: 1 }, undefined, 'it is a schema 1 manifest'],
    [{ ...manifest, config: null }, undefined, 'x, config: it is not a descriptor'],
    [
      { ...manifest, layers: [ENTRY, { ...ENTRY, size: 1.5 }] },
      undefined,
      'x, layers[1]: its size is not a number of bytes',
    ],
    [{ ...manifest, layers: Array(1001).fill(ENTRY) }, undefined, 'it has more than 1000 layers'],
    [
      { ...index, manifests: Array(1001).fill(ENTRY) },
      undefined,
      'it has more than 1000 manifests',
    ],
    [{ ...manifest, annotations: { a: 1 } }, undefined, 'the annotation "a" is not a string'],
    [{ ...index, manifests: [{ ...ENTRY, platform: { os: 1 } }] }, undefined, 'os is not a string'],
  ])('%#: is refused', (value, type, reason) => {
    expect(() => parse(value, type)).toThrow(reason);
  });

  it('keeps annotations of any name, and no prototype', () => {
    const text = `{"manifests":[],"annotations":{"__proto__":"a","toString":"b"}}`;
    const { annotations } = parseManifest(new TextEncoder().encode(text), undefined, 'x');
    expect(Object.entries(annotations)).toEqual([
      ['__proto__', 'a'],
      ['toString', 'b'],
    ]);
    expect(annotations['constructor']).toBeUndefined();
  });
});

describe('buildManifest() and buildIndex()', () => {
  it('write what they are given in one way', () => {
    const built = buildManifest(
      'oci',
      { ...ENTRY, digest: DIGEST },
      [{ ...ENTRY, digest: DIGEST, annotations: { gone: '1' } }],
      { b: '2', a: '1' },
    );
    const parsed = JSON.parse(new TextDecoder().decode(built.bytes));
    expect(parsed.layers[0]).toEqual(ENTRY);
    expect(Object.keys(parsed.annotations)).toEqual(['a', 'b']);
    expect(built.descriptor).toMatchObject({
      mediaType: OCI_MANIFEST,
      digest: digestOf(built.bytes),
      size: built.bytes.length,
    });
  });

  it('give Docker no annotations', () => {
    const built = buildManifest('docker', { ...ENTRY, digest: DIGEST }, [], { a: '1' });
    expect(built.annotations).toEqual({});
    expect(new TextDecoder().decode(built.bytes)).not.toContain('annotations');
    const index = buildIndex(
      'docker',
      [
        {
          descriptor: { ...ENTRY, digest: DIGEST },
          platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
        },
      ],
      { a: '1' },
    );
    expect(JSON.parse(new TextDecoder().decode(index.bytes))).toEqual({
      schemaVersion: 2,
      mediaType: DOCKER_INDEX,
      manifests: [{ ...ENTRY, platform: { architecture: 'arm', os: 'linux', variant: 'v7' } }],
    });
  });
});

describe('media types', () => {
  it.each([
    ['application/vnd.oci.image.layer.v1.tar', true, false],
    ['application/vnd.oci.image.layer.v1.tar+gzip', true, false],
    ['application/vnd.oci.image.layer.v1.tar+zstd', true, false],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', true, true],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', true, false],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', true, true],
    ['application/vnd.in-toto+json', false, false],
    ['application/vnd.oci.image.layer.v1.tar+gzip+encrypted', false, false],
    ['', false, false],
  ])('%s', (type, isLayer, isForeign) => {
    expect([isLayerType(type), isNondistributable(type)]).toEqual([isLayer, isForeign]);
  });

  it('layerType() names a type that isLayerType() knows', () => {
    for (const family of ['oci', 'docker'] as const)
      for (const kind of ['none', 'gzip'] as const)
        expect(isLayerType(layerType(family, kind))).toBe(true);
  });
});

describe('platforms', () => {
  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['amd64', 'linux/amd64'],
    ['Linux/AMD64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm/v7', 'linux/arm/v7'],
    ['linux/i386', 'linux/386'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
  ])('%s is %s', (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected);
  });

  it.each([
    '',
    '/',
    'linux/',
    'linux//arm',
    'a/b/c/d',
    'linux/amd 64',
    'linux/amd64\n',
  ])('%j is none', (text) => {
    expect(() => parsePlatform(text)).toThrow('is not of the form os/architecture[/variant]');
  });

  it.each([
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm/v7', 'linux/arm', true],
    ['linux/arm', 'linux/arm/v7', false],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/amd64', 'windows/amd64', false],
  ])('%s for %s: %s', (have, want, expected) => {
    expect(matchesPlatform(parsePlatform(have), parsePlatform(want))).toBe(expected);
  });
});
