// The ten scripts of examples/fabric on three engines at once, which are reached by ssh, by TLS and by a socket.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { nodeSystem, Shipper } from '../../src/index.ts';
import type { System } from '../../src/system/system.ts';
import type { Fleet } from './support/fleet.ts';
import { type ShopFleet, startShopFleet } from './support/shop-fleet.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/fabric', import.meta.url));

let fleet: ShopFleet;

beforeAll(async () => {
  fleet = await startShopFleet();
  const { image } = fleet;
  context('base', `FROM ${image}\nLABEL shop=1\n`);
  for (const name of ['api', 'worker', 'proxy']) context(name, 'FROM overlord/base:7\n');
  context('db', `FROM ${image}\nCMD ["sh", "-c", "sleep 2; echo Startup complete; sleep 600"]\n`);
  const make = 'RUN printf "#!/bin/sh\\nexit 0\\n" > /bin/make && chmod +x /bin/make';
  context('otter', `FROM ${image}\n${make}\n`);
}, 180_000);
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
});

function context(name: string, text: string): void {
  mkdirSync(join(fleet.folder, name), { recursive: true });
  writeFileSync(join(fleet.folder, name, 'Dockerfile'), text);
}

function hostsOf({ hosts: [, , third] }: Fleet) {
  return ['ssh://h1', { context: 'h2' }, third.engine.host];
}

/** An example with another text for one that only its author's network knows; returns its path. */
function localised(file: string, text: string | RegExp, local: string): string {
  const path = join(fleet.folder, file);
  const own = readFileSync(join(EXAMPLES, file), 'utf8').replaceAll(text, local);
  expect(own).toContain(local);
  writeFileSync(path, own);
  return path;
}

/** Runs a task of an example; every host is meant. */
async function run(file: string, ...argv: readonly string[]) {
  const text = { out: '', err: '' };
  const real = nodeSystem();
  const stdio: System['stdio'] = {
    ...real.stdio,
    stdoutIsTTY: false,
    stderrIsTTY: false,
    writeOut: async (bytes) => {
      text.out += String(bytes);
    },
    writeErr: (more) => {
      text.err += more;
    },
  };
  const hosts = hostsOf(fleet);
  const insecure = [fleet.registry.address];
  const line = ['-q', '-f', resolve(EXAMPLES, file), ...argv, '--json'];
  const code = await main(line, { ...real, stdio }, undefined, undefined, async ({ signal }) => {
    return new Shipper({ hosts, insecure, directory: fleet.folder, signal });
  });
  expect([code, text.err]).toEqual([0, '']);
  const { result } = JSON.parse(text.out);
  return result;
}

/** How many containers each host lists. */
async function counts(): Promise<readonly number[]> {
  const result: readonly { readonly value: readonly unknown[] }[] = await run('list.ts', 'list');
  return result.map(({ value }) => value.length);
}

describe('examples/fabric on three engines', () => {
  it('hello, list, build, overlord, images', async () => {
    expect(await run('hello.ts', 'hello')).toHaveLength(3);
    expect(await run('build.ts', 'build-image', 'base:1', './base')).toHaveLength(3);
    expect(await run('overlord.ts', 'everything', '--tag', '7')).toHaveLength(3);
    expect(await run('images.ts', 'flat', 'base:1')).toHaveLength(3);
    for (const { engine } of fleet.hosts) {
      const names = await engine.cli('images', '--format', '{{.Repository}}:{{.Tag}}');
      for (const name of ['base:1', 'base:1-flat', 'overlord/proxy:7', 'overlord/worker:7']) {
        expect(names.split('\n')).toContain(name);
      }
    }
  });

  it('hosts that stand in the code, and a registry', async () => {
    const own = localised('hosts.ts', /\[.*\]/g, JSON.stringify(hostsOf(fleet)));
    expect(await run(own, 'hello')).toHaveLength(3);
    const { address } = fleet.registry;
    context('precise', 'FROM overlord/base:7\n');
    const images = localised('images.ts', 'registry.example.com', address);
    expect(await run(images, 'precise', '20261127')).toHaveLength(3);
    const [{ engine }] = fleet.hosts;
    await engine.cli('pull', '-q', `${address}/precise:20261127`);
  });

  it('begin, once; halt; cleanup', async () => {
    const idle = await counts();
    for (let time = 1; time <= 2; time += 1) {
      await run('begin.ts', 'begin', 'base:1', 'sleep 600');
      expect(await counts()).toEqual(idle.map((count) => count + 1));
    }
    await run('halt.ts', 'halt', '--image', '^base');
    expect(await counts()).toEqual(idle);
    expect(await run('cleanup.ts', 'containers')).toHaveLength(3);
    expect(await run('cleanup.ts', 'images')).toMatch(/^\d+ removed$/);
  });

  it('dev: the data base once, then the tests and their exit code', async () => {
    await run('build.ts', 'build-image', 'cassandra:4', './db');
    await run('build.ts', 'build-image', 'otter:dev', './otter');
    expect(await run('dev.ts', 'unit-tests')).toBe('tests passed');
  });
});
