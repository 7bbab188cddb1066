// Completion for bash 4 and later, without the bash-completion package.
import {
  COMPLETE_WORD,
  IMAGE_PREFIXES,
  isAskedFor,
  type OptionShape,
  type ProgramShape,
} from './shape.ts';

/** The script: `source <(shipper completion bash)`. */
export function bashScript(shape: ProgramShape): string {
  const names = shape.commands.map(({ name }) => name);
  const globals = shape.options.flatMap(({ names }) => names);
  const every = [...shape.options, ...shape.commands.flatMap(({ options }) => options)];
  const taking = new Set(every.filter((o) => o.takesValue).flatMap(({ names }) => names));
  return `# bash completion for shipper. For this shell: source <(shipper completion bash)
# For every shell: shipper completion bash > ~/.local/share/bash-completion/completions/shipper
_shipper_offer() { # words: what starts like the current word
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
  compopt +o default 2>/dev/null
}

_shipper_offer_image() { # prefixes of image names; readline adds files where none fits
  COMPREPLY=($(compgen -W "${IMAGE_PREFIXES.join(' ')}" -- "$cur"))
  compopt -o nospace 2>/dev/null
}

_shipper_ask() { # tasks, environments, services, hosts: what only the program knows, here and now
  local IFS=$'\\n' found
  found=$("\${COMP_WORDS[0]}" ${COMPLETE_WORD} bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY+=($(compgen -W "$found" -- "$cur"))
  [[ -n $found ]] && compopt +o default 2>/dev/null
}

_shipper_takes_value() {
  case "$1" in
    ${[...taking].join(' | ')}) return 0 ;;
  esac
  return 1
}

_shipper() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" option="\${COMP_WORDS[COMP_CWORD - 1]}"
  local verb= arguments=0 word i
  # Readline cuts words at "=": --option=value comes as three.
  if [[ $cur == "=" ]]; then
    cur=
  elif [[ $option == "=" && COMP_CWORD -ge 2 ]]; then
    option="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $word == -?* ]]; then
      if _shipper_takes_value "$word"; then
        ((i++))
        [[ \${COMP_WORDS[i]} == "=" ]] && ((i++))
      fi
    elif [[ -z $verb ]]; then
      verb=$word
    elif [[ $word == ":" ]]; then
      ((i++)) # and at ":", which stands inside image names
    else
      ((arguments++))
    fi
  done
  case "$verb" in
    "" | ${names.join(' | ')}) ;;
    *) # a task
      _shipper_ask
      return
      ;;
  esac
  if [[ $option == -* ]] && _shipper_takes_value "$option"; then
    case "$verb $option" in
${valueCases(shape)}
      *) compopt +o default 2>/dev/null ;;
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case "$verb" in
${shape.commands.map(({ name, options }) => `      ${name}) _shipper_offer "${words([...options.flatMap((o) => o.names), ...globals])}" ;;`).join('\n')}
      *) _shipper_offer "${words(globals)}" ;;
    esac
    return
  fi
  case "$verb $arguments" in
    " 0")
      _shipper_offer "${words(names)}"
      _shipper_ask
      ;;
${argumentCases(shape)}
    *) compopt +o default 2>/dev/null ;;
  esac
}

complete -o default -F _shipper shipper
`;
}

/** Names as one word list; long ones alone where both exist would hide `-C`, so all are offered. */
function words(names: readonly string[]): string {
  return names.join(' ');
}

function valueCases({ commands, options }: ProgramShape): string {
  const own = commands.flatMap(({ name, options: each }) =>
    each.flatMap((option) => valueCase(`${name} `, option)),
  );
  return [...own, ...options.flatMap((option) => valueCase('*', option))].join('\n');
}

function valueCase(before: string, option: OptionShape): string[] {
  const patterns = option.names
    .map((name) => (before === '*' ? `*" ${name}"` : `"${before}${name}"`))
    .join(' | ');
  const action = actionOf(option);
  return action === undefined ? [] : [`      ${patterns}) ${action} ;;`];
}

function argumentCases({ commands }: ProgramShape): string {
  return commands
    .flatMap(({ name, args }) =>
      args.map((arg, position) => {
        const action = actionOf(arg) ?? 'compopt +o default 2>/dev/null';
        return `    "${name} ${position}") ${action} ;;`;
      }),
    )
    .join('\n');
}

function actionOf({ choices, value }: Pick<OptionShape, 'choices' | 'value'>): string | undefined {
  if (choices.length > 0) return `_shipper_offer "${words(choices)}"`;
  if (isAskedFor(value)) return '_shipper_ask';
  switch (value) {
    case 'file':
      return ':'; // readline's own completion of files
    case 'folder':
      return 'COMPREPLY=($(compgen -d -- "$cur")); compopt -o filenames 2>/dev/null';
    case 'image':
      return '_shipper_offer_image';
    default:
      return undefined;
  }
}
