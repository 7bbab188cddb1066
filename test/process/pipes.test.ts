// K7, K8: standard output as a pipe that goes away, and one that is slow.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { amount, isAll } from '../support/amount.ts';
import { hybridArchive, legacyArchive } from '../support/archives.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { BIN, processPlace } from './cli.ts';

/** An image of some MiB, so that no pipe holds it at once. */
function largeArchive(): Uint8Array {
  const noise = Buffer.alloc(3_000_000, createHash('sha512').update('x').digest());
  const layers = ['a', 'b', 'c'].map((name) => tar([entry({ name, type: 'file', body: noise })]));
  return legacyArchive([{ layers }]);
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('standard output', () => {
  it.runIf(isAll())('K7: a reader that goes away is no mishap to talk about', () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), largeArchive());
    const script = `"$0" "$1" flatten x.tar -o - 2>err | head -c 1000 >/dev/null; echo "\${PIPESTATUS[0]}"`;
    const result = spawnSync(
      'bash',
      ['--norc', '-c', `${script}; cat err`, process.execPath, BIN],
      {
        cwd: place.folder,
        env: { PATH: process.env['PATH'], TMPDIR: place.tmp },
        encoding: 'utf8',
      },
    );
    expect(result.stdout.replace(/^.*MB.*\n/gm, '')).toMatch(/^1\n/);
    expect(result.stdout).not.toMatch(/EPIPE|Error|at .*\.js/);
    expect(place.leftovers()).toEqual([]);
  });

  it.runIf(isAll())('K8: a slow pipe, a quick pipe and a file get the same bytes', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), largeArchive());
    const quick = await place.run(['flatten', 'x.tar', '-o', '-']);
    expect(quick.code).toBe(0);
    const slow = place.start(['flatten', 'x.tar', '-o', '-'], { keepsStdout: true });
    const chunks: Buffer[] = [];
    if (slow.child.stdout !== null) await once(slow.child.stdout, 'readable');
    await sleep(300);
    for await (const chunk of slow.child.stdout ?? []) chunks.push(chunk as Buffer);
    expect((await slow.ended).code).toBe(0);
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(quick.stdout));
    const script = `"$0" "$1" flatten x.tar -o - > out.tar 2>/dev/null`;
    spawnSync('bash', ['--norc', '-c', script, process.execPath, BIN], {
      cwd: place.folder,
      env: { PATH: process.env['PATH'], TMPDIR: place.tmp },
    });
    const file = spawnSync('sha256sum', ['out.tar'], { cwd: place.folder, encoding: 'utf8' });
    expect(file.stdout.slice(0, 64)).toBe(sha256(quick.stdout));
  });

  it('what a pipe got is an image, in and out', async () => {
    using place = processPlace();
    const input = hybridArchive([{ layers: 'a=1 | b=2 | -a', wrap: 'gzip' }]);
    const first = await place.run(['flatten', '-', '-o', '-'], { input });
    expect([first.code, place.leftovers()]).toEqual([0, []]);
    const again = await place.run(['flatten', '-', '-o', '-'], { input: first.stdout });
    expect([again.code, again.stdout.equals(first.stdout)]).toEqual([0, true]);
    const compressed = await place.run(['flatten', '-', '-o', '-', '--compression', 'gzip:9'], {
      input,
    });
    const plain = await place.run(['flatten', '-', '-o', '-'], { input: compressed.stdout });
    expect([compressed.code, plain.code]).toEqual([0, 0]);
  });

  it('an input that is cut leaves an output without an end', async () => {
    using place = processPlace();
    const input = largeArchive();
    for (const cut of [3_000_000, 1000, input.length - 5000].slice(0, amount(1, 3))) {
      const { code, stdout, stderr } = await place.run(['flatten', '-', '-o', '-'], {
        input: input.subarray(0, cut),
      });
      expect([code, stdout.length, place.leftovers()]).toEqual([1, 0, []]);
      expect(stderr).toContain('Cannot open standard input: ');
    }
  });

  it('a folder as standard input is refused in words', () => {
    using place = processPlace();
    const result = spawnSync(
      'sh',
      ['-c', '"$0" "$1" flatten - -o x.tar < .', process.execPath, BIN],
      {
        cwd: place.folder,
        env: { PATH: process.env['PATH'], TMPDIR: place.tmp },
        encoding: 'utf8',
      },
    );
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('shipper: Cannot open standard input: ');
    expect(place.names()).toEqual([]);
  });
});
