// The ten scripts of examples/fabric: those of the original's README and of its users, on hosts in memory, or with a ship that only
// notes what it is told where they build images.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { GroupResult } from '../../src/fleet/group-result.ts';
import { World } from '../fleet/world.ts';
import { captured } from './folder.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/fabric', import.meta.url));
const HOSTS = '--hosts=tcp://a:1,tcp://b:1,tcp://c:1';

/** Lines of code of the originals, as they stand in the README and as orchestration.md describes them. */
const MOST_LINES: Readonly<Record<string, number>> = {
  'hello.ts': 4,
  'hosts.ts': 6,
  'build.ts': 4,
  'list.ts': 4,
  'begin.ts': 6,
  'halt.ts': 4,
  'images.ts': 20,
  'cleanup.ts': 14,
  'dev.ts': 30,
  'overlord.ts': 20,
};

let world: World;
beforeEach(async () => {
  world = new World();
  await world.rollout();
});
afterEach(() => world[Symbol.dispose]());

/** Runs an example on the hosts in memory. */
async function run(name: string, ...argv: readonly string[]) {
  const { system, text } = captured(EXAMPLES);
  const inside = { ...world.system, cwd: EXAMPLES, stdio: system.stdio };
  const work = main(['-f', name, ...argv], inside, undefined, undefined, async (choice) =>
    world.shipper({ ...(choice.hosts === undefined ? {} : { hosts: choice.hosts }) }),
  );
  return { code: await world.run(work), ...text };
}

/** Runs an example with a ship that notes its calls. */
async function noted(name: string, ...argv: readonly string[]) {
  const calls: unknown[] = [];
  const method =
    (name: string) =>
    async (...args: readonly unknown[]) => {
      calls.push([name, ...args]);
      return new GroupResult([{ host: 'a', ok: true, value: name }]);
    };
  const names = ['build', 'flatten', 'tag', 'push'];
  const ship = Object.fromEntries(names.map((each) => [each, method(each)]));
  const { system, text } = captured(EXAMPLES);
  const code = await main(['-f', name, ...argv], system, undefined, undefined, async () => ship);
  return { code, calls, err: text.err };
}

describe('examples/fabric', () => {
  it('are ten, each shorter than what it comes from', () => {
    const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
    expect(files.sort()).toEqual(Object.keys(MOST_LINES).sort());
    for (const file of files) {
      const lines = readFileSync(join(EXAMPLES, file), 'utf8').split('\n');
      const code = lines.filter((line) => !/^\s*(?:$|\/\/|\/\*\*)/.test(line));
      expect(code.length, file).toBeLessThanOrEqual(MOST_LINES[file] ?? 0);
    }
  });

  it('hello, list: what runs, on every host', async () => {
    const { code, out } = await run('hello.ts', 'hello', HOSTS, '--json');
    expect(code).toBe(0);
    const { result } = JSON.parse(out);
    expect(result.map((each: { value: unknown[] }) => each.value.length)).toEqual([2, 2, 1]);
    expect((await run('list.ts', 'list', '--all', HOSTS)).code).toBe(0);
  });

  it('begin: once on every host; halt: what has such an image', async () => {
    for (const host of world.hosts.values())
      host.pullable.set('redis:7', `sha256:${'7'.repeat(64)}`);
    const line = ['begin', 'redis:7', 'redis-server', '--ports', '6379:6379', HOSTS];
    expect(await run('begin.ts', ...line)).toMatchObject({ code: 0, err: '' });
    const count = () => world.changes().filter((each) => each.endsWith('create')).length;
    const created = count();
    expect((await run('begin.ts', ...line)).code).toBe(0);
    expect(count()).toBe(created);
    expect((await run('halt.ts', 'halt', '--image', 'redis', HOSTS)).code).toBe(0);
    const { out } = await run('list.ts', 'list', HOSTS, '--json');
    expect(out).not.toContain('redis');
    expect(out).toContain('api');
  });

  it('cleanup: what has ended and is owned', async () => {
    await world.run(world.shipper().stop({ services: ['web'] }));
    const { code } = await run('cleanup.ts', 'containers', '--label', 'shipper.service=web', HOSTS);
    expect(code).toBe(0);
    expect(world.serving()).toBe('a: api.1; b: api.2; c: api.3');
    expect(await run('cleanup.ts', 'images', HOSTS)).toMatchObject({ code: 0, out: '0 removed\n' });
  });

  it('build, images, overlord: what they tell their ship', async () => {
    expect((await noted('build.ts', 'build-image', 'base', './base')).calls).toEqual([
      ['build', { tag: 'base', path: './base' }],
    ]);
    expect((await noted('images.ts', 'precise', '2013')).calls).toEqual([
      ['build', { tag: 'precise:fresh', path: './precise' }],
      ['flatten', 'precise:fresh', { tags: ['precise:flat'] }],
      ['tag', 'precise:flat', 'registry.example.com/precise:2013'],
      ['push', 'registry.example.com/precise:2013'],
    ]);
    const { calls } = await noted('overlord.ts', 'everything', '--tag', '3');
    expect(calls).toEqual(
      ['base', 'api', 'worker', 'proxy'].map((path) => [
        'build',
        { tag: `overlord/${path}:3`, path: `./${path}` },
      ]),
    );
  });

  it('hosts, dev: can be called', async () => {
    for (const [file, task] of [
      ['hosts.ts', 'hello'],
      ['dev.ts', 'unit-tests'],
    ]) {
      const { code, out } = await run(file ?? '', task ?? '', '--help');
      expect([code, out]).toEqual([0, expect.stringContaining(`Usage: shipper ${task} `)]);
    }
  });
});
