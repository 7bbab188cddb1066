import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { ListedContainer, ListedImage } from '../../src/engine/containers.ts';
import {
  type GarbageOptions,
  type HostContents,
  planGarbage,
  releasesLeft,
} from '../../src/rollout/gc.ts';
import { hostContents, removeGarbage } from '../../src/rollout/gc-run.ts';
import { JOURNAL_LABEL, journalImage, writeJournal } from '../../src/rollout/journal.ts';
import {
  beginRollout,
  commitRollout,
  emptyJournal,
  failRollout,
} from '../../src/rollout/journal-changes.ts';
import { formatJournal } from '../../src/rollout/journal-text.ts';
import { labelsOf } from '../../src/rollout/labels.ts';
import type { Journal } from '../../src/rollout/release.ts';
import { failureOf } from '../engine/support.ts';
import { digestFor, recordOf } from './records.ts';
import { contextOf, JumpingClock, StubHost } from './stub-host.ts';

const scope = { project: 'shop', environment: 'production' };
const options: GarbageOptions = { scope, retain: 1 };
/** A day after whatever was built, in seconds. */
const NOW = 1_790_000_000;
const OLD = NOW - 86_400;

function committed(...ids: readonly string[]): Journal {
  return ids.reduce<Journal>((journal, id) => {
    const begun = { action: 'rollout', record: recordOf(id), previous: [] } as const;
    return commitRollout(beginRollout(journal, begun));
  }, emptyJournal(scope));
}

function labels(release: string, slot = 1, of = scope): Readonly<Record<string, string>> {
  const [service] = recordOf(release).services;
  if (service === undefined) throw new Error('no service');
  return labelsOf(of, service, slot, release);
}

function container(name: string, more: Partial<ListedContainer> = {}): ListedContainer {
  const rest = { image: 'other', imageId: 'sha256:other', command: '', about: '' };
  const usual = { labels: {}, ports: [], createdAt: OLD };
  return { id: `id-${name}`, name, status: 'exited', ...rest, ...usual, ...more };
}

/** One of ours: of a release, whose image it was made from. */
function own(release: string, more: Partial<ListedContainer> = {}): ListedContainer {
  const image = { image: `registry.example.com/api@${digestFor(release)}`, imageId: idOf(release) };
  return container(`api-1-${release}`, { labels: labels(release), ...image, ...more });
}

const lock = container('shipper-lock-shop-production', { status: 'created', createdAt: NOW });

function idOf(word: string): string {
  return `sha256:id-${word}`;
}

function image(word: string, more: Partial<ListedImage> = {}): ListedImage {
  const digests = [`registry.example.com/api@${digestFor(word)}`];
  const rest = { tags: [], labels: {}, sizeBytes: 100, createdAt: OLD };
  return { id: idOf(word), digests, ...rest, ...more };
}

function journalOf(
  journal: Journal,
  tags: readonly string[] = [journalImage(journal)],
): ListedImage {
  const { project, environment } = journal;
  const text = formatJournal(journal) ?? '';
  const own = { 'shipper.project': project, 'shipper.env': environment, [JOURNAL_LABEL]: text };
  return image(`journal ${project} ${environment}`, { tags, digests: [], labels: own });
}

function plan(
  host: Partial<HostContents>,
  journal: Journal | undefined,
  more: Partial<GarbageOptions> = {},
): { goes: readonly string[]; stays: Readonly<Record<string, string>>; bytes: number } {
  const contents = { images: [], ...host, containers: [lock, ...(host.containers ?? [])] };
  const { items, kept } = planGarbage(contents, journal, { ...options, ...more });
  return {
    goes: items.map(({ name, cause }) => `${name}: ${cause}`),
    stays: Object.fromEntries(kept.map(({ name, cause }) => [name, cause])),
    bytes: items.reduce((sum, each) => sum + each.bytes, 0),
  };
}

