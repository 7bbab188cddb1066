import { describe, expect, it } from 'vitest';
import type { ShipperEvent } from '../../src/core/events.ts';
import { ANSI_COLOURS, NO_COLOURS } from '../../src/report/colours.ts';
import { displayWidth } from '../../src/report/format.ts';
import { jsonRenderer } from '../../src/report/json.ts';
import { plainRenderer } from '../../src/report/plain.ts';
import { type Renderer, sturdy } from '../../src/report/renderer.ts';
import { liveFrame, NOTHING_LIVE, reduceLive, ttyRenderer } from '../../src/report/tty.ts';

const scope = {};
const started = (id: string, title: string, totalBytes?: number): ShipperEvent => ({
  type: 'task.started',
  id,
  title,
  ...(totalBytes === undefined ? {} : { totalBytes }),
  scope,
});
const progress = (id: string, doneBytes: number): ShipperEvent => ({
  type: 'task.progress',
  id,
  doneBytes,
  scope,
});
const finished = (id: string, doneBytes = 0, seconds = 2): ShipperEvent => ({
  type: 'task.finished',
  id,
  outcome: 'done',
  doneBytes,
  seconds,
  scope,
});
const note = (level: 'info' | 'warn', message: string): ShipperEvent => ({
  type: 'note',
  level,
  message,
  scope,
});

/** Events with the time at which they come. */
type Timed = readonly (readonly [ms: number, event: ShipperEvent])[];

function liveAfter(events: Timed) {
  return events.reduce((state, [ms, event]) => reduceLive(state, event, ms), NOTHING_LIVE);
}

/** What a renderer made by `make` writes for `events`. */
function written(
  events: Timed,
  make: (write: (text: string) => void, clock: { monotonic(): number }) => Renderer,
  stop = true,
): string {
  let text = '';
  let nowMs = 0;
  const renderer = make(
    (more) => {
      text += more;
    },
    { monotonic: () => nowMs },
  );
  for (const [ms, event] of events) {
    nowMs = ms;
    renderer.report(event);
  }
  if (stop) renderer.stop();
  return text;
}

