// The pipeline through the library, with real builders, engines and a real registry: what is made again after a change, and what
// a failure leaves.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planShip, type ShipReport, type ShipRequest, shipProject } from '../../src/index.ts';
import { clientSystem } from './support/builds.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { type RunningRegistry, startRegistry } from './support/registry.ts';
import { sharedEngine } from './support/shared.ts';

const FILES = (address: string) => ({
  'shipper.yaml': `
project: shop
registry: ${address}/shop
images:
  base: { context: ./base }
  api: { context: ./api, needs: [base], flatten: { keep_base: base }, tags: [v1, latest] }
  worker: { context: ./worker, needs: [base] }
  plain: { context: ./plain, flatten: false }
groups: { web: [api, worker] }
`,
  'base/Dockerfile': 'FROM scratch\nCOPY a /a\nCOPY b /b\nCMD ["/base"]\n',
  'base/a': 'a\n',
  'base/b': 'b\n',
  'api/Dockerfile': 'FROM base\nCOPY main /api\nCOPY main /again\nENV X=1\nCMD ["/api"]\n',
  'api/main': 'api\n',
  'worker/Dockerfile': 'FROM base\nCOPY main /worker\n',
  'worker/main': 'worker\n',
  'plain/Dockerfile': 'FROM scratch\nCOPY main /x\nCOPY main /y\n',
  'plain/main': 'plain\n',
});

interface ManifestJson {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

async function manifestOf(address: string, path: string, tag: string): Promise<ManifestJson> {
  const accept = [
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.index.v1+json',
  ].join(', ');
  const url = (reference: string) => `http://${address}/v2/${path}/manifests/${reference}`;
  const get = async (reference: string) =>
    (await fetch(url(reference), { headers: { accept } })).json() as Promise<
      ManifestJson & { manifests?: readonly { digest: string; platform: { os: string } }[] }
    >;
  const found = await get(tag);
  const listed = found.manifests?.find(({ platform }) => platform.os === 'linux');
  return listed === undefined ? found : get(listed.digest);
}

describe.each(ENGINE_KINDS)('on Docker Engine %s', (kind) => {
  let engine: RunningEngine;
  let registry: RunningRegistry;
  let folder: string;
  const ship = (request: ShipRequest = {}): Promise<ShipReport> =>
    shipProject(request, {
      system: clientSystem(engine, { XDG_STATE_HOME: join(folder, '../state') }, folder),
    });
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };

  beforeAll(async () => {
    [engine, registry] = await Promise.all([sharedEngine(kind), startRegistry()]);
    folder = join(mkdtempSync(join(engine.directory, 'ship-')), 'work');
    for (const [name, text] of Object.entries(FILES(registry.address))) write(name, text);
  });
  afterAll(() => registry.stop());

  it('a group is built, flattened and published, and pulls', async () => {
    const report = await ship();
    expect(report.images.map(({ name, status, error }) => [name, status, error])).toEqual([
      ['base', 'done', undefined],
      ['api', 'done', undefined],
      ['worker', 'done', undefined],
      ['plain', 'done', undefined],
    ]);
    expect(report.outcome).toBe('done');
    const { address } = registry;
    const [base, api, worker, plain] = await Promise.all([
      manifestOf(address, 'shop/base', 'latest'),
      manifestOf(address, 'shop/api', 'v1'),
      manifestOf(address, 'shop/worker', 'latest'),
      manifestOf(address, 'shop/plain', 'latest'),
    ]);
    expect([base, api, worker, plain].map(({ layers }) => layers.length)).toEqual([1, 2, 1, 2]);
    expect(api.layers[0]?.digest).toBe(base.layers[0]?.digest);
    for (const pinned of report.images.flatMap((image) => image.pinned)) {
      await engine.cli('pull', pinned);
    }
    const inspected = await engine.cli(
      'inspect',
      `${address}/shop/api@${report.images[1]?.digest}`,
    );
    expect(JSON.parse(inspected)[0].Config).toMatchObject({
      Cmd: ['/api'],
      Env: expect.arrayContaining(['X=1']),
    });
    expect(await engine.cli('images', '--format', '{{.Repository}}')).not.toContain('shipper-tmp');
  });

  it('a second run does nothing', async () => {
    const report = await ship();
    expect(new Set(report.images.map(({ status }) => status))).toEqual(new Set(['unchanged']));
  });

  it('a change is built on what is published, and only what needs it is made', async () => {
    write('api/main', 'other\n');
    const report = await ship({ names: ['web'] });
    expect(report.images.map(({ name, status, error }) => [name, status, error])).toEqual([
      ['base', 'unchanged', undefined],
      ['api', 'done', undefined],
      ['worker', 'unchanged', undefined],
    ]);
    expect(report.images[1]?.tags.map(({ state }) => state)).toEqual(['moved', 'moved']);
  });

  it('a build that fails is told with its log, and nothing moves', async () => {
    const before = await manifestOf(registry.address, 'shop/worker', 'latest');
    write('worker/main', 'new\n');
    write('plain/Dockerfile', 'FROM scratch\nCOPY missing /x\n');
    const report = await ship({ keepGoing: true });
    expect(report.outcome).toBe('failed');
    const plain = report.images.find(({ name }) => name === 'plain');
    expect(plain?.status).toBe('failed');
    expect(`${plain?.error?.message} ${plain?.error?.log.join(' ')}`).toContain('missing');
    expect(await manifestOf(registry.address, 'shop/worker', 'latest')).toEqual(before);
    write('plain/Dockerfile', FILES('')['plain/Dockerfile']);
    expect((await ship()).outcome).toBe('done');
    expect(await manifestOf(registry.address, 'shop/worker', 'latest')).not.toEqual(before);
  });

  it('build gives names in the engine', async () => {
    const report = await ship({ until: 'build', names: ['web'] });
    expect(report.outcome).toBe('done');
    const names = await engine.cli('images', '--format', '{{.Repository}}:{{.Tag}}');
    expect(names).toContain(`${registry.address}/shop/api:v1`);
    expect(names).not.toContain('shipper-tmp');
    const plan = await planShip({ names: ['web'] }, { system: clientSystem(engine, {}, folder) });
    expect(plan.images.map(({ name }) => name)).toEqual(['base', 'api', 'worker']);
  });
});
