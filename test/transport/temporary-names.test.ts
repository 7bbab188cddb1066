import { describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/engine/client.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';
import {
  layerName,
  sweepTemporaryNames,
  temporaryName,
} from '../../src/transport/temporary-names.ts';
import { testContext } from '../engine/support.ts';
import { startFakeEngine } from '../support/engine-server.ts';

const DAY_MS = 86_400_000;
const ID = '0123456789ab';

/** Sweeps an engine with these names and returns those that stay. `taggedAgoMs` is what the engine says of each. */
async function sweep(names: readonly string[], taggedAgoMs?: number): Promise<readonly string[]> {
  const system = nodeSystem();
  const said = taggedAgoMs === undefined ? undefined : system.clock.now() - taggedAgoMs;
  await using fake = await startFakeEngine(
    said === undefined ? {} : { lastTagTime: new Date(said).toISOString() },
  );
  fake.images.add({ tags: names, tar: new Uint8Array() });
  await using engine = connectEngine({ kind: 'unix', path: fake.socketPath }, withoutEnv(system));
  await sweepTemporaryNames(system, testContext(), engine);
  return [...fake.images.images.values()].flatMap(({ tags }) => tags);
}

function withoutEnv(system: System): System {
  return { ...system, env: {} };
}

describe('sweepTemporaryNames()', () => {
  const mine = nodeSystem().files.owner.tag;
  const dead = mine.replace(/\d+$/, '1');

  it('removes the names of a dead run and no others', async () => {
    const others = ['app:1', 'shipper-tmp:mine', `shipper-tmp:${mine}-${ID}`, 'shipper-tmp-2:x'];
    const left = [`shipper-tmp:${dead}-${ID}`, layerName(`shipper-tmp:${dead}-${ID}`)];
    expect(await sweep([...others, ...left])).toEqual(others);
  });

  it('removes the names of another machine after a day, and keeps them where the engine tells no time', async () => {
    const foreign = `shipper-tmp:00000000-1-1-${ID}`;
    expect(await sweep(['app:1', foreign], 2 * DAY_MS)).toEqual(['app:1']);
    expect(await sweep(['app:1', foreign], DAY_MS / 2)).toEqual(['app:1', foreign]);
    expect(await sweep(['app:1', foreign])).toEqual(['app:1', foreign]);
  });

  it('knows the names that temporaryName() makes', async () => {
    const system = nodeSystem();
    const made = temporaryName({ ...system, files: { ...system.files, owner: deadOwner(dead) } });
    expect(await sweep(['app:1', made, layerName(made)])).toEqual(['app:1']);
  });

  it('does not fail where the engine cannot list', async () => {
    await using fake = await startFakeEngine();
    fake.fault('list', { kind: 'status', status: 500, body: '{"message":"no"}' });
    const system = withoutEnv(nodeSystem());
    await using engine = connectEngine({ kind: 'unix', path: fake.socketPath }, system);
    await sweepTemporaryNames(system, testContext(), engine);
    expect(fake.requests.some(({ url }) => url.includes('/images/json'))).toBe(true);
  });
});

function deadOwner(tag: string): System['files']['owner'] {
  return { tag, isDead: () => true, onExitRemove: () => () => undefined };
}
