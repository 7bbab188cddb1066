// The commander program: built from the list of verbs; no work is done here. The only file that runs commander.
import { Argument, Command, CommanderError, Option } from 'commander';
import { restartVerb, startVerb, stopVerb } from './commands/acts.ts';
import { completionVerb } from './commands/completion.ts';
import { copyVerb } from './commands/copy.ts';
import { dockerPluginVerb } from './commands/docker-plugin.ts';
import { doctorVerb } from './commands/doctor.ts';
import { ensureVerb } from './commands/ensure.ts';
import { execVerb } from './commands/exec.ts';
import { flattenVerb } from './commands/flatten.ts';
import { initVerb } from './commands/init.ts';
import { inspectVerb } from './commands/inspect.ts';
import { logsVerb } from './commands/logs.ts';
import { moveVerb } from './commands/move.ts';
import { pruneVerb } from './commands/prune.ts';
import { psVerb } from './commands/ps.ts';
import { pullVerb } from './commands/pull.ts';
import { resumeVerb, rollbackVerb, rolloutVerb } from './commands/rollout.ts';
import { runVerb } from './commands/run.ts';
import { schemaVerb } from './commands/schema.ts';
import { buildVerb, pushVerb, shipVerb } from './commands/ship.ts';
import { historyVerb, statusVerb } from './commands/status.ts';
import { tagVerb } from './commands/tag.ts';
import { topVerb } from './commands/top.ts';
import { unlockVerb } from './commands/unlock.ts';
import { verifyVerb } from './commands/verify.ts';
import { waitVerb } from './commands/wait.ts';
import { watchVerb } from './commands/watch.ts';
import { complaintOf, unknownCommand } from './complaint.ts';
import { type ProgramShape, shapeOf } from './completion/shape.ts';
import { GLOBAL_GROUP, GLOBAL_OPTIONS, type GlobalFlags } from './options.ts';
import { cutLine } from './tasks/task-line.ts';
import type { TaskList } from './tasks/task-program.ts';
import { usage } from './values.ts';
import type { ArgumentSpec, OptionSpec, Verb } from './verb.ts';
import { VERSION } from './version.ts';

const VERBS: readonly Verb[] = [
  flattenVerb,
  verifyVerb,
  inspectVerb,
  copyVerb,
  tagVerb,
  shipVerb,
  buildVerb,
  pushVerb,
  rolloutVerb,
  rollbackVerb,
  resumeVerb,
  statusVerb,
  historyVerb,
  unlockVerb,
  moveVerb,
  pruneVerb,
  psVerb,
  topVerb,
  startVerb,
  stopVerb,
  restartVerb,
  ensureVerb,
  watchVerb,
  logsVerb,
  execVerb,
  runVerb,
  waitVerb,
  pullVerb,
  initVerb,
  doctorVerb,
  schemaVerb,
  dockerPluginVerb,
  completionVerb,
];

const HELP = new Option('-h, --help', 'print this help').helpGroup(GLOBAL_GROUP);

/** Where the program prints help, and what it starts. */
export interface ProgramHost {
  /** Collects what goes to stdout. */
  print(text: string): void;
  readonly helpColumns: number;
  /**
   * The command line, as far as it is known: where its command has a `--version` of its own, that is the one which is meant, and
   * only that command gets its options.
   */
  readonly argv?: readonly string[];
  /** Tasks to list beside the commands. */
  readonly tasks?: TaskList;
  /** Runs a verb. */
  start(verb: Verb, line: VerbLine, globals: GlobalFlags): Promise<void>;
}

/** What a verb is run with. */
export interface VerbLine {
  readonly args: readonly string[];
  readonly flags: object;
  /** Behind `--`, of a verb that takes another command. */
  readonly words: readonly string[];
}

/** Builds the program. Parsing throws `USAGE`, or a CommanderError where help was printed. */
export function createProgram(host: ProgramHost): Command {
  const program = new Command('shipper');
  settle(program, host);
  program
    .description(
      'Flattens Docker images exactly, ships groups of them, all or nothing, and rolls them out.',
    )
    .usage('[global options] COMMAND …')
    .version(VERSION, isOurVersion(host.argv) ? '-V, --version' : '-V', 'print the version')
    .helpCommand(false)
    .addHelpText('after', PROGRAM_FOOTER);
  for (const spec of GLOBAL_OPTIONS) program.addOption(optionOf(spec));
  const finish = addVerbs(program, host);
  addHelpCommand(program, finish);
  if (host.tasks !== undefined) addTasks(program, host.tasks);
  program.allowExcessArguments().action(() => {
    const [word] = program.args;
    if (word !== undefined) throw unknownCommand(word, program);
    program.outputHelp();
  });
  return program;
}

