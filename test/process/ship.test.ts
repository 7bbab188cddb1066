// `shipper ship` in a process of its own: signals, `kill -9` at the borders of its stages, and what the next run finds.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ShipReport } from '../../src/index.ts';
import { isAll } from '../support/amount.ts';
import { putImage, treeIn } from '../support/registry-images.ts';
import {
  type FakeRegistry,
  type RegistryOperation,
  startFakeRegistry,
} from '../support/registry-server.ts';
import { type ProcessPlace, processPlace } from './cli.ts';

const NAMES = ['api', 'db', 'web'];

function prepare(place: ProcessPlace, fake: FakeRegistry): void {
  const images = NAMES.map((name) => `  ${name}: { image: ${fake.address}/from/${name}:1 }\n`);
  const text = `project: shop\nregistry: ${fake.address}/shop\nimages:\n${images.join('')}`;
  writeFileSync(place.path('shipper.yaml'), text);
  for (const name of NAMES) {
    putImage(fake.repository(`from/${name}`), '1', { layers: `${name}=1 | x=2`, wrap: 'gzip' });
  }
}

const tagsIn = (fake: FakeRegistry) =>
  NAMES.filter((name) => fake.repository(`shop/${name}`).tags.size > 0).length;

/** Runs until the registry lets a call of `operation` (whose URL holds `where`) hang. */
async function hanging(
  place: ProcessPlace,
  fake: FakeRegistry,
  operation: RegistryOperation,
  where: string,
) {
  fake.fault(operation, { kind: 'hang' }, 1, where);
  const running = place.start(['ship', '--jobs', '1', '--progress=plain']);
  const isThere = () =>
    fake.requests.some((each) => each.operation === operation && each.url.includes(where));
  for (let tries = 0; tries < 400 && !isThere(); tries += 1) await sleep(25);
  expect(isThere()).toBe(true);
  await sleep(50);
  return running;
}

/** The moments: a source is read, a blob is sent, a manifest is stored, a tag moves. */
const MOMENTS: readonly (readonly [string, RegistryOperation, string])[] = [
  ['a source is read', 'blob.get', 'from/db'],
  ['a blob is sent', 'upload.put', 'shop/db'],
  ['a manifest is stored', 'manifest.put', 'shop/db/manifests/sha256'],
  ['tags move', 'manifest.put', 'shop/db/manifests/latest'],
];

describe('kill -9', () => {
  it.runIf(isAll()).each(MOMENTS)(
    'while %s: the next run ends it, and clears up',
    async (_, operation, where) => {
      using place = processPlace();
      await using fake = await startFakeRegistry();
      prepare(place, fake);
      const { child, ended } = await hanging(place, fake, operation, where);
      child.kill('SIGKILL');
      await ended;
      if (!where.endsWith('latest')) expect(tagsIn(fake)).toBe(0);
      fake.clearFaults();
      fake.dropConnections();
      const { code, stdout, stderr } = await place.run(['ship', '--json', '--progress=quiet']);
      expect([code, stderr]).toEqual([0, '']);
      const { outcome } = JSON.parse(stdout.toString()) as ShipReport;
      expect([outcome, tagsIn(fake)]).toEqual(['done', 3]);
      expect(treeIn(fake.repository('shop/db'), 'latest')).toBe('db=1 x=2');
      expect(place.leftovers()).toEqual([]);
    },
  );
});

describe('SIGTERM', () => {
  it('while a blob is sent ends with 143, and nothing has moved', async () => {
    using place = processPlace();
    await using fake = await startFakeRegistry();
    prepare(place, fake);
    const { child, ended } = await hanging(place, fake, 'upload.put', 'shop/db');
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    expect(code).toBe(143);
    expect(stderr).toContain('shipper: Cannot go on: interrupted by SIGTERM');
    expect(tagsIn(fake)).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });

  it.runIf(isAll())('once the first tag moves lets the others move', async () => {
    using place = processPlace();
    await using fake = await startFakeRegistry();
    prepare(place, fake);
    const slow = { kind: 'slow', chunkBytes: 1, everyMs: 400 } as const;
    fake.fault('manifest.put', slow, 1, 'shop/db/manifests/latest');
    const running = place.start(['ship', '--json', '--progress=quiet']);
    for (let tries = 0; tries < 400 && tagsIn(fake) === 0; tries += 1) await sleep(25);
    running.child.kill('SIGTERM');
    const { stdout } = await running.ended;
    expect(tagsIn(fake)).toBe(3);
    expect((JSON.parse(stdout.toString()) as ShipReport).outcome).toBe('done');
  });
});

describe.runIf(isAll())('a second run', () => {
  it('does nothing', async () => {
    using place = processPlace();
    await using fake = await startFakeRegistry();
    prepare(place, fake);
    expect((await place.run(['ship'])).code).toBe(0);
    const sent = fake.requests.length;
    const { code, stdout } = await place.run(['ship', '--json']);
    const { images } = JSON.parse(stdout.toString()) as ShipReport;
    expect([code, images.map(({ status }) => status)]).toEqual([
      0,
      ['unchanged', 'unchanged', 'unchanged'],
    ]);
    const methods = fake.requests.slice(sent).map(({ method }) => method);
    expect(methods.filter((method) => method !== 'HEAD' && method !== 'GET')).toEqual([]);
  });
});
