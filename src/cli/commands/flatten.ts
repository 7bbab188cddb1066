// `shipper flatten`: merge the layers of an image into one.
import type { FlattenReport } from '../../operations/flatten-types.ts';
import { flattenAnnotations, flattenOutputs, flattenSummary } from '../../report/ci.ts';
import { flattenDigest, flattenId, flattenName, flattenText } from '../../report/flatten-report.ts';
import { exitCodeOfFlatten } from '../exit-code.ts';
import { tellGitHub } from '../github.ts';
import { checkIdFile, checkIdFilesDiffer, writeIdFile } from '../id-file.ts';
import { type Answer, printAnswer, type Session, withProgress } from '../session.ts';
import { checkStdin, isPipe, namesMedium } from '../streams.ts';
import { parseWord, usage } from '../values.ts';
import type { Verb } from '../verb.ts';
import { FLATTEN_OPTIONS, type FlattenFlags, flattenRequest } from './flatten-options.ts';

export const flattenVerb: Verb<FlattenFlags> = {
  name: 'flatten',
  summary: 'merge the layers of an image into one',
  about: `Merges the layers of an image into one, with the same root file system and the same configuration.

SOURCE and DEST are named as skopeo names them: docker-daemon:REF, docker-archive:PATH[:REF],
oci:PATH[:REF], oci-archive:PATH[:REF], a path, - for a pipe; a bare REF is an image of the engine.
Without -t and -o the result is NAME:TAG-flat beside the source (x.tar becomes x-flat.tar).
Sizes are written as 500000, 10MB (powers of 1000), 1.5GiB (powers of 1024).`,
  args: [{ name: 'SOURCE', about: 'the image to flatten', value: 'image' }],
  options: FLATTEN_OPTIONS,
  examples: [
    ['shipper flatten app:latest', 'makes app:latest-flat there'],
    ['shipper flatten app:1 -t app:flat --verify', 'and compares it with the source'],
    [
      'shipper flatten app.tar -o oci:layout:app --compression zstd:9',
      'from archive to OCI layout',
    ],
    ['shipper flatten app:1 --keep-base node:22', 'keeps its layers'],
    ['docker save app:1 | shipper flatten - -o - | docker load', 'in a pipe'],
    ['shipper flatten app:1 --dry-run --min-saving 20', 'only says whether it is worth it'],
  ],

  async run(session, [source = ''], flags) {
    const takesStdout = checkFlatten(session, source, flags);
    const request = flattenRequest(source, flags);
    const { system, operations } = session;
    await checkIdFilesDiffer(
      system,
      [
        ['--iidfile', flags.iidfile],
        ['--digestfile', flags.digestfile],
      ],
      [source, ...(request.outputs ?? []), ...(request.tags ?? [])],
    );
    await checkIdFile(system, '--iidfile', flags.iidfile);
    await checkIdFile(system, '--digestfile', flags.digestfile);
    const report = await withProgress(session, `shipper flatten ${source}`, (inside, ctx) =>
      operations.flattenImage(inside, ctx, request),
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

function answerOf(report: FlattenReport): Answer {
  return {
    json: report,
    quiet: flattenName(report),
    text: (options) => flattenText(report, options),
  };
}

/** Refuses what contradicts itself; says whether stdout will carry the archive. */
function checkFlatten({ system, settings }: Session, source: string, flags: FlattenFlags): boolean {
  parseWord('SOURCE', source);
  checkStdin(system, flags.keepBase === undefined ? [source] : [source, flags.keepBase]);
  checkNames(source, flags);
  if (flags.keepBase !== undefined && flags.from !== undefined) {
    throw usage('Cannot combine --keep-base with --from: each says which layers are kept');
  }
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
