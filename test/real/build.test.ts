// Builds by real builders: BuildKit through buildx on 26.1 with both stores, the classic builder on 20.10.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../src/core/digest.ts';
import type { ShipperError } from '../../src/core/errors.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import { flattenImage } from '../../src/operations/flatten-image.ts';
import type { ParentForm } from '../../src/pipeline/build/builder.ts';
import { isAll } from '../support/amount.ts';
import { sha256 } from '../support/registry-store.ts';
import { type BuildPlace, buildPlace } from './support/builds.ts';
import { ENGINE_KINDS, type EngineKind, type RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { exportTree } from './support/oracles.ts';
import { startRegistry } from './support/registry.ts';
import { run, tryRun } from './support/run.ts';
import { sharedEngine } from './support/shared.ts';
import { imageNames } from './support/shipper.ts';

const BASE = 'busybox:base';

async function engineWithBase(kind: EngineKind): Promise<RunningEngine> {
  const engine = await sharedEngine(kind);
  if (!(await imageNames(engine)).includes(BASE)) await busyboxImage(engine, BASE);
  return engine;
}

/** Puts a result into the engine under a name of the test's own, and returns what is in it. */
async function filesOf(
  place: BuildPlace,
  engine: RunningEngine,
  source: string,
): Promise<readonly string[]> {
  const destination = 'docker-daemon:built:1';
  await copyImage(place.system, place.ctx, { source, destination });
  return exportTree(engine, 'built:1');
}

/** A builder makes folders anew, each with the time at which it does. */
function withoutFolderTimes(tree: readonly string[]): readonly string[] {
  return tree.map((line) => line.replace(/^(.* d [0-7]+ \d+:\d+) \d+$/, '$1'));
}

/** Runs a command in a result. */
async function runIn(
  place: BuildPlace,
  engine: RunningEngine,
  source: string,
  ...command: readonly string[]
): Promise<string> {
  const destination = 'docker-daemon:built:1';
  await copyImage(place.system, place.ctx, { source, destination });
  return engine.cli('run', '--rm', '--network=none', 'built:1', ...command);
}

/** What has no name is the cache of a classic build. */
async function namedImages(engine: RunningEngine): Promise<readonly string[]> {
  return (await imageNames(engine)).filter((name) => !name.startsWith('<none>'));
}

async function refusal(promise: Promise<unknown>): Promise<ShipperError> {
  return promise.then(
    () => {
      throw new Error('it was built');
    },
    (error: ShipperError) => error,
  );
}

const NAMES: Readonly<Record<EngineKind, RegExp>> = {
  '20.10': /^buildx [\d.]+ \(Docker Engine 20\.10\.\S+, graph-driver store\); the classic builder/,
  '26.1': /^buildx [\d.]+ \(Docker Engine 26\.1\.\S+, graph-driver store\)$/,
  '26.1-containerd': /^buildx [\d.]+ \(Docker Engine 26\.1\.\S+, containerd store\)$/,
};

/** The builder that is usual on each engine; all of them where everything is repeated. */
const WAYS = ENGINE_KINDS.flatMap((kind) => [
  [kind, 'auto'] as const,
  [kind, 'classic'] as const,
]).filter(([kind, way]) => isAll() || (way === 'classic') === (kind === '20.10'));

describe.each(ENGINE_KINDS)('the builder of Docker Engine %s', (kind) => {
  it('is found and told', async () => {
    const engine = await engineWithBase(kind);
    await using place = await buildPlace(engine, { files: { 'shipper.yaml': 'images: {}' } });
    expect(place.builder.name).toMatch(NAMES[kind]);
    expect(place.events).toContainEqual(
      expect.objectContaining({ message: `Builds run with ${place.builder.name}` }),
    );
  });
});

describe.each(WAYS)('a build on Docker Engine %s (%s)', (engineKind, kind) => {
  it('takes stages, target, arguments and labels, and leaves nothing behind', async () => {
    const engine = await engineWithBase(engineKind);
    const before = await namedImages(engine);
    const files = {
      'shipper.yaml': `
images:
  app:
    context: ./app
    dockerfile: docker/App.Dockerfile
    target: small
    args: { WHAT: "a $$b $$\{{c}}", EMPTY: "" }
    labels: { a.b: "x \\"y\\" %{z}" }
`,
      'app/docker/App.Dockerfile': `
FROM ${BASE} AS builder
ARG WHAT
RUN mkdir /out && echo "got $WHAT" > /out/what
FROM ${BASE} AS small
COPY --from=builder /out /in
COPY hello /in/hello
FROM small AS other
RUN false
`,
      'app/hello': 'hello\n',
    };
    {
      await using place = await buildPlace(engine, { files, kind });
      const { source } = await place.build('app');
      expect(await runIn(place, engine, source, 'cat', '/in/what', '/in/hello')).toBe(
        'got a $b ${{c}}\nhello\n',
      );
      const said = await engine.cli('inspect', '-f', '{{index .Config.Labels "a.b"}}', 'built:1');
      expect(said.trim()).toBe('x "y" %{z}');
      expect(place.log.join('\n')).toMatch(/mkdir \/out/);
      await engine.cli('rmi', 'built:1');
    }
    expect(await namedImages(engine)).toEqual(before);
  });

  it('tells the step that failed with the end of its log', async () => {
    const engine = await engineWithBase(engineKind);
    const files = {
      'shipper.yaml': 'images: { app: { context: . } }',
      Dockerfile: `FROM ${BASE}\nRUN echo first\nRUN for i in $(seq 30); do echo line $i; done; exit 7\n`,
    };
    await using place = await buildPlace(engine, { files, kind });
    const error = await refusal(place.build('app'));
    expect(error.code).toBe('BUILD');
    expect(error.message).toMatch(/^Cannot build image "app": .*\b7$/);
    expect(error.details.image).toBe('app');
    expect(error.details.log?.length).toBeLessThanOrEqual(20);
    expect(error.details.log?.join('\n')).toMatch(/line 29\nline 30/);
    expect(error.details.log?.join('\n')).not.toMatch(/first/);
  });

  it('sends the files that the docker command sends', async () => {
    const engine = await engineWithBase(engineKind);
    const files = {
      'shipper.yaml': 'images: { app: { context: ctx } }',
      'ctx/Dockerfile': `FROM ${BASE}\nCOPY . /ctx\n`,
      'ctx/.dockerignore':
        '# a comment\n*.log\n!keep.log\nsecret/*\n!secret/open.txt\n**/node_modules\n/docs/**/*.md\n!docs/README.md\nempty\n',
      'ctx/a.txt': 'a',
      'ctx/x.log': 'x',
      'ctx/keep.log': 'keep',
      'ctx/sub/y.log': 'y',
      'ctx/secret/closed.txt': 's',
      'ctx/secret/open.txt': 'o',
      'ctx/web/node_modules/m/index.js': 'm',
      'ctx/web/app.js': 'app',
      'ctx/docs/README.md': 'readme',
      'ctx/docs/deep/er/x.md': 'deep',
      'ctx/docs/deep/er/x.png': 'png',
      'ctx/empty/x': 'x',
      'ctx/ümlaut ß/日本': 'names',
      [`ctx/long/${'n'.repeat(150)}/${'m'.repeat(120)}`]: 'long',
    };
    await using place = await buildPlace(engine, { files, kind });
    symlinkSync('a.txt', join(place.folder, 'ctx/link'));
    symlinkSync('/no/such', join(place.folder, 'ctx/dangling'));
    chmodSync(join(place.folder, 'ctx/web/app.js'), 0o4755);
    const { source } = await place.build('app', { noCache: true });
    const ours = withoutFolderTimes(await filesOf(place, engine, source));
    const env = { ...engine.env, DOCKER_BUILDKIT: kind === 'classic' ? '0' : '1' };
    const args = ['build', '--no-cache', '-t', 'reference:1', join(place.folder, 'ctx')];
    await run('docker', args, { env });
    expect(ours).toEqual(withoutFolderTimes(await exportTree(engine, 'reference:1')));
    expect(ours).toContainEqual(expect.stringMatching(/^ctx\/docs\/deep\/er\/x.png f/));
    await engine.cli('rmi', 'built:1', 'reference:1');
  });
});

describe.each([
  '20.10',
  '26.1',
  '26.1-containerd',
] as const)('BuildKit of Docker Engine %s', (engineKind) => {
  it('gives secrets to steps and shows them nowhere', async () => {
    const engine = await engineWithBase(engineKind);
    const [word, first, second] = ['open-sesame-4711', 'line-one-of-key', 'line-two-of-key'];
    const files = {
      'shipper.yaml': `
images:
  app:
    context: .
    secrets: [{ id: word, env: WORD }, { id: key, file: key.pem }]
`,
      'key.pem': `${first}\n${second}\n`,
      '.dockerignore': 'key.pem',
      Dockerfile: `FROM ${BASE}
RUN --mount=type=secret,id=word --mount=type=secret,id=key cat /run/secrets/word /run/secrets/key; sha256sum /run/secrets/* > /sums; echo ${word}
`,
    };
    await using place = await buildPlace(engine, { files, env: { WORD: word } });
    const { source } = await place.build('app');
    const sums = await runIn(place, engine, source, 'cat', '/sums');
    expect(sums).toContain(sha256(Buffer.from(word)).slice(7));
    expect(sums).toContain(sha256(Buffer.from(`${first}\n${second}\n`)).slice(7));
    const said = [...place.log, ...place.events.map((event) => JSON.stringify(event))].join('\n');
    expect(said).toContain('***');
    for (const secret of [word, first, second]) expect(said).not.toContain(secret);
    await engine.cli('rmi', 'built:1');
  });

  it('ends with its steps when it is cancelled', async () => {
    const engine = await engineWithBase(engineKind);
    const files = {
      'shipper.yaml': 'images: { app: { context: . } }',
      Dockerfile: `FROM ${BASE}\nRUN echo begun; sleep 300\n`,
    };
    const controller = new AbortController();
    const before = await namedImages(engine);
    await using place = await buildPlace(engine, { files, signal: controller.signal });
    const log = (line: string) => {
      if (line.endsWith('begun')) controller.abort();
    };
    const started = performance.now();
    const error = await refusal(place.build('app', { log }));
    expect(error.code).toBe('INTERRUPTED');
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await namedImages(engine)).toEqual(before);
    expect(await tryRun('pgrep', ['-f', `bake.*${place.folder}`])).toMatchObject({ status: 1 });
  });
});

