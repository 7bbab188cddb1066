// `shipper rollout`, `rollback` and `resume`: what changes an environment, told as it goes and at its end.

import type { Context } from '../../core/context.ts';
import { rolloutAnnotations, rolloutOutputs, rolloutSummary } from '../../report/rollout-ci.ts';
import { rolloutRenderer } from '../../report/rollout-live.ts';
import { rolloutPlanText } from '../../report/rollout-plan.ts';
import { rolloutFailures, rolloutText } from '../../report/rollout-report.ts';
import type { RolloutPlan, RolloutReport } from '../../rollout/rollout-types.ts';
import type { System } from '../../system/system.ts';
import { EXIT, exitCodeOfRollout } from '../exit-code.ts';
import { tellGitHub } from '../github.ts';
import { WHAT } from '../options.ts';
import { printAnswer, type Session, withProgress } from '../session.ts';
import { parseWord } from '../values.ts';
import type { Verb } from '../verb.ts';
import {
  DRY_RUN,
  ENVIRONMENT,
  type RolloutFlags,
  rollbackRequest,
  rolloutRequest,
  SERVICES,
  startOptions,
  VERSION_OPTION,
} from './environment-options.ts';

const REPORT = {
  flags: '--report <FILE>',
  about: 'roll out the digests of this report of shipper ship',
  group: WHAT,
  parse: parseWord,
  value: 'file',
  otherwise: 'what the tags name now',
} as const;

const FORCE = {
  flags: '--force',
  about: 'begin a new release although another one is half-way',
  group: WHAT,
} as const;

export const rolloutVerb: Verb<RolloutFlags> = {
  name: 'rollout',
  summary: 'put the pushed images on the hosts of an environment, a batch at a time',
  about: `Makes the containers of an environment run its images: each new one is started beside the old,
watched until it works, and only then is the old one stopped. A batch at a time, as update_config
says; where one does not work its slot gets back what it ran, and the rollout pauses, goes back or
goes on.

A rollout that was stopped half-way, by whatever, is gone on with by the same command or by
"shipper resume", and undone by "shipper rollback".`,
  args: [ENVIRONMENT, SERVICES],
  options: startOptions(REPORT, VERSION_OPTION, DRY_RUN, FORCE),
  examples: [
    ['shipper rollout staging', 'every service, what the tags name now'],
    ['shipper rollout production --report ship.json', 'exactly what was shipped'],
    ['shipper rollout staging api --dry-run', 'every call that would be made, and why'],
    ['shipper rollout production --skip-unreachable 1', 'one host may be away'],
  ],
  run: (session, [environment, ...services], flags) => {
    const { operations } = session;
    const request = rolloutRequest(environment, services, flags);
    return runChange(session, ['rollout', environment, ...services], flags, {
      plan: (system, ctx) => operations.planRollout(system, ctx, request),
      change: (system, ctx) => operations.rolloutEnvironment(system, ctx, request),
    });
  },
};

export const rollbackVerb: Verb<RolloutFlags> = {
  name: 'rollback',
  summary: 'undo a rollout that is half-way, else go back to the release before',
  about: `Undoes a rollout that is half-way: every slot gets back what it ran before. Where none is, the
newest older release that is complete on every host is brought back, or the one that --version
names.`,
  args: [ENVIRONMENT],
  options: startOptions(VERSION_OPTION, DRY_RUN),
  examples: [
    ['shipper rollback production', 'what ran before'],
    ['shipper rollback production --version 20260131-1200', 'a certain release'],
  ],
  run: (session, [environment], flags) => {
    const { operations } = session;
    const request = rollbackRequest(environment, flags);
    return runChange(session, ['rollback', environment], flags, {
      plan: (system, ctx) => operations.planRollback(system, ctx, request),
      change: (system, ctx) => operations.rollbackEnvironment(system, ctx, request),
    });
  },
};

export const resumeVerb: Verb<RolloutFlags> = {
  name: 'resume',
  summary: 'go on with a rollout that is half-way, or mend what runs',
  about: `Goes on with a rollout or rollback that was stopped half-way. Where none is, every slot is brought
to the release that runs: containers that are gone are made again, hosts that were away catch up.`,
  args: [ENVIRONMENT],
  options: startOptions(DRY_RUN),
  examples: [['shipper resume production', 'go on']],
  run: (session, [environment], flags) => {
    const { operations } = session;
    const request = rollbackRequest(environment, flags);
    return runChange(session, ['resume', environment], flags, {
      plan: (system, ctx) => operations.planResume(system, ctx, request),
      change: (system, ctx) => operations.resumeEnvironment(system, ctx, request),
    });
  },
};

/** Both forms of a change. */
interface Change {
  plan(system: System, ctx: Context): Promise<RolloutPlan>;
  change(system: System, ctx: Context): Promise<RolloutReport>;
}

async function runChange(
  session: Session,
  words: readonly (string | undefined)[],
  { dryRun }: RolloutFlags,
  { plan, change }: Change,
): Promise<number> {
  const title = ['shipper', ...words].join(' ');
  if (dryRun) {
    const planned = await withProgress(session, title, plan);
    await printAnswer(session, {
      json: planned,
      quiet: planned.release,
      text: (options) => rolloutPlanText(planned, options),
    });
    return EXIT.done;
  }
  const report = await withProgress(session, title, change, rolloutRenderer);
  await tellRollout(session, report);
  return exitCodeOfRollout(report, session.stop.signal);
}

/** The report on stdout, what failed and what mends it on stderr, and what GitHub wants. */
export async function tellRollout(
  session: Session,
  report: RolloutReport,
  json: unknown = report,
): Promise<void> {
  const { system, settings } = session;
  await printAnswer(session, {
    json,
    quiet: report.release,
    text: (options) => rolloutText(report, options),
  });
  const { errColours: colours, verbose } = settings;
  system.stdio.writeErr(rolloutFailures(report, { colours, verbose }));
  await tellGitHub(system, {
    annotations: rolloutAnnotations(report),
    summary: rolloutSummary(report),
    outputs: rolloutOutputs(report),
  });
}
