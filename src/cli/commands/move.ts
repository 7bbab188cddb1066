// `shipper move`: services go from one environment to another, by digest.
import { given } from '../../core/given.ts';
import { moveFailure, moveText } from '../../report/fleet-report.ts';
import { rolloutAnnotations, rolloutSummary } from '../../report/rollout-ci.ts';
import { rolloutRenderer } from '../../report/rollout-live.ts';
import { rolloutFailures } from '../../report/rollout-report.ts';
import type { MoveReport, MoveRequest } from '../../rollout/move-types.ts';
import { EXIT, exitCodeOfMove } from '../exit-code.ts';
import { tellGitHub } from '../github.ts';
import { printAnswer, type Session, withProgress } from '../session.ts';
import { usage } from '../values.ts';
import type { Verb } from '../verb.ts';
import {
  DRY_RUN,
  moveOptions,
  type RolloutFlags,
  rollbackRequest,
  SERVICES,
} from './environment-options.ts';

export const moveVerb: Verb<RolloutFlags> = {
  name: 'move',
  summary: 'the same digests up in another environment, then down where they were',
  about: `Rolls out in TO exactly what FROM runs, with the configuration that TO has for it. Only when every
slot of it works there the services are stopped in FROM, by a rollout of its own: "shipper rollback
FROM" brings them back. If TO fails nothing of FROM is touched. The same command goes on with a move
that was stopped half-way.`,
  args: [
    { name: 'FROM', about: 'the environment that runs the services' },
    { name: 'TO', about: 'the environment that is to run them' },
    { ...SERVICES, about: 'services; default all that FROM runs' },
  ],
  options: moveOptions(DRY_RUN),
  examples: [
    ['shipper move dev staging', 'everything'],
    ['shipper move dev staging api --dry-run', 'what would be done for one service'],
  ],

  async run(session, [from = '', to = '', ...services], flags) {
    const { operations, stop } = session;
    const request = moveRequest(from, to, services, flags);
    const title = ['shipper move', from, to, ...services].join(' ');
    const report = await withProgress(
      session,
      title,
      (system, ctx) => operations.moveServices(system, ctx, request),
      rolloutRenderer,
    );
    await printAnswer(session, {
      json: report,
      quiet: report.arrived?.release,
      text: (options) => moveText(report, options),
    });
    if (request.dryRun) return EXIT.done;
    await tellMove(session, report);
    return exitCodeOfMove(report, stop.signal);
  },
};

function moveRequest(
  from: string,
  to: string,
  services: readonly string[],
  flags: RolloutFlags,
): MoveRequest {
  if (from === '' || to === '') throw usage('Cannot move: the name of an environment is empty');
  const { environment: _, ...rest } = rollbackRequest(from, flags);
  const own = given({ dryRun: flags.dryRun });
  return { ...rest, from, to, ...(services.length === 0 ? {} : { services }), ...own };
}

async function tellMove(session: Session, report: MoveReport): Promise<void> {
  const { system, settings } = session;
  const { errColours: colours, verbose } = settings;
  const halves = [report.arrived, report.left].filter((half) => half !== undefined);
  const options = { colours, verbose };
  // How the halves stand says the move: its own command mends both.
  const failures = halves.map((half) => rolloutFailures({ ...half, mend: [] }, options));
  system.stdio.writeErr(`${failures.join('')}${moveFailure(report, options)}`);
  await tellGitHub(system, {
    annotations: halves.map(rolloutAnnotations).join(''),
    summary: halves.map(rolloutSummary).join(''),
    outputs: {
      outcome: report.outcome,
      release: report.arrived?.release,
      mend: report.mend.join('\n'),
    },
  });
}
