// Which slot is on which host.
import { describe, expect, it } from 'vitest';
import { placeGlobal, placeSlots } from '../../src/rollout/place-slots.ts';
import { createRandom } from '../flatten/random/random.ts';

const none = new Map<number, string>();
const shown = (placed: ReadonlyMap<number, string>) =>
  [...placed]
    .sort(([a], [b]) => a - b)
    .map(([slot, engine]) => `${slot}${engine}`)
    .join(' ');
const of = (text: string): ReadonlyMap<number, string> =>
  new Map(
    text
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => [Number(word.slice(0, -1)), word.slice(-1)]),
  );

describe('placeSlots()', () => {
  it.each([
    ['spreads', 5, 'abc', '', '1a 2b 3c 4a 5b'],
    ['has nothing to place', 0, 'abc', '1a', ''],
    ['has no hosts', 3, '', '1a', ''],
    ['leaves slots where they are', 4, 'ab', '1b 2b 3a 4a', '1b 2b 3a 4a'],
    ['puts new slots where fewest are', 4, 'ab', '1b 2b', '1b 2b 3a 4a'],
    ['moves what is more than a share', 4, 'ab', '1a 2a 3a 4a', '1a 2a 3b 4b'],
    ['uses a host that is new', 4, 'abc', '1a 2b 3a 4b', '1a 2b 3a 4b'],
    ['moves to a host that is new only what must', 4, 'abcd', '1a 2b 3a 4b', '1a 2b 3c 4d'],
    ['takes over from a host that is gone', 4, 'ab', '1a 2b 3c 4c', '1a 2b 3a 4b'],
    ['keeps the lowest when there are fewer', 2, 'ab', '1a 2a 3b 4b', '1a 2b'],
  ])('%s', (_, count, engines, current, expected) => {
    expect(shown(placeSlots(count, [...engines], of(current)))).toBe(expected);
  });

  it('is balanced, whole, and stays as it is when it is asked again', () => {
    const { below } = createRandom(5);
    for (let run = 0; run < 300; run += 1) {
      const engines = [...'abcdefg'].slice(0, 1 + below(7));
      const count = below(20);
      const current = new Map(
        Array.from({ length: below(25) }, (_, at) => [at + 1, 'abcdefgh'[below(8)] ?? 'a']),
      );
      const placed = placeSlots(count, engines, current);
      expect([...placed.keys()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, at) => at + 1),
      );
      for (const engine of engines) {
        const own = [...placed.values()].filter((each) => each === engine).length;
        expect(own).toBeLessThanOrEqual(Math.ceil(count / engines.length));
      }
      expect(shown(placeSlots(count, engines, placed))).toBe(shown(placed));
    }
  });
});

describe('placeGlobal()', () => {
  it.each([
    ['numbers hosts', 'abc', '', '1a 2b 3c'],
    ['keeps the number of a host', 'abc', '3a 1c', '1c 2b 3a'],
    ['gives a free number to a host that is new', 'abcd', '1a 2b 3c', '1a 2b 3c 4d'],
    ['frees that of a host that is gone', 'ac', '1a 2b 3c', '1a 3c'],
    ['keeps the lowest of two on one host', 'ab', '2a 3a', '1b 2a'],
  ])('%s', (_, engines, current, expected) => {
    expect(shown(placeGlobal([...engines], of(current)))).toBe(expected);
  });

  it('has nothing to place without hosts', () => {
    expect(placeGlobal([], none).size).toBe(0);
  });
});
