// What a rollout would do, as text. Types only from the rollout.
import type { PlannedCall, RolloutPlan } from '../rollout/rollout-types.ts';
import type { TextOptions } from './findings.ts';
import { formatMany, formatTable } from './format.ts';
import { safe } from './text.ts';

/** Hex digits of a digest that tell one from another on a screen. */
const SHORT = 'sha256:'.length + 12;

/** The plan as lines, each ended by a line feed: services, then the calls of each batch with their causes. */
export function rolloutPlanText(plan: RolloutPlan, { colours }: TextOptions): string {
  const { action, project, environment, release, services, batches, notes } = plan;
  const name = colours.bold(`${safe(project)}/${safe(environment)}`);
  const count = batches.reduce((sum, { calls }) => sum + calls.length, 0);
  const what = count === 0 ? 'nothing is to be done' : formatMany(count, 'call');
  const images = services.map((service) => [
    colours.bold(safe(service.name)),
    safe(service.image),
    safe(service.digest).slice(0, SHORT),
  ]);
  const lines = [
    `Would ${WORDS[action]} ${name}, release ${safe(release)}: ${what} (dry run, nothing is done)`,
    ...formatTable(images, ['left', 'left', 'left']).map((line) => `  ${line}`),
    ...batches.flatMap(({ title, calls }) => [
      `${colours.bold(safe(title))}:`,
      ...formatTable(calls.map(callRow), ['left', 'left', 'left', 'left', 'left']).map(
        (line) => `  ${line}`,
      ),
    ]),
    ...notes.map((sentence) => `${colours.yellow('note:')} ${safe(sentence)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const WORDS = { rollout: 'roll out', rollback: 'roll back', resume: 'resume' } as const;

function callRow({ host, slot, kind, what, cause }: PlannedCall): string[] {
  return [slot === undefined ? '-' : safe(slot), safe(host), safe(kind), safe(what), safe(cause)];
}
