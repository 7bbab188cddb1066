// Programs that are run to their end, and those that would not end by themselves.
import { describe, expect, it } from 'vitest';
import { runProgram } from '../../src/system/run.ts';

const NODE = process.execPath;
const script = (text: string) => ['-e', text];
const PATIENT = { timeoutMs: 30_000 };

describe('runProgram()', () => {
  it('gives what the program said, and its exit code', async () => {
    const text =
      'process.stdin.on("data", (d) => { process.stdout.write("got " + d); console.error("hm"); process.exitCode = 3 })';
    const ran = await runProgram(NODE, script(text), { ...PATIENT, input: 'words' });
    expect(ran).toEqual({ code: 3, stdout: 'got words', stderr: 'hm\n' });
  });

  it('works in the folder that is named', async () => {
    const text = 'process.stdout.write(process.cwd())';
    const ran = await runProgram(NODE, script(text), { ...PATIENT, cwd: '/' });
    expect(ran.stdout).toBe('/');
  });

  it('adds to the environment, and takes the program from its PATH', async () => {
    const text = 'process.stdout.write([process.env.A, process.env.HOME].map(String).join(" "))';
    const env = { A: 'b', HOME: undefined };
    expect(await runProgram(NODE, script(text), { ...PATIENT, env })).toMatchObject({
      code: 0,
      stdout: 'b undefined',
    });
    const elsewhere = runProgram('node', ['-v'], { ...PATIENT, env: { PATH: '/no/such' } });
    await expect(elsewhere).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'Cannot run node: there is no such program',
    });
  });

  it('says that a signal ended it', async () => {
    const ran = await runProgram(NODE, script('process.kill(process.pid, "SIGTERM")'), PATIENT);
    expect(ran.code).toBeUndefined();
  });

  it('does not mind a program that reads nothing', async () => {
    const input = 'x'.repeat(4_000_000);
    expect(await runProgram(NODE, ['-v'], { ...PATIENT, input })).toMatchObject({ code: 0 });
  });

  it('ends one that takes too long, though its child keeps the pipes', async () => {
    const text = 'sleep 30 & wait';
    const running = runProgram('sh', ['-c', text], { timeoutMs: 200 });
    await expect(running).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'Cannot run sh: it did not end within 0.2 s',
    });
  });

  it('ends one that says too much', async () => {
    const text = 'const t = "x".repeat(65536); setInterval(() => process.stdout.write(t), 0)';
    await expect(runProgram(NODE, script(text), PATIENT)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('is cancelled', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const running = runProgram('sleep', ['30'], { ...PATIENT, signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(runProgram('sleep', ['30'], { ...PATIENT, signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});
