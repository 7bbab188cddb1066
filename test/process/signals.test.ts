// K9: a signal at any moment ends the run soon, with its own exit code and nothing left behind; `test/real` has more
// moments.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { amount, isAll } from '../support/amount.ts';
import { type ProcessPlace, processPlace, type Running } from './cli.ts';
import { STOPS, stopAtMoments, stoppableImage } from './moments.ts';

let gzipped: Uint8Array;
beforeAll(() => {
  gzipped = stoppableImage(200);
});

/** A run that hangs on its output, since nobody reads it. */
async function hanging(place: ProcessPlace): Promise<Running> {
  writeFileSync(place.path('x.tar'), gzipped);
  const running = place.start(['flatten', 'x.tar', '-o', '-'], { keepsStdout: true });
  if (running.child.stdout !== null) await once(running.child.stdout, 'readable');
  await sleep(300);
  return running;
}

describe('K9: a signal', () => {
  const moments = amount(2, 9);
  it(`at ${moments} moments`, () => stopAtMoments(gzipped, moments, STOPS));

  it('a second SIGINT ends at once', async () => {
    using place = processPlace();
    const running = await hanging(place);
    const started = performance.now();
    running.child.kill('SIGINT');
    await sleep(200);
    running.child.kill('SIGINT');
    running.child.stdout?.destroy();
    const { code } = await running.ended;
    expect(code).toBe(130);
    expect(performance.now() - started).toBeLessThan(1500);
    expect(place.leftovers()).toEqual([]);
  });

  it.runIf(isAll())('while nobody reads the pipe ends the run as well', async () => {
    using place = processPlace();
    const running = await hanging(place);
    running.child.kill('SIGTERM');
    const late = sleep(5000, 'late', { ref: false });
    const ended = new Promise((resolve) => running.child.on('exit', resolve));
    expect(await Promise.race([ended, late])).toBe(143);
    running.child.stdout?.destroy();
  });
});