describe.each(WAYS)('a Dockerfile on Docker Engine %s (%s)', (engineKind, kind) => {
  it('may lie elsewhere, or in shipper.yaml, and is not part of the context', async () => {
    const engine = await engineWithBase(engineKind);
    const files = {
      'shipper.yaml': `
images:
  beside: { context: ctx, dockerfile: ../App }
  inline:
    context: ctx
    dockerfile_inline: |
      FROM ${BASE}
      COPY . /ctx
`,
      App: `FROM ${BASE}\nCOPY . /ctx\n`,
      'ctx/a': 'a',
    };
    await using place = await buildPlace(engine, { files, kind });
    for (const name of ['beside', 'inline']) {
      const { source } = await place.build(name);
      expect(await runIn(place, engine, source, 'ls', '-A', '/ctx')).toBe('a\n');
    }
    await engine.cli('rmi', 'built:1');
  });
});

describe('BuildKit', () => {
  it.each([
    '20.10',
    '26.1',
  ] as const)('forwards an SSH agent on Docker Engine %s', async (engineKind) => {
    const engine = await engineWithBase(engineKind);
    const socket = join(engine.directory, 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      await expect.poll(() => existsSync(socket)).toBe(true);
      const files = {
        'shipper.yaml': 'images: { app: { context: ., ssh: [default] } }',
        Dockerfile: `FROM ${BASE}\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo there > /agent\n`,
      };
      const env = { SSH_AUTH_SOCK: socket };
      await using place = await buildPlace(engine, { files, env });
      const { source } = await place.build('app');
      expect(await runIn(place, engine, source, 'cat', '/agent')).toBe('there\n');
      await engine.cli('rmi', 'built:1');
    } finally {
      agent.kill();
    }
  });

  const TWO = {
    'shipper.yaml': 'images: { app: { context: ., platforms: [linux/amd64, linux/arm64] } }',
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n',
    'amd64/a': 'amd64',
    'arm64/a': 'arm64',
  };

  it('builds for several platforms where the store keeps them', async () => {
    const engine = await engineWithBase('26.1-containerd');
    await using place = await buildPlace(engine, { files: TWO });
    const { source, platforms, digest } = await place.build('app');
    expect(platforms).toEqual(['linux/amd64', 'linux/arm64']);
    const outputs = [`oci:${place.folder}/flat`];
    const flat = await flattenImage(place.system, place.ctx, { source, outputs });
    expect(flat.images.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
    const index = await run('skopeo', ['inspect', '--raw', source]);
    expect(sha256(Buffer.from(index))).toBe(digest);
  });

  it('refuses several platforms elsewhere', async () => {
    const engine = await engineWithBase('26.1');
    await using place = await buildPlace(engine, { files: TWO });
    expect(await refusal(place.build('app'))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/with "platforms": .* makes one platform at a time$/),
    });
  });
});

