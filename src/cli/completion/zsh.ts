// Completion for zsh, through _arguments.
import {
  type ArgumentShape,
  COMPLETE_WORD,
  type CommandShape,
  IMAGE_PREFIXES,
  isAskedFor,
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

_shipper_ask() { # tasks, environments, services, hosts: what only the program knows, here and now
  local -a found
  found=("\${(@f)$("\${shipper_words[1]}" ${COMPLETE_WORD} zsh "\${(@)shipper_words[2,shipper_current]}" 2>/dev/null)}")
  [[ -n $IPREFIX ]] && found=("\${(@)found#$IPREFIX}")
  [[ -n "\${found[1]}" ]] && _describe -t tasks task found
}

_shipper() {
  local -a shipper_words=("\${words[@]}")
  local shipper_current=$CURRENT
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
    command)
      _describe -t commands command commands && ret=0
      _shipper_ask && ret=0
      ;;
    argument)
      case $words[1] in
${shape.commands.map(commandCase).join('\n')}
        *) _shipper_ask && ret=0 ;;
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
  if (isAskedFor(value)) return '_shipper_ask';
  switch (value) {
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    case 'image':
      return '_shipper_image';
    default:
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
