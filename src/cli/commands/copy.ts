// `shipper copy`: an image from one place to another, unchanged.

import type { Compression } from '../../blob/compressor.ts';
import { given } from '../../core/given.ts';
import type { CopyRequest } from '../../operations/copy-types.ts';
import { copyText } from '../../report/copy-report.ts';
import { safe } from '../../report/text.ts';
import { EXIT } from '../exit-code.ts';
import { checkIdFile, checkIdFilesDiffer, writeIdFile } from '../id-file.ts';
import {
  MEDIA_OPTIONS,
  type MediaFlags,
  mediaOptions,
  type PlatformFlags,
  platformOption,
} from '../options.ts';
import { printAnswer, type Session, withProgress } from '../session.ts';
import { checkStdin, isPipe } from '../streams.ts';
import { choiceOf, countUpTo, parseCompression, parseWord, usage } from '../values.ts';
import type { OptionSpec, Verb } from '../verb.ts';

interface CopyFlags extends MediaFlags, PlatformFlags {
  readonly attestations?: 'copy' | 'drop';
  readonly compression?: Compression;
  readonly preserveDigests?: boolean;
  readonly allowNondistributable?: boolean;
  readonly digestfile?: string;
  readonly dryRun?: boolean;
  readonly jobs?: number;
}

const WHAT = 'What is copied:';
const RUN = 'How it runs:';
const ATTESTATIONS = ['copy', 'drop'] as const;

const OPTIONS: readonly OptionSpec[] = [
  platformOption(WHAT, 'every platform of an index'),
  {
    flags: '--attestations <WHAT>',
    about: 'attestations and signatures that the index lists: copy or drop them',
    group: WHAT,
    parse: choiceOf(ATTESTATIONS),
    choices: ATTESTATIONS,
    otherwise: 'copy',
  },
  {
    flags: '--compression <KIND>',
    about: 'for layers that are not compressed: none, gzip[:1-9], zstd[:1-22]; others stay',
    group: WHAT,
    parse: parseCompression,
    suggestions: ['none', 'gzip', 'zstd'],
    otherwise: 'as they are; without a manifest as the destination has them',
  },
  {
    flags: '--preserve-digests',
    about: 'fail (exit 4) where the digest would not stay what it is',
    group: WHAT,
  },
  {
    flags: '--allow-nondistributable',
    about: 'copy layers that are marked as not to be passed on',
    group: WHAT,
  },
  {
    flags: '--digestfile <FILE>',
    about: 'write the digest of the manifest or index to FILE',
    group: RUN,
    parse: parseWord,
    value: 'file',
  },
  { flags: '--dry-run', about: 'plan and report, write nothing', group: RUN },
  {
    flags: '--jobs <N>',
    about: 'blobs copied at once, and threads for compression',
    group: RUN,
    parse: countUpTo(1024),
    otherwise: 'all cores, and at least 4 blobs',
  },
  ...MEDIA_OPTIONS,
];

export const copyVerb: Verb<CopyFlags> = {
  name: 'copy',
  summary: 'copy an image from one place to another, unchanged',
  about: `Copies an image between registries, engines, archives, layouts and pipes: every blob, manifest and
index byte for byte, so that its digest stays. Where a place cannot hold the manifest as it is, the
report says why.

SOURCE and DEST are named as in flatten; a bare DEST is a name of the engine.`,
  args: [
    { name: 'SOURCE', about: 'an image, as in flatten', value: 'image' },
    { name: 'DEST', about: 'where it goes', value: 'image' },
  ],
  options: OPTIONS,
  examples: [
    ['shipper copy docker://app:1 docker://registry.example.com/app:1', 'all platforms'],
    ['shipper copy app:1 docker://registry.example.com/app:1', 'from the engine'],
    ['shipper copy docker://app:1 oci:layout:app --preserve-digests', 'to an OCI layout'],
    ['shipper copy docker://app:1 - --platform linux/arm64 | docker load', 'in a pipe'],
  ],

  async run(session, [source = '', destination = ''], flags) {
    const takesStdout = checkCopy(session, source, destination, flags);
    const { system, operations } = session;
    const files = [['--digestfile', flags.digestfile]] as const;
    await checkIdFilesDiffer(system, files, [source, destination]);
    await checkIdFile(system, '--digestfile', flags.digestfile);
    const request = copyRequest(source, destination, flags);
    const report = await withProgress(session, `shipper copy ${source}`, (inside, ctx) =>
      operations.copyImage(inside, ctx, request),
    );
    await writeIdFile(system, flags.digestfile, report.digest);
    const quiet = report.digest === undefined ? undefined : safe(report.digest);
    const text = (options: Parameters<typeof copyText>[1]) => copyText(report, options);
    await printAnswer(session, { json: report, quiet, text }, takesStdout);
    return EXIT.done;
  },
};

function copyRequest(source: string, destination: string, flags: CopyFlags): CopyRequest {
  return {
    source,
    destination,
    ...mediaOptions(flags),
    ...given({
      platform: flags.platform,
      attestations: flags.attestations,
      compression: flags.compression,
      preserveDigests: flags.preserveDigests,
      allowNondistributable: flags.allowNondistributable,
      jobs: flags.jobs,
      dryRun: flags.dryRun,
    }),
  };
}

/** Refuses what contradicts itself; says whether stdout will carry the archive. */
function checkCopy(
  { system, settings }: Session,
  source: string,
  destination: string,
  { dryRun, digestfile }: CopyFlags,
): boolean {
  parseWord('SOURCE', source);
  parseWord('DEST', destination);
  checkStdin(system, [source]);
  if (dryRun && digestfile !== undefined)
    throw usage('Cannot combine --dry-run with --digestfile: nothing is written');
  if (dryRun || !isPipe(destination)) return false;
  if (settings.json) {
    throw usage('Cannot combine --json with an archive on stdout: both would be written there');
  }
  if (system.stdio.stdoutIsTTY) {
    throw usage(
      'Cannot write an archive to a terminal: stdout is not redirected',
      'add "> image.tar" or "| docker load", or name a file',
    );
  }
  return true;
}
