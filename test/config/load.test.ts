// Files that are right, and what they come to.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadProject } from '../../src/config/load.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { git, load, machine, problemsOf, SHA } from './machine.ts';

/** The example of the documentation. */
const SHOP = `project: shop
registry: registry.example.com/shop
images:
  base:   { context: ./base, flatten: false }
  api:
    context: ./api
    needs: [base]
    flatten: { keep_base: base, compression: gzip, exclude: [/var/cache/apt/**] }
    tags: ["{git.sha}", latest]
  worker: { context: ./worker, needs: [base] }
  vendor: { image: example/db:5 }
groups:
  web: [api, worker]
  all: [web, vendor, api]
environments:
  staging:
    hosts: [ssh://deploy@s1, "tcp://10.0.0.3:2376", { context: spare }]
    services:
      api:
        image: api
        deploy:
          replicas: \${REPLICAS:-10}
          update_config: { parallelism: 2, delay: 5s, order: start-first, monitor: 10s, failure_action: rollback }
          rollback_config: { parallelism: 0, order: start-first }
    hooks: { pre-rollout: ./migrate.sh, route: route-it }
    retain: 3
  production: { extends: staging, hosts: ["ssh://p1"], lock_timeout: 10m, retain: }
`;

describe('images', () => {
  it('of the example', async () => {
    const project = await load(SHOP);
    expect(project).toMatchObject({
      file: '/work/shipper.yaml',
      folder: '/work',
      files: ['/work/shipper.yaml'],
      name: 'shop',
      registry: 'registry.example.com/shop',
      environmentNames: ['staging', 'production'],
    });
    expect(project.images.map(({ name, references }) => [name, ...references])).toEqual([
      ['base', 'registry.example.com/shop/base:latest'],
      ['api', `registry.example.com/shop/api:${SHA}`, 'registry.example.com/shop/api:latest'],
      ['worker', 'registry.example.com/shop/worker:latest'],
      ['vendor', 'registry.example.com/shop/vendor:latest'],
    ]);
    const [base, api, worker, vendor] = project.images;
    expect(base?.flatten).toBeUndefined();
    expect(base?.needs).toEqual([]);
    expect(api).toMatchObject({
      source: { kind: 'build', build: { context: '/work/api', contextKind: 'folder' } },
      needs: [{ image: 'base', as: 'base' }],
      flatten: {
        keepBase: { kind: 'need', image: 'base' },
        compression: { kind: 'gzip', level: 6 },
        exclude: ['/var/cache/apt/**'],
      },
      place: { file: 'shipper.yaml', line: 5, column: 3 },
    });
    expect(worker?.flatten).toEqual({});
    expect(vendor?.source).toEqual({ kind: 'image', reference: 'example/db:5' });
    expect(project.groups.map(({ name, images }) => [name, ...images])).toEqual([
      ['web', 'api', 'worker'],
      ['all', 'api', 'worker', 'vendor'],
    ]);
    expect(project.environment).toBeUndefined();
    expect(JSON.parse(JSON.stringify(project))).toEqual(project);
  });

  it('with every key of a build', async () => {
    const text = `images:
  base: { context: . }
  app:
    context: ./app
    dockerfile: ../Dockerfile.app
    target: run
    args: { VERSION: 1.10, DEBUG: true, FROM_ENV: , GONE: }
    secrets: [NPM_TOKEN, { id: key, file: ./key }, { id: pw, env: PASSWORD }]
    ssh: [default, "deploy=./id,/abs/id2"]
    cache_from: ["type=gha"]
    cache_to: ["type=inline"]
    platforms: [linux/amd64, linux/arm64/v8]
    labels: [a=b=c, d]
    annotations: { "index:x": y }
    network: host
    pull: true
    no_cache: true
    no_cache_filter: run
    extra_hosts: ["a:10.0.0.1", b=::1]
    shm_size: 64m
    ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 5 }
    entitlements: [network.host]
    additional_contexts: { src: ../src, up: "docker-image://debian:12", lib: "target:base" }
    provenance: mode=max
    sbom: true
    tags: [1.10, other/name, "name:2"]
  remote: { context: "https://git.example.com/x.git#main", dockerfile: build/Dockerfile }
  inline: { context: ., dockerfile_inline: "FROM scratch" }
`;
    const [, app, remote, inline] = (await load(text, { env: { FROM_ENV: 'x' } })).images;
    expect(app).toMatchObject({
      source: {
        kind: 'build',
        build: {
          context: '/work/app',
          dockerfile: '/work/Dockerfile.app',
          target: 'run',
          args: { VERSION: '1.10', DEBUG: 'true', FROM_ENV: 'x' },
          secrets: [
            { id: 'NPM_TOKEN', variable: 'NPM_TOKEN' },
            { id: 'key', file: '/work/key' },
            { id: 'pw', variable: 'PASSWORD' },
          ],
          ssh: [
            { id: 'default', paths: [] },
            { id: 'deploy', paths: ['/work/id', '/abs/id2'] },
          ],
          labels: { a: 'b=c', d: '' },
          annotations: ['index:x=y'],
          noCacheFilter: ['run'],
          extraHosts: ['a=10.0.0.1', 'b=::1'],
          shmSizeBytes: 67_108_864,
          ulimits: [
            { name: 'nofile', soft: 1, hard: 2 },
            { name: 'nproc', soft: 5, hard: 5 },
          ],
          additionalContexts: { src: '/src', up: 'docker-image://debian:12' },
          provenance: 'mode=max',
          sbom: 'true',
        },
      },
      needs: [{ image: 'base', as: 'lib' }],
      references: ['app:1.10', 'other/name:latest', 'name:2'],
    });
    expect(remote?.source).toMatchObject({
      build: { contextKind: 'remote', dockerfile: 'build/Dockerfile' },
    });
    expect(inline?.source).toMatchObject({ build: { dockerfileInline: 'FROM scratch' } });
  });

  it('with every option of a flatten', async () => {
    const text = `images:
  a:
    context: .
    flatten:
      from: 2
      platform: linux/amd64
      compression: zstd:19
      verify: true
      timestamp: 1700000000
      history: none
      labels: { a: 1.0 }
      annotations: [b=c]
      exclude: [/tmp]
      implicit_parents: shadow
      whiteouts: overlay
      attestations: fail
      allow_nondistributable: true
      max_output: 1.5GiB
      max_entries: 10
      max_size: 10MB
      min_saving: 12.5%
`;
    expect((await load(text)).images[0]?.flatten).toEqual({
      from: 2,
      platform: 'linux/amd64',
      compression: { kind: 'zstd', level: 19 },
      verify: true,
      timestamp: '1700000000',
      history: 'none',
      labels: { a: '1.0' },
      annotations: { b: 'c' },
      exclude: ['/tmp'],
      policy: {
        implicitParents: 'shadow',
        whiteouts: 'overlay',
        maxEntries: 10,
        maxOutputBytes: 1_610_612_736,
      },
      attestations: 'fail',
      allowNondistributable: true,
      maxSizeBytes: 10_000_000,
      minSavingPercent: 12.5,
    });
  });

  it('a base that is kept is needed, also one that is no need', async () => {
    const text =
      'images:\n  b: { image: "x/b:1" }\n  a: { context: ., flatten: { keep_base: b } }\n';
    expect((await load(text)).images[1]?.needs).toEqual([{ image: 'b' }]);
    const whole = 'images: { a: { context: ., flatten: { keep_base: "debian:12" } } }';
    expect((await load(whole)).images[0]?.flatten?.keepBase).toEqual({
      kind: 'image',
      reference: 'debian:12',
    });
  });

  it('extend each other key by key; nothing takes a key away', async () => {
    const text = `images:
  base: { context: ./b, args: { A: 1, B: 2 }, tags: [x], labels: { l: m } }
  child: { extends: base, args: { B: 3, C: 4 }, tags: [y], labels: , target: t }
  grandchild: { extends: child, args: { A: } }
`;
    const [, child, grandchild] = (await load(text)).images;
    expect(child).toMatchObject({
      source: {
        build: { context: '/work/b', args: { A: '1', B: '3', C: '4' }, target: 't', labels: {} },
      },
      references: ['child:y'],
    });
    expect(grandchild?.source).toMatchObject({ build: { args: { B: '3', C: '4' } } });
  });

  it('share what anchors and merge keys give them', async () => {
    const text = `x-build: &build { pull: true, args: { A: 1 } }
images:
  a: { <<: *build, context: . }
  b: { <<: [{ target: t }, *build], context: ., pull: false }
`;
    const [a, b] = (await load(text)).images;
    expect(a?.source).toMatchObject({ build: { pull: true, args: { A: '1' } } });
    expect(b?.source).toMatchObject({ build: { pull: false, target: 't', args: { A: '1' } } });
  });
});