describe('the classic builder', () => {
  it('pulls base images with the logins of the docker command', async () => {
    const engine = await engineWithBase('20.10');
    const login = { user: 'me', password: 'open-sesame' };
    await using registry = await startRegistry({ login });
    const base = `${registry.address}/private:1`;
    await engine.cli(
      'login',
      '--username',
      login.user,
      '--password',
      login.password,
      registry.address,
    );
    await engine.cli('tag', BASE, base);
    await engine.cli('push', base);
    await engine.cli('rmi', base);
    const files = {
      'shipper.yaml': 'images: { app: { context: . } }',
      Dockerfile: `ARG WHERE=${registry.address}\nFROM $WHERE/private:1\nRUN echo x > /x\n`,
    };
    await using place = await buildPlace(engine, { files, kind: 'classic' });
    await place.build('app');
    await engine.cli('rmi', base);
    await engine.cli('logout', registry.address);
    const error = await refusal(place.build('app', { pull: true }));
    expect([error.code, error.message]).toEqual(['BUILD', expect.stringMatching(/private/)]);
    expect(JSON.stringify([place.log, place.events])).not.toContain(login.password);
  });

  it('refuses secrets by the key', async () => {
    const engine = await engineWithBase('20.10');
    const files = {
      'shipper.yaml': 'images: { app: { context: ., secrets: [{ id: word, env: WORD }] } }',
      Dockerfile: `FROM ${BASE}`,
    };
    await using place = await buildPlace(engine, { files, kind: 'classic', env: { WORD: 'abc' } });
    expect(await refusal(place.build('app'))).toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'Cannot build image "app" with "secrets": the classic builder cannot pass secrets to a build',
      hint: expect.stringContaining('buildx'),
    });
  });

  it('ends with its steps when it is cancelled', async () => {
    const engine = await engineWithBase('20.10');
    const files = {
      'shipper.yaml': 'images: { app: { context: . } }',
      Dockerfile: `FROM ${BASE}\nRUN echo begun; sleep 300\n`,
    };
    const controller = new AbortController();
    const { signal } = controller;
    await using place = await buildPlace(engine, { files, kind: 'classic', signal });
    const log = (line: string) => {
      if (line === 'begun') controller.abort();
    };
    expect(await refusal(place.build('app', { log }))).toMatchObject({ code: 'INTERRUPTED' });
    // The engine removes the container of the step by itself, a moment later.
    await expect.poll(() => engine.cli('ps', '--all', '--quiet'), { timeout: 15_000 }).toBe('');
  });
});

