// `shipper prune`: what of an environment nobody needs any more goes from its hosts.
import { pruneText } from '../../report/fleet-report.ts';
import { EXIT } from '../exit-code.ts';
import { printAnswer, withProgress } from '../session.ts';
import type { Verb } from '../verb.ts';
import {
  type ChangeFlags,
  changeOptions,
  changeRequest,
  DRY_RUN,
  ENVIRONMENT,
} from './environment-options.ts';

interface PruneFlags extends ChangeFlags {
  readonly dryRun?: boolean;
}

export const pruneVerb: Verb<PruneFlags> = {
  name: 'prune',
  summary: 'remove what of an environment nobody needs any more',
  about: `Removes containers that the releases which are kept ("retain") do not need, and images that only
such releases had. Only what shipper made for this environment: never volumes, never what another
container uses, never the engine's own "prune". On a swarm: what it remembers of such releases; images
of nodes stay. Every rollout that is done does this at its end.`,
  args: [ENVIRONMENT],
  options: changeOptions(DRY_RUN),
  examples: [
    ['shipper prune production --dry-run', 'what would go, and why'],
    ['shipper prune production', 'removes it'],
  ],

  async run(session, [environment], { dryRun, ...flags }) {
    const { operations } = session;
    const request = changeRequest(environment, flags);
    const report = await withProgress(session, `shipper prune ${environment}`, (system, ctx) =>
      operations.pruneEnvironment(system, ctx, { ...request, ...(dryRun ? { dryRun } : {}) }),
    );
    const names = report.hosts.flatMap(({ removed }) => removed.map(({ name }) => name));
    await printAnswer(session, {
      json: report,
      quiet: names.length === 0 ? undefined : names.join('\n'),
      text: (options) => pruneText(report, options),
    });
    return report.skipped.length > 0 ? EXIT.skipped : EXIT.done;
  },
};
