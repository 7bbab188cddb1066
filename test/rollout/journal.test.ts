import { describe, expect, it } from 'vitest';
import { gzipWhole } from '../../src/blob/whole.ts';
import { journalImage, readJournal, writeJournal } from '../../src/rollout/journal.ts';
import * as changes from '../../src/rollout/journal-changes.ts';
import { formatJournal, parseJournal } from '../../src/rollout/journal-text.ts';
import type { Journal, PreviousSlot } from '../../src/rollout/release.ts';
import { tinyImage } from '../../src/rollout/tiny-image.ts';
import { failureOf } from '../engine/support.ts';
import { recordOf } from './records.ts';
import { contextOf, JumpingClock, StubHost } from './stub-host.ts';

const scope = { project: 'shop', environment: 'production' };
const { beginRollout, commitRollout, emptyJournal, failRollout, latestOf } = changes;
const { rolledBack, turnBack, withAudit, retainedReleases, retainReleases } = changes;

const previous = (release?: string): PreviousSlot => ({
  service: 'api',
  slot: 1,
  engine: 'E1',
  ...(release === undefined
    ? {}
    : { container: { name: `c-${release}`, release, specHash: `hash-${release}` } }),
});

function begun(journal: Journal, id: string, before?: string): Journal {
  return beginRollout(journal, {
    action: 'rollout',
    record: recordOf(id),
    previous: [previous(before)],
  });
}

function committed(...ids: readonly string[]): Journal {
  return ids.reduce(
    (journal, id) => commitRollout(begun(journal, id, journal.current)),
    emptyJournal(scope),
  );
}

function encoded(value: unknown): string {
  return Buffer.from(gzipWhole(Buffer.from(JSON.stringify(value)))).toString('base64url');
}

describe('the changes of a journal', () => {
  const statuses = (journal: Journal) => journal.releases.map(({ id, status }) => [id, status]);

  it('begins, commits, and counts', () => {
    const first = begun(emptyJournal(scope), 'r1');
    expect(first).toMatchObject({
      revision: 1,
      unfinished: { action: 'rollout', release: 'r1', phase: 'rolling', previous: [previous()] },
    });
    const done = commitRollout(first);
    expect(done).toMatchObject({ revision: 2, current: 'r1' });
    expect(done.unfinished).toBeUndefined();
    expect(statuses(done)).toEqual([['r1', 'committed']]);
  });

  it('remembers what ran before the first begin of a release that is begun again', () => {
    const half = turnBack(begun(committed('r1'), 'r2', 'r1'));
    expect(half.unfinished?.phase).toBe('rolling-back');
    const again = begun(half, 'r2', 'r2');
    expect(again.unfinished).toMatchObject({ phase: 'rolling', previous: [previous('r1')] });
  });

  it('gives another one up that is half-way', () => {
    const half = begun(begun(committed('r1'), 'r2', 'r1'), 'r3', 'r2');
    expect(statuses(half)).toEqual([
      ['r1', 'committed'],
      ['r2', 'failed'],
      ['r3', 'unfinished'],
    ]);
    expect(half.unfinished?.previous).toEqual([previous('r2')]);
  });

  it('ends failed or rolled back without another current release', () => {
    const half = begun(committed('r1'), 'r2', 'r1');
    for (const [end, status] of [
      [failRollout, 'failed'],
      [rolledBack, 'rolled-back'],
    ] as const) {
      const ended = end(half);
      expect(ended).toMatchObject({ current: 'r1', revision: half.revision + 1 });
      expect(ended.unfinished).toBeUndefined();
      expect(statuses(ended).at(-1)).toEqual(['r2', status]);
    }
  });

  it('goes back to a release, which stays committed, from one that is rolled back then', () => {
    const journal = committed('r1', 'r2');
    const record = recordOf('r1');
    const back = beginRollout(journal, { action: 'rollback', record, previous: [previous('r2')] });
    expect(statuses(back)).toEqual([
      ['r1', 'committed'],
      ['r2', 'committed'],
    ]);
    expect(statuses(failRollout(back))).toEqual(statuses(back));
    const done = commitRollout(back);
    expect(done.current).toBe('r1');
    expect(statuses(done)).toEqual([
      ['r1', 'committed'],
      ['r2', 'rolled-back'],
    ]);
  });

  it('keeps the last 100 lines of the log', () => {
    let journal = emptyJournal(scope);
    for (let i = 0; i < 130; i += 1) {
      const at = new Date(i * 1000).toISOString();
      journal = withAudit(journal, { at, by: 'ann', action: 'rollout', outcome: `${i}` });
    }
    expect(journal.audit).toHaveLength(100);
    expect(journal.audit[0]?.outcome).toBe('30');
  });

  it('retains what a rollback may want', () => {
    const ids = ['r1', 'r2', 'r3', 'r4', 'r5'];
    const failed = failRollout(begun(committed(...ids), 'r6', 'r5'));
    expect([...retainedReleases(failed, 2)].sort()).toEqual(['r3', 'r4', 'r5', 'r6']);
    const half = begun(failed, 'r7', 'r1');
    expect([...retainedReleases(half, 1)].sort()).toEqual(['r1', 'r4', 'r5', 'r7']);
    const kept = retainReleases(failed, 1, new Set(['r2']));
    expect(kept.releases.map(({ id }) => id)).toEqual(['r2', 'r4', 'r5', 'r6']);
    expect(retainReleases(kept, 9)).toBe(kept);
  });
});

