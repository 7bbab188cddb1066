// Rollouts on real engines: a first release, a second, a bad one that is put back, a rollback, scaling; 20.10, 26.1 and 26.1 with
// containerd's store are the three hosts of one environment.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import type { ShipperEvent } from '../../src/core/events.ts';
import { realParts } from '../../src/rollout/real-parts.ts';
import {
  planRollout,
  resumeEnvironment,
  rollbackEnvironment,
  rolloutEnvironment,
} from '../../src/rollout/rollout.ts';
import type { RolloutReport } from '../../src/rollout/rollout-types.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';

let engines: readonly RunningEngine[];
let registry: string;
let folder: string;
let system: System;
const events: ShipperEvent[] = [];

beforeAll(async () => {
  engines = await Promise.all(ENGINE_KINDS.map((kind) => sharedEngine(kind)));
  registry = (await sharedRegistry()).address;
  const [first] = engines;
  if (first === undefined) throw new Error('no engine');
  folder = join(first.directory, 'project');
  mkdirSync(folder);
  const { env } = first;
  system = { ...nodeSystem(), env, cwd: folder };
  await busyboxImage(first, `${registry}/shop/api:1`);
  await first.cli('push', `${registry}/shop/api:1`);
}, 120_000);

function ctx(): Context {
  return {
    report: (event) => void events.push(event),
    signal: new AbortController().signal,
    clock: system.clock,
    scope: {},
  };
}

/** Writes shipper.yaml with a service that says `words`, in `replicas` containers. */
function configure(words: string, replicas = 4, more = ''): void {
  const hosts = engines.map(({ host }) => `      - ${host}`).join('\n');
  writeFileSync(
    join(folder, 'shipper.yaml'),
    `project: shop
environments:
  staging:
    hosts:
${hosts}
    retain: 2
    services:
      api:
        image: ${registry}/shop/api:1
        command: ["sh", "-c", "${words}"]
        stop_grace_period: 1s
        deploy:
          replicas: ${replicas}
          update_config: { parallelism: 2, monitor: 1s }
          rollback_config: { parallelism: 2, monitor: 1s }
${more}`,
  );
}

const SERVES = (version: string) => `echo ${version}; trap exit TERM; sleep 100000 & wait`;

function rollout(): Promise<RolloutReport> {
  return rolloutEnvironment(system, ctx(), { environment: 'staging' }, realParts(system, '0', {}));
}

/** What runs, by host: `api.1 v1`. */
async function running(): Promise<string> {
  const lines = await Promise.all(
    engines.map(async (engine) => {
      const format = '{{.Label "shipper.service"}}.{{.Label "shipper.slot"}} {{.Command}}';
      const text = await engine.cli(
        'ps',
        '--no-trunc',
        '--filter',
        'label=shipper.managed=1',
        '--format',
        format,
      );
      const found = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.replace(/^(\S+) .*echo (\w+);.*$/, '$1=$2'))
        .sort();
      return found.join(' ');
    }),
  );
  return lines.join(' | ');
}

describe('a rollout over 20.10, 26.1 and containerd', () => {
  it('starts every slot by digest, and does nothing the second time', async () => {
    configure(SERVES('v1'));
    const report = await rollout();
    expect(report.error).toBeUndefined();
    expect(report.outcome).toBe('done');
    expect(await running()).toBe('api.1=v1 api.4=v1 | api.2=v1 | api.3=v1');
    const again = await rollout();
    expect(again.outcome).toBe('unchanged');
  });

  it('says what it would do, and does nothing', async () => {
    configure(SERVES('v2'));
    const plan = await planRollout(
      system,
      ctx(),
      { environment: 'staging' },
      realParts(system, '0', {}),
    );
    expect(plan.batches.map(({ title }) => title)).toEqual(['prepare', 'api 1/2', 'api 2/2']);
    const [first] = plan.batches[1]?.calls ?? [];
    expect(first).toMatchObject({
      slot: 'api.1',
      kind: 'create',
      cause: 'none is of this specification',
    });
    expect(await running()).toBe('api.1=v1 api.4=v1 | api.2=v1 | api.3=v1');
  });

  it('replaces what runs, and rolls back to it', async () => {
    configure(SERVES('v2'));
    expect((await rollout()).outcome).toBe('done');
    expect(await running()).toBe('api.1=v2 api.4=v2 | api.2=v2 | api.3=v2');
    const back = await rollbackEnvironment(
      system,
      ctx(),
      { environment: 'staging' },
      realParts(system, '0', {}),
    );
    expect(back.outcome).toBe('done');
    expect(await running()).toBe('api.1=v1 api.4=v1 | api.2=v1 | api.3=v1');
  });

  it('puts a bad release back everywhere, and tells its last words', async () => {
    configure('echo no database; exit 3');
    const report = await rollout();
    expect(report.outcome).toBe('rolled-back');
    expect(report.error?.code).toBe('UNHEALTHY');
    expect(report.error?.log).toContain('no database');
    expect(await running()).toBe('api.1=v1 api.4=v1 | api.2=v1 | api.3=v1');
    const resumed = await resumeEnvironment(
      system,
      ctx(),
      { environment: 'staging' },
      realParts(system, '0', {}),
    );
    expect(resumed.outcome).toBe('unchanged');
  });

  it('scales down, and leaves neither lock nor orphan', async () => {
    configure(SERVES('v1'), 1);
    expect((await rollout()).outcome).toBe('done');
    expect(await running()).toBe('api.1=v1 |  | ');
    for (const engine of engines) {
      expect(await engine.cli('ps', '-aq', '--filter', 'name=shipper-lock')).toBe('');
    }
  });
});
