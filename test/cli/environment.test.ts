// `shipper status`, `history`, `unlock`, `prune`, `move`: their command lines, what they print, and how they end.
import { describe, expect, it } from 'vitest';
import {
  historyReport,
  locksReport,
  mixedStatus,
  moveReport,
  pausedReport,
  pruneReport,
  rolloutPlan,
  rolloutReport,
  statusReport,
} from '../report/rollout-samples.ts';
import { runLine, terminal } from './terminal.ts';

const QUIET = '--progress=quiet';

describe('shipper status', () => {
  it('prints every slot', async () => {
    const { out, err, code, terminal: own } = await runLine(['status', 'staging', QUIET]);
    expect([err, code]).toEqual(['', 0]);
    expect(own.calls).toEqual([['environmentStatus', { environment: 'staging' }]]);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: release 20260130-090000-0a0a, 1 of 1 slot as it wants
        slot   host      state    health  release               restarts
        api.1  ssh://s1  running  -       20260130-090000-0a0a         0
      "
    `);
  });

  it('names other releases, what is missing, who is at work, and hosts that do not answer', async () => {
    const operations = { environmentStatus: async () => mixedStatus() };
    const { out, code } = await runLine(['status', 'staging', QUIET], { operations });
    expect(code).toBe(6);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: release 20260130-090000-0a0a, 0 of 2 slots as it wants
        slot   host      state    health   release                         restarts
        api.1  ssh://s1  running  healthy  20260131-120000-1b1b (another)         2
        api.2  ssh://s1  missing  -        -                                      0
      no answer: ssh://s2: Cannot reach ssh://s2: no route
      locked: ann@laptop since 2026-01-31T12:00:00.000Z, for rollout
      half-way: rollout of 20260131-120000-1b1b is half-way
      "
    `);
  });

  it('says what goes on with what nobody is at work on', async () => {
    const { lock: _, ...left } = mixedStatus();
    const operations = { environmentStatus: async () => left };
    const { out } = await runLine(['status', 'staging', QUIET], { operations });
    expect(out).toMatch(/mend: shipper resume staging\n.*or: shipper rollback staging\n$/);
  });

  it('is the report with --json, the release with -q, and has more with -v', async () => {
    expect(JSON.parse((await runLine(['status', 'staging', '--json'])).out)).toEqual(
      statusReport(),
    );
    expect((await runLine(['status', 'staging', '-q'])).out).toBe('20260130-090000-0a0a\n');
    const { out } = await runLine(['status', 'staging', '-v', '--hosts', 's1']);
    expect(out).toContain('shop-staging-api-1-20260130-090000-0a0a');
  });

  it('says that nothing is there', async () => {
    const { current: _, ...nothing } = statusReport({ slots: [] });
    const operations = { environmentStatus: async () => nothing };
    const { out } = await runLine(['status', 'staging', QUIET], { operations });
    expect(out).toBe('shop/staging: nothing was rolled out yet\n');
  });
});

describe('shipper history', () => {
  it('prints the releases, newest first', async () => {
    const { out, code, terminal: own } = await runLine(['history', 'staging', QUIET]);
    expect(code).toBe(0);
    expect(own.calls).toEqual([['environmentHistory', { environment: 'staging' }]]);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: 2 releases
        release               status  by          at                        slots  services
        20260131-120000-1b1b  failed  ann@laptop  2026-01-31T12:00:00.000Z      3  api
        20260130-090000-0a0a  runs    bob@ci      2026-01-30T09:00:00.000Z      3  api
      "
    `);
  });

  it('prints who did what with --audit, and digests with -v', async () => {
    const { out } = await runLine(['history', 'staging', '--audit', '-v', QUIET]);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: 2 releases
        release               status  by          at                        slots  services
        20260131-120000-1b1b  failed  ann@laptop  2026-01-31T12:00:00.000Z      3  api
        20260130-090000-0a0a  runs    bob@ci      2026-01-30T09:00:00.000Z      3  api
        20260131-120000-1b1b  api  r.example.com/shop/api:1  sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        20260130-090000-0a0a  api  r.example.com/shop/api:1  sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        at                        by          action   release               outcome  detail
        2026-01-31T12:00:00.000Z  ann@laptop  rollout  20260131-120000-1b1b  begun
        2026-01-31T12:00:09.000Z  ann@laptop  rollout  20260131-120000-1b1b  failed   Cannot update api.2: it ended
      "
    `);
    expect((await runLine(['history', 'staging', '-q'])).out).toBe(
      '20260131-120000-1b1b\n20260130-090000-0a0a\n',
    );
    const operations = {
      environmentHistory: async () => historyReport({ releases: [], audit: [] }),
    };
    expect((await runLine(['history', 'staging', '--audit', QUIET], { operations })).out).toContain(
      'shop/staging: 0 releases\n',
    );
  });
});