describe('environments', () => {
  const update = (words: string, more = '') =>
    `environments: { s: { hosts: [ssh://h], ${more}services: { a: { image: "a:1", deploy: { ${words} } } } } }`;

  it.each([
    ['update_config: { parallelism: 3 }', { update: { parallelism: 3, canary: 0 } }],
    [
      'update_config: { parallelism: 25%, canary: 2 }',
      {
        update: { parallelism: { percent: 25 }, canary: 2 },
        rollback: { parallelism: 1, canary: 0 },
      },
    ],
    ['rollback_config: { parallelism: 100% }', { rollback: { parallelism: { percent: 100 } } }],
  ])('say how many are replaced at once: %s', async (words, expected) => {
    const { environment } = await load(update(words), { options: { environment: 's' } });
    expect(environment?.services[0]?.deploy).toMatchObject(expected);
  });

  it.each(['0%', '101%', '2.5%', '-1', 'half'])('refuse %s at once', async (words) => {
    const told = await problemsOf(update(`update_config: { parallelism: "${words}" }`));
    expect(told).toEqual([
      expect.stringContaining('must be a number of containers, or a part of all such as 25%'),
    ]);
  });

  it('say how hosts get images', async () => {
    const of = async (more: string) => {
      const { environment } = await load(update('', more), { options: { environment: 's' } });
      return environment?.transfer;
    };
    expect([await of(''), await of('transfer: pull, '), await of('transfer: direct, ')]).toEqual([
      ...['pull', 'pull', 'direct'],
    ]);
    expect(await problemsOf(update('', 'transfer: stream, '))).toHaveLength(1);
  });

  it('of the example: the one that is asked for', async () => {
    const { environment } = await load(SHOP, { options: { environment: 'staging' } });
    expect(environment).toMatchObject({
      name: 'staging',
      engine: 'docker',
      hosts: [
        { kind: 'host', address: 'ssh://deploy@s1' },
        { kind: 'host', address: 'tcp://10.0.0.3:2376' },
        { kind: 'context', address: 'spare' },
      ],
      services: [
        {
          name: 'api',
          image: { kind: 'project', image: 'api' },
          deploy: {
            replicas: 10,
            update: { parallelism: 2, delayMs: 5000, order: 'start-first', monitorMs: 10_000 },
            rollback: { parallelism: 0, failureAction: 'pause' },
          },
          container: {
            restart: 'unless-stopped',
            stopGracePeriodMs: 10_000,
            pullPolicy: 'missing',
          },
        },
      ],
      hooks: { preRollout: '/work/migrate.sh', route: 'route-it' },
      retain: 3,
      lockTimeoutMs: 0,
    });
  });

  it('extend each other', async () => {
    const options = { environment: 'production' };
    const { environment } = await load(SHOP, { options, env: { REPLICAS: '4' } });
    expect(environment).toMatchObject({
      hosts: [{ address: 'ssh://p1' }],
      services: [{ name: 'api', deploy: { replicas: 4 } }],
      retain: 5,
      lockTimeoutMs: 600_000,
    });
    expect(environment?.hosts).toHaveLength(1);
  });

  it('that nobody asked for need no variables', async () => {
    const text = `environments:
  prod:
    hosts: ["ssh://\${PROD_HOST}"]
    services:
      db: { image: "db:\${TAG}", environment: { PW: "\${PASSWORD}" }, deploy: { replicas: "\${N}" }, ports: ["\${P}"], volumes: ["\${V}"], command: "\${C}" }
`;
    expect((await load(text)).environmentNames).toEqual(['prod']);
    const all = await problemsOf(text, { options: { environment: 'prod' } });
    expect(all).toHaveLength(7);
  });

  it('of a wrong name are told with the right ones', async () => {
    await expect(load(SHOP, { options: { environment: 'prodution' } })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'Cannot use environment "prodution": shipper.yaml does not have it',
      hint: 'did you mean production?',
    });
    await expect(load('images: {}', { options: { environment: 'x' } })).rejects.toMatchObject({
      hint: 'it has none',
    });
  });

  it('without hosts can be extended, not used', async () => {
    const text =
      'environments:\n  common: { retain: 2 }\n  s: { extends: common, hosts: [ssh://h] }\n';
    expect(await problemsOf(text)).toEqual([]);
    expect(await problemsOf(text, { options: { environment: 'common' } })).toEqual([
      '2:3: the environment "common" has no hosts (write hosts: [ssh://user@host] in common)',
    ]);
  });

  it('with every key of a service', async () => {
    const text = `images: { api: { context: . } }
environments:
  s:
    engine: swarm
    hosts: [ssh://h]
    networks: { front: { driver: overlay, attachable: true, driver_opts: { a: 1 } }, back: { external: true } }
    volumes: { data: , old: { external: true, name: legacy } }
    services:
      api:
        image: api
        command: sh -c "echo 'a b' \\"$$HOME\\""
        entrypoint: [/init, 1]
        environment: { HOME: , GONE: , A: 1.10, B: true }
        env_file: [./a.env, { path: /b.env, required: false }]
        labels: { x: y }
        ports: [80, "127.0.0.1:8080:81/udp", "8000-8001:9000-9001", "[::1]:1:2", { target: 5, published: "6-7", mode: host }]
        expose: [3000]
        volumes: [data:/d:ro, /etc:/e, /anon, { type: tmpfs, target: /t, tmpfs: { size: 5m } }, "old:/o:nocopy"]
        tmpfs: /run
        networks: { front: { aliases: [web], priority: 5 }, back: }
        restart: no
        healthcheck: { test: curl -f localhost, interval: 1m30s, retries: 2, start_period: 0 }
        stop_grace_period: 1m
        user: 1000
        cap_drop: [ALL]
        ulimits: { nofile: 10 }
        logging: { driver: json-file, options: { max-size: 10m, max-file: 3 } }
        extra_hosts: { h: 10.0.0.1 }
        memswap_limit: -1
        depends_on: { db: { condition: service_healthy } }
        deploy:
          mode: global
          placement: { constraints: [node.role == worker], preferences: [{ spread: node.labels.zone }] }
          restart_policy: { condition: on-failure, max_attempts: 3, window: 2m }
          resources: { limits: { cpus: "0.5", memory: 512m, pids: 10 }, reservations: { memory: 64m } }
          endpoint_mode: dnsrr
      db: { image: "postgres:17", healthcheck: { disable: true }, command: [] }
`;
    const { environment } = await load(text, {
      env: { HOME: '/h' },
      options: { environment: 's' },
    });
    expect(environment?.networks).toMatchObject([
      { key: 'front', name: 'work-s-front', driver: 'overlay', attachable: true, external: false },
      { key: 'back', name: 'back', external: true },
    ]);
    expect(environment?.volumes).toMatchObject([
      { key: 'data', name: 'work-s-data', external: false },
      { key: 'old', name: 'legacy', external: true },
    ]);
    const [api, db] = environment?.services ?? [];
    expect(api?.container).toMatchObject({
      command: ['sh', '-c', 'echo \'a b\' "$HOME"'],
      entrypoint: ['/init', '1'],
      environment: { HOME: '/h', A: '1.10', B: 'true' },
      envFiles: [
        { path: '/work/a.env', required: true },
        { path: '/b.env', required: false },
      ],
      ports: [
        { target: 80, protocol: 'tcp', mode: 'ingress' },
        { target: 81, published: '8080', hostIp: '127.0.0.1', protocol: 'udp' },
        { target: 9000, published: '8000' },
        { target: 9001, published: '8001' },
        { target: 2, published: '1', hostIp: '::1' },
        { target: 5, published: '6-7', mode: 'host' },
      ],
      expose: ['3000'],
      mounts: [
        { type: 'volume', source: 'data', target: '/d', readOnly: true },
        { type: 'bind', source: '/etc', target: '/e', createHostPath: true },
        { type: 'volume', target: '/anon' },
        { type: 'tmpfs', target: '/t', tmpfsSizeBytes: 5_242_880 },
        { type: 'volume', source: 'old', noCopy: true },
      ],
      tmpfs: ['/run'],
      networks: [{ network: 'front', aliases: ['web'], priority: 5 }, { network: 'back' }],
      restart: 'no',
      healthcheck: {
        test: ['CMD-SHELL', 'curl -f localhost'],
        intervalMs: 90_000,
        retries: 2,
        startPeriodMs: 0,
      },
      stopGracePeriodMs: 60_000,
      user: '1000',
      capDrop: ['ALL'],
      logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
      memorySwapBytes: -1,
    });
    expect(api?.dependsOn).toEqual(['db']);
    expect(api?.deploy).toMatchObject({
      mode: 'global',
      placement: { constraints: ['node.role == worker'], spread: ['node.labels.zone'] },
      restartPolicy: { condition: 'on-failure', maxAttempts: 3, windowMs: 120_000 },
      resources: {
        limits: { cpus: 0.5, memoryBytes: 536_870_912, pids: 10 },
        reservations: { memoryBytes: 67_108_864 },
      },
      endpointMode: 'dnsrr',
    });
    expect(db?.container).toMatchObject({ healthcheck: { test: ['NONE'] }, command: [] });
  });
});

