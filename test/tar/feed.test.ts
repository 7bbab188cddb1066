// A tar that goes by in pieces tells whether its end mark went by; that the grammar gets the same bytes is for tape.test.ts.
import { describe, expect, it } from 'vitest';
import { TarFeed } from '../../src/tar/feed.ts';
import { createRandom } from '../flatten/random/random.ts';
import { randomStack } from '../support/random-stack.ts';
import { entry, tar } from '../support/tar-builder.ts';

/** Feeds `bytes` in pieces of at most `most` bytes, each in the same memory. */
function fed(bytes: Uint8Array, most: number, seed = 1): TarFeed {
  const feed = new TarFeed();
  const random = createRandom(seed);
  const memory = Buffer.alloc(most);
  for (let at = 0; at < bytes.length; ) {
    const part = bytes.subarray(at, at + 1 + random.below(most));
    memory.set(part);
    feed.push(memory.subarray(0, part.length));
    at += part.length;
  }
  return feed;
}

const file = (name: string, body: string) => entry({ name, type: 'file', body });

describe('TarFeed', () => {
  it.each([1, 100, 512, 4096, 1_000_000])('in pieces of %i bytes', (most) => {
    const bytes = tar([file('a', 'x'.repeat(700)), file('b', ''), file('c', 'y'.repeat(512))]);
    const feed = fed(bytes, most);
    expect(feed.size).toBe(bytes.length);
    expect(feed.isAtEnd).toBe(true);
    expect(feed.isCorrupt).toBe(false);
  });

  it('of random layers', () => {
    for (let seed = 1; seed <= 40; seed += 1)
      for (const bytes of randomStack(seed).layers) {
        const feed = fed(bytes, 3000, seed);
        expect([feed.isAtEnd, feed.isCorrupt]).toEqual([true, false]);
      }
  });

  it('is not at its end before both blocks of the end mark went by', () => {
    const bytes = tar([file('a', 'x')]);
    for (const missing of [1, 512, 513, 1024, 1500]) {
      const feed = fed(bytes.subarray(0, bytes.length - missing), 4096);
      expect(feed.isAtEnd).toBe(false);
      expect(feed.isCorrupt).toBe(false);
    }
  });

  it('is not at its end where content looks like an end mark', () => {
    const bytes = tar([file('a', '\0'.repeat(4096)), file('b', 'x')]);
    expect(fed(bytes.subarray(0, 512 + 4096), 512).isAtEnd).toBe(false);
  });

  it('tells each entry as soon as its header went by', () => {
    const bytes = tar([file('a', 'x'.repeat(700)), file('b', 'y')]);
    const seen: string[] = [];
    const feed = new TarFeed({
      onEntry: ({ path, dataOffset, size }) => seen.push(`${path} ${dataOffset} ${size}`),
    });
    feed.push(bytes.subarray(0, 511));
    expect(seen).toEqual([]);
    feed.push(bytes.subarray(511, 512));
    expect(seen).toEqual(['a 512 700']);
    feed.push(bytes.subarray(512));
    expect(seen).toEqual(['a 512 700', 'b 2048 1']);
  });

  it('says where it is no tar', () => {
    const feed = fed(Buffer.alloc(10_000, 'not a tar '), 1000);
    expect(feed.isCorrupt).toBe(true);
    expect(feed.isAtEnd).toBe(false);
  });
});