describe('containers', () => {
  it('stay where their release is retained, and go where none that is needs them', () => {
    const containers = ['r1', 'r2', 'r3', 'r4'].map((id) => own(id));
    const { goes, stays } = plan({ containers }, committed('r1', 'r2', 'r3', 'r4'));
    expect(goes).toEqual(
      ['r1', 'r2'].map(
        (id) => `api-1-${id}: no release that is kept needs it: it was made for ${id}`,
      ),
    );
    expect(stays['api-1-r3']).toBe('release r3 is kept for a rollback');
  });

  it('stay in every state but the three that have ended', () => {
    const states = ['created', 'exited', 'dead', 'running', 'paused', 'restarting', 'removing'];
    const containers = states.map((status) =>
      own('r0', {
        id: status,
        name: status,
        status: status as never,
        labels: labels('r0', states.indexOf(status) + 1),
      }),
    );
    const { goes, stays } = plan({ containers }, committed('r1'));
    expect(goes.map((line) => line.split(':')[0]).sort()).toEqual(['created', 'dead', 'exited']);
    expect(stays).toMatchObject({ paused: 'it is paused', removing: 'it is removing' });
  });

  it('stay where they are of somebody else, or of another environment', () => {
    const containers = [
      container('foreign'),
      own('r0', { labels: labels('r0', 1, { project: 'shop', environment: 'staging' }) }),
      container('half', { labels: { 'shipper.managed': '1', 'shipper.project': 'shop' } }),
    ];
    expect(plan({ containers }, committed('r1'))).toEqual({ goes: [], stays: {}, bytes: 0 });
  });

  it('stay while their release is half-way, or they ran before it', () => {
    const previous = [
      {
        service: 'api',
        slot: 1,
        engine: 'E',
        container: { name: 'api-1-r0', release: 'r0', specHash: 'x' },
      },
    ];
    const begun = { action: 'rollout', record: recordOf('r9'), previous } as const;
    const containers = ['r0', 'r1', 'r9'].map((id) => own(id));
    const { goes, stays } = plan({ containers }, beginRollout(committed('r7', 'r8'), begun));
    expect(goes).toHaveLength(1);
    expect(stays).toEqual({
      'api-1-r0': 'it ran before release r9, which is half-way',
      'api-1-r9': 'release r9 is half-way',
    });
  });

  it('stay once for each slot: what runs, else the newest', () => {
    const containers = [
      own('r1', { name: 'older', id: '1', createdAt: OLD }),
      own('r1', { name: 'newer', id: '2', createdAt: OLD + 1 }),
      own('r1', { name: 'other slot', id: '3', labels: labels('r1', 2) }),
    ];
    expect(plan({ containers }, committed('r1')).goes).toEqual([
      'older: another one of its slot is the same',
    ]);
    const running = own('r1', { name: 'running', id: '4', status: 'running', createdAt: OLD - 9 });
    const { goes } = plan({ containers: [...containers, running] }, committed('r1'));
    expect(goes.map((line) => line.split(':')[0])).toEqual(['newer', 'older']);
  });

  it('stay of the newest release that failed, and no older', () => {
    let journal = committed('r1');
    for (const id of ['r2', 'r3']) {
      journal = failRollout(
        beginRollout(journal, { action: 'rollout', record: recordOf(id), previous: [] }),
      );
    }
    const { goes, stays } = plan({ containers: ['r1', 'r2', 'r3'].map((id) => own(id)) }, journal);
    expect(goes).toHaveLength(1);
    expect(stays['api-1-r3']).toBe('release r3 may still say why it failed');
  });

  it('all stay where no release is known to be complete', () => {
    for (const journal of [undefined, emptyJournal(scope)]) {
      const { goes, stays } = plan({ containers: [own('r1')], images: [image('r1')] }, journal);
      expect(goes).toEqual([]);
      expect(stays['api-1-r1']).toBe('no release is known to be complete');
    }
  });
});

