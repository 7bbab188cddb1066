// Temporary files: made under names of their own, moved whole, and sure to go (K11 of `faults.md`).
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isShipperError } from '../../src/core/errors.ts';
import { nodeSystem } from '../../src/system/node.ts';
import {
  createBeside,
  createSpool,
  linkBeside,
  requireSpace,
  splitPath,
  spoolStream,
} from '../../src/system/spool.ts';
import type { System } from '../../src/system/system.ts';
import { testContext } from '../engine/support.ts';

let folder: string;
let system: System;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shipper-spool-'));
  system = { ...nodeSystem(), tmpdir: folder };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const DAY_MS = 86_400_000;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Leaves a file as a run of `owner` would have. */
function leave(owner: string, ageMs = 0, prefix = '.shipper-spool'): string {
  const path = join(folder, `${prefix}-${owner}-0123456789ab.tmp`);
  writeFileSync(path, 'left');
  const seconds = (Date.now() - ageMs) / 1000;
  utimesSync(path, seconds, seconds);
  return path;
}

/** The parts of this process's tag. */
function own(): { machine: string; pid: string; start: string } {
  const [machine = '', pid = '', start = ''] = system.files.owner.tag.split('-');
  return { machine, pid, start };
}

/** A process that has surely ended. */
async function deadPid(): Promise<number> {
  const child = spawn('true');
  await new Promise((resolve) => child.on('exit', resolve));
  return child.pid ?? 0;
}