describe('shipper unlock', () => {
  const ASKED = { stdinIsTTY: true, stderrIsTTY: true, env: { NO_COLOR: '1' } };
  function answering(word: string) {
    const own = terminal(ASKED);
    const stdin = async function* () {
      yield Buffer.from(`${word}\n`);
      await new Promise(() => undefined);
    };
    Object.assign(own.system.stdio, { stdin });
    return own;
  }

  it('shows who has it, asks, and removes the locks that were shown', async () => {
    const own = answering('yes');
    expect(await own.run('unlock', 'staging', QUIET)).toBe(0);
    expect(own.calls).toEqual([
      ['environmentLocks', { environment: 'staging' }],
      ['unlockEnvironment', { environment: 'staging', tokens: ['T1'] }],
    ]);
    expect(own.err()).toBe(`shop/staging is locked:
  ssh://s1: ann@laptop since 2026-01-31T12:00:00.000Z, for rollout
  ssh://s2: ann@laptop since 2026-01-31T12:00:00.000Z, for rollout
Remove this lock? [yes/no] `);
    expect(own.out()).toBe('shop/staging is unlocked on ssh://s1, ssh://s2\n');
  });

  it.each(['no', '', 'yellow'])('leaves it for the answer %j', async (word) => {
    const own = answering(word);
    expect(await own.run('unlock', 'staging', QUIET)).toBe(2);
    expect(own.calls.map(([name]) => name)).toEqual(['environmentLocks']);
    expect(own.err()).toContain('shipper: Cannot unlock staging: nobody said yes');
  });

  it('needs --yes without a terminal, which may stand anywhere', async () => {
    const without = await runLine(['unlock', 'staging', QUIET]);
    expect(without.code).toBe(2);
    expect(without.err).toContain('this is no terminal\n  hint: give --yes\n');
    for (const line of [
      ['unlock', 'staging', '--yes'],
      ['--yes', 'unlock', 'staging'],
    ]) {
      const { code, terminal: own } = await runLine(line);
      expect([code, own.calls.length]).toEqual([0, 2]);
    }
  });

  it('has nothing to do where nobody has it', async () => {
    const operations = { environmentLocks: async () => locksReport({ locks: [] }) };
    const { out, code } = await runLine(['unlock', 'staging', QUIET], { operations });
    expect([out, code]).toEqual(['shop/staging is not locked\n', 0]);
  });
});

