// The options of `shipper flatten`, and the request that they make.

import type { Compression } from '../../blob/compressor.ts';
import { given } from '../../core/given.ts';
import type { FlattenRequest } from '../../operations/flatten-types.ts';
import { SPOOL_MODES, type SpoolMode } from '../../transport/spool-mode.ts';
import {
  LIMIT_OPTIONS,
  MEDIA_OPTIONS,
  MERGE_OPTIONS,
  type MediaFlags,
  type MergeFlags,
  mediaOptions,
  mergePolicy,
  type PlatformFlags,
  platformOption,
} from '../options.ts';
import {
  choiceOf,
  countFrom0,
  countUpTo,
  parseCompression,
  parsePair,
  parsePercent,
  parseSize,
  parseTimestamp,
  parseWord,
} from '../values.ts';
import type { OptionSpec } from '../verb.ts';

/** What the options of `flatten` are parsed into. */
export interface FlattenFlags extends MediaFlags, MergeFlags, PlatformFlags {
  readonly tag?: readonly string[];
  readonly output?: readonly string[];
  readonly inPlace?: boolean;
  readonly compression?: Compression;
  readonly verify?: boolean;
  readonly timestamp?: string;
  readonly keepBase?: string;
  readonly from?: number;
  readonly exclude?: readonly string[];
  readonly history?: 'summary' | 'keep' | 'none';
  readonly label?: readonly (readonly [string, string])[];
  readonly annotation?: readonly (readonly [string, string])[];
  readonly attestations?: 'drop' | 'fail';
  readonly allowNondistributable?: boolean;
  readonly maxSize?: number;
  readonly minSaving?: number;
  readonly jobs?: number;
  readonly dryRun?: boolean;
  readonly spool?: SpoolMode;
  readonly cache?: string;
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
    flags: '--keep-base <REF>',
    about: 'keep the layers of this image, which the source was built on; merge those above it',
    group: CONTENT,
    parse: parseWord,
    once: true,
    value: 'image',
  },
  {
    flags: '--from <N>',
    about: 'keep the first N layers as they are; merge those above them',
    group: CONTENT,
    parse: countFrom0,
    otherwise: '0',
  },
  {
    flags: '--exclude <GLOB>',
    about: 'leave paths out, by the rules of .dockerignore; repeatable',
    group: CONTENT,
    parse: parseWord,
    repeats: true,
  },
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
    about: 'fail (exit 4) when the flat layer, uncompressed, is larger',
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
  {
    flags: '--spool <MODE>',
    about: 'compressed layers are kept in a temporary file as tar or as they are, or read twice',
    group: RUN,
    parse: choiceOf(SPOOL_MODES),
    choices: SPOOL_MODES,
    otherwise: 'auto: by size and free space',
  },
  {
    flags: '--cache <DIR>',
    about: 'keep layers and their headers in DIR, for the next image that has them',
    group: RUN,
    parse: parseWord,
    value: 'folder',
    otherwise: 'no cache',
  },
];

/** All of them, in the order of the help. */
export const FLATTEN_OPTIONS: readonly OptionSpec[] = [
  ...RESULT_OPTIONS,
  ...CONTENT_OPTIONS,
  ...MERGE_OPTIONS,
  ...RUN_OPTIONS,
  ...MEDIA_OPTIONS,
];

/** The request of the library. */
export function flattenRequest(source: string, flags: FlattenFlags): FlattenRequest {
  return {
    source,
    ...mediaOptions(flags),
    ...given({
      tags: flags.tag,
      outputs: flags.output,
      inPlace: flags.inPlace,
      platform: flags.platform,
      compression: flags.compression,
      verify: flags.verify,
      timestamp: flags.timestamp,
      keepBase: flags.keepBase,
      from: flags.from,
      exclude: flags.exclude,
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
      spool: flags.spool,
      cache: flags.cache,
    }),
  };
}
