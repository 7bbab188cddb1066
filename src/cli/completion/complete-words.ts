// `shipper __complete SHELL WORDS…`: what the scripts of shells ask for. Prints a candidate a line; never a message, whatever fails.
import type { Call } from '../call.ts';
import type { TaskProgram } from '../tasks/task-program.ts';
import { type Candidate, candidatesFor } from './candidates.ts';
import type { ProgramShape } from './shape.ts';

/** Answers the script of a shell. */
export async function completeWords(
  { system }: Call,
  [shell = '', ...typed]: readonly string[],
  shape: ProgramShape,
  program: TaskProgram,
): Promise<void> {
  const words = shell === 'bash' ? joined(typed) : typed;
  const current = words.at(-1) ?? '';
  try {
    const found = await candidatesFor(system, words, shape, program);
    const fitting = found.filter(({ value }) => value.startsWith(current));
    const cut = shell === 'bash' ? current.length - lastPart(typed).length : 0;
    await system.stdio.writeOut(fitting.map((each) => `${lineFor(shell, each, cut)}\n`).join(''));
  } catch {
    // A line that is half typed is seldom right, and nobody is there to read why.
  }
}

/** Readline cuts words at these, and takes what it replaces to begin behind them. */
const BREAKS = /^[=:@]$/;

function joined(parts: readonly string[]): readonly string[] {
  const words: string[] = [];
  let isOpen = false;
  for (const part of parts) {
    const isBreak = BREAKS.test(part);
    if (words.length > 0 && (isBreak || isOpen)) words.push(`${words.pop() ?? ''}${part}`);
    else words.push(part);
    isOpen = isBreak;
  }
  return words;
}

function lastPart(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return BREAKS.test(last) ? '' : last;
}

function lineFor(shell: string, { value, about }: Candidate, cut: number): string {
  switch (shell) {
    case 'zsh':
      return `${value.replace(/[\\:]/g, '\\$&')}${about === '' ? '' : `:${about}`}`;
    case 'fish':
      return about === '' ? value : `${value}\t${about}`;
    default:
      return value.slice(cut);
  }
}
