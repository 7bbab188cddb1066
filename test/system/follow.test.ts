// Programs whose lines are told as they come, and that end with all that they started.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followProgram } from '../../src/system/follow.ts';

const NODE = process.execPath;
/** Made by `npm run build`, which `npm test` begins with. */
const BUILT = join(import.meta.dirname, '../../dist/system/follow.js');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'follow-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      process.kill(pid, 0);
      // What nobody has waited for is there by its number only.
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return true;
    } catch {
      return true;
    }
    await sleep(20);
  }
  return false;
}

describe('followProgram()', () => {
  it('tells lines as they come, of both streams, and the exit code', async () => {
    const out: string[] = [];
    const error: string[] = [];
    const script =
      'process.stdin.on("data", (d) => { process.stdout.write(`got ${d}\\nhalf `); setTimeout(() => { console.log("line ü"); console.error("hm\\n\\nlast"); process.exitCode = 3 }, 20) })';
    const code = await followProgram(NODE, ['-e', script], {
      input: 'words',
      onOut: (line) => out.push(line),
      onError: (line) => error.push(line),
    });
    expect([code, out, error]).toEqual([3, ['got words', 'half line ü'], ['hm', '', 'last']]);
  });

  it('keeps a line of at most 1 MiB', async () => {
    const lengths: number[] = [];
    const script = 'process.stdout.write("x".repeat(3000000) + "\\ny")';
    await followProgram(NODE, ['-e', script], { onOut: (line) => lengths.push(line.length) });
    expect(lengths).toEqual([1_048_576, 1]);
  });

  it('takes environment and working directory', async () => {
    const out: string[] = [];
    const options = { env: { A: 'b' }, cwd: folder, onOut: (line: string) => out.push(line) };
    await followProgram('sh', ['-c', 'echo $A; pwd'], options);
    expect(out).toEqual(['b', folder]);
  });

  it('says what cannot be started', async () => {
    await expect(followProgram('/no/such', [], {})).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'Cannot run /no/such: there is no such program',
    });
    await expect(followProgram(folder, [], {})).rejects.toMatchObject({ code: 'IO' });
  });

  it('says that a signal ended it', async () => {
    expect(await followProgram('sh', ['-c', 'kill -9 $$'], {})).toBeUndefined();
  });

  it('asks the whole group to end, and waits for that', async () => {
    const controller = new AbortController();
    const said: string[] = [];
    const script = `trap 'echo bye > ${folder}/bye; exit 1' TERM; sleep 60 & echo $!; wait`;
    const running = followProgram('sh', ['-c', script], {
      signal: controller.signal,
      onOut: (line) => {
        said.push(line);
        controller.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(existsSync(join(folder, 'bye'))).toBe(true);
    expect(await isGone(Number(said[0]))).toBe(true);
  });

  it('kills what does not end by itself, and its children', async () => {
    const controller = new AbortController();
    const said: string[] = [];
    const running = followProgram(
      'sh',
      ['-c', `trap '' TERM; sleep 60 & echo $!; wait; sleep 60`],
      {
        signal: controller.signal,
        graceMs: 100,
        onOut: (line) => {
          said.push(line);
          controller.abort();
        },
      },
    );
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await isGone(Number(said[0]))).toBe(true);
  });

  it('does not wait for what a program leaves running with its pipes', async () => {
    const said: string[] = [];
    const options = { onOut: (line: string) => said.push(line) };
    expect(await followProgram('sh', ['-c', 'sleep 60 & echo $!'], options)).toBe(0);
    process.kill(Number(said[0]), 'SIGKILL');
  });

  it('is not started after it was cancelled', async () => {
    const running = followProgram('touch', [join(folder, 'x')], { signal: AbortSignal.abort() });
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });

  it('does not mind a program that reads nothing', async () => {
    expect(await followProgram('true', [], { input: 'x'.repeat(4_000_000) })).toBe(0);
  });

  it.runIf(existsSync(BUILT))('leaves nothing running when its own process must exit', async () => {
    const script = `import(${JSON.stringify(BUILT)}).then(({ followProgram }) => followProgram('sh', ['-c', 'echo $$; sleep 60'], { onOut: (line) => { console.log(line); process.exit(0); } }))`;
    const said: string[] = [];
    await followProgram(NODE, ['-e', script], { onOut: (line) => said.push(line) });
    expect(await isGone(Number(said[0]))).toBe(true);
  });
});
