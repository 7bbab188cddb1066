// `--iidfile` and `--digestfile` on the real file system.
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkIdFile, checkIdFilesDiffer, writeIdFile } from '../../src/cli/id-file.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';

let folder = '';
let system: System;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shipper-id-'));
  mkdirSync(join(folder, 'far'));
  system = { ...nodeSystem(), cwd: folder };
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string) => readFileSync(join(folder, name), 'utf8');

describe('a digest file that is a link', () => {
  it('is written where it leads', async () => {
    writeFileSync(join(folder, 'far/id'), 'old');
    symlinkSync('far/id', join(folder, 'id'));
    await checkIdFile(system, '--iidfile', 'id');
    await writeIdFile(system, 'id', 'sha256:1');
    expect([lstatSync(join(folder, 'id')).isSymbolicLink(), read('far/id')]).toEqual([
      true,
      'sha256:1',
    ]);
    expect(readdirSync(join(folder, 'far'))).toEqual(['id']);
  });

  it('to nothing makes it there', async () => {
    symlinkSync('far/id', join(folder, 'id'));
    await checkIdFile(system, '--iidfile', 'id');
    await writeIdFile(system, 'id', 'sha256:1');
    expect(read('far/id')).toBe('sha256:1');
  });

  it('into a folder that is not there, or in a loop, is refused before any work', async () => {
    symlinkSync('no/id', join(folder, 'id'));
    await expect(checkIdFile(system, '--iidfile', 'id')).rejects.toThrow(
      'Cannot write --iidfile "id": its folder does not exist',
    );
    symlinkSync('loop', join(folder, 'loop'));
    await expect(checkIdFile(system, '--iidfile', 'loop')).rejects.toThrow('form a loop');
  });

  it('in a folder that takes none is refused before any work, and the probe is gone', async () => {
    await expect(checkIdFile({ ...system, cwd: '/proc' }, '--iidfile', 'id')).rejects.toThrow(
      'Cannot write --iidfile "id": no file can be made in its folder',
    );
    await checkIdFile(system, '--iidfile', 'far/id');
    expect(readdirSync(join(folder, 'far'))).toEqual([]);
  });

  it('of the longest name is written, and what a killed run left there is swept', async () => {
    const name = 'n'.repeat(255);
    writeFileSync(
      join(
        folder,
        `far/.id.shipper--${system.files.owner.tag.replace(/-.*/, '-999999999-1')}-00.tmp`,
      ),
      '',
    );
    await writeIdFile(system, `far/${name}`, 'sha256:1');
    await writeIdFile(system, 'far/id', 'sha256:2');
    expect(readdirSync(join(folder, 'far')).sort()).toEqual(['id', name]);
  });

  it('to something else of the command is refused', async () => {
    symlinkSync('x.tar', join(folder, 'id'));
    symlinkSync('far', join(folder, 'near'));
    const differ = (file: string, ...places: string[]) =>
      checkIdFilesDiffer(system, [['--iidfile', file]], places);
    const text = 'that file is something else of this command';
    await expect(differ('id', 'x.tar')).rejects.toThrow(text);
    await expect(differ('id', 'docker-archive:x.tar:app')).rejects.toThrow(text);
    await expect(differ('x.tar', './id')).rejects.toThrow(text);
    await expect(differ('near/id', 'far/id')).rejects.toThrow(text);
    await expect(differ('far/id', 'x.tar', '-', 'app:1')).resolves.toBeUndefined();
  });
});
