import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { type SshEndpoint, sshArguments } from '../../src/engine/dial-stdio.ts';
import { nodeClock } from '../../src/system/node.ts';
import { spawnDuplex } from '../../src/system/spawn.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { collect, dial, failureOf, pieces, testContext } from './support.ts';

const HOST: SshEndpoint = {
  kind: 'ssh',
  host: 'h',
  user: undefined,
  port: undefined,
  socketPath: undefined,
};

function engineOver(spawn: (args: readonly string[]) => Duplex) {
  const run = (_command: string, args: readonly string[]) => spawn(args);
  return connectEngine(HOST, { env: {}, clock: nodeClock(), spawnDuplex: run });
}

/** A program that does what `docker system dial-stdio` does. */
function dialProgram(socketPath: string): Duplex {
  const script = `
    const socket = require('node:net').createConnection(process.argv[1]);
    process.stdin.pipe(socket).pipe(process.stdout);
    socket.on('error', () => process.exit(1));`;
  return spawnDuplex(process.execPath, ['-e', script, socketPath]);
}

describe('sshArguments()', () => {
  const BEGIN = ['-o', 'ConnectTimeout=30', '-o', 'ServerAliveInterval=15', '-T'];
  const END = ['system', 'dial-stdio'];
  const ROWS: readonly (readonly [Partial<SshEndpoint>, readonly string[]])[] = [
    [{}, [...BEGIN, '--', 'h', 'docker', ...END]],
    [{ user: 'u', port: 2222 }, [...BEGIN, '-l', 'u', '-p', '2222', '--', 'h', 'docker', ...END]],
    [
      { socketPath: '/run/d.sock' },
      [...BEGIN, '--', 'h', 'docker', '--host=unix:///run/d.sock', ...END],
    ],
    [{ host: '-oProxyCommand=x' }, [...BEGIN, '--', '-oProxyCommand=x', 'docker', ...END]],
    [
      { socketPath: "/a b;$(x)'" },
      [...BEGIN, '--', 'h', 'docker', "'--host=unix:///a b;$(x)'\\'''", ...END],
    ],
  ];
  it.each(ROWS)('of %j', (parts, expected) => {
    expect(sshArguments({ ...HOST, ...parts })).toEqual(expected);
  });
});

describe('an engine over ssh', () => {
  it('keeps one connection for calls one after the other, and ends it when disposed', async () => {
    await using fake = await startFakeEngine();
    const image = fake.images.add({ tags: ['app:1'], tar: Buffer.alloc(500_000, 'tar') });
    let programs = 0;
    const engine = engineOver(() => {
      programs += 1;
      return dial(fake);
    });
    const ctx = testContext();
    expect((await engine.facts(ctx)).endpoint).toBe('ssh://h');
    expect((await engine.inspectImage(ctx, 'app:1'))?.id).toBe(image.id);
    expect((await collect(engine.saveImage(ctx, 'app:1'))).length).toBe(500_000);
    expect(programs).toBe(1);
    await engine[Symbol.asyncDispose]();
    await expect.poll(() => fake.connections()).toBe(0);
  });

  it('starts another connection when the kept one has ended', async () => {
    await using fake = await startFakeEngine();
    const programs: Duplex[] = [];
    const engine = engineOver(() => {
      const program = dial(fake);
      programs.push(program);
      return program;
    });
    await engine.facts(testContext());
    programs[0]?.destroy();
    await expect.poll(() => fake.connections()).toBe(0);
    await engine.inspectImage(testContext(), 'app:1');
    expect(programs.length).toBe(2);
    await engine[Symbol.asyncDispose]();
  });

  it('works through pipes of a program, with a body whose buffer is used again', async () => {
    let sum = 0;
    await using fake = await startFakeEngine({
      load: async (tar) => {
        for (let at = 0; at < tar.length; at += 1000) sum += tar[at] ?? 0;
        return ['Loaded image: app:1'];
      },
    });
    await using engine = engineOver(() => dialProgram(fake.socketPath));
    const buffer = Buffer.alloc(300_000);
    let expected = 0;
    async function* reusing(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let turn = 1; turn <= 30; turn += 1) {
        buffer.fill(turn);
        expected += turn * 300;
        yield buffer;
      }
      buffer.fill(0);
    }
    expect(await engine.loadImages(testContext(), reusing())).toEqual(['app:1']);
    expect(sum).toBe(expected);
  });

  it('reports the last words of ssh, which come after the end of its output', async () => {
    const words = 'Cannot run ssh: ssh: connect to host h port 22: refused';
    await using engine = engineOver(() => {
      const program = new Duplex({ read: () => undefined, write: (_chunk, _type, done) => done() });
      program.push(null);
      setTimeout(() => program.destroy(new ShipperError('IO', words)), 50);
      return program;
    });
    const error = await failureOf(engine.facts(testContext()));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toBe(`Cannot reach the engine at ssh://h: ${words}`);
    expect(error.hint).toContain('dial-stdio');
  });

  it('does not wait for last words for ever', async () => {
    await using engine = engineOver(() => {
      const program = new Duplex({ read: () => undefined, write: (_chunk, _type, done) => done() });
      program.push(null);
      return program;
    });
    expect((await failureOf(engine.facts(testContext()))).code).toBe('ENGINE');
  });

  it('says so when there is no ssh', async () => {
    await using engine = engineOver(() => spawnDuplex('/no/such/ssh', []));
    expect((await failureOf(engine.facts(testContext()))).code).toBe('ENGINE_UNREACHABLE');
  });

  it('carries an upload and a cut', async () => {
    await using fake = await startFakeEngine();
    fake.images.add({ tags: ['app:1'], tar: Buffer.alloc(500_000, 'tar') });
    fake.fault('save', { kind: 'cut', afterBytes: 100_000, how: 'abrupt' });
    await using engine = engineOver(() => dialProgram(fake.socketPath));
    const ctx = testContext();
    expect((await failureOf(collect(engine.saveImage(ctx, 'app:1')))).code).toBe('ENGINE');
    const garbage = pieces(Buffer.alloc(200_000, 'x'));
    expect((await failureOf(engine.loadImages(ctx, garbage))).code).toBe('ENGINE');
  });
});
