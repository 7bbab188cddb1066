// `shipper doctor`: what is looked at, what it says, and what mends it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { EngineFacts } from '../../src/engine/engine.ts';
import { type DoctorParts, examine } from '../../src/fleet/doctor.ts';
import type { DoctorReport, DoctorRequest } from '../../src/fleet/doctor-types.ts';
import { NO_COLOURS } from '../../src/report/colours.ts';
import { doctorText } from '../../src/report/doctor-report.ts';
import { runLine } from '../cli/terminal.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, workplace } from '../operations/workplace.ts';
import { FakeHost } from '../support/fake-host.ts';
import { hostEngine } from '../support/fake-host-engine.ts';

const YAML = `project: shop
registry: r.example/shop
images:
  api: { context: ./api }
  db: { image: "r.example/db:1" }
environments:
  staging: { hosts: [tcp://a:1, tcp://b:1], services: { api: { image: api } } }
  production: { hosts: [tcp://c:1], services: { api: { image: api } } }
`;

const FACTS = {
  endpoint: 'unix:///var/run/docker.sock',
  ...{ product: 'docker', version: '26.1.5', apiVersion: '1.45', store: 'containerd', driver: '' },
} as unknown as EngineFacts;

/** What the doctor says of a project; `change` breaks things. */
async function said(
  change: Partial<DoctorParts> = {},
  request: DoctorRequest = {},
  text: string | undefined = YAML,
): Promise<DoctorReport> {
  using place = workplace();
  mkdirSync(place.path('api'));
  writeFileSync(place.path('api/Dockerfile'), 'FROM scratch\n');
  if (text !== undefined) writeFileSync(place.path('shipper.yaml'), text);
  const { clock } = place.system;
  const parts: DoctorParts = {
    system: place.system,
    connect: async ({ address }) => {
      if (address !== 'tcp://b:1') return hostEngine(new FakeHost(address, clock), { clock });
      const hint = 'is it there?';
      throw new ShipperError('ENGINE_UNREACHABLE', `Cannot reach ${address}: no`, { hint });
    },
    engineFacts: async () => FACTS,
    builder: async () => ({ version: '0.13.1', builder: 'default', driver: 'docker' }),
    checkPush: async () => undefined,
    ...change,
  };
  return await examine(testContext(), parts, request);
}

const states = ({ checks }: DoctorReport) => checks.map(({ area, state }) => `${area} ${state}`);

describe('examine()', () => {
  it('looks at everything, and names what does not work', async () => {
    const report = await said();
    expect(report.ok).toBe(false);
    expect(states(report)).toEqual([
      ...['disk ok', 'configuration ok', 'engine ok', 'builder ok', 'registry ok', 'registry ok'],
      ...['host ok', 'host failed', 'host ok'],
    ]);
    const text = doctorText(report, { colours: NO_COLOURS, verbose: false });
    const rows = text.replace(/ +/g, ' ').split('\n');
    expect(rows).toContain(
      'ok engine unix:///var/run/docker.sock docker 26.1.5, API 1.45, containerd store',
    );
    expect(rows).toContain('ok registry r.example/shop/api takes a push');
    expect(rows).toContain('failed host staging: tcp://b:1 Cannot reach tcp://b:1: no');
    expect(rows).toContain(' is it there?');
    expect(rows).toContain('1 thing of 9 must be mended');
  });

  it('looks only at the environments that are named', async () => {
    const report = await said({}, { environments: ['production'] });
    expect(report.ok).toBe(true);
    expect(states(report).filter((each) => each.startsWith('host'))).toEqual(['host ok']);
    const none = await refusalOf(() => said({}, { environments: ['prod'] }));
    expect([none.code, none.hint]).toEqual(['USAGE', 'there are staging, production']);
  });

  it('warns where there is no project, no engine and no buildx', async () => {
    const gone = async () => {
      throw new ShipperError('ENGINE_UNREACHABLE', 'Cannot reach it');
    };
    const report = await said({ engineFacts: gone }, {}, '');
    expect(states(report)).toContain('configuration failed');
    using place = workplace();
    const parts = { system: place.system, engineFacts: gone } as unknown as DoctorParts;
    const bare = await examine(testContext(), parts);
    expect(bare.ok).toBe(true);
    expect(states(bare)).toEqual(['disk ok', 'configuration warning', 'engine warning']);
    const built = await said({ builder: async () => 'this docker command has no buildx' });
    expect(states(built)).toContain('builder warning');
    const named = await said({ engineFacts: gone }, { environments: ['production'] });
    expect(states(named)).toContain('engine failed');
  });

  it('asks each registry whether it takes a push', async () => {
    const report = await said({
      checkPush: async (_, { name }) => {
        if (!name.endsWith('/api')) return;
        const hint = 'docker login r.example';
        throw new ShipperError('UNAUTHORIZED', `Cannot push to ${name}`, { hint });
      },
    });
    expect(report.checks.filter(({ area }) => area === 'registry')).toEqual([
      expect.objectContaining({ state: 'failed', mend: 'docker login r.example' }),
      expect.objectContaining({ state: 'ok' }),
    ]);
  });
});

it('shipper doctor ends with 1 where something must be mended', async () => {
  const broken = { area: 'host', subject: 's1', state: 'failed', found: 'no answer' } as const;
  const examined = async () => ({ ok: false, checks: [broken] });
  const { code, out } = await runLine(['doctor', 'staging'], { operations: { examine: examined } });
  expect([code, out]).toEqual([1, 'failed   host  s1  no answer\n1 thing of 1 must be mended\n']);
  const { terminal } = await runLine(['doctor', '--config', 'x.yaml', '--host', 'tcp://d:1']);
  expect(terminal.calls).toEqual([['examine', { config: 'x.yaml', host: 'tcp://d:1' }]]);
});
