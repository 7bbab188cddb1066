// `shipper status` and `shipper history`: what runs in an environment, and what it ran.

import { historyText, statusText } from '../../report/status-report.ts';
import { EXIT } from '../exit-code.ts';
import { WHAT } from '../options.ts';
import { printAnswer, withProgress } from '../session.ts';
import type { Verb } from '../verb.ts';
import {
  ENVIRONMENT,
  type EnvironmentFlags,
  environmentRequest,
  LOOK_OPTIONS,
} from './environment-options.ts';

export const statusVerb: Verb<EnvironmentFlags> = {
  name: 'status',
  summary: 'what runs in an environment, by slot and host',
  about: `Shows every slot of an environment with its host, state, health and release, slots that are
missing or run another release than they should, what is half-way and who is at work. Changes
nothing and takes no lock. Hosts that do not answer are named; the exit code is 6 then. With --quiet
only the release is printed.`,
  args: [ENVIRONMENT],
  options: LOOK_OPTIONS,
  examples: [
    ['shipper status production', 'every slot'],
    ['shipper status production --json', 'all of it as JSON'],
  ],

  async run(session, [environment], flags) {
    const { operations } = session;
    const request = environmentRequest(environment, flags);
    const report = await withProgress(session, `shipper status ${environment}`, (system, ctx) =>
      operations.environmentStatus(system, ctx, request),
    );
    await printAnswer(session, {
      json: report,
      quiet: report.current,
      text: (options) => statusText(report, options),
    });
    return report.hosts.some(({ error }) => error !== undefined) ? EXIT.skipped : EXIT.done;
  },
};

/** The same with `--audit`. */
interface HistoryFlags extends EnvironmentFlags {
  readonly audit?: boolean;
}

export const historyVerb: Verb<HistoryFlags> = {
  name: 'history',
  summary: 'the releases of an environment, and who did what there',
  about: `Shows the releases that the hosts of an environment remember, newest first: who rolled them out,
when, and what became of them. With --verbose the digests of each; with --quiet only their names.`,
  args: [ENVIRONMENT],
  options: [
    { flags: '--audit', about: 'also every run that changed something', group: WHAT },
    ...LOOK_OPTIONS,
  ],
  examples: [
    ['shipper history production', 'the releases'],
    ['shipper history production --audit', 'also who did what, and how it ended'],
  ],

  async run(session, [environment], { audit = false, ...flags }) {
    const { operations } = session;
    const request = environmentRequest(environment, flags);
    const report = await withProgress(session, `shipper history ${environment}`, (system, ctx) =>
      operations.environmentHistory(system, ctx, request),
    );
    const { releases } = report;
    await printAnswer(session, {
      json: report,
      quiet: releases.length === 0 ? undefined : releases.map(({ id }) => id).join('\n'),
      text: (options) => historyText(report, options, audit),
    });
    return EXIT.done;
  },
};
