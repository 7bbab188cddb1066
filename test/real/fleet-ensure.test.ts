// An environment of ten services on three engines, which are reached by ssh, by TLS and by a socket: mended from whatever became of
// it, by `ensure` and by `watch`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../src/fleet/watch.ts';
import { rollout, Shipper } from '../../src/index.ts';
import { killDaemon, waitForDaemon } from './support/engines.ts';
import type { FleetHost } from './support/fleet.ts';
import { type ShopFleet, startShopFleet } from './support/shop-fleet.ts';

let fleet: ShopFleet;
let image: string;

beforeAll(async () => {
  fleet = await startShopFleet();
  ({ image } = fleet);
}, 180_000);
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
});

const THREE = 3;

/** Ten services on each of three hosts; one that is sick while a file is there, one that nobody restarts. */
function configure(): void {
  const addresses = fleet.hosts.map(({ choice }) => `      - ${choice}`).join('\n');
  const idle = `command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]`;
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const services = names.map((name, index) => {
    const more = [
      index === 0
        ? 'tmpfs: [/state], healthcheck: { test: ["CMD-SHELL", "test ! -e /state/sick"], interval: 1s, timeout: 10s, retries: 2 }, '
        : '',
      index === 1 ? 'restart: "no", ' : '',
    ].join('');
    return `      ${name}: { image: "${image}", ${idle}, stop_grace_period: 2s, ${more}deploy: { mode: global, update_config: { parallelism: 3, monitor: 200ms } } }`;
  });
  writeFileSync(
    join(fleet.folder, 'shipper.yaml'),
    `project: shop\nenvironments:\n  staging:\n    hosts:\n${addresses}\n    services:\n${services.join('\n')}\n`,
  );
}

/** Slots that run and are not sick, over all hosts: 30 where all is as it should be. */
async function serving(): Promise<number> {
  const counts = await Promise.all(
    fleet.hosts.map(async ({ engine }) => {
      const filter = [
        '--filter',
        'label=shipper.env=staging',
        '--filter',
        'label=shipper.managed=1',
      ];
      const text = await engine.cli('ps', ...filter, '--format', '{{.Image}} {{.Status}}');
      const lines = text.split('\n').filter((line) => line.includes(' Up '));
      return lines.filter((line) => !/unhealthy|Paused|other/.test(line)).length;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function nameOf({ engine }: FleetHost, service: string): Promise<string> {
  const filter = [
    '--filter',
    `label=shipper.service=${service}`,
    '--filter',
    'label=shipper.env=staging',
  ];
  return (
    (await engine.cli('ps', '-a', ...filter, '--format', '{{.Names}}')).trim().split('\n')[0] ?? ''
  );
}

/** What may become of a container. */
const TROUBLES: readonly (readonly [
  string,
  string,
  (host: FleetHost, name: string) => Promise<unknown>,
])[] = [
  ['removed', 's2', ({ engine }, name) => engine.cli('rm', '-f', name)],
  ['stopped', 's3', ({ engine }, name) => engine.cli('stop', '-t', '1', name)],
  ['paused', 's4', ({ engine }, name) => engine.cli('pause', name)],
  [
    'unhealthy',
    's0',
    async ({ engine }, name) => {
      await engine.cli('exec', name, 'touch', '/state/sick');
      for (let look = 0; look < 40; look += 1) {
        if ((await engine.cli('ps', '--filter', `name=${name}`)).includes('unhealthy')) return;
        await sleep(250);
      }
    },
  ],
  ['created but never started', 's5', (host, name) => replace(host, name, 'create', image)],
  [
    'of a wrong image',
    's6',
    async (host, name) => {
      await host.engine.cli('commit', '--change', 'ENV OTHER=1', name, 'other:2');
      await replace(host, name, 'run', 'other:2');
    },
  ],
  [
    'on a host that was restarted',
    's1',
    async ({ engine }) => {
      killDaemon(engine, 'SIGTERM');
      await sleep(1500);
      await waitForDaemon(engine);
    },
  ],
];

/** Another container with the name and the labels of `name`. */
async function replace({ engine }: FleetHost, name: string, verb: 'create' | 'run', of: string) {
  const labels = JSON.parse(
    await engine.cli('inspect', '--format', '{{json .Config.Labels}}', name),
  );
  await engine.cli('rm', '-f', name);
  const words = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  const rest = ['--name', name, ...words, of, 'sh', '-c', 'trap exit TERM; sleep 100000 & wait'];
  await engine.cli(verb, ...(verb === 'run' ? ['-d'] : []), ...rest);
}

describe('an environment of ten services on three hosts', () => {
  const environment = () => ({
    environment: 'staging',
    config: join(fleet.folder, 'shipper.yaml'),
    insecure: [fleet.registry.address],
  });
  const ship = () => new Shipper(environment());

  it('is rolled out', async () => {
    configure();
    const report = await rollout(environment());
    expect(report.error).toBeUndefined();
    expect(await serving()).toBe(30);
  });

  it.each(TROUBLES)('is mended by ensure() where a container was %s', async (_, service, make) => {
    const host = fleet.hosts[service === 's0' ? 0 : 2];
    await make(host, await nameOf(host, service));
    await using own = ship();
    const result = await own.ensure();
    expect(result.failures).toEqual([]);
    const mended = result.values.filter(({ did }) => did === 'mended');
    expect(mended.map((each) => each.service)).toContain(service);
    expect(await serving()).toBe(30);
    const again = await own.ensure([service]);
    expect(again.values.map(({ did }) => did)).toEqual(['unchanged', 'unchanged', 'unchanged']);
  });

  it('is mended by watch() itself, which gives up on a crash loop', async () => {
    const stop = new AbortController();
    const events: WatchEvent[] = [];
    const watcher = new Shipper({ ...environment(), signal: stop.signal });
    const rules = { limit: 2, firstPauseMs: 500 };
    const onEvent = (event: WatchEvent) => void events.push(event);
    const watching = watcher.watch({ ...rules, onEvent }).catch((error: Error) => error.message);
    const until = async (isThere: () => boolean) => {
      for (let look = 0; look < 120 && !isThere(); look += 1) await sleep(250);
      expect(isThere()).toBe(true);
    };
    await until(() => events.filter(({ kind }) => kind === 'watched').length === THREE);
    const [first, second, third] = fleet.hosts;
    await first.engine.cli('kill', await nameOf(first, 's7'));
    await second.engine.cli('pause', await nameOf(second, 's8'));
    await third.engine.cli('rm', '-f', await nameOf(third, 's9'));
    await until(() => events.filter(({ kind }) => kind === 'mended').length === THREE);
    expect(await serving()).toBe(30);
    // What it runs is not there any more, so that it cannot start.
    const name = await nameOf(first, 's1');
    await first.engine.cli('exec', name, 'sh', '-c', 'rm -f /bin/sh /bin/busybox.real');
    await first.engine.cli('kill', name);
    await until(() => events.some(({ kind }) => kind === 'given-up'));
    const own = events.filter(({ host, slot }) => host === 'ssh://h1' && slot?.startsWith('s1.'));
    expect(own.map(({ kind }) => kind)).toEqual(['ails', 'failed', 'ails', 'failed', 'given-up']);
    stop.abort();
    expect(await watching).toMatch(/was cancelled/);
    await watcher[Symbol.asyncDispose]();
  });
});
