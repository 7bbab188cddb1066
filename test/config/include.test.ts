// Images of Compose and bake files.
import { describe, expect, it } from 'vitest';
import { loadProject } from '../../src/config/load.ts';
import type { Ran } from '../../src/system/system.ts';
import { git, load, machine, problemsOf } from './machine.ts';

const COMPOSE = `services:
  web:
    image: example/web:\${TAG}
    build: ./web
    platform: linux/amd64
  db: { image: "postgres:17" }
  job:
    build:
      context: ..
      dockerfile: job/Dockerfile
      args: { A: "\${A:-x}", B: "\${C}$$" }
      secrets: [tok, { source: file, target: f }]
      additional_contexts: { base: "service:web", d: "service:db", e: ./e }
      ssh: ["default", "k=./key"]
      tags: ["foo:1"]
secrets: { tok: { environment: TOKEN }, file: { file: ./s.txt } }
`;

describe('a Compose file', () => {
  it('gives the images of the services that are built', async () => {
    const files = {
      '/work/inc/compose.yaml': COMPOSE,
      '/work/inc/.env': "export TAG='7' # c\nC=d\n",
    };
    const project = await load('include: [inc/compose.yaml]\n', { files });
    expect(project.files).toEqual(['/work/shipper.yaml', '/work/inc/compose.yaml']);
    const [web, job] = project.images;
    expect(project.images).toHaveLength(2);
    expect(web).toMatchObject({
      name: 'web',
      source: { build: { context: '/work/inc/web', platforms: ['linux/amd64'] } },
      references: ['example/web:7'],
      flatten: {},
      place: { file: 'inc/compose.yaml', line: 2, column: 3 },
    });
    expect(job).toMatchObject({
      source: {
        build: {
          context: '/work',
          dockerfile: '/work/job/Dockerfile',
          args: { A: 'x', B: 'd$' },
          secrets: [
            { id: 'tok', variable: 'TOKEN' },
            { id: 'f', file: '/work/inc/s.txt' },
          ],
          ssh: [
            { id: 'default', paths: [] },
            { id: 'k', paths: ['/work/inc/key'] },
          ],
          additionalContexts: { d: 'docker-image://postgres:17', e: '/work/inc/e' },
        },
      },
      needs: [{ image: 'web', as: 'base' }],
      references: ['foo:1'],
    });
  });

  it('is completed by what the configuration says of its images', async () => {
    const files = {
      '/work/compose.yaml': 'services: { web: { build: { context: w, args: { A: 1 } } } }',
    };
    const text = `include: [compose.yaml]
images:
  own: { context: . }
  web: { needs: [own], flatten: false, args: { B: 2 } }
  child: { extends: web }
groups: { g: [web] }
`;
    const project = await load(text, { files });
    expect(project.images.map(({ name }) => name)).toEqual(['own', 'web', 'child']);
    expect(project.images[2]).toMatchObject({
      source: { build: { context: '/work/w', args: { A: '1', B: '2' } } },
      needs: [{ image: 'own' }],
    });
  });

  it('has its mistakes told at their places', async () => {
    const files = {
      '/work/compose.yaml': `services:
  web:
    extends: x
    image: \${GONE}
    build: { contxt: . , privileged: true, secrets: [tokn] }
secrets: { token: { environment: T } }
`,
      '/work/other.yaml': 'name: x\n',
    };
    expect(await problemsOf('include: [compose.yaml, other.yaml]', { files })).toEqual([
      'compose.yaml:3:5: "extends" of Compose is not followed (write the build of the service there, or in shipper.yaml)',
      'compose.yaml:4:12: the variable GONE is not set (set it, or write ${GONE:-default})',
      'compose.yaml:5:14: the key "contxt" is not known (did you mean context?)',
      'compose.yaml:5:26: the key "privileged" is not known',
      'compose.yaml:5:54: there is no secret "tokn" (did you mean token?)',
      '1:25: other.yaml cannot be included: it is neither a Compose nor a bake file (a Compose file has services, a bake file has target)',
    ]);
  });
});

