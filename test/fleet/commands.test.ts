// The commands of the fleet from their command line to what they print and how they end, on hosts in memory.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.rollout();
});
afterEach(() => world[Symbol.dispose]());

/** Without what differs from run to run. */
function plain(text: string): string {
  return text.replace(/\d{8}-\d{6}-\w{4}/g, 'RELEASE').replace(/sha256:[0-9a-f]{12}/g, 'DIGEST');
}

describe('shipper ps', () => {
  it('lists the containers of each slot', async () => {
    const { code, out, err } = await world.line('ps', 'staging');
    expect([code, err]).toEqual([0, '']);
    expect(plain(out)).toMatchInlineSnapshot(`
      "name   host       state                   release               image                              ports
      api.1  tcp://a:1  Up 5 seconds            RELEASE  r.example/api@DIGEST
      web.1  tcp://a:1  Up 5 seconds (healthy)  RELEASE  r.example/web@DIGEST
      api.2  tcp://b:1  Up 5 seconds            RELEASE  r.example/api@DIGEST
      web.2  tcp://b:1  Up 5 seconds (healthy)  RELEASE  r.example/web@DIGEST
      api.3  tcp://c:1  Up 5 seconds            RELEASE  r.example/api@DIGEST
      "
    `);
  });

  it('names hosts that do not answer, and ends with 3; with 6 where they may be left out', async () => {
    world.cut.add('b');
    const { code, out, err } = await world.line('ps', 'staging', 'front');
    expect(code).toBe(3);
    expect(out).toContain('api.1');
    expect(out).not.toContain('api.2');
    expect(plain(err)).toMatchInlineSnapshot(`
      "failed: tcp://b:1: Cannot facts in the engine at b: the connection broke
      shipper: Cannot list the containers of staging everywhere: 1 failure of 3
        mend: shipper ps staging front --hosts tcp://b:1
      "
    `);
    const left = await world.line('ps', 'staging', '--skip-unreachable', '1');
    expect(left.code).toBe(6);
    for (const name of world.hosts.keys()) world.cut.add(name);
    expect((await world.line('ps', 'staging', '--skip-unreachable', '3')).code).toBe(1);
  });

  it('is one object with --json, and names with -q', async () => {
    const { out } = await world.line('ps', 'staging', 'web', '--json');
    const json = JSON.parse(out);
    expect(json).toMatchObject({
      schema: 1,
      command: 'ps',
      project: 'shop',
      environment: 'staging',
      results: [
        { host: 'tcp://a:1', ok: true, value: [{ owned: { service: 'web', slot: 1 } }] },
        { host: 'tcp://b:1', ok: true, value: [{ owned: { service: 'web', slot: 2 } }] },
        { host: 'tcp://c:1', ok: true, value: [] },
      ],
    });
    const quiet = await world.line('ps', 'staging', 'web', '-q');
    expect(plain(quiet.out)).toBe('shop-staging-web-1-RELEASE\nshop-staging-web-2-RELEASE\n');
  });

  it('shows ids and commands with -v, older ones with --all', async () => {
    world.version = '2';
    await world.rollout();
    const { out } = await world.line('ps', 'staging', 'api', '--all', '-v');
    expect(out.match(/Exited \(143\)/g)?.length).toBe(3);
    const { out: current } = await world.line('ps', 'staging', 'api');
    expect(current).not.toContain('Exited');
  });

  it('refuses an environment or service that is none, and options that contradict each other', async () => {
    expect(await world.line('ps', 'stagin')).toMatchObject({ code: 2 });
    const { code, err } = await world.line('ps', 'staging', 'wep');
    expect(code).toBe(2);
    expect(err).toBe('shipper: Cannot find service "wep" in staging\n  hint: web was meant?\n');
    expect((await world.line('ps', 'staging', '--serial', '--parallel', '3')).code).toBe(2);
    expect((await world.line('ps', 'staging', '--hosts', 'x')).code).toBe(2);
  });
});

