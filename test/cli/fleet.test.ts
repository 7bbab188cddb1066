// Commands of the fleet that go on until they are interrupted: what they print of what they are told.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { FleetShipper } from '../../src/fleet/shipper.ts';
import type { ShipperOptions, WatchCall } from '../../src/fleet/shipper-options.ts';
import type { WatchEvent } from '../../src/fleet/watch.ts';
import { runLine } from './terminal.ts';

const AT = '2026-01-31T12:00:03.000Z';

const EVENTS: readonly WatchEvent[] = [
  { at: AT, host: 'ssh://s1', kind: 'watched', reason: '3 slots' },
  {
    ...{ at: AT, host: 'ssh://s1', slot: 'api.1', kind: 'ails' },
    ...{ reason: 'stopped (exit code 1)', pauseMs: 2000 },
  },
  {
    ...{ at: AT, host: 'ssh://s1', slot: 'api.1', kind: 'failed', tries: 1 },
    reason: 'Cannot update api.1: it ended with exit code 1',
    error: { code: 'UNHEALTHY', message: 'it ended', log: ['no database'] },
  },
  {
    ...{ at: AT, host: 'ssh://s1', slot: 'api.1', kind: 'given-up', tries: 5 },
    reason: 'stopped (exit code 1), 5 times in a row',
  },
  { at: AT, host: 'ssh://s1', slot: 'api.2', kind: 'mended', reason: 'was paused', tries: 1 },
  { at: AT, host: 'ssh://s2', kind: 'lost', reason: 'no route' },
];

/** A watch that is told `EVENTS` and then interrupted. */
function watching(calls: unknown[]) {
  const openShipper = async (_: unknown, options: ShipperOptions) => {
    const ship = {
      watch: async ({ onEvent, ...call }: WatchCall) => {
        calls.push([options, call]);
        for (const event of EVENTS) onEvent(event);
        throw new ShipperError('INTERRUPTED', 'Cannot go on', { interruptedBy: 'SIGINT' });
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
    return ship as unknown as FleetShipper;
  };
  return { operations: { openShipper } };
}

describe('shipper watch', () => {
  it('tells what it sees and does until it is interrupted', async () => {
    const calls: unknown[] = [];
    const line = ['watch', 'staging', 'api', '--limit', '3', '--back-off', '2s', '--settled', '1m'];
    const { out, code } = await runLine([...line, '--hosts', 's*'], watching(calls));
    expect(code).toBe(130);
    expect(calls).toMatchObject([
      [
        { environment: 'staging', hosts: ['s*'] },
        { services: ['api'], limit: 3, firstPauseMs: 2000, settledMs: 60_000 },
      ],
    ]);
    expect(out).toMatchInlineSnapshot(`
      "12:00:03 ssh://s1: watched, 3 slots
      12:00:03 api.1 on ssh://s1: stopped (exit code 1), mending in 2.0 s
      12:00:03 api.1 on ssh://s1: try 1 failed: Cannot update api.1: it ended with exit code 1
        | no database
      12:00:03 api.1 on ssh://s1: given up: stopped (exit code 1), 5 times in a row
      12:00:03 api.2 on ssh://s1: runs again, was paused
      12:00:03 ssh://s2: no answer: no route
      "
    `);
  });

  it('prints an object for each event with --json, and only what it gives up with -q', async () => {
    const json = await runLine(['watch', 'staging', '--json'], watching([]));
    const lines = json.out.trim().split('\n');
    expect(lines.slice(0, EVENTS.length).map((line) => JSON.parse(line))).toEqual(EVENTS);
    const quiet = await runLine(['watch', 'staging', '-q'], watching([]));
    expect(quiet.out.split('\n').filter((line) => line !== '').length).toBe(1);
  });
});