const BAKE = JSON.stringify(
  {
    variable: { V: { default: '3' }, W: { default: 'w' } },
    group: { default: { targets: ['app', 'tool', '_common'] } },
    target: {
      _common: {
        contexts: { gone: 'x' },
        'no-cache-filter': ['s1'],
        args: { X: '1', Y: '2' },
        'cache-from': ['type=gha'],
        tags: ['never:1'],
      },
      app: {
        inherits: ['_common'],
        context: 'app',
        'dockerfile-inline': 'FROM x',
        dockerfile: 'Dockerfile',
        tags: ['r.example.com/app:${V}-${W}'],
        args: { Y: '3', X: null },
        'no-cache-filter': ['s2'],
        'cache-from': [{ type: 'registry', ref: 'r' }],
        contexts: { b: 'target:tool', gone: '', here: 'cwd://here' },
        attest: ['type=provenance,mode=max', { type: 'sbom', disabled: 'true' }],
        secret: ['id=a,src=sec', { id: 'b', env: 'B' }],
        ssh: [{ id: 'k', paths: ['./k1', '/k2'] }],
        ulimits: ['nofile=1:2'],
        output: ['type=docker'],
      },
      tool: { 'shm-size': '64m', 'no-cache': true },
    },
  },
  undefined,
  1,
);

describe('a bake file in JSON', () => {
  it('is read without docker', async () => {
    const files = {
      '/work/b/docker-bake.json': BAKE,
      '/work/shipper.yaml': 'include: [b/docker-bake.json]',
    };
    const { system, ran } = machine({ files, env: { W: 'z' } });
    const { images, groups } = await loadProject(system);
    expect(ran).toEqual([]);
    expect(groups).toMatchObject([{ name: 'default', images: ['app', 'tool'] }]);
    expect(images).toMatchObject([
      {
        name: 'app',
        source: {
          build: {
            context: '/work/b/app',
            dockerfileInline: 'FROM x',
            args: { X: '1', Y: '3' },
            noCacheFilter: ['s1', 's2'],
            additionalContexts: { here: '/work/b/here' },
            cacheFrom: ['type=gha', 'type=registry,ref=r'],
            provenance: 'mode=max',
            sbom: 'false',
            secrets: [
              { id: 'a', file: '/work/b/sec' },
              { id: 'b', variable: 'B' },
            ],
            ssh: [{ id: 'k', paths: ['/work/b/k1', '/k2'] }],
            ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
          },
        },
        needs: [{ image: 'tool', as: 'b' }],
        references: ['r.example.com/app:3-z'],
      },
      {
        name: 'tool',
        source: { build: { context: '/work/b', noCache: true } },
        references: ['tool:latest'],
      },
    ]);
  });

  it('has its mistakes told at their places', async () => {
    const target = {
      a: { inherits: ['b', 'nope'], wat: 1 },
      b: { inherits: ['a'] },
    };
    const files = { '/work/docker-bake.json': JSON.stringify({ target }, undefined, 2) };
    expect(await problemsOf('include: [docker-bake.json]', { files })).toEqual([
      'docker-bake.json:5:9: targets inherit from each other in a circle: b -> a -> b',
      'docker-bake.json:6:9: there is no target "nope" (there is a, b)',
      'docker-bake.json:8:7: the key "wat" is not known',
      'docker-bake.json:12:9: targets inherit from each other in a circle: a -> b -> a',
    ]);
  });

  it.each([
    ['functions', { function: { f: {} }, target: { a: {} } }],
    ['a matrix', { target: { a: { matrix: { x: ['1'] } } } }],
    ['expressions', { target: { a: { tags: ['x:${upper(V)}'] } } }],
  ])('with %s needs buildx', async (what, bake) => {
    const files = { '/work/docker-bake.json': JSON.stringify(bake) };
    expect(await problemsOf('include: [docker-bake.json]', { files })).toEqual([
      `1:11: docker-bake.json needs docker buildx, as it uses ${what}: there is no such program (install docker buildx; what is simple JSON is read without it)`,
    ]);
  });
});

const HCL = `variable "TAG" { default = "1" }
target "_base" {}
target "app" {
  tags = ["app:\${TAG}"]
}
  target "tool" { }
`;

