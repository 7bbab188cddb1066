// What a service becomes in a swarm, field by field, and what is refused.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProject } from '../../../src/config/load.ts';
import type { ServiceChoice } from '../../../src/config/service-types.ts';
import { refusalsOf, requireSwarmable, tmpfsOptions } from '../../../src/rollout/swarm/refusals.ts';
import { labelled, swarmService } from '../../../src/rollout/swarm/spec.ts';
import { type Workplace, workplace } from '../../operations/workplace.ts';

let place: Workplace;
beforeEach(() => {
  place = workplace();
});
afterEach(() => place[Symbol.dispose]());

const SCOPE = { project: 'shop', environment: 'prod' };
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = { name: 'r.example/api:1', pinned: `r.example/api@${DIGEST}`, digest: DIGEST };

async function made(yaml: string, environment: readonly string[] = []) {
  const { service, volumes } = await read(yaml);
  return swarmService({
    ...{ scope: SCOPE, service, image: IMAGE, environment, volumes },
    networks: new Map([['inner', 'shop_inner']]),
  });
}

async function read(yaml: string) {
  place.write(
    'shipper.yaml',
    Buffer.from(`project: shop
environments:
  prod:
    engine: swarm
    hosts: [tcp://a:1]
    networks: { inner: {} }
    volumes:
      data: { driver: nfs, driver_opts: { share: "x" }, labels: { keep: "1" } }
      there: { external: true, name: elsewhere }
    services:
      api:
        image: r.example/api:1
${yaml
  .split('\n')
  .map((line) => `        ${line}`)
  .join('\n')}
`),
  );
  const project = await loadProject(place.system, {
    environment: 'prod',
    signal: new AbortController().signal,
  });
  const [service] = project.environment?.services ?? [];
  if (service === undefined || project.environment === undefined) throw new Error('no service');
  const volumes = new Map(project.environment.volumes.map((volume) => [volume.key, volume]));
  return { service, volumes };
}

