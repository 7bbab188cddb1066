// Reports with known content, for tests of how they are told.
import type {
  FlattenedImage,
  FlattenReport,
  InspectReport,
  VerifyReport,
} from '../../src/operations/flatten-types.ts';

/** A digest of one hex digit. */
export function digest(character: string): string {
  return `sha256:${character.repeat(64)}`;
}

/** One flattened platform. */
export function flattenedImage(changes: Partial<FlattenedImage> = {}): FlattenedImage {
  return {
    platform: { os: 'linux', architecture: 'amd64' },
    sourceConfigDigest: digest('1'),
    alreadyFlat: false,
    layersBefore: 12,
    layersAfter: 1,
    layersKept: 0,
    newLayerBytes: 0,
    baseNamesHidden: 0,
    bytesBefore: 812_400_000,
    bytesAfter: 640_100_000,
    storedBefore: 812_400_000,
    storedAfter: 640_100_000,
    entriesBefore: 61_203,
    entriesAfter: 58_120,
    removed: {
      paths: 3083,
      bytes: 172_300_000,
      largest: [
        { path: 'var/cache/a.bin', bytes: 98_200_000, addedBy: 1, hiddenBy: 4, reason: 'deleted' },
        { path: 'app/b', bytes: 4_000_000, addedBy: 2, hiddenBy: 3, reason: 'replaced' },
      ],
    },
    warnings: [],
    warningCounts: {},
    diffId: digest('a'),
    layerDigest: digest('b'),
    configDigest: digest('c'),
    manifestDigest: digest('d'),
    ...changes,
  };
}

/** A flatten of one platform in an engine. */
export function flattenReport(changes: Partial<FlattenReport> = {}): FlattenReport {
  return {
    source: 'app',
    resolvedSource: 'docker-daemon:app:latest',
    outputs: ['docker-daemon:app:latest-flat'],
    tags: ['app:latest-flat'],
    images: [flattenedImage()],
    indexDigest: undefined,
    dropped: [],
    remarks: [],
    dryRun: false,
    verified: undefined,
    seconds: 3.24,
    megabytesPerSecond: 250.7,
    ...changes,
  };
}

/** Two images that are the same. */
export function verifyReport(changes: Partial<VerifyReport> = {}): VerifyReport {
  return {
    a: 'docker-daemon:app:1',
    b: 'docker-archive:app.tar',
    same: true,
    platforms: [
      {
        platform: { os: 'linux', architecture: 'amd64' },
        same: true,
        rootDigestA: digest('e'),
        rootDigestB: digest('e'),
        differences: [],
        differenceCount: 0,
      },
    ],
    ...changes,
  };
}

/** Two images that differ. */
export function differingReport(): VerifyReport {
  return verifyReport({
    same: false,
    platforms: [
      {
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
        same: false,
        rootDigestA: digest('e'),
        rootDigestB: digest('f'),
        differences: [
          { kind: 'path', path: 'etc/passwd', what: 'mode 0644 in A, 0755 in B' },
          { kind: 'config', path: 'config.Env', what: 'only in B' },
        ],
        differenceCount: 1402,
      },
    ],
  });
}

/** An image of two layers. */
export function inspectReport(changes: Partial<InspectReport> = {}): InspectReport {
  return {
    image: 'app.tar',
    resolvedImage: 'docker-archive:app.tar',
    tags: ['app:1'],
    platforms: [
      {
        platform: { os: 'linux', architecture: 'amd64' },
        configDigest: digest('c'),
        manifestDigest: undefined,
        created: '2026-01-01T00:00:00Z',
        layers: [
          layer(0, { addedBytes: 77_000_000, createdBy: 'ADD file:base in /' }),
          layer(1, {
            addedBytes: 4_000_000,
            hiddenPaths: 2,
            hiddenBytes: 3_500_000,
            replacingBytes: 3_000_000,
            createdBy: `RUN ${'chown -R app /srv && '.repeat(5)}true`,
          }),
        ],
        entries: 3102,
        flatBytes: 78_000_000,
        layerBytes: 82_000_000,
        removed: { paths: 2, bytes: 3_500_000, largest: [] },
        warnings: [],
        warningCounts: {},
      },
    ],
    attestations: [],
    ...changes,
  };
}

type Layer = InspectReport['platforms'][number]['layers'][number];

function layer(index: number, changes: Partial<Layer>): Layer {
  return {
    index,
    digest: digest(String(index)),
    diffId: digest(String(index)),
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    storedBytes: 29_100_000,
    tarBytes: 77_800_000,
    entries: 3104,
    addedPaths: 3000,
    addedBytes: 0,
    hiddenPaths: 0,
    hiddenBytes: 0,
    replacingBytes: 0,
    createdBy: undefined,
    ...changes,
  };
}
