// What commander complains about → `USAGE` in our words. The messages are those of commander 14.0.3, pinned in
// package.json and by the tests; one that is not known is passed on as it is.
import type { Command, CommanderError } from 'commander';
import type { ShipperError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { usage } from './values.ts';

/** Whether commander only ended because help was printed. */
export function isHelp({ code }: CommanderError): boolean {
  return code === 'commander.helpDisplayed' || code === 'commander.help';
}

/** The refusal that `error`, thrown while `command` was parsed, stands for. */
export function complaintOf(error: CommanderError, command: Command): ShipperError {
  const message = error.message.replace(/^error: /, '');
  const [, quoted = ''] = /'([^']*)'/.exec(message) ?? [];
  const path = commandPath(command);
  const help = `see "${path} --help"`;
  switch (error.code) {
    case 'commander.unknownOption':
      return unknownOption(/^unknown option '(.*?)'(?:\n|$)/s.exec(message)?.[1] ?? '', command);
    case 'commander.unknownCommand': {
      const word = /^unknown command '(.*?)'(?:\n|$)/s.exec(message)?.[1] ?? '';
      return unknownCommand(word, command);
    }
    case 'commander.missingArgument':
      return usage(`Cannot run ${path}: ${quoted} is missing`, help);
    case 'commander.excessArguments': {
      const [expected = '1', got = '2'] = message.match(/\d+/g) ?? [];
      const state = `${got} arguments were given, ${expected} expected`;
      return usage(`Cannot run ${path}: ${state}`, help);
    }
    case 'commander.optionMissingArgument': {
      const option = /(--?[\w-]+) <([^>]+)>/.exec(quoted);
      return usage(`Cannot use ${option?.[1] ?? quoted}: ${option?.[2] ?? 'its value'} is missing`);
    }
    default:
      return usage(`Cannot run ${path}: ${message}`, help);
  }
}

function unknownOption(word: string, command: Command): ShipperError {
  const [name = ''] = word.split('=');
  const known = optionNames(command);
  const path = commandPath(command);
  const [first = '-'] = command.args;
  if (command.parent === null && !first.startsWith('-')) return unknownCommand(first, command);
  if (known.includes(name)) return usage(`Cannot use ${word}: ${name} takes no value`);
  const near = name.startsWith('--') ? nearest(name, known) : undefined;
  const hint = near === undefined ? `see "${path} --help"` : `did you mean ${near}?`;
  return usage(`Cannot use ${word}: ${path} has no such option`, hint);
}

/** Refuses a command that does not exist. */
export function unknownCommand(word: string, program: Command): ShipperError {
  const near = nearest(
    word,
    program.commands.map((command) => command.name()),
  );
  const hint = near === undefined ? 'see "shipper --help"' : `did you mean ${near}?`;
  return usage(`Cannot run ${JSON.stringify(word)}: there is no such command`, hint);
}

function optionNames(command: Command): string[] {
  const own = command.options.flatMap(({ long, short }) => [long, short]);
  const names = [...own.filter((name) => typeof name === 'string'), '--help', '-h'];
  return command.parent === null ? names : [...names, ...optionNames(command.parent)];
}

function commandPath(command: Command): string {
  return command.parent === null
    ? command.name()
    : `${commandPath(command.parent)} ${command.name()}`;
}
