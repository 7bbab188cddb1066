// A classic build on the fake engine: what is sent, what is refused, what stays.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { BuildChoice, Need } from '../../../src/config/types.ts';
import { parseDigest } from '../../../src/core/digest.ts';
import type { Builder, BuildRequest } from '../../../src/pipeline/build/builder.ts';
import { findBuilder } from '../../../src/pipeline/build/find-builder.ts';
import { collect, failureOf } from '../../engine/support.ts';
import { type FakeEngine, startFakeEngine } from '../../support/engine-server.ts';
import { type Bench, bench } from './bench.ts';
import { imageOf } from './images.ts';

type Context = Readonly<Record<string, string>>;

/** Runs `work` with the classic builder of a fake engine and a folder `app`. */
async function withClassic(
  context: Context,
  work: (place: Bench, builder: Builder, fake: FakeEngine) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await using fake = await startFakeEngine();
  using place = bench({}, { context, env });
  await using builder = await findBuilder(place.system, place.ctx, {
    host: fake.host,
    kind: 'classic',
  });
  await work(place, builder, fake);
}

const ask = (
  place: Bench,
  build: Partial<BuildChoice> = {},
  needs: readonly Need[] = [],
  more: Partial<BuildRequest> = {},
): BuildRequest =>
  place.request(imageOf({ context: join(place.place.folder, 'app'), ...build }, needs), more);

/** The context of the last build, as its image holds it. */
async function sent(fake: FakeEngine, name: string): Promise<Record<string, string>> {
  const [diffId = ''] = fake.images.find(name)?.diffIds ?? [];
  const reader = extract();
  reader.end(fake.images.layers.get(diffId));
  const found: Record<string, string> = {};
  for await (const entry of reader) {
    const bytes = await collect(entry as AsyncIterable<Uint8Array>);
    found[entry.header.name] = bytes.toString('utf8');
  }
  return found;
}

function lastQuery(fake: FakeEngine): URLSearchParams {
  const url = fake.requests.findLast((request) => request.url.includes('/build?'))?.url ?? '';
  return new URL(url, 'http://engine').searchParams;
}

const nameOf = (source: string) => source.replace(/^docker-daemon:/, '');