describe('images', () => {
  const journal = committed('r1', 'r2', 'r3');

  it('go by the reference that was recorded, and nothing else does', () => {
    const images = [
      ...['r1', 'r2', 'r3'].map((id) => image(id)),
      image('somebody'),
      image('x', { tags: ['api:1'] }),
    ];
    const { goes, bytes } = plan({ images }, journal);
    expect(goes).toEqual([
      `registry.example.com/api@${digestFor('r1')}: no release that is kept needs it`,
    ]);
    expect(bytes).toBe(100);
  });

  it('stay while they have a name of somebody else, which an engine might take away with the digest', () => {
    const { goes, stays } = plan({ images: [image('r1', { tags: ['mine:1'] })] }, journal);
    expect(goes).toEqual([]);
    expect(Object.values(stays)).toEqual(["its name mine:1 is not shipper's, and might go too"]);
  });

  it('count as no bytes where they keep a name, except one that containerd makes up', () => {
    const isOwnRef = (ref: string) => ref === 'shipper.local/a:1';
    const names = { tags: ['shipper.local/a:1'], digests: ['shipper.local/a@sha256:x'] };
    for (const [id, bytes] of [
      ['sha256:y', 0],
      ['sha256:x', 100],
    ] as const) {
      expect(
        plan({ images: [image('r0', { id, ...names })] }, journal, { isOwnRef }),
      ).toMatchObject({
        bytes,
        goes: ['shipper.local/a:1: no release names it'],
      });
    }
  });

  it.each([
    ['by its id', { image: 'x', imageId: idOf('r1') }],
    ['by its digest', { image: 'x', imageId: digestFor('r1') }],
    ['by its reference', { image: `registry.example.com/api@${digestFor('r1')}`, imageId: 'x' }],
    ['by a label', { labels: { 'shipper.image-digest': digestFor('r1') } }],
  ])('stay while a container of anybody uses them %s, in whatever state', (_, more) => {
    for (const status of ['created', 'exited', 'running'] as const) {
      const containers = [container('theirs', { status, ...more })];
      const { goes, stays } = plan({ images: [image('r1')], containers }, journal);
      expect(goes).toEqual([]);
      expect(Object.values(stays)).toEqual(['container theirs uses it']);
    }
  });

  it('go with the last container that used them', () => {
    const { goes } = plan({ images: [image('r1')], containers: [own('r1')] }, journal);
    expect(goes).toHaveLength(2);
  });

  it('stay while they are young by the clock of the host, or that is not known', () => {
    const young = [image('r1', { createdAt: NOW - 3600 })];
    expect(Object.values(plan({ images: young }, journal).stays)).toEqual(['it is too young']);
    expect(plan({ images: young }, journal, { graceMs: 60_000 }).goes).toHaveLength(1);
    const { kept } = planGarbage({ containers: [], images: [image('r1')] }, journal, options);
    expect(kept).toMatchObject([{ cause: 'it is too young' }]);
  });

  it('stay where another environment of the host remembers them', () => {
    const staging = { ...journal, environment: 'staging' };
    const { goes, stays } = plan({ images: [image('r1'), journalOf(staging)] }, journal);
    expect(goes).toEqual([]);
    expect(Object.values(stays)).toEqual(['release r1 of shop/staging needs it']);
  });

  it('all stay where a journal of the host cannot be read', () => {
    const broken = image('j', {
      tags: ['shipper.local/journal/a/b:latest'],
      labels: { [JOURNAL_LABEL]: '!' },
    });
    const { goes, stays } = plan({ images: [image('r1'), broken] }, journal);
    expect(goes).toEqual([]);
    expect(Object.values(stays)[0]).toMatch(
      /what shipper.local\/journal\/a\/b:latest needs is not known/,
    );
  });

  it('stay where they have the digest of one that is needed', () => {
    const digests = [
      `registry.example.com/api@${digestFor('r1')}`,
      `mirror/api@${digestFor('r3')}`,
    ];
    const { goes, stays } = plan({ images: [image('r1', { digests })] }, journal);
    expect(goes).toEqual([]);
    expect(Object.values(stays)).toEqual(['release r3 needs it']);
  });

  it('are known by other names too, also where no release names them any more', () => {
    const refsOf = (_: unknown, { image: { digest } }: { image: { digest: string } }) => [
      `shipper.local/shop:${digest.slice(7, 19)}`,
    ];
    const tag = (word: string) => `shipper.local/shop:${digestFor(word).slice(7, 19)}`;
    const images = ['r1', 'r3', 'r0'].map((id) => image(id, { digests: [], tags: [tag(id)] }));
    expect(plan({ images }, journal, { refsOf }).goes).toHaveLength(1);
    const isOwnRef = (ref: string) => ref.startsWith('shipper.local/shop:');
    const { goes, stays } = plan({ images }, journal, { refsOf, isOwnRef });
    expect(goes).toEqual([
      `${tag('r1')}: no release that is kept needs it`,
      `${tag('r0')}: no release names it`,
    ]);
    expect(stays[tag('r3')]).toBe('release r3 needs it');
  });

  it('that stay keep the record of their release, by which they are known', () => {
    const young = [image('r1', { createdAt: NOW }), image('r2')];
    const { kept } = planGarbage({ containers: [lock], images: young }, journal, options);
    expect([...releasesLeft(journal, kept, options)].sort()).toEqual(['r1', 'r2']);
    expect(releasesLeft(journal, [], options).size).toBe(0);
  });

  it('of journals that were replaced go, those of other environments not', () => {
    const old = journalOf(committed('r1'), []);
    const theirs = { ...journalOf({ ...committed('r1'), environment: 'b' }, []), id: 'theirs' };
    const { goes } = plan({ images: [journalOf(journal), old, theirs] }, journal);
    expect(goes).toEqual([`${old.id}: it is a journal that was replaced`]);
  });
});

