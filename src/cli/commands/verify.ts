// `shipper verify`: are two images the same?
import { verifySummary } from '../../report/ci.ts';
import { verifyText } from '../../report/verify-report.ts';
import { exitCodeOfVerify } from '../exit-code.ts';
import { tellGitHub } from '../github.ts';
import {
  LIMIT_OPTIONS,
  MEDIA_OPTIONS,
  MERGE_OPTIONS,
  type MediaFlags,
  type MergeFlags,
  type PlatformFlags,
  platformOption,
  readOptions,
} from '../options.ts';
import { printAnswer, withProgress } from '../session.ts';
import { checkStdin } from '../streams.ts';
import { parseWord } from '../values.ts';
import type { Verb } from '../verb.ts';

type VerifyFlags = MediaFlags & MergeFlags & PlatformFlags;

export const verifyVerb: Verb<VerifyFlags> = {
  name: 'verify',
  summary: 'say whether two images are the same, and what differs',
  about: `Compares the root file systems and configurations of two images, however they are layered or stored.

Exit code: 0 the same, 4 different, 1 could not be compared. With --quiet nothing is printed.`,
  args: [
    { name: 'A', about: 'an image, as in flatten', value: 'image' },
    { name: 'B', about: 'the other', value: 'image' },
  ],
  options: [
    platformOption('What is compared:', 'every platform of an index'),
    ...MERGE_OPTIONS,
    ...LIMIT_OPTIONS,
    ...MEDIA_OPTIONS,
  ],
  examples: [
    ['shipper verify app:1 app:1-flat', 'two images of the engine'],
    ['shipper verify app.tar oci:layout:app --json', 'archive and OCI layout'],
  ],

  async run(session, [a = '', b = ''], flags) {
    const { system, operations } = session;
    parseWord('A', a);
    parseWord('B', b);
    checkStdin(system, [a, b]);
    const options = readOptions(flags);
    const report = await withProgress(session, `shipper verify ${a} ${b}`, (inside, ctx) =>
      operations.verifyImages(inside, ctx, a, b, options),
    );
    await printAnswer(session, {
      json: report,
      quiet: undefined,
      text: (how) => verifyText(report, how),
    });
    await tellGitHub(system, {
      summary: verifySummary(report),
      outputs: { same: `${report.same}` },
    });
    return exitCodeOfVerify(report);
  },
};
