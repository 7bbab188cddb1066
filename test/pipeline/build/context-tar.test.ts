// The tar of a context: what is in it, whose it is, what is left out.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { extract, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextTar } from '../../../src/pipeline/build/context-tar.ts';
import { ignorePatterns, ignoreRules } from '../../../src/pipeline/build/ignore-file.ts';
import { nodeSystem } from '../../../src/system/node.ts';
import { collect, testContext } from '../../engine/support.ts';
import { refusalOf } from '../../operations/workplace.ts';

const system = nodeSystem();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'context-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), path);
  }
}

async function entries(
  dockerfile = 'Dockerfile',
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<ReadonlyMap<string, { readonly header: Header; readonly text: string }>> {
  const rules = await ignoreRules(system, folder, join(folder, dockerfile), dockerfile);
  const tar = await collect(contextTar(system, testContext(), { folder, rules, files }));
  const found = new Map<string, { header: Header; text: string }>();
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const text = (await collect(entry as AsyncIterable<Uint8Array>)).toString('utf8');
    found.set(entry.header.name, { header: entry.header, text });
  }
  return found;
}

const names = async (dockerfile?: string) => [...(await entries(dockerfile)).keys()];

describe('contextTar()', () => {
  it("keeps modes, seconds and links; everything is root's", async () => {
    write('a/run.sh', 'b');
    chmodSync(join(folder, 'a/run.sh'), 0o4751);
    utimesSync(join(folder, 'a/run.sh'), 1_700_000_000, 1_700_000_000.75);
    symlinkSync('../b', join(folder, 'a/link'));
    symlinkSync('/outside', join(folder, 'a/away'));
    const found = await entries();
    expect([...found.keys()]).toEqual(['a/', 'a/away', 'a/link', 'a/run.sh', 'b']);
    expect(found.get('a/run.sh')?.header).toMatchObject({
      mode: 0o4751,
      uid: 0,
      gid: 0,
      uname: '',
      gname: '',
      mtime: new Date(1_700_000_000_000),
    });
    expect(found.get('a/link')?.header).toMatchObject({ type: 'symlink', linkname: '../b' });
    expect(found.get('a/away')?.header).toMatchObject({ type: 'symlink', linkname: '/outside' });
    expect(found.get('b')?.text).toBe('b');
  });

  it('takes names of any length and letters, and files over a chunk', async () => {
    const long = `${'n'.repeat(200)}/${'ü'.repeat(100)}`;
    write(long, 'a');
    writeFileSync(join(folder, 'a'), Buffer.alloc(3_000_001, 'x'));
    const found = await entries();
    expect(found.get(long)?.text).toBe(long);
    expect(found.get('a')?.text.length).toBe(3_000_001);
  });

  it('puts its own files in place of those of the folder', async () => {
    write('a', 'b');
    const found = await entries(
      'Dockerfile',
      new Map([
        ['a', Buffer.from('other')],
        ['c', Buffer.from('new')],
      ]),
    );
    expect([...found].map(([name, { text }]) => [name, text])).toEqual([
      ['b', 'b'],
      ['a', 'other'],
      ['c', 'new'],
    ]);
  });

  it('leaves out what is ignored, and gives the folders of what is taken back', async () => {
    write(
      '.dockerignore',
      'Dockerfile',
      'x.log',
      'deep/er/keep.txt',
      'deep/er/other.txt',
      'deep/no/a',
      'src/a',
      'src/a.log',
    );
    writeFileSync(join(folder, '.dockerignore'), '*.log\n**/*.log\ndeep\n!deep/er/keep.txt\n');
    expect(await names()).toEqual([
      '.dockerignore',
      'Dockerfile',
      'deep/',
      'deep/er/',
      'deep/er/keep.txt',
      'src/',
      'src/a',
    ]);
  });

  it('always has the Dockerfile and .dockerignore', async () => {
    write('.dockerignore', 'Dockerfile', 'docker/App', 'docker/x', 'a');
    writeFileSync(join(folder, '.dockerignore'), '*\n');
    expect(await names()).toEqual(['.dockerignore', 'Dockerfile']);
    expect(await names('docker/App')).toEqual(['.dockerignore', 'docker/', 'docker/App']);
  });

  it('goes by the file of the Dockerfile where it has one', async () => {
    write('.dockerignore', 'App', 'App.dockerignore', 'a', 'b');
    writeFileSync(join(folder, '.dockerignore'), 'b\n');
    writeFileSync(join(folder, 'App.dockerignore'), 'a\n');
    expect(await names('App')).toEqual(['.dockerignore', 'App', 'App.dockerignore', 'b']);
  });

  it('passes over sockets', async () => {
    write('a');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, 's.sock'), resolve));
    expect(await names()).toEqual(['a']);
    await new Promise((resolve) => server.close(resolve));
  });

  it('refuses a file that shrinks while it is sent', async () => {
    writeFileSync(join(folder, 'a'), Buffer.alloc(5_000_000));
    const rules = await ignoreRules(system, folder, undefined, undefined);
    const sending = async () => {
      for await (const _ of contextTar(system, testContext(), {
        folder,
        rules,
        files: new Map(),
      })) {
        truncateSync(join(folder, 'a'), 10);
      }
    };
    expect(await refusalOf(sending)).toMatchObject({
      code: 'SOURCE_CHANGED',
      message: `Cannot send ${folder}/a to the engine: it shrank while it was read`,
    });
  });

  it('refuses a name that is not UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff, 0x61)]), '');
    expect(await refusalOf(() => entries())).toMatchObject({
      message: expect.stringMatching(/its name is not UTF-8$/),
    });
  });

  it('names the file of a pattern that is wrong', async () => {
    writeFileSync(join(folder, '.dockerignore'), '[a\n');
    expect(await refusalOf(() => entries())).toMatchObject({
      code: 'USAGE',
      message: `Cannot read ${folder}/.dockerignore: the pattern "[a": a [ is not closed`,
    });
  });
});

describe('ignorePatterns()', () => {
  it('drops comments of the first column, empty lines and a byte order mark', () => {
    expect(ignorePatterns('\ufeff#x\r\n\n  a \n #b\n!c\r\n')).toEqual(['a', '#b', '!c']);
  });
});
