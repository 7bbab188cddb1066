// `shipper flatten`: merge the layers of an image into one.
import type { Compression } from '../../blob/compressor.ts';
import type { FlattenReport, FlattenRequest } from '../../operations/flatten-types.ts';
import { flattenAnnotations, flattenOutputs, flattenSummary } from '../../report/ci.ts';
import { flattenDigest, flattenId, flattenName, flattenText } from '../../report/flatten-report.ts';
import { exitCodeOfFlatten } from '../exit-code.ts';
import { tellGitHub } from '../github.ts';
import { checkIdFile, writeIdFile } from '../id-file.ts';
import {
  ENGINE_OPTIONS,
  type EngineFlags,
  engineOptions,
  given,
  LIMIT_OPTIONS,
  MERGE_OPTIONS,
  type MergeFlags,
  mergePolicy,
  type PlatformFlags,
  platformOption,
} from '../options.ts';
import { printAnswer, type Session, withProgress } from '../session.ts';
import { checkStdin, isPipe, namesMedium } from '../streams.ts';
import {
  choiceOf,
  countUpTo,
  parseCompression,
  parsePair,
  parsePercent,
  parseSize,
  parseTimestamp,
  parseWord,
  usage,
} from '../values.ts';
import type { OptionSpec, Verb } from '../verb.ts';

interface FlattenFlags extends EngineFlags, MergeFlags, PlatformFlags {
  readonly tag?: readonly string[];
  readonly output?: readonly string[];
  readonly inPlace?: boolean;
  readonly compression?: Compression;
  readonly verify?: boolean;
  readonly timestamp?: string;
  readonly history?: 'summary' | 'keep' | 'none';
  readonly label?: readonly (readonly [string, string])[];
  readonly annotation?: readonly (readonly [string, string])[];
  readonly attestations?: 'drop' | 'fail';
  readonly allowNondistributable?: boolean;
  readonly maxSize?: number;
  readonly minSaving?: number;
  readonly jobs?: number;
  readonly dryRun?: boolean;
  readonly iidfile?: string;
  readonly digestfile?: string;
}

const RESULT = 'Result:';
const CONTENT = 'What is in it:';
const GATES = 'Limits and gates:';
const RUN = 'How it runs:';
const HISTORY = ['summary', 'keep', 'none'] as const;
const ATTESTATIONS = ['drop', 'fail'] as const;

const RESULT_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '-t, --tag <NAME>',
    about: 'name of the result, in the medium of the source unless it has a prefix; repeatable',
    group: RESULT,
    parse: parseWord,
    repeats: true,
    value: 'image',
    otherwise: 'the name of the source and -flat',
  },
  {
    flags: '-o, --output <DEST>',
    about: 'where the result goes: a medium with a name or path, a path, - for stdout; repeatable',
    group: RESULT,
    parse: parseWord,
    repeats: true,
    value: 'file',
  },
  { flags: '--in-place', about: 'give the result the name of the source', group: RESULT },
  platformOption(RESULT, 'every platform of an index'),
  {
    flags: '--compression <KIND>',
    about: 'how the layer is stored: none, gzip[:1-9], zstd[:1-22]',
    group: RESULT,
    parse: parseCompression,
    suggestions: ['none', 'gzip', 'zstd'],
    otherwise: 'none for archives, gzip for layouts and the containerd store',
  },
  {
    flags: '--iidfile <FILE>',
    about: 'write the image id to FILE',
    group: RESULT,
    parse: parseWord,
    value: 'file',
  },
  {
    flags: '--digestfile <FILE>',
    about: 'write the digest of the manifest or index to FILE',
    group: RESULT,
    parse: parseWord,
    value: 'file',
  },
];

const CONTENT_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--label <K=V>',
    about: 'set a label of the configuration; repeatable',
    group: CONTENT,
    parse: parsePair,
    repeats: true,
  },
  {
    flags: '--annotation <K=V>',
    about: 'set an annotation of the manifest; repeatable',
    group: CONTENT,
    parse: parsePair,
    repeats: true,
  },
  {
    flags: '--history <WHAT>',
    about: 'history lines: one summary, keep those of the source, none',
    group: CONTENT,
    parse: choiceOf(HISTORY),
    choices: HISTORY,
    otherwise: 'summary',
  },
  {
    flags: '--timestamp <TIME>',
    about: 'created of the result: RFC 3339 or seconds since 1970; files keep their times',
    group: CONTENT,
    parse: parseTimestamp,
    otherwise: 'env SOURCE_DATE_EPOCH, else that of the source',
  },
  {
    flags: '--attestations <WHAT>',
    about: 'attestations and signatures no longer fit: drop and name them, or fail',
    group: CONTENT,
    parse: choiceOf(ATTESTATIONS),
    choices: ATTESTATIONS,
    otherwise: 'drop',
  },
  {
    flags: '--allow-nondistributable',
    about: 'merge layers that are marked as not to be passed on',
    group: CONTENT,
  },
];

const RUN_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--max-size <SIZE>',
    about: 'fail (exit 4) when the flat layer as stored is larger',
    group: GATES,
    parse: parseSize,
  },
  {
    flags: '--min-saving <PERCENT>',
    about: 'fail (exit 4) when less of the uncompressed layers is saved',
    group: GATES,
    parse: parsePercent,
  },
  ...LIMIT_OPTIONS,
  { flags: '--verify', about: 'read the written result back and compare it', group: RUN },
  { flags: '--dry-run', about: 'plan and report, write nothing', group: RUN },
  {
    flags: '--jobs <N>',
    about: 'threads for compression and hashing',
    group: RUN,
    parse: countUpTo(1024),
    otherwise: 'all cores',
  },
];

