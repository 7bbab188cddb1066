// Images on their way to hosts in memory: pulled by digest, or streamed from a registry and an engine here.
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { Delivery } from '../../src/rollout/delivery.ts';
import type { RolloutHost } from '../../src/rollout/host.ts';
import { isKeptName, keptName } from '../../src/rollout/kept-names.ts';
import type { ReleasedService } from '../../src/rollout/release.ts';
import { type RegistryPlace, registryPlace } from '../operations/registry-place.ts';
import { legacyArchive } from '../support/archives.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { FakeHost } from '../support/fake-host.ts';
import { type CallFault, type FakeCall, hostEngine } from '../support/fake-host-engine.ts';
import { putImage, putIndex } from '../support/registry-images.ts';
import { digestFor } from './records.ts';
import { environmentOf, serviceOf } from './services.ts';
import { contextOf } from './stub-host.ts';

const SCOPE = { project: 'shop', environment: 'staging' };

/** A service whose image is that of `word` in a registry. */
function released(
  word: string,
  more: Partial<ReleasedService['image']> = {},
  name = 'api',
): ReleasedService {
  const digest = digestFor(word);
  const image = {
    name: `r.example/${word}:1`,
    pinned: `r.example/${word}@${digest}`,
    digest,
    ...more,
  };
  const spec = { Image: image.pinned, Labels: {} };
  return { name, image, spec, moreNetworks: [], specHash: 'x', stopGraceMs: 0 };
}

interface Scene extends AsyncDisposable {
  readonly place: RegistryPlace;
  readonly fake: FakeHost;
  readonly host: RolloutHost;
  readonly calls: string[];
  readonly delivery: Delivery;
  readonly ctx: ReturnType<typeof contextOf>;
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function scene({
  transfer = 'pull',
  pullPolicy = 'missing',
  fault = () => 'pass',
  env = {},
}: {
  readonly transfer?: 'pull' | 'direct';
  readonly pullPolicy?: 'always' | 'missing' | 'never';
  readonly fault?: (call: Omit<FakeCall, 'number'>) => CallFault;
  readonly env?: Readonly<Record<string, string>>;
} = {}): Promise<Scene> {
  const place = await registryPlace({ env });
  const { system } = place.place;
  const fake = new FakeHost('a', system.clock);
  const calls: string[] = [];
  const watched = /pull|load|save|tagImage|removeImage/;
  const engine: Engine = hostEngine(fake, {
    intercept: (call) => {
      if (watched.test(call.method)) calls.push(call.method.replace('containers.', ''));
      return fault(call);
    },
  });
  const ctx = contextOf(system.clock);
  const host = { name: 'ssh://a', id: 'ID-a', engine, facts: await engine.facts(ctx) };
  const environment = environmentOf({ transfer, services: [serviceOf({ pullPolicy })] });
  const delivery = new Delivery({ system, environment, scope: SCOPE }, {});
  const made = {
    ...{ place, fake, host, calls, delivery, ctx },
    async [Symbol.asyncDispose]() {
      await delivery[Symbol.asyncDispose]();
      const left = place.place.leftovers();
      await place[Symbol.asyncDispose]();
      expect(left).toEqual([]);
    },
  };
  open.push(made);
  return made;
}

describe('an image that is pulled', () => {
  const service = released('api');
  const { pinned = '' } = service.image;

  it('is pulled by its digest and kept under a name of ours, once', async () => {
    const { fake, host, calls, delivery, ctx } = await scene();
    fake.pullable.set(pinned, digestFor('config'));
    await delivery.deliver(ctx, host, [service, released('api', {}, 'worker')]);
    expect(calls).toEqual(['pull', 'tagImage', 'tagImage']);
    expect(await delivery.imageOn(ctx, host, service, false)).toBe(pinned);
    for (const name of ['api', 'worker']) {
      const kept = keptName(SCOPE, { ...service, name });
      expect(fake.imageId(kept)).toBe(digestFor('config'));
    }
    await delivery.deliver(ctx, host, [service]);
    expect(calls).toHaveLength(3);
  });

  it('is left alone where it is there', async () => {
    const { fake, host, calls, delivery, ctx } = await scene();
    fake.pulled.set(pinned, digestFor('config'));
    await delivery.deliver(ctx, host, [service]);
    expect(calls).toEqual(['tagImage']);
  });

  it('is not what a tag of ours leads to, when somebody moved that (D13)', async () => {
    const { fake, host, calls, delivery, ctx } = await scene();
    fake.pulled.set(keptName(SCOPE, service), digestFor('foreign'));
    fake.pullable.set(pinned, digestFor('config'));
    await delivery.deliver(ctx, host, [service]);
    expect(calls).toEqual(['pull', 'tagImage']);
    expect(fake.imageId(keptName(SCOPE, service))).toBe(digestFor('config'));
  });

  it('is asked for again where the policy is always, and never where it is never', async () => {
    const always = await scene({ pullPolicy: 'always' });
    always.fake.pulled.set(pinned, digestFor('config'));
    always.fake.pullable.set(pinned, digestFor('config'));
    await always.delivery.deliver(always.ctx, always.host, [service]);
    expect(always.calls).toContain('pull');
    const never = await scene({ pullPolicy: 'never' });
    never.fake.pullable.set(pinned, digestFor('config'));
    await expect(never.delivery.deliver(never.ctx, never.host, [service])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message:
        'Cannot bring r.example/api:1 of service api to ssh://a: Cannot fetch it: its pull_policy is never',
    });
    expect(never.calls).toEqual([]);
  });

  it('is pulled once more where it was pruned meanwhile (D21)', async () => {
    const { fake, host, calls, delivery, ctx } = await scene();
    fake.pullable.set(pinned, digestFor('config'));
    await delivery.deliver(ctx, host, [service]);
    fake.pulled.clear();
    expect(await delivery.imageOn(ctx, host, service, true)).toBe(pinned);
    expect(calls.filter((call) => call === 'pull')).toHaveLength(2);
    expect(fake.imageId(pinned)).toBe(digestFor('config'));
  });

  it('is tried again after what passes, and fails with host, service and cause otherwise', async () => {
    let failures = 2;
    const passing = await scene({
      fault: ({ method }) => (method.endsWith('pull') && failures-- > 0 ? { status: 503 } : 'pass'),
    });
    passing.fake.pullable.set(pinned, digestFor('config'));
    await passing.delivery.deliver(passing.ctx, passing.host, [service]);
    expect(passing.calls.filter((call) => call === 'pull')).toHaveLength(3);
    const { fake, host, delivery, ctx } = await scene();
    expect(fake.pullable.size).toBe(0);
    await expect(delivery.deliver(ctx, host, [service])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('Cannot bring r.example/api:1 of service api to ssh://a: '),
      details: { host: 'ssh://a' },
    });
  });

