// Members that are hashed while an archive comes in: which, when, and that nothing reads the file after the stop.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { interruption } from '../../src/core/context.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { HashFileJob, ReadableFile, System, Threads } from '../../src/system/system.ts';
import { openArchiveStream } from '../../src/transport/archive.ts';
import { HashAhead } from '../../src/transport/hash-ahead.ts';
import { testContext } from '../engine/support.ts';
import { workplace } from '../operations/workplace.ts';
import { archive, legacyArchive } from '../support/archives.ts';
import { tarOf } from '../support/tar-builder.ts';

const LARGE = 8_388_608;
const large = (seed: number) => Buffer.alloc(LARGE, `layer ${seed} `);

/** An archive's bytes as a file, and the jobs that were started on it. */
function ahead(bytes: Buffer) {
  const jobs: HashFileJob[] = [];
  const threads: Partial<Threads> = {
    hashFile: async (job) => {
      jobs.push(job);
      return `hash at ${job.offset}`;
    },
  };
  const file: Partial<ReadableFile> = {
    fd: 7,
    readSync: (target, position) => bytes.copy(target, 0, position),
  };
  const { signal } = new AbortController();
  const hashes = new HashAhead({ threads } as System, signal, file as ReadableFile);
  return { hashes, jobs };
}

describe('HashAhead', () => {
  it('hashes each large member as soon as all of it lies in the file', async () => {
    const bytes = archive([
      ['a', large(1)],
      ['small', 'x'],
      ['b', large(2)],
      ['manifest.json', '[]'],
    ]);
    const { hashes, jobs } = ahead(bytes);
    hashes.push(bytes);
    const first = 512;
    const second = first + LARGE + 2 * 512 + 512;
    hashes.written(first + LARGE - 1);
    expect(jobs).toEqual([]);
    hashes.written(first + LARGE);
    expect(jobs.map(({ offset }) => offset)).toEqual([first]);
    hashes.written(bytes.length);
    hashes.written(bytes.length);
    expect(jobs.map(({ fd, offset, length }) => [fd, offset, length])).toEqual([
      [7, first, LARGE],
      [7, second, LARGE],
    ]);
    expect(await hashes.sha256(second)).toBe(`hash at ${second}`);
    expect(hashes.sha256(first + LARGE + 512)).toBeUndefined();
    await hashes.stop();
  });

  it('leaves compressed layers to who decompresses them', () => {
    const stored = Buffer.concat([gzipSync('x'), large(1)]);
    const bytes = archive([['a', stored]]);
    const { hashes, jobs } = ahead(bytes);
    hashes.push(bytes);
    hashes.written(bytes.length);
    expect(jobs).toEqual([]);
  });

  it('waits until nothing reads the file any more', async () => {
    using place = workplace();
    let ended = 0;
    const hashFile: Threads['hashFile'] = ({ signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () =>
          setTimeout(() => {
            ended += 1;
            reject(interruption(signal));
          }, 20),
        ),
      );
    const system = { ...place.system, threads: { ...place.system.threads, hashFile } };
    const bytes = archive([
      ['a', large(1)],
      ['b', large(2)],
    ]);
    const opened = await openArchiveStream(system, testContext(), inPieces(bytes), 'x');
    await opened[Symbol.asyncDispose]();
    expect(ended).toBe(2);
    expect(place.leftovers()).toEqual([]);
  });
});

describe('an archive from a stream', () => {
  it('is hashed as it comes in', async () => {
    using place = workplace();
    const bytes = archive([
      ['a', large(1)],
      ['b', large(2)],
    ]);
    await using opened = await openArchiveStream(place.system, testContext(), inPieces(bytes), 'x');
    for (const [name, seed] of [
      ['a', 1],
      ['b', 2],
    ] as const)
      expect(`sha256:${await opened.region(name)?.sha256}`).toBe(digestOf(large(seed)));
    await place.system.threads.close();
  });

  it('is flattened where a large layer is as claimed, and refused where it is not', async () => {
    using place = workplace();
    const layers = [tarOf({ name: 'f', type: 'file', body: large(1) })];
    const good = legacyArchive([{ layers }]);
    const bad = Buffer.from(good);
    // In the content of the file, so that every header stays right.
    bad.writeUInt8(0, bad.indexOf('layer 1') + LARGE / 2);
    place.write('good.tar.gz', gzipSync(good, { level: 1 }));
    place.write('bad.tar.gz', gzipSync(bad, { level: 1 }));
    await place.flatten({ source: 'good.tar.gz', outputs: ['flat.tar'] });
    expect((await place.refusal({ source: 'bad.tar.gz' })).code).toBe('DIGEST_MISMATCH');
  });
});

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