describe('a classic build', () => {
  it('sends the folder as it is, and every key that it can', async () => {
    const context = { Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'content', 'b.log': 'log' };
    await withClassic(
      { ...context, '.dockerignore': '*.log\nDockerfile\n' },
      async (place, builder, fake) => {
        const build = {
          target: 'small',
          args: { A: 'b' },
          labels: { c: 'd' },
          network: 'none',
          pull: true,
          noCache: true,
          extraHosts: ['one=1.2.3.4', 'six=::1'],
          shmSizeBytes: 1024,
          ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
          cacheFrom: ['h/c:1', 'type=registry,ref=h/d'],
          platforms: ['linux/arm64'],
          provenance: 'false',
        };
        const result = await builder.build(place.ctx, ask(place, build));
        const query = lastQuery(fake);
        expect(query.getAll('extrahosts')).toEqual(['one:1.2.3.4', 'six:::1']);
        expect(Object.fromEntries(query)).toMatchObject({
          version: '1',
          t: nameOf(result.source),
          dockerfile: 'Dockerfile',
          rm: '1',
          forcerm: '1',
          target: 'small',
          buildargs: '{"A":"b"}',
          labels: '{"c":"d"}',
          networkmode: 'none',
          pull: '1',
          nocache: '1',
          shmsize: '1024',
          ulimits: '[{"Name":"nofile","Soft":1,"Hard":2}]',
          cachefrom: '["h/c:1","h/d"]',
          platform: 'linux/arm64',
        });
        expect(await sent(fake, nameOf(result.source))).toEqual({
          '.dockerignore': '*.log\nDockerfile\n',
          Dockerfile: context.Dockerfile,
          a: 'content',
        });
        expect(place.log).toContain('Step 1/2 : FROM scratch');
        expect(result.digest).toBe(fake.images.find(nameOf(result.source))?.id);
        await result[Symbol.asyncDispose]();
        expect(fake.images.images.size).toBe(0);
        expect(fake.requests.at(-1)?.url).toMatch(/noprune=1/);
      },
    );
  });

  it.each<readonly [string, Context, (folder: string) => Partial<BuildChoice>, string]>([
    [
      'beside its context',
      { a: 'a' },
      (folder) => ({ dockerfile: `${folder}/App` }),
      '.dockerignore\n',
    ],
    [
      'in shipper.yaml',
      { a: 'a' },
      () => ({ dockerfileInline: 'FROM scratch\n' }),
      '.dockerignore\n',
    ],
    [
      'in shipper.yaml, with a .dockerignore',
      { a: 'a', '.dockerignore': '# x\nb' },
      () => ({ dockerfileInline: 'FROM scratch\n' }),
      '# x\nb\n',
    ],
  ])('takes a Dockerfile that lies %s', async (_, context, build, ignored) => {
    await withClassic(context, async (place, builder, fake) => {
      writeFileSync(join(place.place.folder, 'App'), 'FROM scratch\n');
      const { source } = await builder.build(place.ctx, ask(place, build(place.place.folder)));
      expect(await sent(fake, nameOf(source))).toEqual({
        a: 'a',
        '.dockerfile.shipper': 'FROM scratch\n',
        '.dockerignore': `${ignored}.dockerfile.shipper\n`,
      });
      expect(lastQuery(fake).get('dockerfile')).toBe('.dockerfile.shipper');
    });
  });

  it('has its parent in FROM, and touches no name of the user', async () => {
    await withClassic(
      { Dockerfile: 'FROM base AS x\nCOPY --from=base /a /b\n' },
      async (place, builder, fake) => {
        const { id } = fake.images.add({ tags: ['base:latest'], tar: new Uint8Array(1) });
        const flat = fake.images.add({
          tags: ['flat:1'],
          tar: new Uint8Array(2),
          config: { a: 1 },
        });
        const digest = parseDigest(flat.id, 'a test');
        const parent = {
          image: 'base',
          source: 'docker-daemon:flat:1',
          digest,
          reference: 'h/base:1',
        };
        // What the step copies is in its parent: the fake looks for it in the context only.
        fake.fault('build', { kind: 'errorDetail', message: 'x' });
        const needs = [{ image: 'base', as: 'base' }];
        await failureOf(builder.build(place.ctx, ask(place, {}, needs, { parents: [parent] })));
        const tagged = fake.requests
          .filter(({ url }) => url.includes('/tag?'))
          .map(({ url }) => url);
        expect(tagged).toEqual([expect.stringMatching(/\/flat:1\/tag\?repo=shipper-tmp&tag=/)]);
        expect(fake.images.images.get(id)?.tags).toEqual(['base:latest']);
        expect(fake.images.images.get(flat.id)?.tags).toEqual(['flat:1']);
      },
    );
  });

  it('gives the engine the logins of its base images, and of no others', async () => {
    const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
    const auths = { 'h.example': auth('me:word>>?'), 'other.example': auth('no:no') };
    const context = { Dockerfile: 'FROM h.example/a AS x\nFROM scratch\n' };
    const work = async (place: Bench, builder: Builder, fake: FakeEngine) => {
      await builder.build(place.ctx, ask(place));
      const build = fake.requests.find(({ url }) => url.includes('/build?'));
      const header = String(build?.headers['x-registry-config']);
      expect(header).toMatch(/^[\w=-]+$/);
      expect(JSON.parse(Buffer.from(header, 'base64').toString('utf8'))).toEqual({
        'h.example': { username: 'me', password: 'word>>?' },
      });
    };
    await withClassic(context, work, { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) });
  });

  it('fails with the words of the engine and the last lines', async () => {
    await withClassic(
      { Dockerfile: 'FROM scratch\nCOPY none /\n' },
      async (place, builder, fake) => {
        expect(await failureOf(builder.build(place.ctx, ask(place)))).toMatchObject({
          code: 'BUILD',
          message: 'Cannot build image "app": COPY failed: none: no such file or directory',
          details: { image: 'app', log: [] },
        });
        expect(fake.images.images.size).toBe(0);
      },
    );
  });

  it('passes on that the engine is not there', async () => {
    await withClassic({ Dockerfile: 'FROM scratch\n' }, async (place, builder, fake) => {
      await fake.stop();
      expect(await failureOf(builder.build(place.ctx, ask(place)))).toMatchObject({
        code: 'ENGINE_UNREACHABLE',
      });
    });
  });

  it.each<readonly [string, Partial<BuildChoice>, string]>([
    ['secrets', { secrets: [{ id: 'a', variable: 'A' }] }, 'cannot pass secrets to a build'],
    ['ssh', { ssh: [{ id: 'default', paths: [] }] }, 'cannot forward SSH agents'],
    ['platforms', { platforms: ['a/b', 'c/d'] }, 'builds for one platform at a time'],
    ['additional_contexts', { additionalContexts: { a: '/b' } }, 'knows no named contexts'],
    ['context', { contextKind: 'remote' }, 'is only given folders here'],
    ['cache_to', { cacheTo: ['type=inline'] }, 'exports no cache'],
    ['cache_from', { cacheFrom: ['type=gha'] }, 'takes its cache from images only'],
    ['no_cache_filter', { noCacheFilter: ['a'] }, 'has one cache for all stages'],
    ['entitlements', { entitlements: ['network.host'] }, 'has no entitlements'],
    ['annotations', { annotations: ['a=b'] }, 'writes no annotations'],
    ['provenance', { provenance: 'mode=max' }, 'makes no attestations'],
    ['sbom', { sbom: 'true' }, 'makes no attestations'],
  ])('refuses %s by its name', async (key, build, state) => {
    await withClassic({}, async (place, builder, fake) => {
      expect(await failureOf(builder.build(place.ctx, ask(place, build)))).toMatchObject({
        code: 'UNSUPPORTED',
        message: `Cannot build image "app" with "${key}": the classic builder ${state}`,
        hint: expect.stringMatching(/^Install docker buildx/),
      });
      expect(fake.requests.some(({ url }) => url.includes('/build?'))).toBe(false);
    });
  });
});
