// Signals at moments spread over a run (K9 of `faults.md`).
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { ociArchive } from '../support/archives.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { processPlace } from './cli.ts';

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** An image of 46 MB, or of as many files in each of its 3 layers, small as an archive: there are moments to hit. */
export function stoppableImage(files = 400): Uint8Array {
  const layers = [0, 1, 2].map((layer) =>
    tar(
      Array.from({ length: files }, (_, i) => {
        const body = createHash('sha512').update(`${layer} ${i}`).digest('hex').repeat(300);
        return entry({ name: `${layer}/${i}`, type: 'file', body });
      }),
    ),
  );
  return ociArchive([{ layers, wrap: 'gzip' }]);
}

/** Stops a flatten at `moments` moments, with one signal after the other; checks what is left each time. */
export async function stopAtMoments(
  image: Uint8Array,
  moments: number,
  signals: readonly (keyof typeof CODES)[],
): Promise<void> {
  using place = processPlace();
  writeFileSync(place.path('x.tar'), image);
  const args = ['flatten', 'x.tar', '-o', 'out.tar', '--compression', 'gzip:9'];
  const started = performance.now();
  expect((await place.run(args)).code).toBe(0);
  const wholeMs = performance.now() - started;
  const finished = readFileSync(place.path('out.tar'));
  const outcomes = new Set<number | null>();
  for (let moment = 0; moment < moments; moment += 1) {
    const signal = signals[moment % signals.length] ?? 'SIGINT';
    writeFileSync(place.path('out.tar'), 'the old one');
    const running = place.start(args);
    await sleep(60 + (wholeMs * moment) / moments);
    running.child.kill(signal);
    const { code, signal: endedBy, stderr } = await running.ended;
    outcomes.add(code);
    // Before the program listens, a signal ends it as it does any other.
    expect([CODES[signal], 0, null], stderr).toContain(code);
    if (code === null) expect(endedBy).toBe(signal);
    if (code === CODES[signal]) expect(stderr).toContain(`interrupted by ${signal}`);
    const now = readFileSync(place.path('out.tar'));
    if (code === 0) expect(now.equals(finished)).toBe(true);
    else if (code !== null) expect(now.toString()).toBe('the old one');
    // Ended by the signal itself, before it listened or after it was done: the old file or the whole new one (K1).
    else expect(now.equals(finished) || now.toString() === 'the old one').toBe(true);
    expect(place.leftovers()).toEqual([]);
    expect(place.names()).toEqual(['out.tar', 'x.tar']);
  }
  expect([...outcomes].some((code) => code !== null && code > 128)).toBe(true);
}
