// Reports of copy and tag as people read them, word for word.
import { describe, expect, it } from 'vitest';
import { NO_COLOURS } from '../../src/report/colours.ts';
import { copyText, tagText } from '../../src/report/copy-report.ts';
import { copyReport, digest, tagReport } from './samples.ts';

const PLAIN = { colours: NO_COLOURS, verbose: false };

describe('copyText()', () => {
  it('says what went where', () => {
    expect(copyText(copyReport(), PLAIN)).toBe(`Copied docker://r.example/app:1 to oci:layout:app
  linux/amd64  12 layers, 812MB
  digest  ${digest('d')} (as in the source)
  names   app
  read    12 blobs, 812MB
  time    3.2 s
`);
  });

  it('says why the digest is another, and what was dropped', () => {
    const text = copyText(
      copyReport({
        output: '-',
        tags: [],
        images: [],
        digestKept: false,
        changes: ['The source has no manifest: a new one is made'],
        attestations: [{ digest: digest('5'), kind: 'attestation', subject: digest('d') }],
        dropped: [{ digest: digest('7'), kind: 'referrer\n', subject: undefined }],
        remarks: ['linux/amd64: layer 1 may not be distributed and is not copied'],
      }),
      PLAIN,
    );
    expect(text).toBe(`Copied docker://r.example/app:1 to standard output
  digest  ${digest('d')} (not that of the source)
  read    12 blobs, 812MB
  time    3.2 s
copied with it: attestation ${digest('5')} of ${digest('d')}
dropped: referrer\\n ${digest('7')}
note: The source has no manifest: a new one is made
note: linux/amd64: layer 1 may not be distributed and is not copied
`);
  });

  it('says that a dry run wrote nothing', () => {
    const text = copyText(copyReport({ dryRun: true, digest: undefined, images: [] }), PLAIN);
    expect(
      text,
    ).toBe(`Would copy docker://r.example/app:1 to oci:layout:app (dry run, nothing is written)
  names  app
  time   3.2 s
`);
  });
});

describe('tagText()', () => {
  it('says what names meant before', () => {
    const names = [...tagReport().names, { name: 'app:1', before: digest('c') }];
    expect(tagText(tagReport({ names }), PLAIN)).toBe(`Named docker-daemon:app:1 (${digest('c')})
  app:2
  app:latest, which was ${digest('e')} before
  app:1, which it was already
`);
    expect(tagText(tagReport({ names: [], dryRun: true }), PLAIN)).toBe(
      `Would name docker-daemon:app:1 (${digest('c')}) (dry run, nothing is changed)\n`,
    );
  });
});