describe('what several hosts know', () => {
  it('is nothing where none has a journal', () => {
    expect(latestOf([undefined, undefined])).toBeUndefined();
  });

  it('is the newest, whatever clocks say, with what only others know', () => {
    const old = withAudit(begun(committed('r1', 'r2'), 'r3', 'r2'), {
      ...{ at: '2030-01-01T00:00:00Z', by: 'bob', action: 'rollout', outcome: 'begun' },
    });
    let newest = committed('r2', 'r4', 'r5');
    newest = withAudit(newest, { ...{ at: '2026', by: 'a', action: 'b', outcome: 'c' } });
    const merged = latestOf([old, undefined, newest]);
    expect(latestOf([newest, old])).toEqual(merged);
    expect(merged).toMatchObject({ current: 'r5', revision: newest.revision });
    expect(merged?.unfinished).toBeUndefined();
    expect(merged?.releases.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'r1 committed',
      'r2 committed',
      'r3 failed',
      'r4 committed',
      'r5 committed',
    ]);
    expect(merged?.audit.map(({ by }) => by)).toEqual(['a', 'bob']);
  });

  it('is the same in any order when two runs did not see each other', () => {
    const [one, two] = [committed('r1', 'r2'), committed('r1', 'r3')];
    expect(latestOf([one, two])).toEqual(latestOf([two, one]));
  });
});

describe('the text of a journal', () => {
  it('gives the journal back', () => {
    const journal = withAudit(begun(committed('r1'), 'r2', 'r1'), {
      ...{ at: 'a', by: 'b', action: 'c', outcome: 'd', detail: 'ü' },
    });
    const text = formatJournal(journal) ?? '';
    expect(text).toMatch(/^[\w-]+$/);
    expect(parseJournal(text, scope)).toEqual({ kind: 'journal', journal });
  });

  it('leaves out the oldest records, then lines, where it is too long, never what is needed', () => {
    // What does not compress.
    const noise = (i: number) =>
      Array.from({ length: 6000 }, (_, at) =>
        Math.sin(i * 6000 + at)
          .toString(36)
          .slice(2),
      ).join('');
    let journal = committed(...Array.from({ length: 20 }, (_, i) => `r${i + 10}`));
    const releases = journal.releases.map(({ id }, i) => ({
      ...recordOf(id, id, { Noise: noise(i) }),
      status: 'committed' as const,
    }));
    journal = { ...withAudit(journal, { at: 'a', by: 'b', action: 'c', outcome: 'd' }), releases };
    const parsed = parseJournal(formatJournal(journal) ?? '', scope);
    const kept = parsed.kind === 'journal' ? parsed.journal : undefined;
    expect(kept?.releases.length).toBeGreaterThan(3);
    expect(kept?.releases).toEqual(releases.slice(-(kept?.releases.length ?? 0)));
    expect(kept?.audit).toHaveLength(1);
    const most = { Noise: Array.from({ length: 15 }, (_, i) => noise(i)) };
    const huge = [{ ...recordOf(journal.current ?? '', 'x', most), status: 'committed' as const }];
    expect(formatJournal({ ...journal, releases: huge })).toBeUndefined();
  });

  it.each([
    ['not base64 at all', '!!', /^its gzip is broken$/],
    [
      'not JSON',
      Buffer.from(gzipWhole(Buffer.from('pass=1'))).toString('base64url'),
      /^it is not JSON$/,
    ],
    ['null', encoded(null), /^it must be an object/],
    ['without a schema', encoded({}), /^schema is missing$/],
    ['of a lower schema', encoded({ ...emptyJournal(scope), schema: 0 }), /^schema: it must be/],
    [
      'of another environment',
      encoded({ ...emptyJournal(scope), project: 'x' }),
      /^it is that of x\/production$/,
    ],
    [
      'without its current release',
      encoded({ ...emptyJournal(scope), current: 'r' }),
      /^it does not have its release r$/,
    ],
    [
      'with a release twice',
      encoded({ ...emptyJournal(scope), releases: [recordOf('r'), recordOf('r')] }),
      /twice/,
    ],
    [
      'with a spec without labels',
      encoded({
        ...emptyJournal(scope),
        releases: [
          { ...recordOf('r'), services: [{ ...recordOf('r').services[0], spec: { Image: 'a' } }] },
        ],
      }),
      /Labels/,
    ],
    [
      'a bomb',
      Buffer.from(gzipWhole(Buffer.alloc(40_000_000))).toString('base64url'),
      /over 33554432 bytes/,
    ],
  ])('refuses what is %s', (_, text, state) => {
    expect(parseJournal(text, scope)).toEqual({
      kind: 'broken',
      state: expect.stringMatching(state),
    });
  });

  it('tells a newer form from a broken one', () => {
    expect(parseJournal(encoded({ schema: 2, what: 'ever' }))).toEqual({
      kind: 'newer',
      schema: 2,
    });
  });
});