describe('shipper start, stop, restart', () => {
  it('say of each container what was done', async () => {
    const stopped = await world.line('stop', 'staging', 'web');
    expect(stopped).toEqual({
      code: 0,
      out: 'web.1 on tcp://a:1: stopped\nweb.2 on tcp://b:1: stopped\n',
      err: '',
    });
    const started = await world.line('start', 'staging', 'web', '-q');
    expect(plain(started.out)).toBe('shop-staging-web-1-RELEASE\nshop-staging-web-2-RELEASE\n');
    const again = await world.line('start', 'staging', 'web');
    expect(again.out).toBe('web.1 on tcp://a:1: unchanged\nweb.2 on tcp://b:1: unchanged\n');
  });

  it('tell what was left, and the command that mends it', async () => {
    world.fault = ({ host, method }) =>
      host === 'b' && method === 'containers.restart' ? { status: 500 } : 'pass';
    const { code, out, err } = await world.line('restart', 'staging', 'api', '-t', '2s');
    expect(code).toBe(3);
    expect(out).toBe('api.1 on tcp://a:1: restarted\napi.3 on tcp://c:1: restarted\n');
    expect(plain(err)).toMatchInlineSnapshot(`
      "failed: shop-staging-api-2-RELEASE on tcp://b:1: Cannot containers.restart in the engine: status 500
      shipper: Cannot restart containers of staging everywhere: 1 failure of 3
        mend: shipper restart staging api --hosts tcp://b:1
      "
    `);
  });

  it('print what would be done with --dry-run', async () => {
    world.calls.splice(0);
    const { out } = await world.line('restart', 'staging', 'web', '--dry-run', '--batch', '1');
    expect(out).toBe('web.1 on tcp://a:1: would restart\nweb.2 on tcp://b:1: would restart\n');
    expect(world.changes()).toEqual([]);
  });
});

describe('shipper exec, wait', () => {
  const codes = (by: Readonly<Record<string, number>>) => {
    for (const host of world.hosts.values()) {
      host.behaviours.set('api', {
        exec: ({ command, user = '', environment = {} }) => ({
          code: by[host.name] ?? 0,
          lines: [
            { stream: 'stdout', text: `${command.join(' ')} ${user}${environment['A'] ?? ''}` },
            { stream: 'stderr', text: `bad ${host.name}` },
          ],
        }),
      });
    }
  };

  it('prints what the command writes, behind the name of its container', async () => {
    codes({});
    const { code, out, err } = await world.line('exec', 'staging', 'api', '--', 'ls', '--json');
    expect([code, out, err]).toEqual([
      0,
      'api.1@a | ls --json \napi.2@b | ls --json \napi.3@c | ls --json \n',
      'api.1@a | bad a\napi.2@b | bad b\napi.3@c | bad c\n',
    ]);
  });

  it('ends as the commands did', async () => {
    codes({ b: 7 });
    expect((await world.line('exec', 'staging', 'api', '--', 'x')).code).toBe(3);
    const one = await world.line(
      'exec',
      'staging',
      'api',
      '--hosts',
      'b',
      '--no-prefix',
      '--',
      'x',
    );
    expect([one.code, one.out, one.err]).toEqual([7, 'x \n', 'bad b\n']);
    codes({ a: 1, b: 1, c: 1 });
    expect((await world.line('exec', 'staging', 'api', '--', 'x')).code).toBe(1);
    world.cut.add('a');
    const cut = await world.line('exec', 'staging', 'api', '--', 'sh', '-c', 'a b');
    expect(cut.code).toBe(3);
    expect(cut.err).toContain("mend: shipper exec staging api --hosts tcp://a:1 -- sh -c 'a b'");
  });

  it('has all of it with --json', async () => {
    codes({ b: 7 });
    const { out } = await world.line(
      ...['exec', 'staging', 'api', '--json', '-u', 'me', '-e', 'A=b', '-w', '/', '--', 'x'],
    );
    expect(JSON.parse(out).results[1]).toMatchObject({
      host: 'tcp://b:1',
      ok: true,
      value: { exitCode: 7, lines: [{ stream: 'stdout' }, { text: 'bad b' }] },
    });
  });

  it('needs a command, and containers that run', async () => {
    expect(await world.line('exec', 'staging', 'api')).toMatchObject({
      code: 2,
      err: 'shipper: Cannot run a command: none is given\n  hint: write it behind --: -- ls -l\n',
    });
    await world.line('stop', 'staging', 'api');
    expect(await world.line('exec', 'staging', 'api', '--', 'x')).toMatchObject({
      code: 1,
      err: 'shipper: Cannot run a command in containers of staging: no container is meant\n  hint: look which there are: shipper ps staging --all\n',
    });
  });

  it('waits for exit codes', async () => {
    for (const host of world.hosts.values()) host.behaviours.set('web', { crashAfterMs: 5000 });
    await world.line('restart', 'staging', 'web');
    const { code, out } = await world.line('wait', 'staging', 'web');
    expect([code, out]).toEqual([
      1,
      'web.1 on tcp://a:1: ended with exit code 1\nweb.2 on tcp://b:1: ended with exit code 1\n',
    ]);
    expect((await world.line('wait', 'staging', 'web', '-q')).out).toBe('1\n1\n');
  });
});

