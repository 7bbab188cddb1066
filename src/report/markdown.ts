// Pieces of Markdown for step summaries: text of others in it stays text.
import { safe } from './text.ts';

/** A row of a table. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Text as code. */
export function code(text: string): string {
  return `\`${safe(text).replaceAll('`', "'")}\``;
}

/** Text as it is. */
export function markdown(text: string): string {
  return safe(text).replace(/[\\`*_[\]<>|]/g, '\\$&');
}
