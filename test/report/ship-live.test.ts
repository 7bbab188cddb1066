// Live progress of `shipper ship`: one line for each image at work.
import { describe, expect, it } from 'vitest';
import type { ShipperEvent } from '../../src/core/events.ts';
import { coloursFor } from '../../src/report/colours.ts';
import { SHIP_MODEL } from '../../src/report/ship-live.ts';

const colours = coloursFor({ choice: 'never', env: {}, isTTY: false });

function started(group: string, stage: string, id: string, title: string, totalBytes?: number) {
  const total = totalBytes === undefined ? {} : { totalBytes };
  return { type: 'task.started', id, title, scope: { group, stage }, ...total } as const;
}

function finished(group: string, stage: string, id: string) {
  const facts = { outcome: 'done', doneBytes: 0, seconds: 1 } as const;
  return { type: 'task.finished', id, scope: { group, stage }, ...facts } as const;
}

/** The frame after `events`, a second each. */
function frameOf(events: readonly ShipperEvent[], columns = 80): readonly string[] {
  const state = events.reduce(
    (before, event, at) => SHIP_MODEL.reduce(before, event, at * 1000),
    SHIP_MODEL.nothing,
  );
  return SHIP_MODEL.frame(state, columns, colours, events.length * 1000);
}

describe('one line for each image', () => {
  const EVENTS: readonly ShipperEvent[] = [
    started('api', 'build', 't1', 'build'),
    { type: 'log', line: '#5 RUN make', scope: { group: 'api', stage: 'build' } },
    started('worker', 'flatten', 't2', 'flatten'),
    started('worker', 'flatten', 't3', 'write the flat layer', 2_000_000),
    {
      type: 'task.progress',
      id: 't3',
      doneBytes: 500_000,
      scope: { group: 'worker', stage: 'flatten' },
    },
  ];

  it('says stage, time, and what is done or said', () => {
    expect(frameOf(EVENTS)).toEqual([
      'api     build       5.0 s  #5 RUN make',
      'worker  flatten     3.0 s  write the flat layer  25% of 2MB',
    ]);
  });

  it('goes on to the next stage, and goes when that ends', () => {
    const later = [...EVENTS, finished('worker', 'flatten', 't3'), finished('api', 'build', 't1')];
    expect(frameOf(later)).toEqual(['worker  flatten     5.0 s']);
    const next = [
      ...later,
      finished('worker', 'flatten', 't2'),
      started('worker', 'push', 't4', 'push'),
    ];
    expect(frameOf(next)).toEqual(['worker  push        1.0 s']);
    expect(frameOf([...next, finished('worker', 'push', 't4')])).toEqual([]);
  });

  it('is never wider than the terminal', () => {
    for (const columns of [20, 30, 50]) {
      for (const line of frameOf(EVENTS, columns)) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  it('passes over what belongs to no image, and says how many are not shown', () => {
    const note = { type: 'note', level: 'info', message: 'x', scope: {} } as const;
    expect(frameOf([note])).toEqual([]);
    const many = Array.from({ length: 23 }, (_, at) =>
      started(`i${at}`, 'build', `t${at}`, 'build'),
    );
    expect(frameOf(many).at(-1)).toBe('and 3 more');
  });
});