describe('a service of a swarm', () => {
  it('is what docker stack deploy makes of it', async () => {
    const { spec } = await made(
      `command: [serve, --port, "80"]
entrypoint: [/bin/run]
labels: { team: a }
hostname: it
user: "10:20"
group_add: ["5"]
working_dir: /srv
extra_hosts: ["db:10.0.0.1"]
dns: [10.0.0.2]
dns_search: [example.org]
cap_add: [net_admin]
cap_drop: [ALL]
sysctls: { net.core.somaxconn: "1024" }
init: true
read_only: true
stop_signal: SIGQUIT
stop_grace_period: 30s
ulimits: { nofile: { soft: 10, hard: 20 } }
logging: { driver: json-file, options: { max-size: 1m } }
healthcheck: { test: [CMD, ok], interval: 5s, timeout: 1s, retries: 2, start_period: 3s }
networks: { inner: { aliases: [backend] } }
ports: ["8080:80", { target: 53, published: "53", protocol: udp, mode: host }]
volumes: ["data:/data", "there:/there:ro", "/etc/host:/etc/host:ro"]
tmpfs: ["/run:size=64m,mode=1770"]
platform: linux/arm64
deploy:
  replicas: 4
  labels: { traefik: "on" }
  endpoint_mode: vip
  placement: { constraints: ["node.role==worker"], preferences: [{ spread: node.labels.zone }], max_replicas_per_node: 2 }
  resources: { limits: { cpus: "0.5", memory: 64m, pids: 9 }, reservations: { memory: 32m } }
  restart_policy: { condition: on-failure, delay: 2s, max_attempts: 3, window: 10s }
  update_config: { parallelism: 50%, delay: 1s, monitor: 7s, order: start-first, failure_action: pause, max_failure_ratio: 0.25 }
  rollback_config: { parallelism: 0, failure_action: continue }`,
      ['A=1'],
    );
    expect(spec).toEqual({
      Name: 'shop_prod_api',
      Labels: { traefik: 'on' },
      TaskTemplate: {
        ContainerSpec: {
          Image: IMAGE.pinned,
          Labels: { team: 'a' },
          StopGracePeriod: 30e9,
          Command: ['/bin/run'],
          Args: ['serve', '--port', '80'],
          Hostname: 'it',
          Env: ['A=1'],
          Dir: '/srv',
          User: '10:20',
          Groups: ['5'],
          Hosts: ['10.0.0.1 db'],
          DNSConfig: { Nameservers: ['10.0.0.2'], Search: ['example.org'] },
          Healthcheck: {
            Test: ['CMD', 'ok'],
            Interval: 5e9,
            Timeout: 1e9,
            Retries: 2,
            StartPeriod: 3e9,
          },
          Mounts: [
            {
              ...{ Type: 'volume', Source: expect.stringContaining('data'), Target: '/data' },
              VolumeOptions: {
                Labels: { keep: '1' },
                DriverConfig: { Name: 'nfs', Options: { share: 'x' } },
              },
            },
            { Type: 'volume', Source: 'elsewhere', Target: '/there', ReadOnly: true },
            { Type: 'bind', Source: '/etc/host', Target: '/etc/host', ReadOnly: true },
            {
              Type: 'tmpfs',
              Target: '/run',
              TmpfsOptions: { SizeBytes: 67_108_864, Mode: 0o1770 },
            },
          ],
          StopSignal: 'SIGQUIT',
          ReadOnly: true,
          Init: true,
          Sysctls: { 'net.core.somaxconn': '1024' },
          CapabilityAdd: ['CAP_NET_ADMIN'],
          CapabilityDrop: ['ALL'],
          Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
        },
        Resources: {
          Limits: { NanoCPUs: 5e8, MemoryBytes: 67_108_864, Pids: 9 },
          Reservations: { MemoryBytes: 33_554_432 },
        },
        RestartPolicy: { Condition: 'on-failure', Delay: 2e9, MaxAttempts: 3, Window: 10e9 },
        Placement: {
          Constraints: ['node.role==worker'],
          Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
          MaxReplicas: 2,
          Platforms: [{ OS: 'linux', Architecture: 'arm64' }],
        },
        Networks: [{ Target: 'shop_inner', Aliases: ['api', 'backend'] }],
        LogDriver: { Name: 'json-file', Options: { 'max-size': '1m' } },
      },
      Mode: { Replicated: { Replicas: 4 } },
      // A port of a node can be had once.
      UpdateConfig: {
        ...{ Parallelism: 2, Delay: 1e9, FailureAction: 'pause', Monitor: 7e9 },
        ...{ MaxFailureRatio: 0.25, Order: 'stop-first' },
      },
      RollbackConfig: {
        ...{ Parallelism: 0, Delay: 0, FailureAction: 'continue', Monitor: 5e9 },
        ...{ MaxFailureRatio: 0, Order: 'stop-first' },
      },
      EndpointSpec: {
        Mode: 'vip',
        Ports: [
          { Protocol: 'tcp', TargetPort: 80, PublishMode: 'ingress', PublishedPort: 8080 },
          { Protocol: 'udp', TargetPort: 53, PublishMode: 'host', PublishedPort: 53 },
        ],
      },
    });
  });

  it('starts first where nothing is written to, restarts as `restart` says, and may be global', async () => {
    const { spec } = await made('restart: "on-failure:2"\ndeploy: { mode: global }');
    expect(spec).toMatchObject({
      Mode: { Global: {} },
      UpdateConfig: { Order: 'start-first', FailureAction: 'rollback', Monitor: 5e9 },
      RollbackConfig: { FailureAction: 'pause' },
      TaskTemplate: { RestartPolicy: { Condition: 'on-failure', MaxAttempts: 2 } },
    });
    expect((await made('volumes: ["data:/data"]')).spec).toMatchObject({
      UpdateConfig: { Order: 'stop-first' },
      TaskTemplate: { RestartPolicy: { Condition: 'any' } },
    });
  });

  it('has another hash for its containers only where they would be others', async () => {
    const one = await made('deploy: { replicas: 1 }');
    const two = await made('deploy: { replicas: 2 }');
    const other = await made('user: "1"\ndeploy: { replicas: 1 }');
    expect(two.taskHash).toBe(one.taskHash);
    expect(two.specHash).not.toBe(one.specHash);
    expect(other.taskHash).not.toBe(one.taskHash);
  });

  it('carries what made it, and its containers what they are', async () => {
    const service = await made('labels: { team: a }');
    const spec = labelled(SCOPE, service, 'r1');
    expect(spec.Labels).toEqual({
      'shipper.managed': '1',
      'shipper.schema': '1',
      'shipper.project': 'shop',
      'shipper.env': 'prod',
      'shipper.service': 'api',
      'shipper.release': 'r1',
      'shipper.spec-hash': service.specHash,
      'shipper.image-digest': DIGEST,
    });
    expect(spec['TaskTemplate']).toMatchObject({
      ContainerSpec: { Labels: { team: 'a', 'shipper.task-hash': service.taskHash } },
    });
    // Those that look after containers of single hosts must not take them for theirs.
    expect(JSON.stringify(spec['TaskTemplate'])).not.toContain('shipper.managed');
  });
});