describe('shipper prune', () => {
  it('prints what went, and how much', async () => {
    const { out, code, terminal: own } = await runLine(['prune', 'staging', '-v', QUIET]);
    expect(code).toBe(0);
    expect(own.calls).toEqual([['pruneEnvironment', { environment: 'staging' }]]);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: 2 things removed, up to 72.8MB
      ssh://s1: up to 72.8MB
        container  shop-staging-api-1-20260130-090000-0a0a       -  its release is not kept
        image      r.example.com/shop/api:0                 72.8MB  no release that is kept has it
        image      r.example.com/shop/api:1                   kept  it is too young
      "
    `);
  });

  it('only tells with --dry-run', async () => {
    const operations = { pruneEnvironment: async () => pruneReport({ isDryRun: true }) };
    const line = ['prune', 'staging', '--dry-run', '--lock-wait', '5s', QUIET];
    const { out, terminal: own } = await runLine(line, { operations });
    expect(own.calls).toEqual([
      ['pruneEnvironment', { environment: 'staging', lockWaitMs: 5000, dryRun: true }],
    ]);
    expect(out).toContain(
      'shop/staging: 2 things would go, up to 72.8MB (dry run, nothing is done)\n',
    );
  });

  it('says that there is nothing, and which hosts were left out', async () => {
    const error = { code: 'ENGINE_UNREACHABLE', message: 'Cannot reach s2: no', log: [] } as const;
    const skipped = [{ host: 'ssh://s2', error }];
    const operations = {
      pruneEnvironment: async () => pruneReport({ hosts: [], bytes: 0, skipped }),
    };
    const { out, code } = await runLine(['prune', 'staging', QUIET], { operations });
    expect(code).toBe(6);
    expect(out).toBe(`shop/staging: nothing is to be removed
left out: ssh://s2: Cannot reach s2: no
`);
  });
});

describe('shipper move', () => {
  it('prints both rollouts', async () => {
    const {
      out,
      err,
      code,
      terminal: own,
    } = await runLine(['move', 'dev', 'staging', 'api', QUIET]);
    expect([err, code]).toEqual(['', 0]);
    expect(own.calls).toEqual([
      ['moveServices', { from: 'dev', to: 'staging', services: ['api'] }],
    ]);
    expect(out).toMatchInlineSnapshot(`
      "shop/staging: rollout of 20260131-120000-1b1b: done after 12 s
        api  r.example.com/shop/api:1  sha256:aaaaaaaaaaaa
        slot   host      state      runs                   time
        api.1  ssh://s1  updated    20260131-120000-1b1b  6.2 s
        api.2  ssh://s2  unchanged  20260131-120000-1b1b      -
      shop/dev: rollout of 20260131-120000-1b1b: done after 12 s
        slot   host      state    runs                   time
        api.1  ssh://d1  stopped  20260131-120000-1b1b  6.2 s
      Move of api from dev to staging: done after 30 s
      "
    `);
  });

  it('prints both plans with --dry-run', async () => {
    const { arrived: _, left: __, ...rest } = moveReport({ outcome: 'planned' });
    const plans = { to: rolloutPlan(), from: rolloutPlan({ environment: 'dev' }) };
    const operations = { moveServices: async () => ({ ...rest, plans }) };
    const line = ['move', 'dev', 'staging', '--dry-run', QUIET];
    const { out, code, terminal: own } = await runLine(line, { operations });
    expect(code).toBe(0);
    expect(own.calls).toEqual([['moveServices', { from: 'dev', to: 'staging', dryRun: true }]]);
    expect(out.match(/^Would .*/gm)).toEqual([
      'Would move api from dev to staging',
      'Would roll out shop/staging, release 20260131-120000-1b1b: 3 calls (dry run, nothing is done)',
      'Would roll out shop/dev, release 20260131-120000-1b1b: 3 calls (dry run, nothing is done)',
    ]);
  });

  it.each([
    ['not-arrived', 'paused', 3],
    ['not-arrived', 'rolled-back', 1],
    ['not-left', 'done', 3],
  ] as const)('says what was left, and what mends it: %s, %s', async (outcome, arrived, exit) => {
    const mend = ['shipper move dev staging'];
    const own =
      outcome === 'not-left'
        ? {
            arrived: rolloutReport(),
            left: pausedReport({ environment: 'dev', outcome: 'failed' }),
          }
        : { arrived: pausedReport({ outcome: arrived }) };
    const { left: _, ...rest } = moveReport();
    const operations = { moveServices: async () => ({ ...rest, outcome, mend, ...own }) };
    const { err, code } = await runLine(['move', 'dev', 'staging', QUIET], { operations });
    expect(code).toBe(exit);
    expect(err).toMatch(
      /shipper: Cannot move api from dev to staging: .*\n {2}mend: shipper move dev staging\n$/,
    );
    expect(err.match(/mend:/g)?.length).toBe(1);
  });

  it('says why the second half never began', async () => {
    const { left: _, ...rest } = moveReport();
    const error = { code: 'LOCKED', message: 'Cannot lock shop/dev: bob has it', log: [] } as const;
    const mend = ['shipper move dev staging'];
    const moveServices = async () => ({ ...rest, outcome: 'not-left' as const, mend, error });
    const { err, code } = await runLine(['move', 'dev', 'staging', QUIET], {
      operations: { moveServices },
    });
    expect(code).toBe(3);
    expect(err).toContain('failed: dev: Cannot lock shop/dev: bob has it\n');
  });

  it('has nothing to do where nothing runs', async () => {
    const operations = {
      moveServices: async () => moveReport({ services: [], outcome: 'unchanged' }),
    };
    const { out, code } = await runLine(['move', 'dev', 'staging', QUIET], { operations });
    expect([out, code]).toEqual(['dev runs nothing that is to be moved\n', 0]);
    expect((await runLine(['move', 'dev', 'staging', '--hosts', 's1'])).code).toBe(2);
  });
});
