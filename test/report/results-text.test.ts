// What tasks return of several hosts, as people read it.
import { describe, expect, it } from 'vitest';
import type { FleetContainer } from '../../src/fleet/fleet-container.ts';
import { NO_COLOURS } from '../../src/report/colours.ts';
import { resultsText } from '../../src/report/results-text.ts';
import type { HostOutcome } from '../../src/tasks/watched-ship.ts';

const CONTAINER: FleetContainer = {
  host: 's1',
  id: 'a'.repeat(64),
  name: 'shop-staging-api-1',
  image: 'r.example/api:1',
  imageId: `sha256:${'b'.repeat(64)}`,
  command: 'serve',
  status: 'running',
  about: 'Up 2 hours',
  ports: [],
  createdAt: 0,
  labels: {},
  owned: { project: 'shop', environment: 'staging', service: 'api', slot: 1 },
};

const shown = (...results: readonly HostOutcome[]) =>
  resultsText(results, { colours: NO_COLOURS, verbose: false });

describe('results of hosts', () => {
  it('that are containers are a table', () => {
    const { owned: _, ...foreign } = { ...CONTAINER, host: 's2', name: 'db', image: 'postgres:16' };
    expect(
      shown(
        { host: 's1', ok: true, value: [CONTAINER] },
        { host: 's2', ok: true, value: [foreign] },
        { host: 's3', ok: true, value: [] },
        { host: 's4', ok: false, error: new Error('Cannot reach s4') },
      ),
    ).toBe(
      [
        'name   host  state       release  image            ports',
        'api.1  s1    Up 2 hours  -        r.example/api:1',
        'db     s2    Up 2 hours  -        postgres:16',
        's4: Cannot reach s4',
        '',
      ].join('\n'),
    );
  });

  it('that say what was done to a container, or said in it, are lines', () => {
    const place = { host: 's1', container: CONTAINER.name, ok: true };
    const said = [
      { stream: 'stdout', text: 'one' },
      { stream: 'stderr', text: 'two\u001b[2J' },
    ];
    expect(
      shown(
        { ...place, value: { container: CONTAINER, did: 'stopped' } },
        { ...place, value: { container: CONTAINER, exitCode: 0, lines: said } },
        { ...place, value: { container: CONTAINER, exitCode: 4, lines: [] } },
        { ...place, value: { container: CONTAINER, exitCode: 0 } },
      ),
    ).toBe(
      [
        'api.1 on s1: stopped',
        'api.1 on s1: one',
        'api.1 on s1: two\\x1b[2J',
        'api.1 on s1: exit code 4',
        'api.1 on s1: exit code 0',
        '',
      ].join('\n'),
    );
  });

  it('that are anything else are told as they are', () => {
    expect(
      shown(
        { host: 's1', ok: true },
        { host: 's2', ok: true, value: 'text' },
        { host: 's3', ok: true, value: { a: [1] } },
        { host: 's4', container: 'x', ok: true, value: [1] },
      ),
    ).toBe('s1: done\ns2: text\ns3: {"a":[1]}\nx on s4: [1]\n');
  });
});