describe('shipper logs', () => {
  it('prints all of them in order of time', async () => {
    for (const host of world.hosts.values()) {
      host.behaviours.set('web', { log: ['one', 'two\u001b[2J \u001b[31mred\u001b[39m'] });
    }
    await world.line('restart', 'staging', 'web', '--batch', '1');
    const { code, out } = await world.line('logs', 'staging', 'web', '--tail', '2');
    expect([code, out]).toEqual([
      0,
      [
        'web.1@a | one',
        'web.1@a | two\\x1b[2J \u001b[31mred\u001b[39m',
        'web.2@b | one',
        'web.2@b | two\\x1b[2J \u001b[31mred\u001b[39m',
        '',
      ].join('\n'),
    ]);
    const bare = await world.line('logs', 'staging', 'web', '-t', '--no-prefix', '--since', '1h');
    expect(bare.out).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one\n/);
    const json = JSON.parse((await world.line('logs', 'staging', 'web', '--json')).out);
    expect(json.lines[0]).toMatchObject({ host: 'tcp://a:1', stream: 'stdout', text: 'one' });
    expect((await world.line('logs', 'staging', '--json', '-f')).code).toBe(2);
  });

  it('follows until nothing runs any more', async () => {
    for (const host of world.hosts.values()) {
      host.behaviours.set('web', { talksEveryMs: 400, crashAfterMs: 2000 });
    }
    await world.line('restart', 'staging', 'web');
    const { code, out } = await world.line('logs', 'staging', 'web', '-f');
    expect(code).toBe(0);
    expect(out.match(/web\.1@a/g)?.length).toBeGreaterThan(3);
  });
});

describe('shipper pull', () => {
  it('brings the images that are named now to all hosts', async () => {
    world.version = '2';
    const { code, out } = await world.line('pull', 'staging', 'web');
    // As they come.
    const lines = plain(out).split('\n').filter(Boolean).sort().join('\n');
    expect([code, `${lines}\n`]).toMatchInlineSnapshot(`
      [
        0,
        "tcp://a:1 has r.example/web@DIGEST650f7d38ff4df9c84eb89b1831ceba538fa2528e70fdf1020aa1
      tcp://b:1 has r.example/web@DIGEST650f7d38ff4df9c84eb89b1831ceba538fa2528e70fdf1020aa1
      tcp://c:1 has r.example/web@DIGEST650f7d38ff4df9c84eb89b1831ceba538fa2528e70fdf1020aa1
      ",
      ]
    `);
    for (const host of world.hosts.values()) {
      expect(host.imageId(world.image('web').pinned ?? '')).toBe(world.image('web').digest);
      expect(host.imageId(world.image('api').pinned ?? '')).toBeUndefined();
    }
    world.version = '3';
    expect((await world.line('pull', 'staging', '--dry-run')).out).toContain(
      'would have r.example',
    );
    expect(world.host('a').imageId(world.image('web').pinned ?? '')).toBeUndefined();
  });
});

