import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { FrameLines } from '../../src/engine/log-frames.ts';

const fail = (state: string) => new ShipperError('ENGINE', `Cannot read: ${state}`);

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

function read(bytes: Uint8Array, size: number, isRaw = false): readonly string[] {
  const lines = new FrameLines(isRaw, fail);
  const texts: string[] = [];
  const add = ({ stream, text }: { stream: string; text: string }) =>
    texts.push(`${stream}: ${text}`);
  for (let at = 0; at < bytes.length; at += size) {
    for (const line of lines.take(bytes.subarray(at, at + size))) add(line);
  }
  for (const line of lines.end()) add(line);
  return texts;
}

describe('FrameLines', () => {
  const BYTES = Buffer.concat([
    frame(1, 'one\ntw'),
    frame(2, 'bäd'),
    frame(1, ''),
    frame(1, 'o\n'),
    frame(2, ' end\r\nlast'),
  ]);

  it.each([1, 2, 3, 7, 8, 9, 1000])('takes pieces of %i bytes', (size) => {
    expect(read(BYTES, size)).toEqual([
      'stdout: one',
      'stdout: two',
      'stderr: bäd end',
      'stderr: last',
    ]);
  });

  it('leaves what a terminal writes as it is', () => {
    expect(read(Buffer.from('a\r\nb'), 2, true)).toEqual(['stdout: a', 'stdout: b']);
  });

  it('takes no memory by what a header says', () => {
    const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    const lines = new FrameLines(false, fail);
    expect([...lines.take(header)]).toEqual([]);
    const before = process.memoryUsage().rss;
    for (let times = 0; times < 200; times += 1) {
      expect([...lines.take(Buffer.alloc(65_536, 'x'))]).toEqual([]);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(64e6);
  });

  it('passes on what the engine itself says, and refuses what is no log', () => {
    expect(() => read(frame(3, 'disk broken\n'), 100)).toThrow('Cannot read: disk broken');
    expect(() => read(frame(3, 'disk broken'), 100)).toThrow('Cannot read: disk broken');
    expect(() => read(Buffer.from('<html>nothing</html>'), 100)).toThrow('is not a log');
  });
});
