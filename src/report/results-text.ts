// What a task returns of several hosts, as text for people: containers as the table of `shipper ps`, what was done to them and
// what commands said in them line by line, anything else as JSON. Types only from the fleet; values are looked at, because
// they may come from another copy of the package.
import { failureOf } from '../core/errors.ts';
import { isObject } from '../engine/wire.ts';
import type { FleetContainer } from '../fleet/fleet-container.ts';
import type { HostOutcome } from '../tasks/watched-ship.ts';
import type { TextOptions } from './findings.ts';
import { ContainerTable, nameOf } from './fleet-text.ts';
import { safe } from './text.ts';

/** Each result on one line or several, in their order, each ended by a line feed. */
export function resultsText(results: readonly HostOutcome[], options: TextOptions): string {
  const table = new ContainerTable(options);
  return results
    .map((result) =>
      result.ok && isContainers(result.value) ? table.host(result.value) : linesOf(result),
    )
    .join('');
}

function linesOf(result: HostOutcome): string {
  const place = safe(placeOf(result));
  return textsOf(result)
    .map((text) => `${place}: ${safe(text)}\n`)
    .join('');
}

function placeOf({ host, container, value }: HostOutcome): string {
  const about = isObject(value) ? value['container'] : undefined;
  const name = isContainer(about) ? nameOf(about) : container;
  return name === undefined ? host : `${name} on ${host}`;
}

function textsOf({ ok, value, error }: HostOutcome): readonly string[] {
  if (!ok) return [failureOf(error).message];
  if (value === undefined) return ['done'];
  if (typeof value === 'string') return [value];
  if (isObject(value) && isContainer(value['container'])) {
    const { did, exitCode, lines = [] } = value;
    if (typeof did === 'string') return [did];
    if (typeof exitCode === 'number' && Array.isArray(lines)) return saidTexts(exitCode, lines);
  }
  return [JSON.stringify(value)];
}

/** What a command wrote; its exit code where that says something. */
function saidTexts(exitCode: number, lines: readonly unknown[]): readonly string[] {
  const said = lines.map((line) => String(isObject(line) ? line['text'] : line));
  return exitCode === 0 && said.length > 0 ? said : [...said, `exit code ${exitCode}`];
}

function isContainers(value: unknown): value is readonly FleetContainer[] {
  return Array.isArray(value) && value.every(isContainer);
}

function isContainer(value: unknown): value is FleetContainer {
  return (
    isObject(value) &&
    ['host', 'id', 'name', 'image', 'status', 'about'].every(
      (key) => typeof value[key] === 'string',
    ) &&
    Array.isArray(value['ports'])
  );
}