describe.each(WAYS)('a child on Docker Engine %s (%s)', (engineKind, kind) => {
  it('is built on the flattened form of its parent, wherever that lies', async () => {
    const engine = await engineWithBase(engineKind);
    const before = await namedImages(engine);
    const files = {
      'shipper.yaml': `
images:
  base: { context: base }
  app:
    context: app
    needs: [base]
    additional_contexts: { other: "target:base" }
    args: { FROM: base }
`,
      'base/Dockerfile': `FROM ${BASE}\nRUN echo one > /one\nRUN echo two > /two && rm /one\nENV WHO=base\n`,
      'app/Dockerfile':
        'ARG FROM=nothing\nFROM $FROM AS mine\nRUN test ! -e /one && cat /two > /mine\nFROM --platform=linux/amd64 base:latest\nCOPY --from=mine /mine /mine\nCOPY --from=other /two /two-again\n',
    };
    {
      await using place = await buildPlace(engine, { files, kind });
      const base = await place.build('base');
      const layout = await flattenTo(place, base.source, 'oci:flat:base');
      const archive = await flattenTo(place, base.source, 'oci-archive:flat.tar');
      const daemon = await flattenTo(place, base.source, 'docker-daemon:flat-base:1');
      for (const parent of [
        { ...layout, source: `oci:${place.folder}/flat:base` },
        { ...archive, source: `oci-archive:${place.folder}/flat.tar` },
        daemon,
      ]) {
        const app = await place.build('app', { parents: [parent] });
        const ran = await runIn(place, engine, app.source, 'cat', '/mine', '/two-again', '/two');
        expect(ran).toBe('two\ntwo\ntwo\n');
        const flat = await diffIds(engine, 'flat-base:1');
        expect((await diffIds(engine, 'built:1'))[0]).toBe(flat[0]);
        expect(flat).toHaveLength(1);
      }
      await engine.cli('rmi', 'built:1', 'flat-base:1');
    }
    expect(await namedImages(engine)).toEqual(before);
  });
});

async function flattenTo(place: BuildPlace, source: string, output: string): Promise<ParentForm> {
  const report = await flattenImage(place.system, place.ctx, { source, outputs: [output] });
  const [image] = report.images;
  const isEngine = output.startsWith('docker-daemon:');
  const digest = (isEngine ? image?.configDigest : image?.manifestDigest) as Digest;
  return { image: 'base', source: output, digest, reference: 'base:latest' };
}

async function diffIds(engine: RunningEngine, name: string): Promise<readonly string[]> {
  return JSON.parse(await engine.cli('inspect', '-f', '{{json .RootFS.Layers}}', name));
}
