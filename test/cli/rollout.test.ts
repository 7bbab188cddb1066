// `shipper rollout`, `rollback`, `resume`: their command lines, what they print, and how they end.
import { describe, expect, it } from 'vitest';
import { createProgram, type ProgramHost } from '../../src/cli/program.ts';
import type { RolloutOutcome } from '../../src/rollout/rollout-types.ts';
import { pausedReport, rolloutReport, slotReport } from '../report/rollout-samples.ts';
import { runLine, terminal } from './terminal.ts';

describe('shipper rollout', () => {
  it('prints services and slots', async () => {
    const { out, err, code } = await runLine(['rollout', 'staging', '--progress=quiet']);
    expect([err, code]).toEqual(['', 0]);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: rollout of 20260131-120000-1b1b: done after 12 s
        api  r.example.com/shop/api:1  sha256:aaaaaaaaaaaa
        slot   host      state      runs                   time
        api.1  ssh://s1  updated    20260131-120000-1b1b  6.2 s
        api.2  ssh://s2  unchanged  20260131-120000-1b1b      -
      "
    `);
  });

  it('says what failed, with the last words of the container, what runs where and what mends it', async () => {
    const operations = { rolloutEnvironment: async () => pausedReport() };
    for (const more of [[], ['--json'], ['-q']]) {
      const argv = ['rollout', 'staging', '--progress=quiet', ...more];
      const { err, code } = await runLine(argv, { operations });
      expect(code).toBe(3);
      expect(err).toMatchInlineSnapshot(`
        "failed: api.2 on ssh://s2: Cannot update api.2: it ended with exit code 1
          | listen: address in use
          ssh://s1: api.3 not started; api.1 updated
          ssh://s2: api.2 failed
        shipper: Cannot roll out staging: it was stopped half-way by a failure
          mend: shipper resume staging
            or: shipper rollback staging
        "
      `);
    }
  });

  it('gives services, options and registries to the use case', async () => {
    const words = 'rollout staging api web --report ship.json --hosts s1 --hosts t*';
    const more = '--skip-unreachable 1 --lock-wait 10m --health-timeout 90s --host-timeout 2m';
    const rest = '--force --config other.yaml --insecure r:5000 --creds me:secret';
    const { terminal: own } = await runLine([words, more, rest].join(' ').split(' '));
    expect(own.calls).toEqual([
      [
        'rolloutEnvironment',
        {
          environment: 'staging',
          services: ['api', 'web'],
          report: 'ship.json',
          hosts: ['s1', 't*'],
          skipUnreachable: 1,
          lockWaitMs: 600_000,
          healthTimeoutMs: 90_000,
          hostTimeoutMs: 120_000,
          force: true,
          config: 'other.yaml',
          insecure: ['r:5000'],
          creds: 'me:secret',
        },
      ],
    ]);
  });

  it('takes --version as its own, and the program has it elsewhere', async () => {
    const version = await runLine(['rollout', 'staging', '--version', '2026']);
    expect(version.terminal.calls).toEqual([
      ['rolloutEnvironment', { environment: 'staging', version: '2026' }],
    ]);
    expect((await runLine(['--version'])).out).toMatch(/^\d+\.\d+\.\d+/);
    expect((await runLine(['status', '--version'])).out).toMatch(/^\d+\.\d+\.\d+/);
    expect((await runLine(['rollout', '-V'])).out).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('takes --version as its own behind options with values, be they names of commands', async () => {
    const argv = ['--progress', 'plain', '-C', 'status', 'rollback', 'staging', '--version', '20'];
    const started: unknown[] = [];
    const start: ProgramHost['start'] = async ({ name }, { flags }) => {
      started.push(name, flags);
    };
    const host = { print: () => undefined, helpColumns: 80, argv, start };
    await createProgram(host).parseAsync(argv, { from: 'user' });
    expect(started).toEqual(['rollback', { version: '20' }]);
  });

  it.each([
    ['resume', 'staging', '--version', '2026'],
    ['resume', '--version=2026', 'staging'],
    ['status', '--version', 'staging'],
  ])('does not print a version in place of doing something: %s %s %s', async (...line) => {
    const { out, err, code } = await runLine(line);
    expect([out, code]).toEqual(['', 2]);
    expect(err).toMatch(/Cannot use --version.*: shipper \w+ has no such option/);
  });

  it('refuses what contradicts itself', async () => {
    for (const line of [
      ['rollout'],
      ['rollout', ''],
      ['rollout', 'staging', '--report', 'r.json', '--version', 'x'],
      ['rollout', 'staging', 'api', '--version', 'x'],
      ['rollout', 'staging', '--host', 'tcp://x'],
      ['rollout', 'staging', '--skip-unreachable', 'all'],
      ['rollback', 'staging', '--report', 'r.json'],
    ]) {
      expect([line, (await runLine(line)).code]).toEqual([line, 2]);
    }
  });

  it('prints the release with -q, and the report with --json', async () => {
    expect((await runLine(['rollout', 'staging', '-q'])).out).toBe('20260131-120000-1b1b\n');
    const { out } = await runLine(['rollout', 'staging', '--json']);
    expect(JSON.parse(out)).toEqual(rolloutReport());
  });

  it('leaves annotations, a summary and outputs on GitHub', async () => {
    const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: '/tmp/s', GITHUB_OUTPUT: '/tmp/o' };
    const operations = { rolloutEnvironment: async () => pausedReport() };
    const { err, terminal: own } = await runLine(['rollout', 'staging'], { env, operations });
    expect(err).toContain('::error title=shipper%3A api.2 on ssh%3A//s2::Cannot update api.2');
    expect(own.files.get('/tmp/s')).toMatchInlineSnapshot(`
      "### shipper rollout \`shop/staging\`: STOPPED HALF-WAY

      | slot | host | state | runs | time |
      | --- | --- | --- | --- | --- |
      | \`api.1\` | \`ssh://s1\` | updated | \`20260131-120000-1b1b\` | 6.2 s |
      | \`api.2\` | \`ssh://s2\` | failed | \`20260130-090000-0a0a\` | 6.2 s |
      | \`api.3\` | \`ssh://s1\` | not-started | \`20260130-090000-0a0a\` | 0.00 s |

      **api.2 on ssh://s2**: Cannot update api.2: it ended with exit code 1

      \`\`\`\`
      listen: address in use
      \`\`\`\`

      - To mend it: \`shipper resume staging\`
      - To mend it: \`shipper rollback staging\`
      - Release \`20260131-120000-1b1b\`, took 12 s.

      "
    `);
    expect(own.files.get('/tmp/o')).toMatch(/mend<<.*\nshipper resume staging\nshipper rollback/);
  });
});

