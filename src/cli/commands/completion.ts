// `shipper completion`: a script for a shell, made from the program itself.
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import type { ProgramShape } from '../completion/shape.ts';
import { zshScript } from '../completion/zsh.ts';
import { EXIT } from '../exit-code.ts';
import { choiceOf } from '../values.ts';
import type { Verb } from '../verb.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (shape: ProgramShape) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export const completionVerb: Verb = {
  name: 'completion',
  summary: 'print the completion script of a shell',
  about: 'Prints a script that completes commands, options and their values.',
  args: [{ name: 'SHELL', about: 'bash, zsh or fish', choices: SHELLS }],
  options: [],
  examples: [
    ['source <(shipper completion bash)', 'for this bash'],
    ['source <(shipper completion zsh)', 'for this zsh'],
    ['shipper completion fish | source', 'for this fish'],
  ],

  async run({ system, shape }, [shell = '']) {
    await system.stdio.writeOut(SCRIPTS[choiceOf(SHELLS)('SHELL', shell)](shape()));
    return EXIT.done;
  },
};
