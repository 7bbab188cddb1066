// A command of the fleet from its first line to its exit code: results are printed as hosts come, failures at once, and at the
// end what is left to mend.
import { failureOf, ShipperError } from '../../core/errors.ts';
import type { GroupResult, HostResult, HostSuccess } from '../../fleet/group-result.ts';
import type { FleetShipper } from '../../fleet/shipper.ts';
import type { ShipperOptions } from '../../fleet/shipper-options.ts';
import type { TextOptions } from '../../report/findings.ts';
import { fleetEnd, fleetFailureText } from '../../report/fleet-text.ts';
import { plainRenderer } from '../../report/plain.ts';
import { EXIT, exitCodeOfGroup } from '../exit-code.ts';
import { type Session, withProgress } from '../session.ts';
import { againOn, typed } from './fleet-options.ts';
import { Printer } from './printer.ts';

/** What a command does and how it shows it. */
export interface FleetCommand<T> {
  /** Its name and arguments, for headings and to be typed again. */
  readonly words: readonly string[];
  /** What it does, for messages: `restart containers of staging`. */
  readonly what: string;
  /** Words of another command behind `--`. */
  readonly behind?: readonly string[];
  readonly options: ShipperOptions;
  /** `--skip-unreachable`. */
  readonly skip: number;
  work(ship: FleetShipper, told: (result: HostResult<T>) => void): Promise<GroupResult<T>>;
  /** What is printed on stdout when it is there; empty: nothing. Default: nothing. */
  line?(result: HostSuccess<T>, options: TextOptions): string;
  /** With `--quiet`, in place of `line`. */
  quiet(value: T): string | undefined;
  /** Further members of the object of `--json`. */
  json?(): object;
  /** Where no container is meant, that is a failure. Default false: then there is nothing to do. */
  readonly needsSome?: boolean;
  /** For what worked but did not end well, as exit codes of containers. Default `EXIT.done`. */
  code?(result: GroupResult<T>): number;
}

/** Runs it and resolves with the exit code. */
export async function runFleet<T>(session: Session, command: FleetCommand<T>): Promise<number> {
  const { operations, settings, system } = session;
  const { words, behind = [], options, skip, work, line, quiet } = command;
  const printer = new Printer((text) => system.stdio.writeOut(text));
  const out = { colours: settings.outColours, verbose: settings.verbose };
  const err = { colours: settings.errColours, verbose: settings.verbose };
  const told = (result: HostResult<T>) => {
    if (!result.ok) {
      if (settings.progress === 'json') return;
      system.stdio.writeErr(fleetFailureText(result, failureOf(result.error), err));
    } else if (!settings.json && !settings.quiet && line !== undefined) {
      printer.print(line(result, out));
    }
  };
  const title = `shipper ${words.slice(0, 2).join(' ')}`;
  const done = await withProgress(
    session,
    title,
    async (inside, { signal, report }) => {
      await using ship = await operations.openShipper(inside, { ...options, signal, report });
      const result = await work(ship, told);
      return { result, scope: await ship.environment() };
    },
    // Lines are printed meanwhile, which nothing may be drawn over.
    ({ write, clock }) => plainRenderer({ write, clock }),
  );
  const { result, scope } = done;
  if (settings.json) {
    const { dryRun = false } = options;
    const facts = { schema: 1, command: words[0], ...scope, dryRun };
    const json = { ...facts, ...command.json?.(), results: result.toJSON() };
    printer.print(`${JSON.stringify(json, undefined, 2)}\n`);
  } else if (settings.quiet) {
    for (const value of result.values) {
      const text = quiet(value);
      if (text !== undefined) printer.print(`${text}\n`);
    }
  }
  await printer.done();
  if (command.needsSome && result.results.length === 0) throw nothingMeant(command);
  const code = exitCodeOfGroup(result, skip);
  if (code === EXIT.done) return command.code?.(result) ?? EXIT.done;
  if (code !== EXIT.skipped) {
    const { failures, results } = result;
    const again = againOn(
      words,
      failures.map(({ host }) => host),
    );
    const mend = behind.length === 0 ? again : `${again} ${typed(['--', ...behind])}`;
    const counts = { failed: failures.length, all: results.length, mend };
    system.stdio.writeErr(fleetEnd(command.what, counts, err));
  }
  return code;
}

function nothingMeant({
  what,
  words: [, environment = ''],
}: Pick<FleetCommand<unknown>, 'what' | 'words'>): ShipperError {
  const message = `Cannot ${what}: no container is meant`;
  const hint = `look which there are: shipper ps ${environment} --all`;
  return new ShipperError('NOT_FOUND', message, { hint });
}
