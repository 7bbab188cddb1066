// What a rollout leaves on GitHub Actions: annotations, the step summary, outputs. Types only from the rollout.
import type { RolloutReport } from '../rollout/rollout-types.ts';
import { annotation } from './ci.ts';
import { formatSeconds } from './format.ts';
import { code, markdown, tableRow } from './markdown.ts';
import { failuresOf, nameOf, outcomeText } from './rollout-report.ts';
import { safe } from './text.ts';

/** One annotation for each failure, and for each note. */
export function rolloutAnnotations(report: RolloutReport): string {
  const isDone = report.outcome === 'done' || report.outcome === 'unchanged';
  const failures = failuresOf(report).map(({ place, error }) => {
    const title = place === '' ? 'shipper' : `shipper: ${place}`;
    return annotation(isDone ? 'warning' : 'error', error.message, title);
  });
  const notes = report.notes.map((sentence) => annotation('warning', sentence, 'shipper'));
  return [...failures, ...notes].join('');
}

/** Outputs: `outcome`, `release`, `mend` (commands that mend what was left, one a line). */
export function rolloutOutputs(report: RolloutReport): Record<string, string | undefined> {
  const { outcome, release, mend } = report;
  return { outcome, release: safe(release), mend: mend.map(safe).join('\n') };
}

/** The step summary, as Markdown. */
export function rolloutSummary(report: RolloutReport): string {
  const { action, project, environment, release, slots, mend, notes, seconds } = report;
  return [
    `### shipper ${action} ${code(`${project}/${environment}`)}: ${outcomeText(report)}`,
    '',
    tableRow(['slot', 'host', 'state', 'runs', 'time']),
    tableRow(['---', '---', '---', '---', '---']),
    ...slots.map((slot) =>
      tableRow([
        code(nameOf(slot)),
        code(slot.host),
        slot.state,
        slot.runs === undefined ? '' : code(slot.runs),
        formatSeconds(slot.seconds),
      ]),
    ),
    '',
    ...failuresOf(report).flatMap(({ place, error }) => failureText(place, error)),
    ...notes.map((sentence) => `- ${markdown(sentence)}`),
    ...mend.map((command) => `- To mend it: ${code(command)}`),
    `- Release ${code(release)}, took ${formatSeconds(seconds)}.`,
    '',
    '',
  ].join('\n');
}

function failureText(
  place: string,
  { message, log }: { readonly message: string; readonly log: readonly string[] },
): string[] {
  const fence = '````';
  const where = place === '' ? '' : `**${markdown(place)}**: `;
  return [
    `${where}${markdown(message)}`,
    '',
    ...(log.length === 0 ? [] : [fence, ...log.map(safe), fence, '']),
  ];
}
