// A question on a terminal.
import { orAborted } from '../core/until-aborted.ts';
import type { Session } from './session.ts';
import { usage } from './values.ts';

/** Longer answers are none. */
const MOST_BYTES = 1000;

/** Whether a person answers yes. `USAGE` where there is no terminal to ask on: then `--yes` is the answer. */
export async function asked({ system, stop }: Session, question: string): Promise<boolean> {
  const { stdio } = system;
  if (!stdio.stdinIsTTY || !stdio.stderrIsTTY) {
    throw usage(`Cannot ask ${JSON.stringify(question)}: this is no terminal`, 'give --yes');
  }
  stdio.writeErr(`${question} [yes/no] `);
  const line = await orAborted(stop.signal, lineOf(stdio.stdin()));
  return /^y(?:es)?$/i.test(line.trim());
}

async function lineOf(input: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const bytes of input) {
    text += Buffer.from(bytes).toString('utf8');
    if (text.includes('\n') || text.length > MOST_BYTES) break;
  }
  return text.split('\n')[0] ?? '';
}
