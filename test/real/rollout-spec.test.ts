// Containers as our specifications make them, beside those of `docker create` with the same settings; and images on their way to
// engines of different stores.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerChoice, DeployChoice } from '../../src/config/service-types.ts';
import type { Context } from '../../src/core/context.ts';
import { connectEngine } from '../../src/engine/client.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { specFor } from '../../src/rollout/api-fit.ts';
import { containerSpec } from '../../src/rollout/container-spec.ts';
import { Delivery } from '../../src/rollout/delivery.ts';
import type { RolloutHost } from '../../src/rollout/host.ts';
import { keptName } from '../../src/rollout/kept-names.ts';
import type { ReleasedService } from '../../src/rollout/release.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';
import { environmentOf, serviceOf } from '../rollout/services.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';

const SCOPE = { project: 'shop', environment: 'staging' };
const base = nodeSystem();
const ctx: Context = {
  report: () => undefined,
  signal: new AbortController().signal,
  clock: base.clock,
  scope: {},
};

const opened: Engine[] = [];
afterAll(async () => {
  for (const engine of opened) await engine[Symbol.asyncDispose]();
});

/** The engine as a host, and how many images it was sent. */
async function hostOf(running: RunningEngine): Promise<RolloutHost & { readonly sent: string[] }> {
  const engine = connectEngine({ kind: 'unix', path: running.socket }, base);
  opened.push(engine);
  const sent: string[] = [];
  const counting = new Proxy(engine, {
    get(target, key) {
      if (key === 'loadImages') sent.push('load');
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    name: running.kind,
    id: running.kind,
    engine: counting,
    facts: await engine.facts(ctx),
    sent,
  };
}

/** Keys of every kind; what `docker create` cannot say is left to the tests of the specification. */
function container(folder: string): Partial<ContainerChoice> {
  const usual = { protocol: 'tcp', mode: 'ingress' } as const;
  return {
    command: ['-c', 'sleep 60'],
    entrypoint: ['/bin/sh'],
    environment: { A: '1', B: 'two words' },
    labels: { 'com.example.a': 'b' },
    ports: [
      { target: 80, published: '18080', hostIp: '127.0.0.1', ...usual },
      { target: 81, ...usual },
      { target: 53, published: '10053-10060', ...usual, protocol: 'udp' },
    ],
    expose: ['3000-3001'],
    mounts: [
      { type: 'bind', source: folder, target: '/in', readOnly: true, createHostPath: true },
      { type: 'bind', source: folder, target: '/long', readOnly: false, createHostPath: false },
      { type: 'volume', source: 'data', target: '/data', readOnly: false, noCopy: true },
      {
        type: 'tmpfs',
        target: '/small',
        readOnly: false,
        tmpfsSizeBytes: 1_048_576,
        tmpfsMode: 0o700,
      },
    ],
    tmpfs: ['/run:size=64k'],
    networks: [{ network: 'front', aliases: ['web'], priority: 0 }],
    healthcheck: {
      test: ['CMD-SHELL', 'true'],
      intervalMs: 500,
      timeoutMs: 2000,
      retries: 2,
      startPeriodMs: 1000,
    },
    restart: 'on-failure:3',
    stopGracePeriodMs: 3000,
    stopSignal: 'SIGKILL',
    user: '0:0',
    workingDir: '/data',
    hostname: 'host',
    domainname: 'example',
    init: true,
    tty: true,
    stdinOpen: true,
    readOnly: true,
    capAdd: ['NET_ADMIN'],
    capDrop: ['MKNOD'],
    securityOpt: ['no-new-privileges'],
    groupAdd: ['7'],
    devices: ['/dev/null:/dev/nothing:rw'],
    deviceCgroupRules: ['c 1:3 mr'],
    dns: ['10.0.0.53'],
    dnsSearch: ['example.com'],
    dnsOptions: ['ndots:2'],
    extraHosts: ['db:10.0.0.9'],
    ulimits: [{ name: 'nofile', soft: 512, hard: 1024 }],
    sysctls: { 'net.core.somaxconn': '512' },
    logging: { driver: 'json-file', options: { 'max-size': '1m' } },
    shmSizeBytes: 1_048_576,
    ipc: 'private',
    cgroup: 'private',
    runtime: 'runc',
    oomScoreAdj: 100,
    memorySwapBytes: 268_435_456,
    cpuShares: 512,
    cpuset: '0',
  };
}

const DEPLOY: Partial<DeployChoice> = {
  resources: {
    limits: { cpus: 0.5, memoryBytes: 134_217_728, pids: 50 },
    reservations: { memoryBytes: 67_108_864 },
  },
};

/** The same for the docker command. */
const FLAGS = (folder: string) =>
  [
    '--entrypoint /bin/sh -e A=1 --label com.example.a=b',
    '-p 127.0.0.1:18080:80 -p 81 -p 10053-10060:53/udp --expose 3000-3001',
    `-v ${folder}:/in:ro --mount type=bind,source=${folder},target=/long`,
    '--mount type=volume,source=shop-data,target=/data,volume-nocopy',
    '--mount type=tmpfs,target=/small,tmpfs-size=1048576,tmpfs-mode=0700 --tmpfs /run:size=64k',
    '--network shop-front --network-alias api --network-alias web',
    '--health-cmd true --health-interval 500ms --health-timeout 2s --health-retries 2',
    '--health-start-period 1s --restart on-failure:3 --stop-timeout 3 --stop-signal SIGKILL',
    '-u 0:0 -w /data --init -t -i --read-only --cap-add NET_ADMIN --cap-drop MKNOD',
    '--security-opt no-new-privileges --group-add 7 --device /dev/null:/dev/nothing:rw',
    '--dns 10.0.0.53 --dns-search example.com --dns-option ndots:2 --add-host db:10.0.0.9',
    '--ulimit nofile=512:1024 --sysctl net.core.somaxconn=512 --log-driver json-file',
    '--log-opt max-size=1m --shm-size 1m --ipc private --cgroupns private',
    '--runtime runc --oom-score-adj 100 --memory 128m --memory-reservation 64m --memory-swap 256m',
    '--cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 50',
  ]
    .join(' ')
    .split(' ')
    .concat('-e', 'B=two words', '--device-cgroup-rule', 'c 1:3 mr');

type Json = Readonly<Record<string, unknown>>;

/** Without what is empty, which one client writes and another leaves out, and without what is no setting. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .filter(([key]) => !/^(?:AttachStd\w+|StdinOnce|ConsoleSize|Image)$/.test(key))
    .map(([key, member]) => [key, settled(member)] as const)
    .filter(([, member]) => !isEmpty(member));
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === '' || value === 0 || value === false;
}

async function inspected(running: RunningEngine, name: string): Promise<unknown> {
  const [found] = JSON.parse(await running.cli('inspect', name)) as Json[];
  const { Config, HostConfig, NetworkSettings, Id } = found as Record<string, Json>;
  const { Networks = {} } = NetworkSettings as {
    Networks?: Record<string, { Aliases?: string[] }>;
  };
  const aliases = Object.entries(Networks).map(([network, { Aliases }]) => [
    network,
    (Aliases ?? []).filter((alias) => !String(Id).startsWith(alias)).sort(),
  ]);
  const config = { ...Config, Env: sortedEnv(Config), ExposedPorts: sortedPorts(Config) };
  return settled({ Config: config, HostConfig, aliases });
}

/** The docker command puts variables in any order. */
function sortedEnv(config: Json | undefined): readonly string[] {
  return ((config?.['Env'] ?? []) as string[]).toSorted();
}

function sortedPorts(config: Json | undefined): Json {
  return Object.fromEntries(
    Object.keys(config?.['ExposedPorts'] ?? {})
      .sort()
      .map((port) => [port, 1]),
  );
}

describe.each(ENGINE_KINDS)('on Docker Engine %s', (kind) => {
  let running: RunningEngine;
  let host: Awaited<ReturnType<typeof hostOf>>;
  let registry: string;
  let system: System;
  beforeAll(async () => {
    running = await sharedEngine(kind);
    registry = (await sharedRegistry()).address;
    host = await hostOf(running);
    system = { ...base, env: running.env };
  }, 60_000);

  it('a service of nearly every key is the container that docker create makes, and runs', async () => {
    await busyboxImage(running, 'spec:1');
    const folder = join(running.directory, 'mounted');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a'), 'a');
    await running.cli('network', 'create', 'shop-front');
    await running.cli('volume', 'create', 'shop-data');
    const { spec, moreNetworks } = containerSpec({
      service: serviceOf(container(folder), DEPLOY),
      image: 'spec:1',
      environment: container(folder).environment ?? {},
      networks: new Map([['front', 'shop-front']]),
      volumes: new Map([['data', 'shop-data']]),
    });
    expect(moreNetworks).toEqual([]);
    await host.engine.containers.create(ctx, 'ours', specFor(spec, host.facts.apiVersion));
    const flags = [...FLAGS(folder), '--hostname', 'host', '--domainname', 'example'];
    await running.cli('create', '--name', 'theirs', ...flags, 'spec:1', '-c', 'sleep 60');
    expect(await inspected(running, 'ours')).toEqual(await inspected(running, 'theirs'));
    await running.cli('rm', 'theirs');
    await host.engine.containers.start(ctx, 'ours');
    await expect
      .poll(() => running.cli('inspect', '--format', '{{.State.Health.Status}}', 'ours'), {
        timeout: 15_000,
      })
      .toMatch(/^healthy/);
    const said = await running.cli('exec', 'ours', 'cat', '/in/a', '/etc/resolv.conf');
    expect(said).toMatch(/^a/);
    await host.engine.containers.stop(ctx, 'ours', 0);
    await host.engine.containers.remove(ctx, 'ours', { volumes: true });
  }, 60_000);

  it('joins two networks, and has the hardware address that is wanted', async () => {
    await busyboxImage(running, 'joined:1');
    for (const name of ['one', 'two']) await running.cli('network', 'create', name);
    const address = '02:42:ac:11:00:99';
    const { spec, moreNetworks } = containerSpec({
      service: serviceOf({
        command: ['sleep', '60'],
        networks: [
          { network: 'two', aliases: [], priority: 0 },
          { network: 'one', aliases: ['x'], priority: 1, macAddress: address },
        ],
      }),
      image: 'joined:1',
      environment: {},
      networks: new Map(),
      volumes: new Map(),
    });
    const { containers } = host.engine;
    const id = await containers.create(ctx, 'joined', specFor(spec, host.facts.apiVersion));
    for (const [network, settings] of moreNetworks) {
      await containers.connectNetwork(ctx, network, id, settings);
    }
    await containers.start(ctx, id);
    const found = await containers.inspect(ctx, id);
    expect(Object.keys(found?.addresses ?? {}).sort()).toEqual(['one', 'two']);
    const { Networks } = found?.raw['NetworkSettings'] as {
      readonly Networks: Readonly<
        Record<string, { readonly MacAddress: string; readonly Aliases: string[] }>
      >;
    };
    expect(Networks['one']?.MacAddress).toBe(address);
    expect(Networks['one']?.Aliases).toEqual(expect.arrayContaining(['api', 'x']));
    expect(Networks['two']?.Aliases).toContain('api');
    await containers.stop(ctx, id, 0);
    await containers.remove(ctx, id);
  }, 60_000);

  /** A service of an image that only the registry has. */
  async function pushed(name: string): Promise<ReleasedService> {
    const tag = `${registry}/shop/${name}:1`;
    await busyboxImage(running, tag);
    await running.cli('push', tag);
    const [found] = JSON.parse(await running.cli('image', 'inspect', tag)) as {
      RepoDigests: string[];
    }[];
    const pinned =
      found?.RepoDigests.find((each) => each.startsWith(`${registry}/shop/${name}@`)) ?? '';
    await running.cli('rmi', tag);
    const digest = pinned.slice(pinned.indexOf('@') + 1);
    return serviceReleased({ name: tag, pinned, digest });
  }

  const delivery = (transfer: 'pull' | 'direct') =>
    new Delivery({ system, environment: environmentOf({ transfer }), scope: SCOPE }, {});

  it('a pulled image stays when images are pruned, and a container is made of it', async () => {
    const service = await pushed(`pulled-${kind}`);
    await using pulls = delivery('pull');
    await pulls.deliver(ctx, host, [service]);
    await running.cli('image', 'prune', '--force');
    expect(await host.engine.inspectImage(ctx, keptName(SCOPE, service))).toBeDefined();
    await using again = delivery('pull');
    await again.deliver(ctx, host, [service]);
    const name = await again.imageOn(ctx, host, service, false);
    const { containers, inspectImage } = host.engine;
    const id = await containers.create(ctx, `pulled-${kind}`, {
      Image: name,
      Labels: {},
      Cmd: ['true'],
    });
    await containers.remove(ctx, id);
    expect(await inspectImage.call(host.engine, ctx, keptName(SCOPE, service))).toMatchObject({
      id: (await inspectImage.call(host.engine, ctx, name))?.id,
    });
    // Somebody removed it after it was brought.
    for (const each of [name, keptName(SCOPE, service)]) await host.engine.removeImage(ctx, each);
    const brought = await again.imageOn(ctx, host, service, true);
    expect(await host.engine.inspectImage(ctx, brought)).toBeDefined();
  }, 60_000);

  it('a platform is pulled and made, and one that is not there is told', async () => {
    const platform = `linux/${host.facts.architecture}`;
    const { image, ...service } = await pushed(`platform-${kind}`);
    await using pulls = delivery('pull');
    const wanted = { ...service, image: { ...image, platform } };
    await pulls.deliver(ctx, host, [wanted]);
    const { containers } = host.engine;
    const spec = {
      Image: await pulls.imageOn(ctx, host, wanted, false),
      Labels: {},
      Cmd: ['true'],
    };
    const id = await containers.create(ctx, `platform-${kind}`, spec, { platform });
    await containers.remove(ctx, id);
    const other = containers.create(ctx, 'other', spec, { platform: 'linux/s390x' });
    await expect(other).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }, 60_000);

  it('an image of a registry is sent once, and found again by what it is', async () => {
    const service = await pushed(`sent-${kind}`);
    host.sent.length = 0;
    for (let run = 0; run < 2; run += 1) {
      await using sends = delivery('direct');
      await sends.deliver(ctx, host, [service, { ...service, name: 'worker' }]);
      expect(await sends.imageOn(ctx, host, service, false)).toBe(keptName(SCOPE, service));
    }
    expect(host.sent).toEqual(['load']);
    // Another image under our tag is not taken for it.
    await busyboxImage(running, keptName(SCOPE, service));
    await using mends = delivery('direct');
    await mends.deliver(ctx, host, [service]);
    expect(host.sent).toEqual(['load', 'load']);
  }, 60_000);

  it.each(
    ENGINE_KINDS.filter((other) => other !== kind),
  )('an image that only the engine here has goes to %s, once', async (other) => {
    const there = await hostOf(await sharedEngine(other));
    const name = `own-${kind}-${other}:1`;
    await busyboxImage(running, name);
    const digest = (await host.engine.inspectImage(ctx, name))?.id ?? '';
    const service = serviceReleased({ name, digest });
    for (let run = 0; run < 2; run += 1) {
      await using sends = delivery('pull');
      await sends.deliver(ctx, there, [service]);
    }
    expect(there.sent).toEqual(['load']);
    const kept = await there.engine.inspectImage(ctx, keptName(SCOPE, service));
    expect(kept?.diffIds).toEqual((await host.engine.inspectImage(ctx, name))?.diffIds);
    expect(kept?.tags).toEqual([keptName(SCOPE, service)]);
    const left = await running.cli('images', '--quiet', 'shipper-tmp');
    expect(left).toBe('');
  }, 60_000);
});

function serviceReleased(image: ReleasedService['image']): ReleasedService {
  const spec = { Image: image.pinned ?? image.digest, Labels: {} };
  return { name: 'api', image, spec, moreNetworks: [], specHash: 'x', stopGraceMs: 0 };
}
