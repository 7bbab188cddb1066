// What buildx prints with --progress=rawjson, in both forms, as lines and as a failure.
import { describe, expect, it } from 'vitest';
import { masking } from '../../../src/core/mask.ts';
import { BuildLog } from '../../../src/pipeline/build/build-log.ts';

const at = '2026-11-26T19:48:35.051692461Z';
const vertex = (digest: string, name: string, more: object = {}) => ({ digest, name, ...more });
const started = { started: at };
const log = (of: string, text: string | Uint8Array) => ({
  vertex: of,
  stream: 1,
  data: Buffer.from(text).toString('base64'),
});

/** The lines that `statuses` become, one JSON object a line or indented. */
function follow(
  statuses: readonly (object | string)[],
  options: { readonly isIndented?: boolean; readonly secrets?: readonly string[] } = {},
) {
  const lines: string[] = [];
  const build = new BuildLog((line) => lines.push(line), masking(options.secrets ?? []));
  for (const status of statuses) {
    const text =
      typeof status === 'string'
        ? status
        : JSON.stringify(status, undefined, options.isIndented ? 2 : undefined);
    for (const line of text.split('\n')) build.take(line);
  }
  return { lines, build };
}

const FAILING = [
  { vertexes: [vertex('a', '[one 1/2] FROM x'), vertex('b', '[one 2/2] RUN make')] },
  { vertexes: [vertex('a', '[one 1/2] FROM x', { ...started, cached: true, completed: at })] },
  { vertexes: [vertex('b', '[one 2/2] RUN make', started)] },
  { statuses: [{ id: 'x', vertex: 'b', current: 1 }] },
  { logs: [log('b', 'first\nhal')] },
  { logs: [log('b', 'f\n10%\r50%\r100%\r\n')] },
  { logs: [log('b', 'last without end')] },
  {
    vertexes: [
      vertex('b', '[one 2/2] RUN make', {
        ...started,
        completed: at,
        error: 'process "/bin/sh -c make" did not complete successfully: exit code: 2',
      }),
      vertex('c', '[two 2/2] RUN other', { ...started, error: 'context canceled' }),
    ],
  },
  'Dockerfile:7',
  '--------------------',
  '   7 | >>> RUN make',
  '{ this is no JSON',
  'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
];

describe.each([false, true])('BuildLog (indented %s)', (isIndented) => {
  it('tells steps and their lines', () => {
    const { lines } = follow(FAILING, { isIndented });
    expect(lines).toMatchInlineSnapshot(`
      [
        "[one 1/2] FROM x (cached)",
        "[one 2/2] RUN make",
        "[one 2/2] first",
        "[one 2/2] half",
        "[one 2/2] 100%",
        "[one 2/2] last without end",
        "[one 2/2] failed: exit code: 2",
        "[two 2/2] RUN other",
        "[two 2/2] failed: context canceled",
        "Dockerfile:7",
        "--------------------",
        "   7 | >>> RUN make",
        "{ this is no JSON",
        "ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2",
      ]
    `);
  });

  it('says which step failed, with the end of its own log', () => {
    const { build } = follow(FAILING, { isIndented });
    expect(build.failure()).toEqual({
      reason: '[one 2/2] RUN make: exit code: 2',
      log: ['first', 'half', '100%', 'last without end'],
    });
  });
});

describe('BuildLog', () => {
  it('keeps the last 20 lines of a step, and cuts long ones', () => {
    const many = Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n');
    const { build } = follow([
      { vertexes: [vertex('b', 'RUN x', started)] },
      { logs: [log('b', `${many}\n${'x'.repeat(5000)}\n`)] },
      { vertexes: [vertex('b', 'RUN x', { error: 'exit code: 1' })] },
    ]);
    const { log: kept } = build.failure();
    expect(kept).toHaveLength(20);
    expect(kept[0]).toBe('line 31');
    expect(kept.at(-1)?.length).toBe(2001);
  });

  it.each([
    [
      ['ERROR: failed to solve: a: failed to resolve source metadata for docker.io/library/a:1'],
      'a: failed to resolve source metadata for docker.io/library/a:1',
    ],
    [['ERROR: target image: failed to solve: x'], 'x'],
    [['what is this'], 'what is this'],
    [[], 'the builder gave no reason'],
  ])('says why a build failed without a step: %j', (lines, reason) => {
    expect(follow(lines).build.failure()).toMatchObject({ reason });
  });

  it('says what is not there without the reference of BuildKit', () => {
    const error = 'failed to calculate checksum of ref 976f-1be1d::nthgs: "/nothing": not found';
    const { build } = follow([{ vertexes: [vertex('b', '[1/2] COPY nothing /x', { error })] }]);
    expect(build.failure().reason).toBe('[1/2] COPY nothing /x: "/nothing": not found');
  });

  it('is silent on what Compose would lack', () => {
    const noise =
      'time="2026-11-26T19:48:35Z" level=warning msg="The \\"Z\\" variable is not set."';
    expect(follow(['WARNING: The "Z" variable is not set. Defaulting', noise, '']).lines).toEqual(
      [],
    );
  });

  it('shows no secret: in names, lines cut anywhere, errors and plain lines', () => {
    const secret = 'open sesame';
    const { lines, build } = follow(
      [
        { vertexes: [vertex('b', `[1/1] RUN echo ${secret}`, started)] },
        { logs: [log('b', `so ${secret.slice(0, 5)}`)] },
        { logs: [log('b', `${secret.slice(5)} it is\n`)] },
        { vertexes: [vertex('b', 'x', { error: `no ${secret}` })] },
        `WARN: ${secret}`,
      ],
      { secrets: [`${secret}\nsecond line\n`, 'ab'] },
    );
    const all = JSON.stringify([lines, build.failure()]);
    expect(all).not.toContain(secret);
    expect(all).toContain('so *** it is');
  });

  it('survives what is no status', () => {
    const odd = [
      'null',
      '[]',
      '{}',
      '{"vertexes":{},"logs":[1,null,{}]}',
      '{"logs":[{"vertex":"?"}]}',
    ];
    expect(follow([...odd, '{', 'x', '}']).build.failure().reason).toBeTypeOf('string');
    expect(follow(['{', '  "a": 1']).build.failure().reason).toBe('"a": 1');
  });

  it('takes letters that are split over chunks', () => {
    const bytes = Buffer.from('ü日\n');
    const pieces = [...bytes].map((byte) => ({ logs: [log('b', Buffer.of(byte))] }));
    const { lines } = follow([{ vertexes: [vertex('b', 'RUN', started)] }, ...pieces]);
    expect(lines).toEqual(['RUN', 'ü日']);
  });
});
