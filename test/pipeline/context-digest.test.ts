// The digest of a build context: it changes with what a builder is sent, and only with that.
import { chmodSync, mkdirSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ContextDigests } from '../../src/pipeline/context-digest.ts';
import { failureOf, testContext } from '../engine/support.ts';
import { type Workplace, workplace } from '../operations/workplace.ts';

function contextIn(place: Workplace): { readonly folder: string; of(): Promise<string> } {
  const folder = place.path('app');
  mkdirSync(join(folder, 'kept/deep'), { recursive: true });
  writeFileSync(join(folder, '.dockerignore'), 'ignored\nkept\n!kept/deep/file\n');
  writeFileSync(join(folder, 'main'), 'main');
  writeFileSync(join(folder, 'kept/deep/file'), 'file');
  writeFileSync(join(folder, 'ignored'), 'x');
  symlinkSync('main', join(folder, 'link'));
  return {
    folder,
    of: () => new ContextDigests(place.system).of(testContext(), folder, undefined),
  };
}

describe('the digest of a context', () => {
  it.each<[string, boolean, (folder: string) => void]>([
    ['content', true, (at) => writeFileSync(join(at, 'main'), 'other')],
    ['permissions', true, (at) => chmodSync(join(at, 'main'), 0o755)],
    [
      'permissions of a folder that something is taken back from',
      true,
      (at) => chmodSync(join(at, 'kept'), 0o700),
    ],
    ['what is taken back', true, (at) => writeFileSync(join(at, 'kept/deep/file'), 'other')],
    [
      'where a link leads',
      true,
      (at) => {
        unlinkSync(join(at, 'link'));
        symlinkSync('kept', join(at, 'link'));
      },
    ],
    ['times', false, (at) => utimesSync(join(at, 'main'), 1, 1)],
    ['what is ignored', false, (at) => writeFileSync(join(at, 'ignored'), 'y')],
    ['what is ignored beside it', false, (at) => writeFileSync(join(at, 'kept/deep/other'), 'y')],
  ])('and %s', async (_, changes, change) => {
    using place = workplace();
    const { folder, of } = contextIn(place);
    const before = await of();
    expect(await of()).toBe(before);
    change(folder);
    expect((await of()) !== before).toBe(changes);
    await place.system.threads.close();
  });

  it('is not known where a name cannot be read', async () => {
    using place = workplace();
    const { folder, of } = contextIn(place);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/a`), Buffer.from([0xff])]), 'x');
    expect(await failureOf(of())).toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('not UTF-8'),
    });
  });
});