describe('a bake file in HCL', () => {
  const files = { '/work/b/docker-bake.hcl': HCL };
  const include = 'include: [b/docker-bake.hcl]';
  const buildx = (said: Partial<Ran>) => (command: string, args: readonly string[]) =>
    command === 'git' ? git(args) : { code: 0, stdout: '', stderr: '', ...said };

  it('is what buildx prints, at the places of the file', async () => {
    const printed = {
      group: { default: { targets: ['app', 'tool'] } },
      target: {
        app: {
          context: '.',
          dockerfile: 'Dockerfile',
          tags: ['app:1'],
          args: { A: '$x {git.sha}' },
        },
        tool: { context: '..' },
      },
    };
    const { system, ran } = machine({
      files: { ...files, '/work/shipper.yaml': include },
      run: buildx({ stdout: JSON.stringify(printed) }),
    });
    expect((await loadProject(system)).images).toMatchObject([
      {
        name: 'app',
        source: { build: { context: '/work/b', args: { A: '$x {git.sha}' } } },
        references: ['app:1'],
        place: { file: 'b/docker-bake.hcl', line: 3, column: 1 },
      },
      { name: 'tool', source: { build: { context: '/work' } }, place: { line: 6, column: 3 } },
    ]);
    expect(ran).toEqual(['docker buildx bake --print --file /work/b/docker-bake.hcl app tool']);
  });

  it('has the groups of the file: buildx puts what is asked for into "default"', async () => {
    const print =
      (named: object, usual: object, ...names: readonly string[]) =>
      (_: string, args: readonly string[]) => {
        const group = args.at(-1)?.endsWith('.hcl') ? usual : named;
        const target = Object.fromEntries(names.map((name) => [name, { context: '.' }]));
        return { code: 0, stdout: JSON.stringify({ group, target }), stderr: '' };
      };
    const groupsOf = async (hcl: string, run: ReturnType<typeof print>) => {
      const { groups } = await load(include, { files: { '/work/b/docker-bake.hcl': hcl }, run });
      return groups.map(({ name, images, place }) => [name, ...images, place.line]);
    };
    const grouped = 'target "a" {}\ntarget "b" {}\ngroup "g" {}\ngroup "default" {}\n';
    const named = { default: { targets: ['a', 'b', 'g'] }, g: { targets: ['b'] } };
    const usual = { default: { targets: ['a'] } };
    expect(await groupsOf(grouped, print(named, usual, 'a', 'b'))).toEqual([
      ['default', 'a', 4],
      ['g', 'b', 3],
    ]);
    const single = { default: { targets: ['default'] } };
    expect(await groupsOf('target "default" {}\n', print(single, single, 'default'))).toEqual([]);
  });

  it.each([
    [
      'no buildx',
      { code: 1, stderr: 'docker: unknown command: docker buildx\n' },
      '1:11: docker-bake.hcl needs docker buildx, as it is HCL: this docker has no buildx (install docker buildx; what is simple JSON is read without it)',
    ],
    [
      'a refusal with a place',
      {
        code: 1,
        stderr:
          'x\nERROR: /work/b/docker-bake.hcl:4,3-7: Unsupported argument; An argument named "tagz" is not expected here.\n',
      },
      'b/docker-bake.hcl:4:3: docker buildx refuses it: Unsupported argument; An argument named "tagz" is not expected here',
    ],
    [
      'another refusal',
      { code: 1, stderr: 'ERROR: failed to find target app\n' },
      '1:11: docker buildx refuses docker-bake.hcl: failed to find target app',
    ],
    ['no JSON', { stdout: '{"a": ' }, '1:11: docker buildx printed no JSON for docker-bake.hcl'],
  ])('with %s is told', async (_, said, expected) => {
    const [first, ...rest] = await problemsOf(include, { files, run: buildx(said) });
    expect(rest).toEqual([]);
    expect(first?.startsWith(expected)).toBe(true);
  });
});

describe('files that are included', () => {
  it('one after the other: later ones win, key by key', async () => {
    const files = {
      '/work/a.yaml': 'services: { web: { image: "a:1", build: { context: a, target: t } } }',
      '/work/b.yaml': 'services: { web: { build: { context: b } } }',
    };
    expect((await load('include: [a.yaml, b.yaml]', { files })).images).toMatchObject([
      { source: { build: { context: '/work/b', target: 't' } }, references: ['a:1'] },
    ]);
  });

  it('of no known kind are refused', async () => {
    const files = { '/work/x.toml': '', '/work/dir/x': '' };
    expect(await problemsOf('include: [x.toml, dir]', { files })).toEqual([
      '1:11: x.toml cannot be included: its kind is not known (there is Compose files (.yaml, .yml), docker-bake.json and .hcl)',
      '1:19: dir cannot be included: it is no file',
    ]);
  });
});