describe('removal', () => {
  const journal = committed('r1', 'r2', 'r3');

  async function host(): Promise<{ stub: StubHost; ctx: ReturnType<typeof contextOf> }> {
    const clock = new JumpingClock();
    const ctx = contextOf(clock);
    const stub = new StubHost(clock, 'ssh://one');
    for (const id of ['r1', 'r2', 'r3']) {
      stub.addImage(image(id));
      const Image = `registry.example.com/api@${digestFor(id)}`;
      stub.add(`api-1-${id}`, { Image, Labels: labels(id) }, id === 'r3' ? 'running' : 'exited');
    }
    await writeJournal(ctx, stub.engine, scope, journal);
    return { stub, ctx };
  }

  async function run(
    { stub, ctx }: Awaited<ReturnType<typeof host>>,
    before: () => void = () => undefined,
    check: () => Promise<void> = async () => undefined,
  ) {
    const garbage = planGarbage(await hostContents(ctx, stub.engine), journal, options);
    before();
    const removal = { journal, options, check };
    return removeGarbage(ctx, stub.engine, garbage, removal);
  }

  it('removes what was planned and reports bytes; what is needed stays', async () => {
    const it = await host();
    const { removed, kept, bytes } = await run(it);
    expect(removed.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'container api-1-r1',
      `image registry.example.com/api@${digestFor('r1')}`,
    ]);
    expect([kept, bytes]).toEqual([[], 100]);
    expect(it.stub.containersNow.map(({ name }) => name)).toEqual(['api-1-r2', 'api-1-r3']);
    expect(it.stub.images).toHaveLength(3);
    expect((await run(it)).removed).toEqual([]);
  });

  it('looks again before each removal', async () => {
    const it = await host();
    const { removed, kept } = await run(it, () => {
      const started = it.stub.named('api-1-r1');
      if (started !== undefined) started.status = 'running';
    });
    expect(removed).toEqual([]);
    expect(kept.map(({ cause }) => cause)).toEqual(['it is running', 'container api-1-r1 uses it']);
  });

  it('keeps what somebody began to use meanwhile, also where the engine would not mind', async () => {
    const it = await host();
    const Image = `registry.example.com/api@${digestFor('r1')}`;
    const { kept } = await run(it, () => void it.stub.add('theirs', { Image, Labels: {} }));
    expect(kept).toMatchObject([{ kind: 'image', cause: 'container theirs uses it' }]);
  });

  it('keeps what the engine says is in use, and the image of a container that stayed', async () => {
    const it = await host();
    it.stub.before = (call) => {
      if (call.startsWith('remove')) throw new ShipperError('ENGINE', 'Cannot remove: it is busy');
    };
    const { removed, kept } = await run(it);
    expect(removed).toEqual([]);
    expect(kept.map(({ cause }) => cause)).toEqual([
      'Cannot remove: it is busy',
      'container api-1-r1 uses it',
    ]);
  });

  it('ends when the lock is lost or the host is', async () => {
    const it = await host();
    const lost = new ShipperError('LOCKED', 'Cannot go on: it is lost');
    const refused = failureOf(run(it, undefined, () => Promise.reject(lost)));
    expect(await refused).toBe(lost);
    expect(it.stub.calls.filter((call) => call.startsWith('remove'))).toEqual([]);
    it.stub.before = (call) => {
      if (call.startsWith('remove')) throw new ShipperError('ENGINE_UNREACHABLE', 'Cannot: away');
    };
    expect(await failureOf(run(it))).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  it('never prunes, never forces, never takes volumes', async () => {
    const it = await host();
    await run(it);
    const changes = it.stub.calls.filter((call) => /^(?!list|inspect|load)/.test(call));
    expect(changes).toEqual([
      expect.stringMatching(/^remove [0-9a-f]{64}$/),
      `remove image registry.example.com/api@${digestFor('r1')}`,
    ]);
  });
});