describe('variables', () => {
  const tags = async (words: string, options: Parameters<typeof load>[1] = {}) => {
    const text = `images: { a: { context: ., tags: [${JSON.stringify(words)}] } }`;
    return (await load(text, options)).images[0]?.references[0]?.replace('a:', '');
  };

  it.each([
    ['{git.sha}', SHA],
    ['{git.short}', SHA.slice(0, 12)],
    ['{git.branch}{git.dirty}', 'main-dirty'],
    ['{date}', '2023-11-14'],
    ['{project}-{env.V}', 'work-1.0'],
    ['$V', '1.0'],
    ['${V}', '1.0'],
    ['${GONE:-x}', 'x'],
    ['${EMPTY:-x}', 'x'],
    ['v${EMPTY-x}', 'v'],
    ['${GONE:-${ALSO_GONE:-y}}', 'y'],
    ['a${V:+b}${GONE:+c}', 'ab'],
    ['${V:?never}', '1.0'],
  ])('%s is %s', async (words, expected) => {
    const env = { V: '1.0', EMPTY: '', SOURCE_DATE_EPOCH: '1700000000' };
    expect(await tags(words, { env })).toBe(expected);
  });

  it('may make the name of the project', async () => {
    const text = 'project: "${NAME:-shop}"\nimages: { a: { context: ., tags: ["{project}"] } }';
    expect(await load(text)).toMatchObject({
      name: 'shop',
      images: [{ references: ['a:shop'] }],
    });
    expect(await problemsOf(text, { env: { NAME: 'My Shop' } })).toEqual([
      '1:10: project must be lowercase letters, digits, _ and -, not what the variables make of it',
      '2:35: the tag "My Shop" cannot be used: it is made of letters, digits, _ . -, at most 128',
    ]);
  });

  it('of another kind stay: docker templates, $$, and braces', async () => {
    const text = 'images: { a: { context: ., args: { A: "{{.Name}} {x} {git} $$V {{env.V}}" } } }';
    expect((await load(text)).images[0]?.source).toMatchObject({
      build: { args: { A: '{{.Name}} {x} {git} $V {{env.V}}' } },
    });
  });

  it('of git are asked for once, and only where they are used', async () => {
    const used = machine({
      files: {
        '/work/shipper.yaml': 'images: { a: { context: ., tags: ["{git.sha}", "x-{git.sha}"] } }',
      },
    });
    await loadProject(used.system);
    expect(used.ran).toEqual(['git -C /work rev-parse --verify HEAD']);
    const unused = machine({ files: { '/work/shipper.yaml': 'images: { a: { context: . } }' } });
    await loadProject(unused.system);
    expect(unused.ran).toEqual([]);
  });

  it('a branch becomes a tag; a detached head has that of the CI', async () => {
    const run = (_: string, args: readonly string[]) => git(args, 'feature/Über x');
    expect(await tags('{git.branch}', { run })).toBe('feature-ber-x');
    const detached = (_: string, args: readonly string[]) =>
      args.includes('symbolic-ref') ? { code: 1, stdout: '', stderr: '' } : git(args);
    const env = { GITHUB_REF_NAME: '12/merge' };
    expect(await tags('{git.branch}', { run: detached, env })).toBe('12-merge');
    await expect(tags('{git.branch}', { run: detached })).rejects.toMatchObject({
      message: 'Cannot use shipper.yaml:1:35: {git.branch}: git has no branch checked out',
    });
  });

  it('without git are told', async () => {
    const run = () => new ShipperError('NOT_FOUND', 'Cannot run git: there is no such program');
    await expect(tags('{git.sha}', { run })).rejects.toMatchObject({
      message: 'Cannot use shipper.yaml:1:35: {git.sha}: git cannot be run',
    });
  });
});

