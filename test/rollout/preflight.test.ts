// What would make a rollout fail on a host, told before anything is touched.
import { describe, expect, it } from 'vitest';
import type { ContainerChoice } from '../../src/config/service-types.ts';
import type { ListedContainer } from '../../src/engine/containers.ts';
import { containerSpec } from '../../src/rollout/container-spec.ts';
import type { RolloutHost } from '../../src/rollout/host.ts';
import type { HostView } from '../../src/rollout/observe.ts';
import { obstacles, requireClear } from '../../src/rollout/preflight.ts';
import type { ReleasedService } from '../../src/rollout/release.ts';
import type { SlotWork } from '../../src/rollout/works.ts';
import { digestFor } from './records.ts';
import { serviceOf } from './services.ts';

const SCOPE = { project: 'shop', environment: 'staging' };

function viewOf(
  apiVersion: string,
  containers: readonly Partial<ListedContainer>[] = [],
): HostView {
  const facts = { apiVersion, version: '20.10.24' };
  const host = { name: 'h1', id: 'E1', facts } as unknown as RolloutHost;
  const usual = { id: 'x', image: 'i', imageId: 'i', status: 'running', createdAt: 0 } as const;
  const all = containers.map((each) => ({ ...usual, name: 'x', labels: {}, ports: [], ...each }));
  return { host, containers: all, own: [], journal: undefined } as unknown as HostView;
}

/** A slot of a service on the host of `view`. */
function workOn(
  view: HostView,
  slot: number,
  container: Partial<ContainerChoice>,
  name = 'api',
): SlotWork {
  const { spec, moreNetworks } = containerSpec({
    service: serviceOf(container, {}, { name }),
    image: 'api',
    environment: {},
    networks: new Map(),
    volumes: new Map(),
  });
  const image = { name: 'api', digest: digestFor('1') };
  const released: ReleasedService = {
    name,
    image,
    spec,
    moreNetworks,
    specHash: 'x',
    stopGraceMs: 0,
  };
  const goal = { kind: 'run', specHash: 'x', release: 'r1' };
  return {
    service: name,
    slot,
    host: view.host,
    rules: { released },
    goal,
    now: [],
  } as unknown as SlotWork;
}

const port = (published: string, hostIp?: string) => ({
  ...({ target: 80, published, protocol: 'tcp', mode: 'ingress' } as const),
  ...(hostIp === undefined ? {} : { hostIp }),
});
const taken = { hostIp: '0.0.0.0', published: 80, target: 8080, protocol: 'tcp' };

describe('obstacles()', () => {
  const view = viewOf('1.41');
  it.each([
    ['one of a port', [workOn(view, 1, { ports: [port('80')] })], []],
    [
      'two replicas of a port',
      [workOn(view, 1, { ports: [port('80')] }), workOn(view, 2, { ports: [port('80-80')] })],
      ['api.2 wants port 80/tcp of h1, which api.1 wants too'],
    ],
    [
      'two services of a port',
      [workOn(view, 1, { ports: [port('80')] }), workOn(view, 1, { ports: [port('80')] }, 'web')],
      ['web.1 wants port 80/tcp of h1, which api.1 wants too'],
    ],
    [
      'a port of two addresses',
      [
        workOn(view, 1, { ports: [port('80', '10.0.0.1')] }),
        workOn(view, 2, { ports: [port('80', '10.0.0.2')] }),
      ],
      [],
    ],
    [
      'a range, and ports that are free',
      [1, 2].map((slot) => workOn(view, slot, { ports: [port('80-81'), port('0')] })),
      [],
    ],
    [
      'what the engine does not know',
      [1, 2].map((slot) => workOn(view, slot, { annotations: { a: 'b' } })),
      ['api: annotations needs Docker Engine 24, and h1 has 20.10.24'],
    ],
  ] satisfies readonly [string, SlotWork[], string[]][])('%s', (_, works, expected) => {
    expect(obstacles(SCOPE, [view], works)).toEqual(expected);
  });

  it('a port that another container has (D14)', () => {
    const busy = viewOf('1.41', [{ name: 'nginx', ports: [taken] }]);
    const works = [workOn(busy, 1, { ports: [port('80')] })];
    expect(() => requireClear(SCOPE, [busy], works)).toThrow(
      'Cannot roll out staging, nothing was changed: api.1 wants port 80/tcp of h1, which container nginx has',
    );
  });

  it('a name that another container has (D15)', () => {
    const busy = viewOf('1.41', [{ name: 'shop-staging-api-1-r1' }]);
    expect(obstacles(SCOPE, [busy], [workOn(busy, 1, {})])).toEqual([
      'h1 has a container shop-staging-api-1-r1 that is not of this environment',
    ]);
  });
});
