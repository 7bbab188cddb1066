// Folders of a run: private, gone with it, and with the next run where it could not take them along.
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTempFolder } from '../../src/system/temp-folder.ts';
import { workplace } from '../operations/workplace.ts';

describe('the folder of a run', () => {
  it('is private, and goes with all that is in it', async () => {
    using place = workplace();
    const folder = await createTempFolder(place.system);
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    mkdirSync(join(folder.path, 'a'));
    writeFileSync(join(folder.path, 'a/b'), 'c');
    await folder[Symbol.asyncDispose]();
    expect(readdirSync(place.tmp)).toEqual([]);
  });

  it('is removed by the next run where its own is dead, and only then', async () => {
    using place = workplace();
    const [machine = ''] = place.system.files.owner.tag.split('-');
    const own = await createTempFolder(place.system);
    const names = {
      dead: `.shipper-run-${machine}-999999999-1-abcdef.tmp`,
      foreign: '.shipper-run-00000000-1-1-abcdef.tmp',
      other: '.shipper-running',
    };
    for (const name of Object.values(names)) {
      mkdirSync(join(place.tmp, name));
      writeFileSync(join(place.tmp, name, 'x'), '');
    }
    symlinkSync(place.folder, join(place.tmp, `.shipper-run-${machine}-999999998-1-abcdef.tmp`));
    await using _next = await createTempFolder(place.system);
    const left = readdirSync(place.tmp);
    expect(left).not.toContain(names.dead);
    expect(left).toContain(names.foreign);
    expect(left).toContain(names.other);
    expect(left.filter((name) => name.includes('999999998')).length).toBe(1);
    await own[Symbol.asyncDispose]();
  });
});
