// From the words of Compose to what an engine is told, key by key.
import { describe, expect, it } from 'vitest';
import type { ContainerChoice, DeployChoice } from '../../src/config/service-types.ts';
import { beyondApi, specFor } from '../../src/rollout/api-fit.ts';
import { containerSpec, type MadeSpec } from '../../src/rollout/container-spec.ts';
import { specHash } from '../../src/rollout/spec-hash.ts';
import { PLAIN, serviceOf } from './services.ts';

function made(
  container: Partial<ContainerChoice> = {},
  deploy: Partial<DeployChoice> = {},
): MadeSpec {
  return containerSpec({
    service: serviceOf(container, deploy),
    image: 'r.example/api@sha256:00',
    environment: container.environment ?? {},
    networks: new Map([
      ['front', 'shop-staging-front'],
      ['back', 'shop-staging-back'],
    ]),
    volumes: new Map([['data', 'shop-staging-data']]),
  });
}

function hostConfigOf(
  container: Partial<ContainerChoice>,
  deploy: Partial<DeployChoice> = {},
): unknown {
  return made(container, deploy).spec['HostConfig'];
}

/** Each key with another value than a container has that says nothing; the compiler tells of one that is missing. */
const OTHER: { readonly [Key in keyof Required<ContainerChoice>]: ContainerChoice[Key] } = {
  command: ['serve'],
  entrypoint: ['/init'],
  environment: { A: '1' },
  envFiles: [{ path: '/a.env', required: true }],
  labels: { a: 'b' },
  annotations: { a: 'b' },
  ports: [{ target: 80, protocol: 'tcp', mode: 'ingress' }],
  expose: ['3000'],
  mounts: [{ type: 'volume', target: '/d', readOnly: false }],
  tmpfs: ['/run'],
  networks: [{ network: 'front', aliases: [], priority: 0 }],
  networkMode: 'host',
  healthcheck: { test: ['NONE'] },
  restart: 'no',
  stopGracePeriodMs: 20_000,
  stopSignal: 'SIGUSR1',
  user: '1000',
  workingDir: '/w',
  hostname: 'h',
  domainname: 'd',
  platform: 'linux/arm64',
  init: false,
  tty: true,
  stdinOpen: true,
  readOnly: true,
  privileged: true,
  capAdd: ['NET_ADMIN'],
  capDrop: ['ALL'],
  securityOpt: ['no-new-privileges'],
  groupAdd: ['audio'],
  devices: ['/dev/null'],
  deviceCgroupRules: ['c 1:3 mr'],
  dns: ['10.0.0.1'],
  dnsSearch: ['example'],
  dnsOptions: ['ndots:1'],
  extraHosts: ['h:10.0.0.1'],
  ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
  sysctls: { 'net.core.somaxconn': '9' },
  logging: { driver: 'none', options: {} },
  shmSizeBytes: 1,
  ipc: 'private',
  pid: 'host',
  uts: 'host',
  usernsMode: 'host',
  cgroup: 'host',
  cgroupParent: '/p',
  runtime: 'runc',
  storageOptions: { size: '1G' },
  oomKillDisable: true,
  oomScoreAdj: 1,
  memorySwapBytes: -1,
  memorySwappiness: 1,
  cpuShares: 1,
  cpuset: '0',
  pullPolicy: 'always',
};

/** Read beside the specification: by `wanted.ts` and `delivery.ts`, whose tests are theirs. */
const ELSEWHERE: readonly (keyof ContainerChoice)[] = ['envFiles', 'platform', 'pullPolicy'];