export const flattenVerb: Verb<FlattenFlags> = {
  name: 'flatten',
  summary: 'merge the layers of an image into one',
  about: `Merges the layers of an image into one, with the same root file system and the same configuration.

SOURCE and DEST are named as skopeo names them: docker-daemon:REF, docker-archive:PATH[:REF],
oci:PATH[:REF], oci-archive:PATH[:REF], a path, - for a pipe; a bare REF is an image of the engine.
Without -t and -o the result is NAME:TAG-flat beside the source (x.tar becomes x-flat.tar).
Sizes are written as 500000, 10MB (powers of 1000), 1.5GiB (powers of 1024).`,
  args: [{ name: 'SOURCE', about: 'the image to flatten', value: 'image' }],
  options: [
    ...RESULT_OPTIONS,
    ...CONTENT_OPTIONS,
    ...MERGE_OPTIONS,
    ...RUN_OPTIONS,
    ...ENGINE_OPTIONS,
  ],
  examples: [
    ['shipper flatten app:latest', 'makes app:latest-flat in the engine'],
    ['shipper flatten app:1 -t app:flat --verify', 'and compares it with the source'],
    [
      'shipper flatten app.tar -o oci:layout:app --compression zstd:9',
      'from archive to OCI layout',
    ],
    ['docker save app | shipper flatten - -o - | docker load', 'in a pipe'],
    ['shipper flatten app:1 --dry-run --min-saving 20', 'only says whether it is worth it'],
  ],

  async run(session, [source = ''], flags) {
    const takesStdout = checkFlatten(session, source, flags);
    const request = flattenRequest(source, flags);
    const { system, operations } = session;
    await checkIdFile(system, '--iidfile', flags.iidfile);
    await checkIdFile(system, '--digestfile', flags.digestfile);
    const report = await withProgress(session, `shipper flatten ${source}`, (ctx) =>
      operations.flattenImage(system, ctx, request),
    );
    await writeIdFile(system, flags.iidfile, flattenId(report));
    await writeIdFile(system, flags.digestfile, flattenDigest(report));
    await printAnswer(session, answerOf(report), takesStdout);
    await tellGitHub(system, {
      annotations: flattenAnnotations(report),
      summary: flattenSummary(report),
      outputs: flattenOutputs(report),
    });
    return exitCodeOfFlatten(report);
  },
};

function answerOf(report: FlattenReport): Parameters<typeof printAnswer>[1] {
  return {
    json: report,
    quiet: flattenName(report),
    text: (options) => flattenText(report, options),
  };
}

/** Refuses what contradicts itself; says whether stdout will carry the archive. */
function checkFlatten({ system, settings }: Session, source: string, flags: FlattenFlags): boolean {
  parseWord('SOURCE', source);
  checkStdin(system, [source]);
  checkNames(source, flags);
  checkDryRun(flags);
  const takesStdout = !flags.dryRun && writesToStdout(source, flags);
  if (!takesStdout) return false;
  if (settings.json) {
    throw usage('Cannot combine --json with an archive on stdout: both would be written there');
  }
  if (system.stdio.stdoutIsTTY) {
    throw usage(
      'Cannot write an archive to a terminal: stdout is not redirected',
      'add "> flat.tar" or "| docker load", or name a file with --output',
    );
  }
  return true;
}

function checkNames(source: string, { tag = [], output = [], inPlace }: FlattenFlags): void {
  if (inPlace && tag.length > 0) {
    throw usage('Cannot combine --in-place with --tag: each names the result');
  }
  if (inPlace && output.length > 0) {
    throw usage('Cannot combine --in-place with --output: each says where the result goes');
  }
  if (isPipe(source) && inPlace) {
    throw usage('Cannot use --in-place: a pipe cannot be replaced', 'add -o - or --output FILE');
  }
  if (isPipe(source) && tag.length === 0 && output.length === 0) {
    throw usage(
      'Cannot flatten stdin: neither --tag nor --output says where the result goes',
      'add -o - for stdout, or --output FILE',
    );
  }
  if (output.filter(isPipe).length > 1) {
    throw usage('Cannot write to stdout: it is named twice by --output');
  }
}

function checkDryRun({ dryRun, iidfile, digestfile, verify }: FlattenFlags): void {
  if (!dryRun) return;
  const needless = [
    iidfile === undefined ? undefined : '--iidfile',
    digestfile === undefined ? undefined : '--digestfile',
    verify ? '--verify' : undefined,
  ].find((option) => option !== undefined);
  if (needless !== undefined) {
    throw usage(`Cannot combine --dry-run with ${needless}: nothing is written`);
  }
}

/** A pipe that is only given a name goes on as a pipe. */
function writesToStdout(source: string, { tag = [], output = [] }: FlattenFlags): boolean {
  if (output.length > 0) return output.some(isPipe);
  return isPipe(source) && tag.some((name) => !namesMedium(name));
}

function flattenRequest(source: string, flags: FlattenFlags): FlattenRequest {
  return {
    source,
    ...engineOptions(flags),
    ...given({
      tags: flags.tag,
      outputs: flags.output,
      inPlace: flags.inPlace,
      platform: flags.platform,
      compression: flags.compression,
      verify: flags.verify,
      timestamp: flags.timestamp,
      history: flags.history,
      labels: flags.label && Object.fromEntries(flags.label),
      annotations: flags.annotation && Object.fromEntries(flags.annotation),
      policy: mergePolicy(flags),
      attestations: flags.attestations,
      allowNondistributable: flags.allowNondistributable,
      maxSizeBytes: flags.maxSize,
      minSavingPercent: flags.minSaving,
      jobs: flags.jobs,
      dryRun: flags.dryRun,
    }),
  };
}
