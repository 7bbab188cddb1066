// Reports as people read them, word for word.
import { describe, expect, it } from 'vitest';
import {
  annotation,
  flattenAnnotations,
  flattenOutputs,
  flattenSummary,
  groupStart,
  outputsText,
  verifySummary,
} from '../../src/report/ci.ts';
import { ANSI_COLOURS, NO_COLOURS } from '../../src/report/colours.ts';
import { flattenName, flattenText } from '../../src/report/flatten-report.ts';
import { inspectText } from '../../src/report/inspect-report.ts';
import { verifyText } from '../../src/report/verify-report.ts';
import {
  differingReport,
  digest,
  flattenedImage,
  flattenReport,
  inspectReport,
  verifyReport,
} from './samples.ts';

const PLAIN = { colours: NO_COLOURS, verbose: false };

/** A multi-platform flatten in which everything went wrong that can be told. */
const rich = flattenReport({
  resolvedSource: 'oci:layout:app',
  outputs: ['oci:flat:app', 'docker-archive:flat.tar'],
  tags: ['app:1'],
  images: [
    flattenedImage({
      storedBefore: 300_000_000,
      storedAfter: 290_000_000,
      warnings: [
        ...Array.from({ length: 5 }, (_, i) => ({
          code: 'duplicate-path' as const,
          message: `"/etc/${i}" stands twice`,
          path: `etc/${i}`,
          layer: i,
        })),
        { code: 'pax-unknown-key', message: 'the key "X.y" is not carried' },
      ],
      warningCounts: { 'duplicate-path': 140, 'pax-unknown-key': 1 },
    }),
    flattenedImage({
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      alreadyFlat: true,
      layersBefore: 1,
      bytesAfter: 812_400_000,
      storedAfter: 812_400_000,
      entriesAfter: 61_203,
      removed: { paths: 0, bytes: 0, largest: [] },
    }),
  ],
  indexDigest: digest('9'),
  dropped: [{ digest: digest('7'), kind: 'attestation', subject: digest('1') }],
  remarks: ['The base is shared with other images: pulling this one fetches it again'],
  verified: true,
});

describe('flattenText()', () => {
  it('tells one image', async () => {
    await expect(flattenText(flattenReport(), PLAIN)).toMatchFileSnapshot('texts/flatten.txt');
  });

  it('tells platforms, warnings, what was dropped and remarks', async () => {
    await expect(flattenText(rich, PLAIN)).toMatchFileSnapshot('texts/flatten-rich.txt');
    const verbose = flattenText(rich, { ...PLAIN, verbose: true });
    expect(verbose).toContain('"/etc/4" stands twice (layer 5)');
    expect(verbose).toContain('and 135 more');
  });

  it('tells a dry run', async () => {
    const unknown = { diffId: undefined, layerDigest: undefined, configDigest: undefined };
    const image = flattenedImage({ ...unknown, manifestDigest: undefined, storedAfter: undefined });
    const report = flattenReport({ dryRun: true, outputs: [], tags: [], images: [image] });
    await expect(flattenText(report, PLAIN)).toMatchFileSnapshot('texts/flatten-dry-run.txt');
    expect(flattenName(report)).toBe('docker-daemon:app:latest');
  });

  it('escapes every word that comes from outside', () => {
    const evil = '\x1b[2J\u202e';
    const report = flattenReport({
      resolvedSource: evil,
      outputs: [evil],
      tags: [evil],
      remarks: [evil],
      images: [
        flattenedImage({
          platform: { os: evil, architecture: evil, variant: evil },
          configDigest: evil,
          manifestDigest: evil,
          diffId: evil,
          removed: {
            paths: 1,
            bytes: 1,
            largest: [{ path: evil, bytes: 1, addedBy: 0, hiddenBy: 1, reason: 'deleted' }],
          },
          warnings: [{ code: 'duplicate-path', message: evil }],
        }),
      ],
      dropped: [{ kind: evil, digest: evil, subject: evil }],
    });
    const texts = [flattenText(report, PLAIN), flattenSummary(report), flattenName(report)];
    texts.push(flattenAnnotations(report));
    for (const text of texts) {
      expect(text).not.toContain('\u202e');
      expect(text).not.toContain('\x1b');
    }
  });
});

describe('verifyText()', () => {
  it('tells that images are the same', async () => {
    await expect(verifyText(verifyReport(), PLAIN)).toMatchFileSnapshot('texts/verify-same.txt');
  });

  it('tells path by path what differs', async () => {
    const text = verifyText(differingReport(), PLAIN);
    await expect(text).toMatchFileSnapshot('texts/verify-different.txt');
    expect(verifyText(differingReport(), { ...PLAIN, colours: ANSI_COLOURS })).toContain(
      '\x1b[31m',
    );
  });
});

describe('inspectText()', () => {
  it('is a table of layers', async () => {
    await expect(inspectText(inspectReport(), PLAIN)).toMatchFileSnapshot('texts/inspect.txt');
  });

  it('is whole with --verbose', () => {
    const text = inspectText(inspectReport(), { ...PLAIN, verbose: true });
    expect(text).toContain(digest('1'));
    expect(text).toContain(`RUN ${'chown -R app /srv && '.repeat(5)}true`);
  });
});

describe('GitHub Actions', () => {
  it('annotation() escapes as the runner reads it', () => {
    expect(annotation('error', '100%\nnext\r', 'a:b,c')).toBe(
      '::error title=a%3Ab%2Cc::100%25%0Anext\\x0d\n',
    );
    expect(groupStart('x\n::set-output')).toBe('::group::x\\n::set-output\n');
  });

  it('flattenAnnotations() gives one per code and remark', () => {
    expect(flattenAnnotations(rich).split('\n')).toEqual([
      '::warning title=shipper%3A duplicate-path::140 times, first: "/etc/0" stands twice (layer 1)',
      '::warning title=shipper%3A pax-unknown-key::1 time, first: the key "X.y" is not carried',
      '::warning::The base is shared with other images: pulling this one fetches it again',
      '',
    ]);
  });

  it('flattenOutputs() names what later steps need', () => {
    expect(flattenOutputs(rich)).toEqual({
      digest: digest('9'),
      'image-id': digest('9'),
      output: 'oci:flat:app\ndocker-archive:flat.tar',
      tags: 'app:1',
    });
  });

  it('outputsText() leaves out what is not known', () => {
    expect(outputsText({ a: 'x\ny', b: undefined, c: '' }, 'END')).toBe(
      'a<<END\nx\ny\nEND\nc<<END\n\nEND\n',
    );
  });

  it('flattenSummary() and verifySummary() are Markdown', async () => {
    const text = flattenSummary(rich) + verifySummary(differingReport());
    await expect(text).toMatchFileSnapshot('texts/summary.md');
  });
});
