// A folder of its own for a test of the operations: what is written there, what TMPDIR holds, how a run is refused.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isShipperError, type ShipperError } from '../../src/core/errors.ts';
import type { ShipperEvent } from '../../src/core/events.ts';
import { copy, flatten, inspect, tag, verify } from '../../src/library.ts';
import type {
  CopyReport,
  CopyRequest,
  TagReport,
  TagRequest,
} from '../../src/operations/copy-types.ts';
import type {
  FlattenReport,
  FlattenRequest,
  InspectReport,
  VerifyReport,
} from '../../src/operations/flatten-types.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';

/** A machine whose working directory and TMPDIR are folders of the test's own. */
export interface Workplace extends Disposable {
  readonly folder: string;
  readonly tmp: string;
  readonly system: System;
  /** What was told, in order. */
  readonly events: ShipperEvent[];
  path(name: string): string;
  write(name: string, bytes: string | Uint8Array): string;
  read(name: string): Buffer;
  /** Everything in the working directory, sorted. */
  names(): string[];
  /** What temporary files were left in either folder. */
  leftovers(): string[];
  flatten(request: FlattenRequest): Promise<FlattenReport>;
  verify(a: string, b: string, options?: Parameters<typeof verify>[2]): Promise<VerifyReport>;
  inspect(image: string, options?: Parameters<typeof inspect>[1]): Promise<InspectReport>;
  copy(request: CopyRequest): Promise<CopyReport>;
  tag(request: TagRequest): Promise<TagReport>;
  /** The error of a flatten that must be refused; checks that nothing was left behind. */
  refusal(request: FlattenRequest): Promise<ShipperError>;
}

/** Makes one; `changes` go over its System. */
export function workplace(changes: Partial<System> = {}): Workplace {
  const root = mkdtempSync(join(tmpdir(), 'shipper-test-'));
  const folder = join(root, 'work');
  const tmp = join(root, 'tmp');
  mkdirSync(folder);
  mkdirSync(tmp);
  const events: ShipperEvent[] = [];
  const system: System = { ...nodeSystem(), env: {}, cwd: folder, tmpdir: tmp, ...changes };
  const options = { system, report: (event: ShipperEvent) => void events.push(event) };
  const names = () => readdirSync(folder, { recursive: true }).map(String).sort();
  const leftovers = () => [
    ...readdirSync(tmp),
    ...names().filter((name) => name.includes('.shipper-')),
  ];
  return {
    folder,
    tmp,
    system,
    events,
    path: (name) => join(folder, name),
    write(name, bytes) {
      writeFileSync(join(folder, name), bytes);
      return name;
    },
    read: (name) => readFileSync(join(folder, name)),
    names,
    leftovers,
    flatten: (request) => flatten(request, options),
    verify: (a, b, more) => verify(a, b, { ...options, ...more }),
    copy: (request) => copy(request, options),
    tag: (request) => tag(request, options),
    inspect: (image, more) => inspect(image, { ...options, ...more }),
    async refusal(request) {
      const before = names().join('\n');
      const error = await refusalOf(() => flatten(request, options));
      const after = names().join('\n');
      if (after !== before) throw new Error(`the refused run left something:\n${after}`);
      if (leftovers().length > 0) throw new Error(`the refused run left ${leftovers().join(', ')}`);
      return error;
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** The error that `action` fails with; anything but a ShipperError is thrown on. */
export async function refusalOf(action: () => Promise<unknown>): Promise<ShipperError> {
  let done: unknown;
  try {
    done = await action();
  } catch (error) {
    if (isShipperError(error)) return error;
    throw error;
  }
  throw new Error(`it is not refused: ${JSON.stringify(done)?.slice(0, 500)}`);
}
