// A layout that holds several images: which are replaced, which are read, and several runs that write at once.
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeSystem } from '../../src/system/node.ts';
import { lockLayout } from '../../src/transport/layout-lock.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, type Workplace, workplace } from '../operations/workplace.ts';
import { legacyArchive, namedLayout, ociMembers, writeMembers } from '../support/archives.ts';

const APP = { full: 'docker.io/library/app:1', ref: '1', layers: 'a=1 | b=2' };
const OTHER = { full: 'docker.io/library/other:1', ref: '1', layers: 'c=3 | d=4' };

/** Both names of every entry. */
function entries(place: Workplace): readonly string[] {
  const index = JSON.parse(place.read('lay/index.json').toString()) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  return index.manifests.map(({ annotations }) =>
    ['io.containerd.image.name', 'org.opencontainers.image.ref.name']
      .map((key) => annotations?.[key] ?? '-')
      .join(' '),
  );
}

describe('an image of a layout', () => {
  const [APP_ENTRY, OTHER_ENTRY] = ['docker.io/library/app:1 1', 'docker.io/library/other:1 1'];
  const OTHER_OURS = 'docker.io/library/other:1 other:1';
  it.each([
    ['oci:lay:1', [APP_ENTRY, OTHER_ENTRY, '- 1']],
    ['oci:lay:other:1', [APP_ENTRY, OTHER_OURS]],
    ['oci:lay:third:1', [APP_ENTRY, OTHER_ENTRY, 'docker.io/library/third:1 third:1']],
  ])('%s takes the place of the one of that very name', async (output, left) => {
    using place = workplace();
    writeMembers(place.path('lay'), namedLayout([APP, OTHER]));
    await place.flatten({ source: 'oci:lay:app:1', outputs: [output], verify: true });
    expect(entries(place)).toEqual(left);
    expect((await place.verify(output, 'oci:lay:app:1')).same).toBe(true);
  });

  it('is replaced in place under its own name, whatever chose it', async () => {
    for (const source of ['oci:lay:app:1', 'oci:lay:@0', 'oci:lay:docker.io/library/app:1']) {
      using place = workplace();
      writeMembers(place.path('lay'), namedLayout([APP, OTHER]));
      await place.flatten({ source, inPlace: true, verify: true });
      expect(entries(place)).toEqual([OTHER_ENTRY, 'docker.io/library/app:1 app:1']);
    }
  });

  it('is replaced in place under all its names, where it is the only one', async () => {
    using place = workplace();
    writeMembers(place.path('lay'), ociMembers([{ tags: ['a:1', 'b:1'] }]));
    await place.flatten({ source: 'oci:lay', inPlace: true });
    expect(entries(place)).toEqual(['docker.io/library/a:1 a:1', 'docker.io/library/b:1 b:1']);
  });

  it('is not chosen by a tag that several have', async () => {
    using place = workplace();
    writeMembers(place.path('lay'), namedLayout([APP, OTHER]));
    const error = await refusalOf(() => place.inspect('oci:lay:1'));
    expect(error).toMatchObject({
      code: 'AMBIGUOUS_IMAGE',
      message: `Cannot choose "1" in oci:lay:1: it holds 2: ${APP.full}, ${OTHER.full}`,
    });
  });
});

describe('the lock of a layout', () => {
  const LOCK = 'lay/.shipper-lock.tmp';

  it('lets no entry of several runs be lost', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    writeMembers(place.path('lay'), namedLayout([APP]));
    const names = Array.from({ length: 12 }, (_, i) => `run${i}:1`);
    await Promise.all(
      names.map((name) => place.flatten({ source: 'x.tar', outputs: [`oci:lay:${name}`] })),
    );
    expect(entries(place)).toHaveLength(1 + names.length);
    expect(place.leftovers()).toEqual([]);
  });

  it('of a dead run is taken over, by one', async () => {
    using place = workplace();
    writeMembers(place.path('lay'), namedLayout([APP]));
    const dead = nodeSystem().files.owner.tag.replace(/\d+$/, '1');
    writeFileSync(place.path(LOCK), `${dead} 000000`);
    let holders = 0;
    let most = 0;
    const ctx = testContext();
    const hold = async () => {
      await using _lock = await lockLayout(place.system, ctx, place.path('lay'), 'oci:lay');
      holders += 1;
      most = Math.max(most, holders);
      await ctx.clock.sleep(1);
      holders -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, hold));
    expect([most, place.leftovers()]).toEqual([1, []]);
  });

  it('of a live run is waited for, and then named', async () => {
    using place = workplace();
    writeMembers(place.path('lay'), namedLayout([APP]));
    let waited = 0;
    const sleep = async (ms: number) => {
      waited += ms;
    };
    const ctx = testContext();
    const clock = { ...ctx.clock, sleep };
    const lock = () => lockLayout(place.system, { ...ctx, clock }, place.path('lay'), 'oci:lay');
    {
      await using _held = await lock();
      const error = await refusalOf(lock);
      expect([error.code, error.message, error.details.path]).toEqual([
        'TIMEOUT',
        'Cannot write oci:lay: another run has held its lock for 30 seconds',
        place.path(LOCK),
      ]);
      expect(waited).toBeGreaterThanOrEqual(30_000);
    }
    await using _free = await lock();
  });
});
