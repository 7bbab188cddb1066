// Archives from a stream that is refused or cancelled: whoever writes it is let go.
import { describe, expect, it } from 'vitest';
import { untilAborted } from '../../src/core/until-aborted.ts';
import { openArchiveStream } from '../../src/transport/archive.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, workplace } from '../operations/workplace.ts';
import { legacyArchive } from '../support/archives.ts';

/** Gives `chunks` and then nothing, not even an end, until it is let go. */
function silentAfter(chunks: readonly Uint8Array[]) {
  const left = [...chunks];
  const stream = {
    isReleased: false,
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
      return {
        async next() {
          const value = left.shift();
          return value === undefined ? new Promise<never>(() => undefined) : { value };
        },
        async return() {
          stream.isReleased = true;
          return { done: true, value: undefined };
        },
      };
    },
  };
  return stream;
}

describe('a stream', () => {
  it.each([
    ['bzip2', 'BZh91AY&SY0000', 'UNSUPPORTED'],
    ['zeros', '\0'.repeat(512), 'BAD_ARCHIVE'],
    ['zeros and more', `${'\0'.repeat(512)}x`, 'BAD_ARCHIVE'],
    ['noise', 'noise '.repeat(100), 'BAD_ARCHIVE'],
    ['broken gzip', '\x1f\x8b\x08\x00garbagegarbagegarbage', 'BAD_COMPRESSION'],
  ])('of %s is refused and let go while its writer is silent', async (_, head, code) => {
    using place = workplace();
    const stream = silentAfter([Buffer.from(head, 'latin1')]);
    const opening = () => openArchiveStream(place.system, testContext(), stream, 'x');
    expect([(await refusalOf(opening)).code, stream.isReleased]).toEqual([code, true]);
    expect(place.leftovers()).toEqual([]);
  });

  it('is let go where there is no room for it', async () => {
    using place = workplace();
    const stream = silentAfter([legacyArchive([{}]).subarray(0, 512)]);
    const opening = () => openArchiveStream(place.system, testContext(), stream, 'x', 2 ** 60);
    expect([(await refusalOf(opening)).code, stream.isReleased]).toEqual(['NO_SPACE', true]);
  });

  it('that gives nothing at all does not hold a cancelled run', async () => {
    using place = workplace();
    const stream = silentAfter([]);
    const abort = new AbortController();
    const opening = refusalOf(() =>
      openArchiveStream(place.system, testContext(abort.signal), stream, 'x'),
    );
    setTimeout(() => abort.abort(), 10);
    expect([(await opening).code, stream.isReleased]).toEqual(['INTERRUPTED', true]);
  });

  it('is let go through several waits, also while a chunk is awaited', async () => {
    const stream = silentAfter([]);
    const { signal } = new AbortController();
    const chunks = untilAborted(signal, untilAborted(signal, stream));
    void chunks.next();
    await chunks.return?.();
    expect(stream.isReleased).toBe(true);
  });
});