describe('a temporary file', () => {
  it('becomes its target on move, and is gone on dispose', async () => {
    const target = join(folder, 'out.tar');
    writeFileSync(target, 'old');
    {
      await using temp = await createBeside(system, target);
      await temp.file.write(bytes('new'), 0);
      expect(readFileSync(target, 'latin1')).toBe('old');
      expect(readdirSync(folder).length).toBe(2);
      await temp.moveTo(target);
    }
    expect([readFileSync(target, 'latin1'), readdirSync(folder)]).toEqual(['new', ['out.tar']]);
    {
      await using temp = await createBeside(system, target);
      await temp.file.write(bytes('newer'), 0);
    }
    expect([readFileSync(target, 'latin1'), readdirSync(folder)]).toEqual(['new', ['out.tar']]);
  });

  it('may be a second name of a file, where the two places can share one', async () => {
    const [file, target] = [join(folder, 'cached'), join(folder, 'out')];
    writeFileSync(file, 'content');
    {
      await using name = await linkBeside(system, file, target);
      expect(readdirSync(folder).length).toBe(2);
      await name?.moveTo(target);
    }
    {
      await using _name = await linkBeside(system, file, join(folder, 'other'));
    }
    expect([readFileSync(target, 'latin1'), statSync(file).nlink]).toEqual(['content', 2]);
    expect(readdirSync(folder).sort()).toEqual(['cached', 'out']);
    expect(await linkBeside(system, '/proc/version', target)).toBeUndefined();
    expect(await linkBeside(system, join(folder, 'gone'), target)).toBeUndefined();
  });

  it('has the modes of a new file: a spool for its owner, an output by the umask', async () => {
    const before = process.umask(0o027);
    try {
      await using spool = await createSpool(system);
      await using beside = await createBeside(system, join(folder, 'x'));
      expect([
        statSync(spool.file.path).mode & 0o777,
        statSync(beside.file.path).mode & 0o777,
      ]).toEqual([0o600, 0o640]);
    } finally {
      process.umask(before);
    }
  });

  it('is not for more eyes than what it replaces', async () => {
    const target = join(folder, 'x');
    writeFileSync(target, 'private', { mode: 0o600 });
    await using temp = await createBeside(system, target);
    await temp.moveTo(target);
    expect(statSync(target).mode & 0o777).toBe(0o600);
  });

  it.each([
    'a'.repeat(255),
    'ä'.repeat(127),
    'with space',
    'new\nline',
    '-',
  ])('stands beside %j', async (name) => {
    const target = join(folder, name);
    await using temp = await createBeside(system, target);
    await temp.moveTo(target);
    expect(readdirSync(folder)).toEqual([name]);
  });

  it('is closed after its writes have ended, and takes none after that', async () => {
    const temp = await createSpool(system);
    const chunk = new Uint8Array(8_000_000);
    const writes = [0, 1, 2, 3].map((i) => temp.file.write(chunk, i * chunk.length));
    const flush = temp.file.dataSync();
    await temp[Symbol.asyncDispose]();
    expect((await Promise.allSettled([...writes, flush])).map(({ status }) => status)).toEqual(
      Array(5).fill('fulfilled'),
    );
    await expect(temp.file.write(chunk, 0)).rejects.toMatchObject({
      code: 'BUG',
      message: `${temp.file.path} is used after it was closed`,
    });
    expect(() => temp.file.readSync(chunk, 0)).toThrow('is used after it was closed');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is gone on dispose also where it cannot be closed', async () => {
    const files = { ...system.files };
    files.create = async (path, mode) => {
      const file = await system.files.create(path, mode);
      const reallyClose = file.close.bind(file);
      const close = async () => {
        await reallyClose();
        throw new Error('input/output error');
      };
      return Object.assign(file, { close });
    };
    const temp = await createSpool({ ...system, files });
    await expect(temp[Symbol.asyncDispose]()).rejects.toThrow('input/output error');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells what can be read in the file already', async () => {
    await using spool = await createSpool(system);
    let taken = 0;
    const written: number[] = [];
    const chunks = async function* () {
      for (let i = 0; i < 5; i += 1) yield new Uint8Array(1_048_576 + 1).fill(i + 1);
    };
    const size = await spoolStream(system, testContext(), spool, chunks(), {
      onChunk: (chunk) => {
        taken += chunk.length;
      },
      onWritten(length) {
        written.push(length);
        const last = new Uint8Array(1);
        spool.file.readSync(last, length - 1);
        expect(last[0]).toBe(Math.ceil(length / 1_048_577));
      },
    });
    expect(taken).toBe(size);
    expect(written.at(-1)).toBe(size);
    expect(written.length).toBeGreaterThan(1);
  });

  it('asks for free space while it grows', async () => {
    const MIB = 1_048_576;
    let asked = 0;
    const freeBytes = async () => {
      asked += 1;
      return 17 * MIB - statSync(spool.file.path).size;
    };
    await using spool = await createSpool(system);
    const small: System = { ...system, files: { ...system.files, freeBytes } };
    const chunks = async function* (count: number) {
      for (let i = 0; i < count; i += 1) yield new Uint8Array(MIB / 4);
    };
    await spoolStream(small, testContext(), spool, chunks(4));
    expect(asked).toBeLessThan(4);
    await expect(spoolStream(small, testContext(), spool, chunks(5))).rejects.toMatchObject({
      code: 'NO_SPACE',
    });
  });

  it('names its path in what goes wrong', async () => {
    await expect(createBeside(system, join(folder, 'no', 'x'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const temp = await createBeside(system, join(folder, 'x'));
    mkdirSync(join(folder, 'x', 'y'), { recursive: true });
    await expect(temp.moveTo(join(folder, 'x'))).rejects.toThrow(
      `Cannot rename to ${join(folder, 'x')}: `,
    );
    await temp[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual(['x']);
  });
});

describe('K11: left-overs', () => {
  it('of dead runs go, whatever their age', async () => {
    const { machine, pid } = own();
    const gone = [leave(`${machine}-${await deadPid()}-5`), leave(`${machine}-${pid}-5`)];
    await (await createSpool(system))[Symbol.asyncDispose]();
    expect(gone.filter((path) => existsSync(path))).toEqual([]);
  });

  it('of live runs stay, whatever their age', async () => {
    const child = spawn('sleep', ['60']);
    try {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
      const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
      const { machine, pid, start: ownStart } = own();
      const kept = [
        leave(`${machine}-${child.pid}-${start}`, 100 * DAY_MS),
        leave(`${machine}-${pid}-${ownStart}`, 100 * DAY_MS),
      ];
      await (await createSpool(system))[Symbol.asyncDispose]();
      expect(kept.filter((path) => existsSync(path))).toEqual(kept);
    } finally {
      child.kill();
    }
  });

  it('of other machines go after a day', async () => {
    const [young, old] = [leave('ffffffff-1-1', DAY_MS / 2), leave('ffffffff-1-2', 2 * DAY_MS)];
    await (await createSpool(system))[Symbol.asyncDispose]();
    expect([existsSync(young), existsSync(old)]).toEqual([true, false]);
  });

  it('go only beside the same target, and only if they are plain files', async () => {
    const { machine } = own();
    const dead = `${machine}-${await deadPid()}-5`;
    const other = leave(dead, 0, '.other.shipper-');
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious');
    const link = join(folder, `.x.shipper--${dead}-00.tmp`);
    symlinkSync(victim, link);
    const directory = join(folder, `.x.shipper--${dead}-01.tmp`);
    mkdirSync(directory);
    const ours = leave(dead, 0, '.x.shipper-');
    const strange = leave('', 0, '.x.shipper-');
    await (await createBeside(system, join(folder, 'x')))[Symbol.asyncDispose]();
    expect([other, victim, link, directory, ours, strange].map((path) => existsSync(path))).toEqual(
      [true, true, true, true, false, true],
    );
  });

  it('that cannot be removed, and folders that cannot be listed, do not stop a run', async () => {
    const files = { ...system.files };
    const { machine } = own();
    leave(`${machine}-${await deadPid()}-5`);
    files.remove = async () => {
      throw new Error('operation not permitted');
    };
    const stubborn: System = { ...system, files };
    const first = await createSpool(stubborn);
    await first.file.close();
    files.list = async () => {
      throw new Error('permission denied');
    };
    const temp = await createSpool(stubborn);
    expect(existsSync(temp.file.path)).toBe(true);
    await temp.file.close();
  });
});

describe('files', () => {
  it('splitPath()', () => {
    expect(['x', '/x', 'a/b', '/a/b/c'].map(splitPath)).toEqual([
      { folder: '.', name: 'x' },
      { folder: '/', name: 'x' },
      { folder: 'a', name: 'b' },
      { folder: '/a/b', name: 'c' },
    ]);
  });

  it('requireSpace() tells path, need and what is there', async () => {
    await expect(requireSpace(system.files, folder, 1, 'x')).resolves.toBeUndefined();
    const error: unknown = await requireSpace(
      system.files,
      folder,
      2 ** 60,
      'the flat layer',
    ).catch((reason: unknown) => reason);
    expect(isShipperError(error, 'NO_SPACE') && error.message).toMatch(
      new RegExp(
        `^Cannot write the flat layer in ${folder}: it needs ${2 ** 60} bytes beside a reserve of 16777216, and \\d+ are free$`,
      ),
    );
  });

  it('create() follows no link and replaces nothing', async () => {
    symlinkSync('/etc/passwd', join(folder, 'link'));
    writeFileSync(join(folder, 'there'), 'x');
    for (const name of ['link', 'there'])
      await expect(system.files.create(join(folder, name))).rejects.toMatchObject({ code: 'IO' });
    expect(readFileSync(join(folder, 'there'), 'latin1')).toBe('x');
  });

  it('read() stops at its cap, for a device without a size as well', async () => {
    writeFileSync(join(folder, 'x'), 'x'.repeat(100));
    await expect(system.files.read(join(folder, 'x'), 99)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect((await system.files.read(join(folder, 'x'), 100)).length).toBe(100);
    expect((await system.files.read('/dev/zero', 10_000_000)).length).toBeLessThan(100_000);
  });

  it('temporary files go when the process exits at once', () => {
    const source = new URL('../../dist/system/', import.meta.url).pathname;
    const script = `
      import { nodeSystem } from '${source}node.js';
      import { createSpool } from '${source}spool.js';
      const system = { ...nodeSystem(), tmpdir: ${JSON.stringify(folder)} };
      await createSpool(system); await createSpool({ ...nodeSystem(), tmpdir: ${JSON.stringify(folder)} });
      process.exit(3);`;
    expect(() => execFileSync(process.execPath, ['--input-type=module', '-e', script])).toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a folder that may not be listed can be written to', async () => {
    if (process.getuid?.() === 0) return;
    chmodSync(folder, 0o300);
    const temp = await createSpool(system);
    await temp[Symbol.asyncDispose]();
    chmodSync(folder, 0o700);
    expect(readdirSync(folder)).toEqual([]);
  });
});
