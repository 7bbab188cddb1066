// Class Shipper on three engines at once, which are reached by ssh, by TLS and by a socket: every call of the original's API.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FleetLine } from '../../src/fleet/output.ts';
import { Shipper, type ShipperOptions } from '../../src/index.ts';
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

function hosts(): NonNullable<ShipperOptions['hosts']> {
  const [, , third] = fleet.hosts;
  return ['ssh://h1', { context: 'h2' }, third.engine.host];
}

function shipper(more: ShipperOptions = {}): Shipper {
  return new Shipper({ hosts: hosts(), insecure: [fleet.registry.address], ...more });
}

const THREE = 3;

describe('class Shipper on three engines', () => {
  it('builds from a folder, from a text, and from what the engine fetches', async () => {
    await using ship = shipper();
    const context = join(fleet.folder, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), `FROM ${image}\nCOPY hello /hello\n`);
    writeFileSync(join(context, 'hello'), 'hello\n');
    const lines: string[] = [];
    const onLog = (host: string, line: string) => void lines.push(`${host} ${line}`);
    const built = await ship.build({ path: context, tag: 'built:1', onLog });
    expect(built.orThrow().length).toBe(THREE);
    expect(lines.length).toBeGreaterThan(THREE);
    const text = `FROM ${image}\nENV MADE=text\n`;
    expect((await ship.build({ dockerfileText: text, tag: 'built:2' })).orThrow().length).toBe(3);
    const server = createServer((_, answer) => answer.end(text.replace('text', 'fetched')));
    await new Promise<void>((done) => server.listen(0, () => done()));
    const { port } = server.address() as { port: number };
    const gateway = fleet.registry.address.split(':')[0];
    const path = `http://${gateway}:${port}/Dockerfile`;
    expect((await ship.build({ path, tag: 'built:3' })).orThrow().length).toBe(3);
    server.close();
    const broken = await ship.build({ dockerfileText: `FROM ${image}\nRUN false\n`, tag: 'no:1' });
    expect(broken.failures.map(({ error }) => String(error))).toEqual(
      Array(THREE).fill(expect.stringMatching(/Cannot build image "no:1" on .*false/)),
    );
    const images = await ship.images();
    for (const own of images.orThrow()) {
      const tags = own.flatMap((each) => each.tags);
      expect(tags).toEqual(expect.arrayContaining(['built:1', 'built:2', 'built:3']));
    }
  });

  it('runs, lists, inspects, stops, starts, restarts and removes containers', async () => {
    await using ship = shipper();
    const command = ['sh', '-c', 'trap "exit 3" TERM; sleep 100000 & wait'];
    const options = {
      environment: { A: 'b c' },
      volumes: ['data:/data', '/tmp:/host:ro', '/anonymous'],
      hostname: 'here',
      user: '0:0',
      memoryBytes: 64 << 20,
      dns: ['10.9.8.7'],
      labels: { job: 'one' },
    };
    const ran = await ship.run(image, command, options);
    expect(ran.orThrow().map(({ did }) => did)).toEqual(['ran', 'ran', 'ran']);
    const again = await ship.run(image, command, { ...options, once: true });
    expect(again.orThrow().map(({ did }) => did)).toEqual(['found', 'found', 'found']);
    const like = { once: { image: /busybox/, command: /^sh -c .*sleep/ } };
    const other = await ship.run(image, ['true'], like);
    expect(other.orThrow().map(({ did }) => did)).toEqual(['found', 'found', 'found']);
    const listed = await ship.containers({ running: true, command, image: '*/busybox' });
    expect(listed.orThrow().map((each) => each.length)).toEqual([1, 1, 1]);
    const [own] = (await ship.inspect(listed)).orThrow();
    expect(own?.raw['Config']).toMatchObject({ Hostname: 'here', User: '0:0' });
    expect(own?.raw['HostConfig']).toMatchObject({ Memory: 64 << 20, Dns: ['10.9.8.7'] });
    const stopped = await ship.stop({ labels: ['job=one'] }, { graceMs: 5000 });
    expect(stopped.orThrow().map(({ did }) => did)).toEqual(['stopped', 'stopped', 'stopped']);
    const codes = await ship.wait({ labels: ['job=one'] });
    expect(codes.orThrow().map(({ exitCode }) => exitCode)).toEqual([3, 3, 3]);
    expect((await ship.start({ labels: ['job=one'] })).ok).toBe(true);
    expect((await ship.restart({ labels: ['job=one'] }, { batch: 2 })).ok).toBe(true);
    const said = await ship.exec({ labels: ['job=one'] }, ['sh', '-c', 'echo $A; exit 4']);
    expect(said.orThrow().map(({ exitCode, lines }) => [exitCode, lines[0]?.text])).toEqual(
      Array(THREE).fill([4, 'b c']),
    );
    const removed = await ship.remove({ labels: ['job=one'] }, { graceMs: 0, volumes: true });
    expect(removed.orThrow().map(({ did }) => did)).toEqual(['removed', 'removed', 'removed']);
    expect((await ship.containers({ labels: ['job=one'] })).orThrow().flat()).toEqual([]);
  });

  it('creates containers, attaches to them until a line, and reads their logs', async () => {
    await using ship = shipper();
    const Cmd = ['sh', '-c', 'sleep 1; for i in $(seq 1 20); do echo line $i; sleep 0.05; done'];
    const made = await ship.createContainer({ Image: image, Cmd }, { name: 'talker' });
    expect(made.orThrow().map(({ status }) => status)).toEqual(['created', 'created', 'created']);
    expect((await ship.start(made)).ok).toBe(true);
    const attached = await ship.attach(made, { stopLine: /^line 12$/ });
    expect(attached.orThrow().map(({ stoppedBy }) => stoppedBy)).toEqual(Array(3).fill('line 12'));
    const lines: FleetLine[] = [];
    const onLines = (more: readonly FleetLine[]) => void lines.push(...more);
    const logged = await ship.logs({ name: 'talker' }, { follow: true, onLines });
    expect(logged.orThrow().map((each) => each.lines)).toEqual([20, 20, 20]);
    for (const host of new Set(lines.map(({ container }) => container.host))) {
      const own = lines.filter(({ container }) => container.host === host);
      expect(own.map(({ text }) => text)).toEqual(
        Array.from({ length: 20 }, (_, i) => `line ${i + 1}`),
      );
    }
    await ship.remove({ name: 'talker' });
  });

  it('pulls, tags, flattens, pushes and removes images', async () => {
    await using ship = shipper();
    const { address } = fleet.registry;
    expect((await ship.pull(image)).orThrow()).toEqual([image, image, image]);
    const flat = `${address}/shop/flat:1`;
    const flattened = await ship.flatten('built:1', { tags: [flat], verify: true });
    expect(flattened.orThrow().map(({ verified }) => verified)).toEqual([true, true, true]);
    const pushed = await ship.push(flat);
    expect(pushed.orThrow().length).toBe(THREE);
    expect((await ship.tag(flat, 'other:1')).orThrow()).toEqual(Array(3).fill('other:1'));
    for (const { engine } of fleet.hosts) {
      const format = '{{len .RootFS.Layers}}';
      expect((await engine.cli('image', 'inspect', '--format', format, 'other:1')).trim()).toBe(
        '1',
      );
    }
    expect((await ship.removeImage('other:1')).ok).toBe(true);
  });

  it('hides no host behind one that is cut off', async () => {
    const [first] = fleet.hosts;
    await first.cut();
    try {
      await using ship = shipper({ patienceMs: 4000 });
      const begun = Date.now();
      const times: number[] = [];
      const onResult = () => void times.push(Date.now() - begun);
      const found = await ship.containers({}, { onResult });
      expect(found.results.map(({ ok }) => ok)).toEqual([false, true, true]);
      expect(times[1]).toBeLessThan(2500);
      expect(times[2]).toBeLessThan(10_000);
    } finally {
      await first.join();
    }
  });
});
