// What a person sees of a rollout while it runs: who does what where, on a terminal and in a log.
import { describe, expect, it } from 'vitest';
import type { ShipperEvent } from '../../src/core/events.ts';
import { NO_COLOURS } from '../../src/report/colours.ts';
import { plainRenderer } from '../../src/report/plain.ts';
import { ROLLOUT_MODEL } from '../../src/report/rollout-live.ts';

const API = { host: 'ssh://s1', slot: 'api.1' };
const started = (id: string, title: string, scope = {}, totalBytes?: number): ShipperEvent => ({
  ...{ type: 'task.started', id, title, scope },
  ...(totalBytes === undefined ? {} : { totalBytes }),
});
const finished = (id: string, scope = {}, seconds = 2): ShipperEvent => ({
  ...{ type: 'task.finished', id, outcome: 'done', doneBytes: 0, seconds, scope },
});

function frame(events: readonly ShipperEvent[], columns = 80): readonly string[] {
  const { nothing, reduce } = ROLLOUT_MODEL;
  const state = events.reduce((known, event) => reduce(known, event, 0), nothing);
  return ROLLOUT_MODEL.frame(state, columns, NO_COLOURS, 3000);
}

describe('the live view', () => {
  it('has a line for each slot and host at work, with what is done there', () => {
    expect(
      frame([
        started('t1', 'watch whether it works', API),
        started('t2', 'fetch api', { host: 'ssh://s22' }, 1000),
        { type: 'task.progress', id: 't2', doneBytes: 250, scope: {} },
        started('t3', 'hook pre-rollout'),
        { type: 'log', line: 'migrating\x1b[2J', scope: {} },
      ]),
    ).toEqual([
      'api.1  ssh://s1      3.0 s  watch whether it works',
      '       ssh://s22     3.0 s  fetch api  25% of 1kB',
      '                     3.0 s  hook pre-rollout: migrating\\x1b[2J',
    ]);
  });

  it('loses what is over, and what does not fit', () => {
    const tasks = Array.from({ length: 23 }, (_, at) => started(`t${at}`, 'start', API));
    expect(frame([...tasks, finished('t0', API)]).at(-1)).toBe('and 2 more');
    expect(frame([started('t1', 'start', API), finished('t1', API)])).toEqual([]);
    for (const line of frame([started('t1', 'x'.repeat(90), API)], 40)) {
      expect(line.length).toBeLessThanOrEqual(40);
    }
  });
});

describe('the log', () => {
  it('names host and slot in each line', () => {
    let text = '';
    const write = (more: string) => {
      text += more;
    };
    const { report } = plainRenderer({ write, clock: { monotonic: () => 0 } });
    report(started('t1', 'start the container of r2', API));
    report(finished('t1', API));
    report({ type: 'note', level: 'warn', message: 'slow', scope: API });
    expect(text).toBe(`[ssh://s1 api.1] start the container of r2
[ssh://s1 api.1] start the container of r2: done after 2.0 s
[ssh://s1 api.1] warning: slow
`);
  });
});
