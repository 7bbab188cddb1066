// `shipper unlock`: takes the lock of an environment from whoever holds it, after it was shown who that is.
import { locksText } from '../../report/fleet-report.ts';
import type { LocksReport } from '../../rollout/queries.ts';
import { asked } from '../ask.ts';
import { EXIT } from '../exit-code.ts';
import { printAnswer, type Session, withProgress } from '../session.ts';
import { usage } from '../values.ts';
import type { Verb } from '../verb.ts';
import {
  ENVIRONMENT,
  type EnvironmentFlags,
  environmentRequest,
  LOOK_OPTIONS,
} from './environment-options.ts';

export const unlockVerb: Verb<EnvironmentFlags> = {
  name: 'unlock',
  summary: 'take the lock of an environment from whoever holds it',
  about: `Shows who holds the lock of an environment, and since when, asks, and removes it. This is seldom
needed: the lock of a run that has died is taken over after 30 seconds. A run that lives notices
before its next change and stops; "shipper resume" goes on with what it left half-way.

Without a terminal --yes is needed.`,
  args: [ENVIRONMENT],
  options: LOOK_OPTIONS,
  examples: [
    ['shipper unlock production', 'shows who has it, and asks'],
    ['shipper unlock production --yes', 'does not ask'],
  ],

  async run(session, [environment], flags) {
    const { operations, settings, system } = session;
    const request = environmentRequest(environment, flags);
    const title = `shipper unlock ${environment}`;
    const found = await withProgress(session, title, (inside, ctx) =>
      operations.environmentLocks(inside, ctx, request),
    );
    if (found.locks.length === 0) {
      await answer(session, found, 'is not locked');
      return EXIT.done;
    }
    system.stdio.writeErr(locksText(found, settings.errColours));
    if (!settings.yes && !(await asked(session, 'Remove this lock?'))) {
      throw usage(`Cannot unlock ${environment}: nobody said yes`, 'answer "yes", or give --yes');
    }
    const tokens = [...new Set(found.locks.map(({ holder }) => holder.token))];
    const removed = await withProgress(session, title, (inside, ctx) =>
      operations.unlockEnvironment(inside, ctx, { ...request, tokens }),
    );
    await answer(session, removed, 'is unlocked');
    return EXIT.done;
  },
};

async function answer(session: Session, report: LocksReport, state: string): Promise<void> {
  const { project, environment, locks } = report;
  const hosts = locks.map(({ host }) => host).join(', ');
  await printAnswer(session, {
    json: report,
    quiet: locks.length === 0 ? undefined : locks.map(({ host }) => host).join('\n'),
    text: () => `${project}/${environment} ${state}${hosts === '' ? '' : ` on ${hosts}`}\n`,
  });
}