describe('shipper run', () => {
  const migrating = (code: number) => {
    for (const host of world.hosts.values()) {
      host.behaviours.set('api', {
        crashAfterMs: 1000,
        exitCode: code,
        log: ['migrating', 'done'],
      });
    }
  };

  it('runs a command of a service on the first host, prints it, and removes it', async () => {
    migrating(0);
    const before = world.host('a').containers.size;
    const line = ['run', 'staging', 'api', '-e', 'A=b', '-u', 'me', '-w', '/srv', '--', 'migrate'];
    world.calls.splice(0);
    const { code, out, err } = await world.line(...line);
    expect([code, out, err]).toEqual([0, 'migrating\ndone\n', '']);
    expect(world.host('a').containers.size).toBe(before);
    const made = world.calls.find(({ method }) => method === 'containers.create');
    expect(made?.args[1]).toMatchObject({
      Cmd: ['migrate'],
      Env: ['A=b'],
      User: 'me',
      WorkingDir: '/srv',
      Labels: { 'shipper.managed': '1', 'shipper.service': 'api' },
    });
    expect(world.changes().every((call) => call.startsWith('a '))).toBe(true);
  });

  it('ends as the command did, on every host with --all-hosts', async () => {
    migrating(5);
    expect((await world.line('run', 'staging', 'api', '--', 'x')).code).toBe(5);
    const all = await world.line('run', 'staging', 'api', '--all-hosts', '--', 'x');
    expect(all.code).toBe(1);
    expect(all.out.match(/-run-\w+@[abc] \| done/g)?.length).toBe(3);
  });

  it('leaves it running with --detach, and runs none beside it with --once', async () => {
    const line = ['run', 'staging', 'api', '--detach', '--once', '--', 'import'];
    const first = await world.line(...line);
    expect(first.out).toMatch(/^shop-staging-api-run-\w+ on tcp:\/\/a:1: started\n$/);
    expect((await world.line(...line)).out).toMatch(/: runs already\n$/);
    expect((await world.line(...line, 'more')).out).toMatch(/: started\n$/);
    expect((await world.line(...line, 'else', '--dry-run')).out).toMatch(/: started\n$/);
    const dry = await world.line('run', 'staging', 'api', '--dry-run', '--', 'x');
    expect(dry.out).toMatch(/: would be run\n$/);
    // It stands in no slot: a rollout does not know it.
    expect((await world.line('status', 'staging')).code).toBe(1);
    const ps = await world.line('ps', 'staging', 'api');
    expect(ps.out).toMatch(/shop-staging-api-run-\w+ +tcp:\/\/a:1/);
  });

  it('takes back what does not start, and refuses what was never rolled out', async () => {
    world.host('a').behaviours.set('api', { startError: 'no such program' });
    const before = world.host('a').containers.size;
    const { code, err } = await world.line('run', 'staging', 'api', '--', 'x');
    expect(code).toBe(1);
    expect(err).toContain('no such program');
    expect(world.host('a').containers.size).toBe(before);
    world.cut.add('a');
    expect((await world.line('run', 'staging', 'api')).code).toBe(1);
  });
});

describe('shipper top', () => {
  it('shows what each host and container uses', async () => {
    const { code, out } = await world.line('top', 'staging', 'web');
    expect(code).toBe(0);
    expect(plain(out)).toMatchInlineSnapshot(`
      "name       state         health   release                cpu  memory
      tcp://a:1  1 container                                  1.0%  1.05MB
        web.1    running       healthy  RELEASE  1.0%  1.05MB
      tcp://b:1  1 container                                  1.0%  1.05MB
        web.2    running       healthy  RELEASE  1.0%  1.05MB
      tcp://c:1  0 containers                                 0.0%      0B
      "
    `);
    world.cut.add('b');
    const cut = await world.line('top', 'staging', '--once');
    expect(cut.code).toBe(3);
    expect(cut.out).toContain('no answer');
    const json = JSON.parse((await world.line('top', 'staging', 'api', '--json')).out);
    expect(json.results[0].value[0]).toMatchObject({ container: { owned: { slot: 1 } } });
  });

  it('draws itself anew on a terminal, until Ctrl-C', async () => {
    world.cut.add('c');
    const tablesOf = (out: string) => out.split('\u001b[H\u001b[J');
    const isEnough = (out: string) => tablesOf(out).length === 7;
    const began = world.time.nowMs;
    const { code, out, err } = await world.live(isEnough, 'top', 'staging', 'web', '--every', '2s');
    expect(code).toBe(130);
    // One before and one after each of three looks, which are two seconds apart.
    expect(world.time.nowMs - began).toBe(4000);
    const [first = '', ...tables] = tablesOf(out);
    expect(first).toBe('\u001b[2J');
    expect(tables).toHaveLength(6);
    const states = (table: string) => table.match(/asked|1 container|no answer/g);
    expect(states(tables[0] ?? '')).toEqual(['asked', 'asked', 'asked']);
    for (const table of tables.slice(1)) {
      expect(states(table)).toEqual(['1 container', '1 container', 'no answer']);
    }
    expect(err).toContain('Cannot go on: interrupted by SIGINT\n');
  });
});
