// K9: a signal at any moment ends the run soon, with its own exit code and nothing left behind.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { legacyArchive, ociArchive } from '../support/archives.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { processPlace } from './cli.ts';

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Large enough that there are moments to hit. */
let image: Uint8Array;
let gzipped: Uint8Array;
beforeAll(() => {
  const layers = [0, 1, 2].map((layer) =>
    tar(
      Array.from({ length: 400 }, (_, i) => {
        const body = createHash('sha512').update(`${layer} ${i}`).digest('hex').repeat(300);
        return entry({ name: `${layer}/${i}`, type: 'file', body });
      }),
    ),
  );
  image = legacyArchive([{ layers }]);
  gzipped = ociArchive([{ layers, wrap: 'gzip' }]);
});

const MOMENTS = 21;

describe('K9: a signal', () => {
  it(`at ${MOMENTS} moments`, async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), gzipped);
    const args = ['flatten', 'x.tar', '-o', 'out.tar', '--compression', 'gzip:9'];
    const whole = await timed(() => place.run(args));
    expect(whole.result.code).toBe(0);
    const finished = readFileSync(place.path('out.tar'));
    const outcomes = new Set<number | null>();
    for (let moment = 0; moment < MOMENTS; moment += 1) {
      const signal = SIGNALS[moment % SIGNALS.length] ?? 'SIGINT';
      writeFileSync(place.path('out.tar'), 'the old one');
      const running = place.start(args);
      await sleep(60 + (whole.ms * moment) / MOMENTS);
      running.child.kill(signal);
      const { code, signal: endedBy, stderr } = await running.ended;
      outcomes.add(code);
      // Before the program listens, a signal ends it as it does any other.
      expect([CODES[signal], 0, null], stderr).toContain(code);
      if (code === null) expect(endedBy).toBe(signal);
      if (code === CODES[signal]) expect(stderr).toContain(`interrupted by ${signal}`);
      const now = readFileSync(place.path('out.tar'));
      if (code === 0) expect(now.equals(finished)).toBe(true);
      else expect(now.toString()).toBe('the old one');
      expect(place.leftovers()).toEqual([]);
      expect(place.names()).toEqual(['out.tar', 'x.tar']);
    }
    expect([...outcomes].some((code) => code !== null && code > 128)).toBe(true);
  });

  it('a second SIGINT ends at once', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), gzipped);
    // Nobody reads, so the run hangs on its output.
    const running = place.start(['flatten', 'x.tar', '-o', '-'], { keepsStdout: true });
    await sleep(1500);
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

  it('while nobody reads the pipe ends the run as well', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), image);
    const running = place.start(['flatten', 'x.tar', '-o', '-'], { keepsStdout: true });
    await sleep(1500);
    running.child.kill('SIGTERM');
    const late = sleep(5000, 'late', { ref: false });
    const ended = new Promise((resolve) => running.child.on('exit', resolve));
    expect(await Promise.race([ended, late])).toBe(143);
    running.child.stdout?.destroy();
  });
});

async function timed<T>(action: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const started = performance.now();
  const result = await action();
  return { result, ms: performance.now() - started };
}
