// From a configuration to what is to run: files that are read, names in the engine, orders.
import { describe, expect, it } from 'vitest';
import type { ContainerChoice, DeployChoice } from '../../src/config/service-types.ts';
import type { Opened } from '../../src/rollout/environment.ts';
import { inOrder, serviceRules } from '../../src/rollout/service-rules.ts';
import { type ResolveImage, wantedServices } from '../../src/rollout/wanted.ts';
import { machine } from '../config/machine.ts';
import { digestFor } from './records.ts';
import { environmentOf, serviceOf } from './services.ts';
import { contextOf, JumpingClock } from './stub-host.ts';

const image = { name: 'r.example/api:1', pinned: 'r.example/api@sha256:0', digest: digestFor('1') };
const found: ResolveImage = async () => image;

function wanted(
  services: Parameters<typeof environmentOf>[0] & object,
  {
    files = {},
    env = {},
    names = [],
    resolve = found,
  }: {
    readonly files?: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly names?: readonly string[];
    readonly resolve?: ResolveImage;
  } = {},
) {
  const ctx = contextOf(new JumpingClock());
  const opened = {
    system: machine({ files, env }).system,
    environment: environmentOf(services),
    project: { folder: '/work' },
    scope: { project: 'shop', environment: 'staging' },
  } as unknown as Opened;
  const doing = wantedServices(ctx, opened, names, resolve);
  return { ctx, doing };
}

describe('wantedServices()', () => {
  const files = {
    '/work/a.env': 'A=1\nB=1\nC=1\n',
    '/work/b.env': '# more\nexport B="2 3"\nC=2',
  };
  const envFiles = ['a', 'b'].map((name) => ({ path: `/work/${name}.env`, required: true }));

  it('reads files of variables, later ones over earlier ones, and the own over all', async () => {
    const service = serviceOf({ envFiles, environment: { C: '3', D: '' } });
    const { services } = await wanted({ services: [service] }, { files }).doing;
    expect(services[0]?.released?.spec['Env']).toEqual(['A=1', 'B=2 3', 'C=3', 'D=']);
  });

  it('puts variables into files of variables, as Compose does', async () => {
    const text = "HOST\nURL=http://$HOST:$PORT/$A\nNONE=$NOTHING\nLITERAL='$HOST'";
    const service = serviceOf({
      envFiles: [...envFiles, { path: '/work/c.env', required: true }],
      environment: { PORT: '80' },
    });
    const all = { ...files, '/work/c.env': text };
    const { ctx, doing } = wanted({ services: [service] }, { files: all, env: { HOST: 'h' } });
    const { services } = await doing;
    const own = ['HOST=h', 'URL=http://h:80/1', 'NONE=', 'LITERAL=$HOST', 'PORT=80'];
    expect(services[0]?.released?.spec['Env']).toEqual(['A=1', 'B=2 3', 'C=2', ...own]);
    expect(ctx.events).toMatchObject([
      { level: 'warn', message: '/work/c.env: the variable NOTHING is not set, and left empty' },
    ]);
  });

  it('tells of a file that must be there', async () => {
    const missing = { path: '/work/c.env', required: true };
    const { doing } = wanted({ services: [serviceOf({ envFiles: [missing] })] });
    await expect(doing).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'Cannot read the env_file of api: there is no /work/c.env',
      hint: 'make it, or write required: false',
    });
    const optional = serviceOf({ envFiles: [{ ...missing, required: false }] });
    const { services } = await wanted({ services: [optional] }).doing;
    expect(services[0]?.released?.spec['Env']).toEqual([]);
  });

  it('puts profiles in place of their paths', async () => {
    const securityOpt = ['seccomp=web.json', 'seccomp:unconfined', 'no-new-privileges'];
    const profile = { '/work/web.json': '{ "defaultAction": "x" }' };
    const own = { services: [serviceOf({ securityOpt })] };
    const { services } = await wanted(own, { files: profile }).doing;
    expect(services[0]?.released?.spec['HostConfig']).toMatchObject({
      SecurityOpt: ['seccomp={"defaultAction":"x"}', 'seccomp:unconfined', 'no-new-privileges'],
    });
    await expect(wanted(own).doing).rejects.toThrow('there is no /work/web.json');
    const broken = wanted(own, { files: { '/work/web.json': 'secret' } }).doing;
    await expect(broken).rejects.toThrow('/work/web.json of api: it is no JSON');
  });

  it('has the networks and volumes that are used, with labels of ours, without external ones', async () => {
    const declared = (key: string, more: object = {}) => ({
      ...{
        key,
        name: `shop-staging-${key}`,
        external: false,
        driverOptions: {},
        labels: { a: 'b' },
      },
      place: serviceOf().place,
      ...more,
    });
    const network = { attachable: false, internal: true, ipv6: false };
    const join = (name: string) => ({ network: name, aliases: [], priority: 0 });
    const mount = (source: string) =>
      ({ type: 'volume', source, target: '/d', readOnly: false }) as const;
    const made = await wanted({
      services: [
        serviceOf({
          networks: [join('front'), join('old')],
          mounts: [mount('data'), mount('nfs')],
        }),
      ],
      networks: [
        declared('front', { ...network, driver: 'bridge' }),
        declared('old', { ...network, external: true }),
        declared('unused', network),
      ] as never,
      volumes: [declared('data'), declared('nfs', { external: true }), declared('unused')],
    }).doing;
    const labels = { a: 'b', 'shipper.project': 'shop', 'shipper.env': 'staging' };
    const common = { options: {}, labels };
    expect(made.networks).toEqual([
      { name: 'shop-staging-front', driver: 'bridge', ...network, ...common },
    ]);
    expect(made.volumes).toEqual([{ name: 'shop-staging-data', ...common }]);
  });

  it('hashes what would need another container, and nothing else', async () => {
    const hashOf = async (
      container: Partial<ContainerChoice> = {},
      deploy: Partial<DeployChoice> = {},
      resolve: ResolveImage = found,
    ) => {
      const services = [serviceOf(container, deploy)];
      return (await wanted({ services }, { resolve }).doing).services[0]?.released?.specHash;
    };
    const plain = await hashOf();
    const step = { ...serviceOf().deploy.update, parallelism: 5, monitorMs: 1 };
    const elsewhere = async () => ({ ...image, name: 'mirror/x', pinned: 'mirror/x@sha256:0' });
    expect(await hashOf({}, { replicas: 9, update: step, rollback: step })).toBe(plain);
    expect(await hashOf({ pullPolicy: 'always' })).toBe(plain);
    expect(await hashOf({}, {}, elsewhere)).toBe(plain);
    const others = await Promise.all([
      hashOf({ environment: { A: '1' } }),
      hashOf({ labels: { a: 'b' } }),
      hashOf({}, {}, async () => ({ ...image, digest: digestFor('2') })),
      hashOf({}, {}, async () => ({ ...image, platform: 'linux/arm64' })),
    ]);
    expect(new Set([plain, ...others]).size).toBe(5);
  });

  it('takes the services that are named, each behind those that it needs', async () => {
    const services = [
      serviceOf({}, {}, { name: 'web', dependsOn: ['api'] }),
      serviceOf({}, {}, { name: 'api', dependsOn: ['db'] }),
      serviceOf({}, {}, { name: 'db' }),
    ];
    const namesOf = async (names: readonly string[]) =>
      (await wanted({ services }, { names }).doing).services.map(({ name }) => name);
    expect(await namesOf([])).toEqual(['db', 'api', 'web']);
    expect(await namesOf(['web', 'db'])).toEqual(['web', 'db']);
    await expect(namesOf(['wbe'])).rejects.toMatchObject({
      code: 'USAGE',
      message: 'Cannot find service "wbe" in staging',
      hint: 'web was meant?',
    });
    expect(inOrder([])).toEqual([]);
  });

  it('says where start-first cannot be', async () => {
    const ports = [{ target: 80, published: '80', protocol: 'tcp', mode: 'ingress' }] as const;
    const update = { ...serviceOf().deploy.update, order: 'start-first' } as const;
    const { ctx, doing } = wanted({ services: [serviceOf({ ports }, { update })] });
    expect((await doing).services[0]?.update.order).toBe('stop-first');
    expect(ctx.events).toMatchObject([
      {
        level: 'info',
        message: 'api stops first: a port or address of its host cannot be had twice',
      },
    ]);
  });
});

