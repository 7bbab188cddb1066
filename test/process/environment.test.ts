// K20: TZ, locale, umask and the name of the folder change no byte; K6: a bomb takes no memory.
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isAll } from '../support/amount.ts';
import { ociArchive, zstdRepeated } from '../support/archives.ts';
import { processPlace } from './cli.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** Each zone with each language, each umask with each zone. */
const SURROUNDINGS = 20;
const ARGS = ['flatten', 'x.tar', '-o', 'out.tar', '--compression', 'gzip'];

describe.runIf(isAll())('K20: the same input gives the same bytes', () => {
  it(`in ${SURROUNDINGS} different surroundings`, async () => {
    const image = ociArchive([
      { layers: 'Z=1 a=1 \\xc3\\x84=2[@5.5] I=3 i=4 | x/ x/y=5[@-1] -a', wrap: 'gzip' },
    ]);
    const zones = ['UTC', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia'];
    const languages = ['C', 'tr_TR.UTF-8', 'de_DE.ISO-8859-1', 'ja_JP.eucJP', 'POSIX'];
    const seen = new Set<string>();
    const modes = new Set<number>();
    for (let i = 0; i < SURROUNDINGS; i += 1) {
      using place = processPlace();
      writeFileSync(place.path('x.tar'), image);
      const umask = ['022', '077', '000', '027'][i % 4] ?? '022';
      const { code, stderr } = await place.run([...ARGS, '--jobs', String(1 + (i % 7))], {
        env: {
          TZ: zones[i % 4] ?? '',
          LANG: languages[i % 5] ?? '',
          LC_ALL: languages[i % 5] ?? '',
        },
        under: ['sh', '-c', `umask ${umask}; exec "$0" "$@"`],
      });
      expect(code, stderr).toBe(0);
      seen.add(sha256(readFileSync(place.path('out.tar'))));
      modes.add(statSync(place.path('out.tar')).mode & 0o777);
    }
    expect(seen.size).toBe(1);
    expect([...modes].sort()).toEqual([0o600, 0o640, 0o644, 0o666]);
  });
});

describe.runIf(process.platform === 'linux' && isAll())('K6, C1: memory', () => {
  /** Runs with a hook that tells the largest resident set, in MiB. */
  async function peak(image: Uint8Array, args: readonly string[] = []) {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), image);
    // The kernel's own mark begins anew with the program; that of getrusage is as large as the test runner was.
    const hook = `data:text/javascript,import {readFileSync} from 'node:fs';process.on('exit',()=>console.error('peak',/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status'))[1]))`;
    const started = performance.now();
    const { code, stderr } = await place.run(['flatten', 'x.tar', '--dry-run', ...args], {
      node: ['--import', hook],
    });
    const mib = Number(/^peak (\d+)$/m.exec(stderr)?.[1]) / 1024;
    expect(place.leftovers()).toEqual([]);
    return { code, stderr, mib, ms: performance.now() - started };
  }

  it('a gzip layer of 200 MiB of zeros', async () => {
    const zeros = gzipSync(Buffer.alloc(200 * 1_048_576), { level: 1 });
    const { code, stderr, mib, ms } = await peak(
      ociArchive([{ layers: 'a=1', wrap: () => zeros }]),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('its diff_id is');
    expect(mib).toBeLessThan(220);
    expect(ms).toBeLessThan(20_000);
  });

  it('a zstd layer that says it is 120 GiB', async () => {
    const { code, stderr, mib, ms } = await peak(
      ociArchive([{ layers: 'a=1', wrap: () => zstdRepeated(1_000_000) }]),
    );
    expect([code, stderr.includes('which no honest stream does')]).toEqual([1, true]);
    expect(mib).toBeLessThan(400);
    expect(ms).toBeLessThan(20_000);
  });
});
