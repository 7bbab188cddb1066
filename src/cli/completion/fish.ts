// Completion for fish.
import {
  COMPLETE_WORD,
  IMAGE_PREFIXES,
  isAskedFor,
  type OptionShape,
  type ProgramShape,
} from './shape.ts';

/** The script: `shipper completion fish | source`. */
export function fishScript({ commands, options }: ProgramShape): string {
  const lines = commands.flatMap(({ name, about, args, options: own }) => {
    const inside = `-n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
    return [
      `complete -c shipper -n __fish_use_subcommand -f -a ${quote(name)} -d ${quote(about)}`,
      ...own.map((option) => `complete -c shipper ${inside} ${optionText(option)}`),
      ...args.map((arg) => `complete -c shipper ${inside} ${actionOf(arg)}`),
    ];
  });
  return `# fish completion for shipper. For this shell: shipper completion fish | source
# For every shell: shipper completion fish > ~/.config/fish/completions/shipper.fish
function __shipper_ask # tasks, environments, services, hosts: what only the program knows, here and now
  set -l typed (commandline -opc)
  $typed[1] ${COMPLETE_WORD} fish $typed[2..] (commandline -ct) 2>/dev/null
end
complete -c shipper -f
complete -c shipper -n ${quote(`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`)} -f -a '(__shipper_ask)'
${options.map((option) => `complete -c shipper ${optionText(option)}`).join('\n')}
${[...new Set(lines)].join('\n')}
`;
}

function optionText({ names, about, takesValue, choices, value }: OptionShape): string {
  const flags = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const action = takesValue ? [`-r ${actionOf({ choices, value })}`] : [];
  return [...flags, ...action, `-d ${quote(about)}`].join(' ');
}

function actionOf({ choices, value }: Pick<OptionShape, 'choices' | 'value'>): string {
  if (choices.length > 0) return `-f -a ${quote(choices.join(' '))}`;
  if (isAskedFor(value)) return `-f -a ${quote('(__shipper_ask)')}`;
  switch (value) {
    case 'file':
      return '-F';
    case 'folder':
      return `-f -a ${quote('(__fish_complete_directories)')}`;
    case 'image':
      return `-F -a ${quote(IMAGE_PREFIXES.join(' '))}`;
    default:
      return '-f';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
