// Completion for zsh, through _arguments.
import {
  type ArgumentShape,
  type CommandShape,
  IMAGE_PREFIXES,
  type OptionShape,
  type ProgramShape,
} from './shape.ts';

/** The script: `source <(shipper completion zsh)` after compinit, or a file `_shipper` on the fpath. */
export function zshScript(shape: ProgramShape): string {
  return `#compdef shipper
# zsh completion for shipper. For this shell: source <(shipper completion zsh)
# For every shell: shipper completion zsh > a folder of your fpath, as _shipper

_shipper_image() {
  _alternative 'prefix:prefix:compadd -S "" -- ${IMAGE_PREFIXES.join(' ')}' 'files:file:_files'
}

_shipper() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  local -a globals commands
  globals=(
${lines(shape.options.map(optionText), 4)}
  )
  commands=(
${lines(
  shape.commands.map(({ name, about }) => quote(`${name}:${about}`)),
  4,
)}
  )
  _arguments -C "\${globals[@]}" '1:command:->command' '*::argument:->argument' && ret=0
  case $state in
    command) _describe -t commands command commands && ret=0 ;;
    argument)
      case $words[1] in
${shape.commands.map(commandCase).join('\n')}
      esac
      ;;
  esac
  return ret
}

if [[ \${funcstack[1]} == _shipper ]]; then
  _shipper "$@"
else
  compdef _shipper shipper
fi
`;
}

function commandCase({ name, args, options }: CommandShape): string {
  const specs = [...options.map(optionText), ...args.map(argumentText)];
  return `        ${name})
          _arguments "\${globals[@]}" \\
${specs.map((spec) => `            ${spec}`).join(' \\\n')} && ret=0
          ;;`;
}

function optionText(option: OptionShape): string {
  const { names, about, takesValue, repeats } = option;
  const [first = '', second] = names;
  const value = takesValue ? `:${escapeSpec(valueName(first))}:${actionOf(option)}` : '';
  const tail = `[${escapeSpec(about)}]${value}`;
  const each = (name: string) => (takesValue && name.startsWith('--') ? `${name}=` : name);
  if (second === undefined) return quote(`${repeats ? '*' : ''}${each(first)}${tail}`);
  const before = repeats ? quote('*') : quote(`(${first} ${second})`);
  return `${before}{${each(first)},${each(second)}}${quote(tail)}`;
}

function argumentText({ name, choices, value, repeats }: ArgumentShape): string {
  return quote(`${repeats ? '*' : ''}:${escapeSpec(name)}:${actionOf({ choices, value })}`);
}

function actionOf({ choices, value }: Pick<OptionShape, 'choices' | 'value'>): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  switch (value) {
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    case 'image':
      return '_shipper_image';
    case 'none':
      return ' ';
  }
}

function valueName(option: string): string {
  return option.replace(/^-+/, '');
}

function escapeSpec(text: string): string {
  return text.replace(/[\\:[\]]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function lines(texts: readonly string[], indent: number): string {
  return texts.map((text) => `${' '.repeat(indent)}${text}`).join('\n');
}
