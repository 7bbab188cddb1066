// What the doctor found, as text. Types only from the fleet.
import type { DoctorCheck, DoctorReport } from '../fleet/doctor-types.ts';
import type { TextOptions } from './findings.ts';
import { formatMany, formatTable } from './format.ts';
import { safe } from './text.ts';

/** A row for each thing, what mends it below, and a line that sums up. */
export function doctorText({ checks }: DoctorReport, { colours }: TextOptions): string {
  const paint = { ok: colours.green, warning: colours.yellow, failed: colours.red };
  const rows = checks.map(({ area, subject }) => [area, safe(subject)]);
  const heads = formatTable(rows, ['left', 'left']);
  const lines = checks.flatMap(({ state, found, mend }, at) => {
    const line = `${paint[state](state.padEnd(7))}  ${heads[at] ?? ''}  ${safe(found)}`;
    return mend === undefined ? [line] : [line, colours.dim(`         ${safe(mend)}`)];
  });
  return [...lines, summary(checks)].map((line) => `${line}\n`).join('');
}

function summary(checks: readonly DoctorCheck[]): string {
  const failed = checks.filter(({ state }) => state === 'failed').length;
  const warnings = checks.filter(({ state }) => state === 'warning').length;
  if (failed > 0) return `${formatMany(failed, 'thing')} of ${checks.length} must be mended`;
  const more = warnings === 0 ? '' : `, ${formatMany(warnings, 'warning')}`;
  return `all that is needed works${more}`;
}