describe('what a swarm cannot do', () => {
  const CASES: readonly (readonly [string, string])[] = [
    ['privileged: true', 'privileged'],
    ['security_opt: ["no-new-privileges:true"]', 'security_opt'],
    ['devices: ["/dev/null"]', 'devices'],
    ['shm_size: 64m', 'shm_size: mount a tmpfs at /dev/shm'],
    ['ipc: host', 'ipc'],
    ['pid: host', 'pid'],
    ['runtime: runc', 'runtime'],
    ['domainname: x', 'domainname'],
    ['oom_score_adj: 5', 'oom_score_adj'],
    ['cpuset: "0"', 'cpuset'],
    ['annotations: { a: b }', 'annotations'],
    ['pull_policy: never', 'pull_policy: never, as nodes pull by themselves'],
    ['tmpfs: ["/run:noexec"]', 'options of tmpfs besides size and mode'],
    [
      'ports: ["127.0.0.1:80:80"]',
      'an address in ports: they are published on every address of a node',
    ],
    [
      'ports: [{ target: 80, published: "8000-8010" }]',
      'a range in ports: one published port is for one of the service',
    ],
    ['networks: { inner: { ipv4_address: 10.0.0.9 } }', 'an address of its own in networks'],
    ['deploy: { update_config: { canary: 1 } }', 'canary in update_config: write parallelism: 1'],
    [
      'deploy: { endpoint_mode: dnsrr }\nports: ["80:80"]',
      'ports in ingress mode with endpoint_mode: dnsrr: write mode: host',
    ],
  ];
  it.each(CASES)('refuses %s', async (yaml, said) => {
    const { service } = await read(yaml);
    expect(refusalsOf(service)).toEqual([said]);
  });

  it('is told all at once, with its place', async () => {
    const { service } = await read('privileged: true\nipc: host');
    const services: readonly ServiceChoice[] = [service];
    try {
      requireSwarmable(services);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'BAD_CONFIG',
        message: 'Cannot use a swarm: api cannot have privileged in a swarm (and 1 more)',
        details: { problems: [{ line: 11 }, { message: 'api cannot have ipc in a swarm' }] },
      });
    }
  });

  it('is nothing of an ordinary service', async () => {
    const { service } = await read('ports: ["80:80"]\nexpose: ["81"]\ntmpfs: [/run]');
    expect(refusalsOf(service)).toEqual([]);
    expect(tmpfsOptions('/run')).toEqual({ target: '/run' });
  });
});