  it('is pulled with the login of the docker command', async () => {
    const auth = Buffer.from('u:p').toString('base64');
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'r.example': { auth } } }) };
    const { fake, host, delivery, ctx } = await scene({ env });
    const login = { username: 'u', password: 'p' };
    fake.pullable.set(pinned, { id: digestFor('config'), login });
    await delivery.deliver(ctx, host, [service]);
    expect(fake.imageId(pinned)).toBe(digestFor('config'));
  });
});

describe('an image that is sent from here', () => {
  it('is fetched from its registry once, and loaded on each host', async () => {
    const { place, fake, host, calls, delivery, ctx } = await scene({ transfer: 'direct' });
    const repository = place.repository('shop/api');
    const arm = putImage(repository, undefined, {
      platform: { os: 'linux', architecture: 'arm64' },
    });
    const own = putImage(repository, undefined, {
      layers: 'x=1 | y=2',
      wrap: 'gzip',
      platform: { os: 'linux', architecture: 'amd64' },
    });
    const { digest } = putIndex(repository, '1', [arm, own]);
    const pinned = `${place.fake.address}/shop/api@${digest}`;
    const service = released('api', { digest, pinned });
    const worker = { ...service, name: 'worker' };
    await delivery.deliver(ctx, host, [service, worker]);
    expect(calls.filter((call) => call === 'loadImages')).toHaveLength(1);
    const kept = keptName(SCOPE, service);
    expect(await delivery.imageOn(ctx, host, service, false)).toBe(kept);
    expect(await delivery.imageOn(ctx, host, worker, false)).toBe(kept);
    const found = await host.engine.inspectImage(ctx, kept);
    expect(found?.diffIds).toHaveLength(2);
    expect(await host.engine.inspectImage(ctx, keptName(SCOPE, worker))).toMatchObject({
      id: found?.id,
    });
    // A second host has it from the folder of this run.
    const before = place.fake.requests.length;
    const other = new FakeHost('b', place.place.system.clock);
    await delivery.deliver(ctx, { ...host, name: 'ssh://b', engine: hostEngine(other) }, [service]);
    expect(other.imageId(kept)).toBe(found?.id);
    expect(place.fake.requests).toHaveLength(before);
    // A later run finds it, whatever is under the same name on another host.
    const { system } = place.place;
    const environment = environmentOf({ transfer: 'direct' });
    await using later = new Delivery({ system, environment, scope: SCOPE }, {});
    await later.deliver(ctx, host, [service]);
    expect(calls.filter((call) => call === 'loadImages')).toHaveLength(1);
    await fake.images.load(legacyArchive([{ tags: [kept], layers: 'z=9' }]));
    await using again = new Delivery({ system, environment, scope: SCOPE }, {});
    await again.deliver(ctx, host, [service]);
    expect(calls.filter((call) => call === 'loadImages')).toHaveLength(2);
    expect(fake.imageId(kept)).toBe(found?.id);
  });

  it('is refused where the index has none for the host', async () => {
    const { place, host, delivery, ctx } = await scene({ transfer: 'direct' });
    const repository = place.repository('shop/api');
    const arm = putImage(repository, undefined, {
      platform: { os: 'linux', architecture: 'arm64' },
    });
    const { digest } = putIndex(repository, '1', [arm]);
    const service = released('api', { digest, pinned: `${place.fake.address}/shop/api@${digest}` });
    await expect(delivery.deliver(ctx, host, [service])).rejects.toThrow(/for linux\/amd64: /);
  });

  it('comes from the engine here where no registry has it, which keeps nothing of it', async () => {
    await using local = await startFakeEngine();
    await local.images.load(legacyArchive([{ tags: ['app:1'] }]));
    const id = local.images.find('app:1')?.id ?? '';
    const { place, fake, host, calls, ctx } = await scene();
    const environment = environmentOf();
    const { system } = place.place;
    await using delivery = new Delivery(
      { system, environment, scope: SCOPE },
      { host: local.host },
    );
    const { pinned: _, ...image } = { ...released('app').image, name: 'app:1', digest: id };
    const service = { ...released('app'), image };
    await delivery.deliver(ctx, host, [service]);
    const kept = keptName(SCOPE, service);
    expect(await delivery.imageOn(ctx, host, service, false)).toBe(kept);
    expect(fake.imageId(kept)).toBe(id);
    expect(calls).toEqual(['loadImages', 'tagImage', 'removeImage']);
    expect(fake.images.find(kept)?.tags).toEqual([kept]);
    expect(local.images.find(id)?.tags).toEqual(['app:1']);
    await using again = new Delivery({ system, environment, scope: SCOPE }, { host: local.host });
    await again.deliver(ctx, host, [service]);
    expect(calls).toHaveLength(3);
    local.images.remove('app:1');
    await using gone = new Delivery({ system, environment, scope: SCOPE }, { host: local.host });
    fake.images.remove(kept);
    await expect(gone.deliver(ctx, host, [service])).rejects.toThrow(
      `Cannot bring app:1 of service api to ssh://a: Cannot find ${id}: the engine of this machine does not have it`,
    );
  });
});

describe('names of images on hosts', () => {
  it('are those of their environment, whatever it is called', () => {
    const service = released('api');
    const kept = keptName(SCOPE, service);
    expect(kept).toBe(`shipper.local/images/shop/staging/api:${digestFor('api').slice(7, 19)}`);
    expect(isKeptName(SCOPE, kept)).toBe(true);
    expect(isKeptName({ ...SCOPE, environment: 'stag' }, kept)).toBe(false);
    expect(isKeptName({ project: 'shop', environment: 'Staging' }, kept)).toBe(false);
    expect(isKeptName(SCOPE, 'shipper.local/journal/shop/staging:latest')).toBe(false);
    expect(isKeptName(SCOPE, 'shipper.local/images/shop/staging/api:latest')).toBe(false);
  });
});