describe('the documentation', () => {
  const guide = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const examples = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

  it('has examples', () => expect(examples.length).toBeGreaterThan(2));

  it.each(examples.map((text, at) => [at + 1, text] as const))('example %i', async (_, text) => {
    const files = {
      '/work/compose.yaml': 'services: { web: { build: . } }',
      '/work/docker-bake.json': '{"target": {"tool": {}}}',
    };
    await load(text, { files });
  });
});

describe('the file', () => {
  const text = 'images: { a: { context: ./a } }';

  it('is found from the working directory up to the root of the repository', async () => {
    const files = { '/work/.git/HEAD': '', '/work/shipper.yml': text, '/work/sub/deep/x': '' };
    const { system } = machine({ files, cwd: '/work/sub/deep' });
    expect(await loadProject(system)).toMatchObject({
      file: '/work/shipper.yml',
      folder: '/work',
      images: [{ source: { build: { context: '/work/a' } }, place: { file: '/work/shipper.yml' } }],
    });
    const outside = machine({
      files: { '/shipper.yaml': text, '/work/.git/HEAD': '', '/work/sub/x': '' },
      cwd: '/work/sub',
    });
    await expect(loadProject(outside.system)).rejects.toMatchObject({
      code: 'USAGE',
      message: 'Cannot find shipper.yaml: no folder from /work/sub up to /work has one',
    });
  });

  it('is the one that is named, by the option before the variable', async () => {
    const files = { '/work/a.yaml': 'project: a', '/work/b/b.json': '{"project":\n\t"b"}' };
    const { system } = machine({ files, env: { SHIPPER_CONFIG: 'a.yaml' } });
    expect((await loadProject(system)).name).toBe('a');
    expect(await loadProject(system, { config: 'b/b.json' })).toMatchObject({
      name: 'b',
      folder: '/work/b',
    });
    await expect(loadProject(system, { config: 'c.yaml' })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'Cannot use --config "c.yaml": there is no such file',
    });
    await expect(loadProject(system, { config: 'b' })).rejects.toMatchObject({
      message: 'Cannot use --config "b": it is a folder',
    });
  });

  it('is not read past its limit', async () => {
    await expect(load(`# ${'x'.repeat(1_048_576)}`)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('names the project by its folder', async () => {
    const files = { '/work/My Shop!/shipper.yaml': text };
    const { system } = machine({ files, cwd: '/work/My Shop!' });
    expect((await loadProject(system)).name).toBe('myshop');
  });

  it('with mistakes says the first, and has all of them in its details', async () => {
    await expect(load('imagse: {}\nproject: 5\n')).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: 'Cannot use shipper.yaml:1:1: the key "imagse" is not known, and 1 more',
      hint: 'did you mean images?',
      details: { path: 'shipper.yaml', problems: [{ line: 1 }, { line: 2, column: 10 }] },
    });
  });
});
