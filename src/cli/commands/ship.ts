// `shipper ship`, `build` and `push`: the images of shipper.yaml, built, flattened and published.
import { interruption } from '../../core/context.ts';
import type { ShipReport, ShipStage } from '../../pipeline/ship-types.ts';
import { shipAnnotations, shipOutputs, shipSummary } from '../../report/ship-ci.ts';
import { shipRenderer } from '../../report/ship-live.ts';
import { planGraph, planText } from '../../report/ship-plan.ts';
import { shipFailures, shipNames, shipText } from '../../report/ship-report.ts';
import { EXIT, exitCodeOf, exitCodeOfShip } from '../exit-code.ts';
import { tellGitHub } from '../github.ts';
import { checkIdFile, writeIdFile } from '../id-file.ts';
import { type Answer, printAnswer, type Session, withProgress } from '../session.ts';
import type { Verb } from '../verb.ts';
import { type ShipFlags, shipOptions, shipRequest } from './ship-options.ts';

const NAMES = {
  name: 'NAME',
  about: 'images and groups of shipper.yaml; default all images',
  repeats: true,
  optional: true,
} as const;

export const shipVerb: Verb<ShipFlags> = {
  name: 'ship',
  summary: 'build, flatten and publish the images of shipper.yaml, all or nothing',
  about: `Builds the images of shipper.yaml in the order in which they need each other, flattens them and
pushes them by digest, several beside each other. Tags move last, and only if every image is ready.
What has not changed since the last time is not made again.

Without "registry:" in shipper.yaml the images get their names in the engine of this machine.`,
  args: [NAMES],
  options: shipOptions('ship'),
  examples: [
    ['shipper ship', 'every image'],
    ['shipper ship web --report ship.json', 'a group, with a report for shipper rollout'],
    ['shipper ship --dry-run', 'what would be done'],
    ['shipper ship --dry-run --graph', 'the same as a picture for Mermaid'],
    ['shipper ship --keep-going', 'see every failure at once'],
  ],
  run: (session, names, flags) => runUntil('ship', session, names, flags),
};

export const buildVerb: Verb<ShipFlags> = {
  name: 'build',
  summary: 'build and flatten the images of shipper.yaml into the engine',
  about: `Builds and flattens the images of shipper.yaml as "shipper ship" does, and gives them their names in
the engine of this machine. No registry is written to.`,
  args: [NAMES],
  options: shipOptions('build'),
  examples: [
    ['shipper build', 'every image'],
    ['shipper build api', 'one image, and what it needs'],
  ],
  run: (session, names, flags) => runUntil('build', session, names, flags),
};

export const pushVerb: Verb<ShipFlags> = {
  name: 'push',
  summary: 'build and flatten the images of shipper.yaml, and push them by digest',
  about: `Does what "shipper ship" does, but moves no tag: the images are in the registry by their digests,
which are printed. A later "shipper ship" finds them there and only moves the tags.`,
  args: [NAMES],
  options: shipOptions('push'),
  examples: [
    ['shipper push', 'every image'],
    ['shipper push api -q', 'only prints what pulls it'],
  ],
  run: (session, names, flags) => runUntil('push', session, names, flags),
};

async function runUntil(
  until: ShipStage,
  session: Session,
  names: readonly string[],
  flags: ShipFlags,
): Promise<number> {
  const { system, operations, settings, stop } = session;
  const request = shipRequest(until, names, flags);
  const title = ['shipper', until, ...names].join(' ');
  if (flags.dryRun) {
    const plan = await withProgress(session, title, (inside, ctx) =>
      operations.planShip(inside, ctx, request),
    );
    const graph = () => planGraph(plan);
    await printAnswer(session, {
      json: plan,
      quiet: plan.images.map(({ name }) => name).join('\n'),
      text: flags.graph ? graph : (options) => planText(plan, options),
    });
    return EXIT.done;
  }
  await checkIdFile(system, '--report', flags.report);
  const report = await withProgress(
    session,
    title,
    (inside, ctx) => operations.shipProject(inside, ctx, request),
    shipRenderer,
  );
  await writeIdFile(system, flags.report, JSON.stringify(report, undefined, 2));
  await printAnswer(session, answerOf(report));
  const { errColours: colours, verbose } = settings;
  system.stdio.writeErr(shipFailures(report, { colours, verbose }));
  await tellGitHub(system, {
    annotations: shipAnnotations(report),
    summary: shipSummary(report),
    outputs: shipOutputs(report, flags.report),
  });
  if (report.outcome !== 'interrupted') return exitCodeOfShip(report);
  const reason = interruption(stop.signal);
  // With --json the report is the one object on stdout.
  if (settings.json) return exitCodeOf(reason);
  throw reason;
}

function answerOf(report: ShipReport): Answer {
  return {
    json: report,
    quiet: shipNames(report),
    text: (options) => shipText(report, options),
  };
}