describe('liveFrame()', () => {
  const two: Timed = [
    [0, started('1', 'reading app.tar', 800_000_000)],
    [0, started('2', 'hashing')],
    [1000, progress('1', 360_000_000)],
    [1000, progress('2', 12_300_000)],
  ];

  it('shows bytes, rate and percent', () => {
    expect(liveFrame(liveAfter(two), 100, NO_COLOURS)).toEqual([
      'reading app.tar  ━━━━━━━━━───────────     45%  360MB of 800MB  360MB/s',
      'hashing          12.3MB  12.3MB/s',
    ]);
  });

  it('leaves the bar out where it is narrow, and is never wider than the terminal', () => {
    expect(liveFrame(liveAfter(two), 60, NO_COLOURS)[0]).toBe(
      'reading app.tar     45%  360MB of 800MB  360MB/s',
    );
    for (let columns = 1; columns < 120; columns++) {
      for (const line of liveFrame(liveAfter(two), columns, ANSI_COLOURS)) {
        expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('counts tasks that do not fit', () => {
    const many = Array.from({ length: 11 }, (_, i) => [0, started(`${i}`, `task ${i}`)] as const);
    const lines = liveFrame(liveAfter(many), 80, NO_COLOURS);
    expect([lines.length, lines.at(-1)]).toEqual([9, 'and 3 more']);
  });

  it('never says 100% before the end, nor more', () => {
    const almost = liveAfter([
      [0, started('1', 'x', 1_000_000)],
      [10, progress('1', 999_999)],
    ]);
    expect(liveFrame(almost, 100, NO_COLOURS)[0]).toContain('99.9%');
    const over = liveAfter([
      [0, started('1', 'x', 1000)],
      [10, progress('1', 2000)],
    ]);
    expect(liveFrame(over, 100, NO_COLOURS)[0]).toContain('━'.repeat(20));
  });

  it('has no line for what is finished, and escapes titles', () => {
    const state = liveAfter([
      [0, started('1', 'gone')],
      [0, started('2', 'e\x1b[2Jvil\n')],
      [5, finished('1')],
    ]);
    expect(liveFrame(state, 80, NO_COLOURS)).toEqual(['e\\x1b[2Jvil\\n']);
  });
});

describe('ttyRenderer()', () => {
  const make = (write: (text: string) => void, clock: { monotonic(): number }) =>
    ttyRenderer({ write, clock, columns: () => 61, colours: NO_COLOURS });

  it('draws in place, keeps notes above and clears at the end', () => {
    const text = written(
      [
        [0, started('1', 'read', 1000)],
        [10, progress('1', 100)],
        [100, progress('1', 500)],
        [110, note('warn', 'odd')],
        [120, finished('1', 1000)],
      ],
      make,
    );
    expect(text.split('\x1b[1A\r\x1b[J')).toEqual([
      '\x1b[?25lread      0%  0B of 1kB\n',
      'read     50%  500B of 1kB  6.7kB/s\n',
      'warning: odd\nread     50%  500B of 1kB  6.7kB/s\n',
      '\x1b[?25h',
    ]);
  });

  it('gives the cursor back when it is stopped in the middle, once', () => {
    const text = written([[0, started('1', 'read')]], make);
    expect(text.endsWith('\x1b[1A\r\x1b[J\x1b[?25h')).toBe(true);
  });

  it('writes nothing after it was stopped', () => {
    let text = '';
    const renderer = make(
      (more) => {
        text += more;
      },
      { monotonic: () => 0 },
    );
    renderer.stop();
    renderer.report(started('1', 'late'));
    renderer.stop();
    expect(text).toBe('');
  });
});

describe('plainRenderer()', () => {
  const make = (write: (text: string) => void, clock: { monotonic(): number }) =>
    plainRenderer({ write, clock });

  it('writes starts, ends that took a second, and progress every five seconds', () => {
    const events: Timed = [
      [0, started('1', 'reading app.tar', 800_000_000)],
      ...Array.from({ length: 119 }, (_, i) => {
        const ms = (i + 1) * 100;
        return [ms, progress('1', ms * 60_000)] as const;
      }),
      [12_000, finished('1', 800_000_000)],
      [12_000, started('2', 'linking')],
      [14_100, finished('2')],
      [14_100, started('3', 'short')],
      [14_200, finished('3', 5, 0.1)],
      [14_200, note('info', 'app is docker-daemon:app')],
      [14_200, note('warn', 'a\nb')],
    ];
    expect(written(events, make)).toBe(
      [
        'reading app.tar (800MB)',
        'reading app.tar: 300MB of 800MB, 37.5%, 60MB/s',
        'reading app.tar: 600MB of 800MB, 75%, 60MB/s',
        'reading app.tar: done, 800MB in 2.0 s, 400MB/s',
        'linking',
        'linking: done after 2.0 s',
        'short',
        'app is docker-daemon:app',
        'warning: a\\nb',
        '',
      ].join('\n'),
    );
  });

  it('says where an event comes from', () => {
    const event: ShipperEvent = { ...note('info', 'up'), scope: { host: 's1', image: 'api' } };
    const inGroup: ShipperEvent = { ...note('info', 'x'), scope: { group: 'web', image: 'api' } };
    expect(
      written(
        [
          [0, event],
          [0, inGroup],
        ],
        make,
      ),
    ).toBe('[s1] up\n[web api] x\n');
  });
});

describe('renderers', () => {
  it('jsonRenderer() writes one event a line', () => {
    const events: Timed = [
      [0, started('1', 'a\nb', 5)],
      [0, note('warn', '\x1b')],
    ];
    const text = written(events, (write) => jsonRenderer(write));
    expect(text).not.toContain('\x1b');
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(events.map(([, event]) => event));
  });

  it('sturdy() keeps a failure to draw from the work', () => {
    let calls = 0;
    const renderer = sturdy({
      report: () => {
        calls += 1;
        throw new Error('no terminal');
      },
      stop: () => {
        throw new Error('no terminal');
      },
    });
    renderer.report(note('info', 'a'));
    renderer.report(note('info', 'b'));
    renderer.stop();
    expect(calls).toBe(1);
  });
});