describe('containerSpec()', () => {
  it.each(Object.entries(OTHER))('heeds %s', (key, value) => {
    const isHeeded = specHash(made({ [key]: value })) !== specHash(made());
    expect(isHeeded).toBe(!ELSEWHERE.includes(key as keyof ContainerChoice));
  });

  it('says nothing that the service does not say', () => {
    expect(made()).toEqual({
      spec: {
        Image: 'r.example/api@sha256:00',
        Env: [],
        StopTimeout: 10,
        Labels: {},
        HostConfig: { RestartPolicy: { Name: 'unless-stopped' } },
      },
      moreNetworks: [],
    });
  });

  it('has the process of a container', () => {
    const { spec } = made({
      command: ['serve', '--port', '80'],
      environment: { A: '1', B: 'x=y' },
      healthcheck: {
        test: ['CMD-SHELL', 'true'],
        intervalMs: 1500,
        timeoutMs: 100,
        retries: 3,
        startPeriodMs: 0,
        startIntervalMs: 250,
      },
      stopGracePeriodMs: 1500,
      expose: ['53/udp', '3000-3002'],
      ports: [{ target: 80, protocol: 'tcp', mode: 'ingress' }],
    });
    expect(spec).toMatchObject({
      Cmd: ['serve', '--port', '80'],
      Env: ['A=1', 'B=x=y'],
      Healthcheck: {
        Test: ['CMD-SHELL', 'true'],
        Interval: 1_500_000_000,
        Timeout: 100_000_000,
        Retries: 3,
        StartPeriod: 0,
        StartInterval: 250_000_000,
      },
      StopTimeout: 2,
      ExposedPorts: { '53/udp': {}, '3000/tcp': {}, '3001/tcp': {}, '3002/tcp': {}, '80/tcp': {} },
    });
  });

  it('publishes ports', () => {
    const usual = { protocol: 'tcp', mode: 'ingress' } as const;
    const ports = [
      { target: 80, ...usual },
      { target: 81, published: '8081', hostIp: '127.0.0.1', ...usual },
      { target: 81, published: '8000-8010', ...usual },
      { target: 82, published: '82-82', ...usual, protocol: 'udp' as const },
    ];
    expect(hostConfigOf({ ports })).toMatchObject({
      PortBindings: {
        '80/tcp': [{ HostIp: '', HostPort: '' }],
        '81/tcp': [
          { HostIp: '127.0.0.1', HostPort: '8081' },
          { HostIp: '', HostPort: '8000-8010' },
        ],
        '82/udp': [{ HostIp: '', HostPort: '82' }],
      },
    });
  });

  it('mounts', () => {
    const at = (target: string) => ({ target, readOnly: false });
    expect(
      hostConfigOf({
        mounts: [
          { type: 'bind', source: '/etc/a', ...at('/a'), createHostPath: true, readOnly: true },
          { type: 'bind', source: '/b', ...at('/b'), propagation: 'rslave', selinux: 'z' },
          {
            type: 'bind',
            source: '/c:c',
            ...at('/c'),
            createHostPath: false,
            propagation: 'shared',
          },
          { type: 'volume', source: 'data', ...at('/d'), noCopy: true, subpath: 's' },
          { type: 'volume', source: 'data', ...at('/d2') },
          { type: 'volume', ...at('/anonymous') },
          { type: 'tmpfs', ...at('/t'), tmpfsSizeBytes: 9, tmpfsMode: 0o700 },
        ],
        tmpfs: ['/run', '/tmp:size=1m,mode=700'],
      }),
    ).toMatchObject({
      Binds: ['/etc/a:/a:ro', '/b:/b:rw,z,rslave'],
      Mounts: [
        { Type: 'bind', Source: '/c:c', Target: '/c', BindOptions: { Propagation: 'shared' } },
        {
          ...{ Type: 'volume', Source: 'shop-staging-data', Target: '/d' },
          VolumeOptions: { NoCopy: true, Subpath: 's' },
        },
        { Type: 'volume', Source: 'shop-staging-data', Target: '/d2' },
        { Type: 'volume', Target: '/anonymous' },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 9, Mode: 0o700 } },
      ],
      Tmpfs: { '/run': '', '/tmp': 'size=1m,mode=700' },
    });
  });

  it('joins the network of the highest priority first, under the name of the service', () => {
    const { spec, moreNetworks } = made({
      networks: [
        { network: 'front', aliases: ['web'], priority: 0, ipv4Address: '10.1.0.9' },
        { network: 'back', aliases: [], priority: 5, macAddress: '02:00:00:00:00:01' },
      ],
    });
    expect(spec).toMatchObject({
      HostConfig: { NetworkMode: 'shop-staging-back' },
      NetworkingConfig: {
        EndpointsConfig: {
          'shop-staging-back': { Aliases: ['api'], MacAddress: '02:00:00:00:00:01' },
        },
      },
    });
    expect(moreNetworks).toEqual([
      ['shop-staging-front', { Aliases: ['api', 'web'], IPAMConfig: { IPv4Address: '10.1.0.9' } }],
    ]);
  });

  it('takes networks of one priority by their keys, as Compose does', () => {
    const join = { aliases: [], priority: 0 };
    const order = (...keys: readonly string[]) =>
      made({ networks: keys.map((network) => ({ network, ...join })) });
    expect(order('front', 'back')).toEqual(order('back', 'front'));
    expect(order('front', 'back').moreNetworks[0]?.[0]).toBe('shop-staging-front');
  });

  it('has limits', () => {
    const resources = {
      limits: { cpus: 0.29, memoryBytes: 64e6, pids: 100 },
      reservations: { memoryBytes: 32e6, cpus: 0.1 },
    };
    expect(hostConfigOf({ memorySwapBytes: -1, cpuShares: 512 }, { resources })).toMatchObject({
      NanoCpus: 290_000_000,
      Memory: 64e6,
      MemoryReservation: 32e6,
      MemorySwap: -1,
      PidsLimit: 100,
      CpuShares: 512,
    });
  });

  it.each([
    ['/dev/a', { PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'rwm' }],
    ['/dev/a:r', { PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'r' }],
    [
      '/dev/a:/dev/b',
      { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'rwm' },
    ],
    [
      '/dev/a:/dev/b:m',
      { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'm' },
    ],
  ])('gives the device %s', (device, expected) => {
    expect(hostConfigOf({ devices: [device] })).toMatchObject({ Devices: [expected] });
  });

  it('gives devices that a vendor describes', () => {
    const config = hostConfigOf({ devices: ['nvidia.com/gpu=all'] });
    expect(config).toMatchObject({
      DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=all'] }],
    });
    expect(config).not.toHaveProperty('Devices');
  });

  it.each([
    ['on-failure:3', undefined, { Name: 'on-failure', MaximumRetryCount: 3 }],
    ['always', undefined, { Name: 'always' }],
    ['no', { condition: 'any' }, { Name: 'unless-stopped' }],
    ['always', { condition: 'none' }, { Name: 'no' }],
    [
      'always',
      { condition: 'on-failure', maxAttempts: 2 },
      { Name: 'on-failure', MaximumRetryCount: 2 },
    ],
  ] as const)('restarts: %s, %j', (restart, restartPolicy, RestartPolicy) => {
    const deploy = restartPolicy === undefined ? {} : { restartPolicy };
    expect(hostConfigOf({ restart }, deploy)).toMatchObject({ RestartPolicy });
  });

  it('opens the paths of the system where that is asked', () => {
    const securityOpt = ['systempaths=unconfined', 'label:disable'];
    const expected = { SecurityOpt: ['label:disable'], MaskedPaths: [], ReadonlyPaths: [] };
    expect(hostConfigOf({ securityOpt })).toMatchObject(expected);
  });

  const colon = { type: 'bind', source: '/a:b', target: '/c', readOnly: false } as const;
  it.each([
    ['a command that only is empty', { command: [] }, 'Cannot clear the command of api'],
    ['an empty command and entry point', { command: [], entrypoint: [] }, 'Cannot clear'],
    ['another service', { networkMode: 'service:db' }, 'network_mode "service:db" of api'],
    ['its processes', { pid: 'service:db' }, 'Cannot use pid "service:db" of api'],
    ['its memory', { ipc: 'service:db' }, 'Cannot use ipc "service:db" of api'],
    ['no port', { expose: ['http'] }, 'Cannot expose "http" of api: it is no port'],
    ['ports backwards', { expose: ['9-8'] }, 'Cannot expose "9-8" of api'],
    ['an option without a value', { securityOpt: ['apparmor'] }, 'security_opt "apparmor" of api'],
    ['a colon in a path', { mounts: [colon] }, 'Cannot mount "/a:b" in api'],
  ] satisfies readonly [
    string,
    Partial<ContainerChoice>,
    string,
  ][])('refuses %s', (_, container, message) => {
    expect(() => made(container)).toThrow(message);
  });
});