/**
 * Commander would take `--version` for the program's own wherever it stands. It is not where the command has one, nor with a value,
 * which is then meant for the command: printing a version in place of doing something would pass for having done it.
 */
function isOurVersion(argv: readonly string[] = []): boolean {
  const { word, tail } = cutLine(argv, GLOBAL_OPTIONS);
  const verb = verbNamed(word === 'help' ? tail[0] : word);
  if (verb === undefined) return true;
  if (verb.options.some(({ flags }) => flags.startsWith('--version '))) return false;
  const next = argv[argv.indexOf('--version') + 1] ?? '-';
  const isLast = !argv.includes('--version') || next.startsWith('-');
  return isLast && !argv.some((word) => word.startsWith('--version='));
}

/** Whether `word` is a command of the program itself. */
export function isBuiltIn(word: string): boolean {
  return verbNamed(word) !== undefined || word === 'help';
}

function verbNamed(word: string | undefined): Verb | undefined {
  return VERBS.find(({ name }) => name === word);
}

const PROGRAM_FOOTER = `
Images are named as skopeo names them: docker://REF (a registry), docker-daemon:REF, docker-archive:PATH[:REF], oci:PATH[:REF],
oci-archive:PATH[:REF], a path, - for a pipe; a bare REF is an image of the engine, else of the registry.

Exit codes: 0 done, 1 failed, 2 usage, 3 partly done (the last lines say what), 4 different or over a limit
that was asked for, 5 locked by somebody else, 6 done without hosts that may be left out, 129, 130, 143 interrupted.

Examples:
  shipper flatten app:latest       makes app:latest-flat in the engine
  shipper verify app app:flat      are they the same?
  shipper ship                     builds, flattens and publishes the images of shipper.yaml
  shipper rollout staging          puts them on the hosts of an environment
  shipper help flatten             all about a command
  shipper -f ops/tasks.ts TASK     runs a task of that file, else of the nearest shipfile.ts`;

/** Every part of the output and every way to end goes through us. */
function settle(command: Command, host: ProgramHost): void {
  command
    .exitOverride((error) => rethrow(error, command))
    .configureOutput({
      writeOut: (text) => host.print(text),
      // Errors are thrown and told by `failure.ts`.
      writeErr: () => {},
      getOutHelpWidth: () => host.helpColumns,
      getOutHasColors: () => false,
    })
    .configureHelp({
      showGlobalOptions: true,
      // The help option is global too: commander lists it among those of the command.
      visibleOptions: (each) =>
        each.parent === null ? [...each.options, HELP] : [...each.options],
      visibleGlobalOptions: (each) => (each.parent === null ? [] : [...each.parent.options, HELP]),
      optionDescription: (option) => option.description,
      argumentDescription: (argument) => argument.description,
      subcommandTerm: (each) => each.name(),
    })
    .optionsGroup(GLOBAL_GROUP)
    .helpOption(HELP.flags, HELP.description)
    .showSuggestionAfterError(false);
}

function rethrow(error: CommanderError, command: Command): never {
  if (error.exitCode === 0) throw error;
  throw complaintOf(error, command);
}

