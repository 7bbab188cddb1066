// One host that is down, one that is slow and ones that answer garbage, over real connections: what the others said is told,
// in time, and the exit code tells the truth.
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { testContext } from '../engine/support.ts';
import { isAll } from '../support/amount.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { FakeHost } from '../support/fake-host.ts';
import { processPlace } from './cli.ts';

/** Each call to the slow one; it is asked four things, one after the other. */
const SLOW_MS = 5000;
const LIMIT_MS = SLOW_MS * 5;
const PAGE = '<html><body>It works!</body></html>';
/** What is answered, and what is made of it. */
const GARBAGE = [
  [
    `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}`,
    'what answers there is not a Docker Engine',
  ],
  ['SSH-2.0-OpenSSH_9.2p1 Debian\r\n', 'what answers there does not speak HTTP'],
  [
    'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{',
    `it took over ${LIMIT_MS / 1000} seconds`,
  ],
] as const;

interface SpeakingHost extends AsyncDisposable {
  readonly host: string;
}

/** Says the same to whoever asks. */
async function speaking(answer: string): Promise<SpeakingHost> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', () => socket.write(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return { host: `tcp://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}

interface Told {
  readonly results: readonly {
    readonly host: string;
    readonly ok: boolean;
    readonly error?: { readonly message: string };
  }[];
}

describe.runIf(isAll())(
  'of six hosts, of which one is down, one slow, and three answer garbage',
  () => {
    it('what works is told, in time', { timeout: 120_000 }, async () => {
      using place = processPlace();
      const { clock } = testContext();
      const engine = (name: string) => ({ isTcp: true, host: new FakeHost(name, clock) });
      await using well = await startFakeEngine(engine('well'));
      await using slow = await startFakeEngine({ ...engine('slow'), latencyMs: SLOW_MS });
      const gone = await speaking('');
      await gone[Symbol.asyncDispose]();
      await using page = await speaking(GARBAGE[0][0]);
      await using ssh = await speaking(GARBAGE[1][0]);
      await using endless = await speaking(GARBAGE[2][0]);
      const hosts = [well, slow, gone, page, ssh, endless].map(({ host }) => host);
      writeFileSync(
        place.path('shipper.yaml'),
        `project: shop\nenvironments:\n  staging:\n    hosts: ${JSON.stringify(hosts)}\n    services: { api: { image: r.example/api:1 } }\n`,
      );
      const flags = ['--any', '--json', '--host-timeout', `${LIMIT_MS}ms`];
      const began = performance.now();
      const { code, stdout, stderr } = await place.run(['ps', 'staging', ...flags]);
      const tookMs = performance.now() - began;
      const { results } = JSON.parse(stdout.toString()) as Told;
      expect(results.map(({ host }) => host)).toEqual(hosts);
      expect(results.map(({ ok }) => ok)).toEqual([true, true, false, false, false, false]);
      const reasons = ['connection refused', ...GARBAGE.map(([, reason]) => reason)];
      expect(results.slice(2).map(({ error }) => error?.message)).toEqual(
        reasons.map((reason) => expect.stringContaining(reason)),
      );
      const [, , ...failed] = hosts;
      const mend = failed.map((host) => ` --hosts ${host}`).join('');
      expect(stderr).toContain(`\n  mend: shipper ps staging${mend}\n`);
      expect(code).toBe(3);
      expect(tookMs).toBeLessThan(LIMIT_MS + 10_000);
    });
  },
);
