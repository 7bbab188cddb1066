// Runs of shipper through a proxy with a fault, and what they must come to.
import { expect } from 'vitest';
import type { RunningEngine } from './engines.ts';
import { type ProxyFault, startProxy } from './proxy.ts';
import { run } from './run.ts';
import { type ShipperResult, shipper } from './shipper.ts';

/** The image that is flattened; the engine has it. */
export const SOURCE = 'recipe:1';

/** Flattens through a proxy with this fault, which must have struck. */
export async function struck(
  engine: RunningEngine,
  fault: ProxyFault,
  env: NodeJS.ProcessEnv = {},
): Promise<ShipperResult> {
  await using proxy = await startProxy(engine, fault);
  const args = ['flatten', SOURCE, '-t', 'recipe:struck', '--progress=quiet'];
  const result = await shipper(engine, args, { host: proxy.host, env, timeoutMs: 60_000 });
  expect(proxy.hasStruck()).toBe(true);
  return result;
}

/** A failure as it should be: exit code 1, one sentence (and perhaps a hint), nothing left. */
export function expectCleanFailure(result: ShipperResult, message: RegExp): void {
  expect(result).toMatchObject({ status: 1, stdout: '', leftovers: [] });
  const [line, ...hints] = result.stderr.trimEnd().split('\n');
  expect(line).toMatch(/^shipper: Cannot /);
  expect(line).toMatch(message);
  expect(hints.filter((hint) => !hint.startsWith('  hint: '))).toEqual([]);
}

/** How long the stream of a save is. */
export async function savedBytes(engine: RunningEngine): Promise<number> {
  const said = await run('bash', ['-c', `docker save ${SOURCE} | wc -c`], { env: engine.env });
  return Number(said);
}

// By HTTP, by the end of the tar that is not there, by a member that ends too early, or, where a cut falls behind a
// layer whose own end looks like that of the archive (20.10), by what an image cannot do without.
const CUT_IS_SEEN =
  /recipe:1.*(?:the connection was closed|the stream ended early|the tar ends in the middle|it has no manifest\.json)/;

/** A cut must be refused, wherever it is. */
export async function expectCutIsSeen(
  engine: RunningEngine,
  size: number,
  afterBytes: number,
  end: 'abrupt' | 'clean',
): Promise<void> {
  const result = await struck(engine, { kind: 'cut', call: 'save', afterBytes, end });
  const where = `cut after ${afterBytes} of ${size}, ${end}: ${result.stderr}`;
  expect(result.status, where).toBe(1);
  expectCleanFailure(result, CUT_IS_SEEN);
}

/** Spread over the stream, dense at both ends: the last 1,024 bytes are the end of the tar. */
export function cutsOf(size: number, count: number): number[] {
  const starts = [511, 512, 513, 1024];
  const ends = [...starts, size - 1, size - 1024, size - 1025, size - 1536, size - 4096];
  const inner = Array.from({ length: count - ends.length }, (_, i) =>
    Math.round(((i + 0.5) / (count - ends.length)) * size),
  );
  return [...ends, ...inner];
}