describe('the journal of a host', () => {
  const clock = new JumpingClock();
  const ctx = contextOf(clock);
  const name = journalImage(scope);

  it('is read as it was written, by one call each, and replaces the one before', async () => {
    const host = new StubHost(clock, 'ssh://one');
    expect(await readJournal(ctx, host.engine, scope)).toBeUndefined();
    await writeJournal(ctx, host.engine, scope, committed('r1'));
    await writeJournal(ctx, host.engine, scope, committed('r1', 'r2'));
    expect(host.images).toHaveLength(1);
    expect(await readJournal(ctx, host.engine, scope)).toEqual(committed('r1', 'r2'));
    host.calls.length = 0;
    await writeJournal(ctx, host.engine, scope, committed('r1', 'r2'));
    expect(host.calls).toEqual([`inspect image ${name}`]);
  });

  it('leaves the image before where somebody else named it too, or it cannot be removed', async () => {
    const host = new StubHost(clock, 'ssh://one');
    await writeJournal(ctx, host.engine, scope, committed('r1'));
    const [image] = host.images;
    host.images.splice(0, 1, { ...image, id: image?.id ?? '', tags: [name, 'mine:1'] } as never);
    await writeJournal(ctx, host.engine, scope, committed('r2'));
    expect(host.images.map(({ tags }) => tags)).toEqual([['mine:1'], [name]]);
    host.before = (call) => {
      if (call.startsWith('remove')) throw new Error('busy');
    };
    await writeJournal(ctx, host.engine, scope, committed('r3'));
    expect(await readJournal(ctx, host.engine, scope)).toEqual(committed('r3'));
  });

  it.each([
    [
      'broken',
      { 'shipper.journal': '!!' },
      /on ssh:\/\/one: its gzip is broken$/,
      /docker image rm shipper\.local/,
    ],
    ['missing in its image', {}, /its image does not have it$/, /docker image rm/],
    [
      'of a newer shipper',
      { 'shipper.journal': encoded({ schema: 7 }) },
      /of schema 7, and this version of shipper knows up to 1$/,
      /newer one/,
    ],
  ])('is refused with host and mend where it is %s', async (_, labels, message, hint) => {
    const host = new StubHost(clock, 'ssh://one');
    const { archive } = tinyImage({
      name,
      platform: { os: 'linux', architecture: 'amd64' },
      labels,
    });
    const body = async function* () {
      yield archive;
    };
    await host.engine.loadImages(ctx, body());
    const error = await failureOf(readJournal(ctx, host.engine, scope));
    expect(error).toMatchObject({ code: 'CONFLICT', details: { host: 'ssh://one' } });
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  it('has a name that engines take, whatever the project is called', () => {
    const of = (project: string) => journalImage({ project, environment: 'p' });
    expect(of('a.b-c__d')).toBe('shipper.local/journal/a.b-c__d/p:latest');
    expect(of('a..b')).toMatch(/^shipper\.local\/journal\/a-b-[0-9a-f]{12}\/p:latest$/);
    expect(of('a._b')).not.toBe(of('a..b'));
  });
});