describe('the order of an update', () => {
  const port = (published?: string) => ({
    ...({ target: 80, protocol: 'tcp', mode: 'ingress' } as const),
    ...(published === undefined ? {} : { published }),
  });
  const data = { type: 'volume', source: 'data', target: '/d', readOnly: false } as const;
  const join = { network: 'front', aliases: [], priority: 0 };
  const bind = { ...data, type: 'bind', source: '/srv' } as const;
  it.each([
    ['nothing', {}, 'start-first', 'start-first', 'stop-first'],
    ['a fixed port', { ports: [port('80')] }, 'stop-first', 'stop-first', 'stop-first'],
    ['a range of one', { ports: [port('80-80')] }, 'stop-first', 'stop-first', 'stop-first'],
    ['a range', { ports: [port('80-89')] }, 'start-first', 'start-first', 'stop-first'],
    ['any port', { ports: [port(), port('0')] }, 'start-first', 'start-first', 'stop-first'],
    ['a volume', { mounts: [data] }, 'stop-first', 'start-first', 'stop-first'],
    [
      'a volume that is read',
      { mounts: [{ ...data, readOnly: true }] },
      'start-first',
      'start-first',
      'stop-first',
    ],
    ['a folder', { mounts: [bind] }, 'stop-first', 'start-first', 'stop-first'],
    [
      'a socket',
      { mounts: [{ ...bind, source: '/run/docker.sock' }] },
      'start-first',
      'start-first',
      'stop-first',
    ],
    [
      'an anonymous volume',
      { mounts: [{ type: 'volume', target: '/d', readOnly: false }] },
      'start-first',
      'start-first',
      'stop-first',
    ],
    [
      'a fixed address',
      { networks: [{ ...join, ipv4Address: '10.1.0.9' }] },
      'stop-first',
      'stop-first',
      'stop-first',
    ],
    ['the network of the host', { networkMode: 'host' }, 'stop-first', 'start-first', 'stop-first'],
  ] satisfies readonly [
    string,
    Partial<ContainerChoice>,
    string,
    string,
    string,
  ][])('with %s', (_, container, usual, start, stop) => {
    const orderOf = (order?: 'start-first' | 'stop-first') => {
      const update = { ...serviceOf().deploy.update, ...(order === undefined ? {} : { order }) };
      return serviceRules(serviceOf(container, { update }), undefined).update.order;
    };
    expect([orderOf(), orderOf('start-first'), orderOf('stop-first')]).toEqual([
      usual,
      start,
      stop,
    ]);
  });
});