describe('the exit code of a rollout', () => {
  it.each<readonly [RolloutOutcome, number]>([
    ['done', 0],
    ['unchanged', 0],
    ['failed', 1],
    ['rolled-back', 1],
    ['paused', 3],
    ['partial', 3],
    ['rollback-paused', 3],
    ['lock-lost', 5],
  ])('that ended %s is %i', async (outcome, exit) => {
    const report = async () => rolloutReport({ outcome });
    for (const [verb, name] of [
      ['rollout', 'rolloutEnvironment'],
      ['rollback', 'rollbackEnvironment'],
      ['resume', 'resumeEnvironment'],
    ] as const) {
      const { code, err } = await runLine([verb, 'staging'], { operations: { [name]: report } });
      expect(code).toBe(exit);
      if (exit === 0) expect(err).toBe('');
      else expect(err).toContain('shipper: Cannot');
    }
  });

  it('is 6 where hosts were left out, with their names', async () => {
    const error = { code: 'ENGINE_UNREACHABLE', message: 'Cannot reach s2: no', log: [] } as const;
    const report = rolloutReport({
      hosts: [
        { host: 'ssh://s1', state: 'reached' },
        { host: 'ssh://s2', state: 'skipped', error },
      ],
      slots: [
        slotReport(),
        slotReport({ slot: 2, host: 'ssh://s2', state: 'skipped', seconds: 0 }),
      ],
      mend: ['shipper resume staging'],
    });
    const operations = { rolloutEnvironment: async () => report };
    const { code, err, out } = await runLine(['rollout', 'staging'], { operations });
    expect(code).toBe(6);
    expect(out).toContain('done, 1 host left out');
    expect(err).toBe(`failed: ssh://s2: Cannot reach s2: no
shipper: Rolled out staging: it is done, without ssh://s2
  mend: shipper resume staging
`);
  });

  it('is 5 where the lock was lost before anything was changed', async () => {
    const error = { code: 'LOCKED', message: 'Cannot go on: lost', log: [] } as const;
    const operations = {
      rolloutEnvironment: async () => rolloutReport({ outcome: 'failed', error }),
    };
    expect((await runLine(['rollout', 'staging'], { operations })).code).toBe(5);
  });

  it('is that of the signal that stopped it, after the report', async () => {
    const own = terminal({
      operations: {
        rolloutEnvironment: async () => {
          own.send('SIGTERM');
          return pausedReport({ outcome: 'interrupted' });
        },
      },
    });
    expect(await own.run('rollout', 'staging', '--progress=quiet')).toBe(143);
    expect(own.out()).toContain('interrupted');
    expect(own.err()).toMatch(
      / {2}mend: shipper resume staging\n.*or: shipper rollback staging\n$/,
    );
  });

  it.each([
    ['half-way', pausedReport({ outcome: 'interrupted' }), 3],
    ['before anything was changed', rolloutReport({ outcome: 'interrupted', slots: [] }), 1],
  ])('is that of what was left where the time is over: %s', async (_, report, exit) => {
    const own = terminal({
      operations: {
        async rolloutEnvironment(_system, ctx) {
          await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
          return report;
        },
      },
    });
    const code = own.run('rollout', 'staging', '--timeout', '5s');
    await new Promise((resolve) => setImmediate(resolve));
    own.advance(5000);
    expect(await code).toBe(exit);
  });
});

describe('--dry-run', () => {
  it('prints the plan', async () => {
    const { out, terminal: own, code } = await runLine(['rollout', 'staging', '--dry-run']);
    expect(code).toBe(0);
    expect(own.calls).toEqual([['planRollout', { environment: 'staging' }]]);
    expect(out).toMatchInlineSnapshot(`
      "Would roll out shop/staging, release 20260131-120000-1b1b: 3 calls (dry run, nothing is done)
        api  r.example.com/shop/api:1  sha256:aaaaaaaaaaaa
      prepare:
        -  ssh://s1  deliver  r.example.com/shop/api:1  api runs there
      api:
        api.1  ssh://s1  create  shop-staging-api-1-20260131-120000-1b1b  it is new
        api.1  ssh://s1  start   shop-staging-api-1-20260131-120000-1b1b  to serve
      "
    `);
  });

  it('is there for the ways back and on', async () => {
    const back = await runLine(['rollback', 'staging', '--version', 'x', '--dry-run']);
    expect(back.terminal.calls).toEqual([
      ['planRollback', { environment: 'staging', version: 'x' }],
    ]);
    expect(back.out).toContain('Would roll back shop/staging');
    const on = await runLine(['resume', 'staging', '--dry-run', '-q']);
    expect(on.terminal.calls).toEqual([['planResume', { environment: 'staging' }]]);
    expect(on.out).toBe('20260131-120000-1b1b\n');
  });
});
