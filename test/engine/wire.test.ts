// K16 of `faults.md`: broken lines, a line of megabytes and split characters in an engine's answer.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINE_CAP_BYTES } from '../../src/core/lines.ts';
import { type Progress, readProgress } from '../../src/engine/wire.ts';
import { pieces } from './support.ts';

async function read(bytes: Uint8Array, chunkBytes?: number): Promise<readonly Progress[]> {
  const all: Progress[] = [];
  for await (const progress of readProgress(pieces(bytes, chunkBytes))) all.push(progress);
  return all;
}

const message = (fields: { status?: string; stream?: string; id?: string }): Progress => ({
  kind: 'message',
  status: fields.status,
  stream: fields.stream,
  id: fields.id,
  auxId: undefined,
});

const LINES: readonly (readonly [string, readonly Progress[]])[] = [
  ['', []],
  ['\n\r\n \n', []],
  ['{"status":"a","id":"1"}\r\n', [message({ status: 'a', id: '1' })]],
  ['{"stream":"last without an end"}', [message({ stream: 'last without an end' })]],
  ['\u001e{"stream":"json-seq"}\n', [message({ stream: 'json-seq' })]],
  ['{"status":7,"stream":null}\n', [message({})]],
  [
    '{"errorDetail":{"code":1,"message":"bad"},"error":"old"}\n',
    [{ kind: 'error', message: 'bad' }],
  ],
  ['{"error":"old"}\n', [{ kind: 'error', message: 'old' }]],
  ['{"error":""}\n', [message({})]],
  ['{"errorDetail":{},"error":"old"}\n', [{ kind: 'error', message: 'old' }]],
  ['{"errorDetail":{}}\n', [{ kind: 'error', message: 'it gave no reason' }]],
  ['{"errorDetail":"text"}\n', [{ kind: 'error', message: 'text' }]],
  ['{broken\n{"stream":"x"}\n', [{ kind: 'unreadable', bytes: 7 }, message({ stream: 'x' })]],
  ['[]\n', [{ kind: 'unreadable', bytes: 2 }]],
  ['null\n', [{ kind: 'unreadable', bytes: 4 }]],
];

describe('K16: readProgress()', () => {
  it.each(LINES)('reads %j', async (text, expected) => {
    expect(await read(Buffer.from(text))).toEqual(expected);
    expect(await read(Buffer.from(text), 1)).toEqual(expected);
  });

  it('puts characters together that were split over chunks', async () => {
    const line = Buffer.from(`${JSON.stringify({ stream: 'päckchen 📦 fertig' })}\n`);
    for (let size = 1; size < 9; size += 1) {
      expect(await read(line, size)).toEqual([message({ stream: 'päckchen 📦 fertig' })]);
    }
  });

  it('keeps a line of exactly 1 MiB and passes over a longer one', async () => {
    const fits = JSON.stringify({ stream: 'x'.repeat(LINE_CAP_BYTES - 13) });
    expect(fits.length).toBe(LINE_CAP_BYTES);
    const [kept, over, after] = await read(Buffer.from(`${fits}\n${fits} \n{"stream":"y"}\n`));
    expect(kept?.kind).toBe('message');
    expect(over).toEqual({ kind: 'unreadable', bytes: LINE_CAP_BYTES + 1 });
    expect(after).toEqual(message({ stream: 'y' }));
  });

  it('does not let a line of 3 MiB hide a failure', async () => {
    const line = `{"errorDetail":{"message":"disk full"},"x":"${'x'.repeat(3_145_728)}"}\n`;
    const [only] = await read(Buffer.from(line));
    expect(only?.kind).toBe('error');
    expect(only).toHaveProperty('message', expect.stringContaining('disk full'));
  });

  it('takes any bytes in any chunks, and the chunks make no difference', async () => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .record({ stream: fc.string(), error: fc.string() }, { requiredKeys: [] })
        .map((value) => Buffer.from(JSON.stringify(value))),
    );
    const lines = fc
      .array(line, { maxLength: 12 })
      .map((all) => Buffer.concat(all.flatMap((one) => [one, Buffer.from('\n')])));
    await fc.assert(
      fc.asyncProperty(lines, fc.integer({ min: 1, max: 40 }), async (bytes, size) => {
        expect(await read(bytes, size)).toEqual(await read(bytes, bytes.length + 1));
      }),
      { numRuns: 300 },
    );
  });
});