describe('specHash()', () => {
  it('is the same for the same in any order, and another one for anything else', () => {
    const hash = specHash({ a: 1, b: { c: [1, 2], d: undefined } });
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    expect(specHash({ b: { c: [1, 2] }, a: 1 })).toBe(hash);
    expect(specHash({ b: { c: [2, 1] }, a: 1 })).not.toBe(hash);
  });
});

describe('engines of different age', () => {
  const networks = [
    { network: 'back', aliases: [], priority: 0, macAddress: '02:00:00:00:00:01' },
    { network: 'front', aliases: [], priority: 0, macAddress: '02:00:00:00:00:02' },
  ];
  const subpath = { type: 'volume', source: 'data', target: '/d', readOnly: false } as const;
  it.each([
    ['1.41', {}, []],
    ['1.41', { annotations: { a: 'b' } }, ['annotations needs Docker Engine 24']],
    ['1.43', { annotations: { a: 'b' } }, []],
    [
      '1.43',
      { healthcheck: { startIntervalMs: 1 } },
      ['healthcheck.start_interval needs Docker Engine 25'],
    ],
    ['1.43', { networks }, ['mac_address in a second network needs Docker Engine 25']],
    ['1.44', { networks }, []],
    ['1.44', { mounts: [{ ...subpath, subpath: 's' }] }, ['volume.subpath needs Docker Engine 26']],
    ['1.41', { mounts: [subpath] }, []],
    ['1.41', { devices: ['a.b/c=d'] }, ['devices by a vendor needs Docker Engine 25']],
  ] satisfies readonly [
    string,
    Partial<ContainerChoice>,
    string[],
  ][])('%s: %j', (api, container, expected) => {
    expect(beyondApi(made(container), api)).toEqual(expected);
  });

  it('are told the first hardware address where they look for it', () => {
    const { spec } = made({ networks: networks.slice(0, 1) });
    expect(specFor(spec, '1.44')).toBe(spec);
    expect(specFor(spec, '1.43')).toEqual({ ...spec, MacAddress: '02:00:00:00:00:01' });
    expect(specFor(made(PLAIN).spec, '1.41')).toEqual(made(PLAIN).spec);
  });
});