/** Whether `error` only says that help or the version was printed. */
export function isDone(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** Makes what a command has beside its name. */
type Finish = (command: Command) => void;

/** Adds names. The options of all commands take 3 ms of every start: a command gets its own when it is meant. */
function addVerbs(program: Command, host: ProgramHost): Finish {
  const named = new Map<Command, Verb>();
  const finish: Finish = (command) => {
    const verb = named.get(command);
    named.delete(command);
    if (verb !== undefined) finishVerb(program, command, verb, host);
  };
  for (const verb of VERBS) {
    const command = program.command(verb.name).summary(verb.summary);
    named.set(command, verb);
    if (host.argv === undefined) finish(command);
  }
  program.hook('preSubcommand', (_program, command) => finish(command));
  return finish;
}

function finishVerb(program: Command, command: Command, verb: Verb, host: ProgramHost): void {
  settle(command, host);
  command.description(verb.about).usage(usageOf(verb));
  for (const spec of verb.args) command.addArgument(argumentOf(spec));
  for (const spec of verb.options) command.addOption(optionOf(spec));
  if (verb.command !== undefined) {
    command.allowExcessArguments().addHelpText('after', commandText(verb.command.about));
  }
  command.addHelpText('after', examplesText(verb));
  command.action(() => {
    const words = verb.command === undefined ? [] : wordsBehind(host.argv);
    const args = command.args.slice(0, command.args.length - words.length);
    requireFew(verb, args);
    return host.start(verb, { args, flags: command.opts<object>(), words }, program.opts());
  });
}

/** Where words behind `--` are taken, commander does not know which are too many. */
function requireFew({ name, args: specs }: Verb, args: readonly string[]): void {
  if (specs.at(-1)?.repeats || args.length <= specs.length) return;
  const state = `${args.length} arguments were given, ${specs.length} expected`;
  throw usage(`Cannot run shipper ${name}: ${state}`, `see "shipper ${name} --help"`);
}

/** Commander makes no difference between what stands before `--` and behind it. */
function wordsBehind(argv: readonly string[] = []): readonly string[] {
  const at = argv.indexOf('--');
  return at < 0 ? [] : argv.slice(at + 1);
}

function usageOf({ args, options, command }: Verb): string {
  const words = args.map((arg) => {
    const name = arg.choices?.join('|') ?? arg.name;
    const word = arg.repeats ? `${name}…` : name;
    return arg.optional ? `[${word}]` : word;
  });
  const line = '-- COMMAND…';
  const behind = command === undefined ? [] : [command.optional ? `[${line}]` : line];
  return [...words, ...(options.length > 0 ? ['[options]'] : []), ...behind].join(' ');
}

/** Choices are checked by the verb, which knows the nearest right word. */
function argumentOf({ name, about, repeats, optional }: ArgumentSpec): Argument {
  const word = repeats ? `${name}...` : name;
  return new Argument(optional ? `[${word}]` : `<${word}>`, about);
}

function optionOf(spec: OptionSpec): Option {
  const { flags, group, parse, repeats } = spec;
  const option = new Option(flags, descriptionOf(spec));
  option.helpGroup(group);
  const name = option.long ?? option.short ?? flags;
  const read = (text: string): unknown => (parse === undefined ? text : parse(name, text));
  if (repeats) {
    option.argParser((text, earlier: readonly unknown[] | undefined) => [
      ...(earlier ?? []),
      read(text),
    ]);
  } else if (spec.once) {
    option.argParser((text, earlier: unknown) => {
      if (earlier === undefined) return read(text);
      throw usage(`Cannot use ${name} twice: it takes one value`);
    });
  } else if (option.required) option.argParser(read);
  return option;
}

function descriptionOf({ about, choices, otherwise }: OptionSpec): string {
  const facts = [
    ...(choices === undefined ? [] : [choices.join(', ')]),
    ...(otherwise === undefined ? [] : [`default: ${otherwise}`]),
  ];
  return facts.length === 0 ? about : `${about} (${facts.join('; ')})`;
}

function commandText(about: string): string {
  return `\nBehind --:\n  COMMAND…  ${about}`;
}

function examplesText({ examples }: Verb): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

/** `shipper help [COMMAND]`. Commander's own prints the general help where the command does not exist. */
function addHelpCommand(program: Command, finish: Finish): void {
  program
    .command('help')
    .summary('print the help of a command')
    .description('Prints the help of a command.')
    .argument('[COMMAND]', 'the command')
    .helpOption(false)
    .action((name: string | undefined) => {
      if (name === undefined) return program.outputHelp();
      const command = program.commands.find((each) => each.name() === name);
      if (command === undefined) throw unknownCommand(name, program);
      finish(command);
      command.outputHelp();
    });
}

/** For the list alone: what they do is not commander's business. */
function addTasks(program: Command, { heading, rows }: TaskList): void {
  for (const [name, about] of rows) program.command(name).summary(about).helpGroup(heading);
}

/** What completion needs to know of the program. */
export function programShape(): ProgramShape {
  return shapeOf(VERBS, GLOBAL_OPTIONS);
}
