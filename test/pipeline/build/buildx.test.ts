// A build with buildx, whose docker command is a function: what it is told, what becomes of what it says.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDigest } from '../../../src/core/digest.ts';
import { ShipperError } from '../../../src/core/errors.ts';
import type { BuilderOptions, ParentForm } from '../../../src/pipeline/build/builder.ts';
import { findBuilder } from '../../../src/pipeline/build/find-builder.ts';
import { failureOf } from '../../engine/support.ts';
import { type FakeEngineOptions, startFakeEngine } from '../../support/engine-server.ts';
import { type Bench, bench, buildx, type FakeDocker, notes } from './bench.ts';
import { imageOf } from './images.ts';

interface Target {
  readonly output: readonly string[];
  readonly tags?: readonly string[];
  readonly contexts?: Readonly<Record<string, string>>;
  readonly secret?: readonly string[];
  readonly pull?: boolean;
}

const targetOf = (input: string): Target => JSON.parse(input).target.image;

/** A build that goes well. */
const WELL: NonNullable<FakeDocker['bake']> = ({ args }) => {
  const file = args.find((arg) => arg.startsWith('--metadata-file='))?.slice(16) ?? '';
  writeFileSync(
    file,
    JSON.stringify({ image: { 'containerimage.digest': `sha256:${'a'.repeat(64)}` } }),
  );
  return 0;
};

const IN_ARCHIVE: FakeEngineOptions = { version: '29.0.0', store: 'containerd' };
const IN_ENGINE: FakeEngineOptions = { version: '26.1.5' };

async function withBuilder<T>(
  docker: FakeDocker,
  engine: FakeEngineOptions,
  work: (
    place: Bench,
    builder: Awaited<ReturnType<typeof findBuilder>>,
    fake: Awaited<ReturnType<typeof startFakeEngine>>,
  ) => Promise<T>,
  options: BuilderOptions & Parameters<typeof bench>[1] = {},
): Promise<T> {
  await using fake = await startFakeEngine(engine);
  using place = bench({ run: buildx(), ...docker }, options);
  await using builder = await findBuilder(place.system, place.ctx, { host: fake.host });
  // Awaited here: they are disposed when this returns.
  return await work(place, builder, fake);
}

const inApp = (place: Bench, more: Parameters<typeof imageOf>[0] = {}) => ({
  context: join(place.place.folder, 'app'),
  ...more,
});

describe('a build with buildx', () => {
  it('becomes an archive where the builder writes one', async () => {
    await withBuilder({ bake: WELL }, IN_ARCHIVE, async (place, builder) => {
      const request = place.request(
        imageOf(inApp(place, { platforms: ['linux/amd64', 'linux/arm64'] })),
      );
      const result = await builder.build(place.ctx, request);
      const { args, input, env } = place.runs.at(-1) ?? { args: [], input: '', env: {} };
      expect(args).toEqual([
        ...['buildx', 'bake', '--file', '-', '--progress=rawjson'],
        ...[`--metadata-file=${request.folder}/metadata.json`, 'image'],
      ]);
      expect(env).toMatchObject({ BUILDX_BAKE_ENTITLEMENTS_FS: '0' });
      const { output, tags } = targetOf(input);
      expect([output, tags]).toEqual([[`type=oci,dest=${request.folder}/image.tar`], undefined]);
      expect(result).toMatchObject({
        source: `oci-archive:${request.folder}/image.tar`,
        platforms: ['linux/amd64', 'linux/arm64'],
        digest: `sha256:${'a'.repeat(64)}`,
      });
    });
  });

  it('is not compressed where it is flattened next', async () => {
    await withBuilder({ bake: WELL }, IN_ARCHIVE, async (place, builder) => {
      const image = { ...imageOf(inApp(place)), flatten: {} };
      await builder.build(place.ctx, place.request(image));
      expect(targetOf(place.runs.at(-1)?.input ?? '').output[0]).toMatch(
        /,compression=uncompressed$/,
      );
    });
  });

  it('becomes an image of the engine elsewhere, whose name goes when it is disposed', async () => {
    await withBuilder({ bake: WELL }, IN_ENGINE, async (place, builder, fake) => {
      const result = await builder.build(place.ctx, place.request(imageOf(inApp(place))));
      const [tag = ''] = targetOf(place.runs.at(-1)?.input ?? '').tags ?? [];
      expect(tag).toMatch(/^shipper-tmp:\w+-\d+-\d+-[0-9a-f]{12}$/);
      expect(result.source).toBe(`docker-daemon:${tag}`);
      fake.images.add({ tags: [tag], tar: new Uint8Array(1) });
      await result[Symbol.asyncDispose]();
      expect(fake.images.find(tag)).toBeUndefined();
    });
  });

  it('sees its parents under temporary names of the engine', async () => {
    const parents: ParentForm[] = [];
    let during: readonly string[] = [];
    const bake: FakeDocker['bake'] = (run, options) => {
      during = Object.values(targetOf(run.input).contexts ?? {});
      return WELL(run, options);
    };
    await withBuilder({ bake }, IN_ENGINE, async (place, builder, fake) => {
      const { id } = fake.images.add({ tags: ['flat:1'], tar: new Uint8Array(1) });
      parents.push({
        image: 'base',
        source: 'docker-daemon:flat:1',
        digest: parseDigest(id, 'a test'),
        reference: 'h/base:1',
      });
      const needs = [
        { image: 'base', as: 'base' },
        { image: 'base', as: 'again' },
        { image: 'only-first' },
      ];
      const image = imageOf(inApp(place, { pull: true }), needs);
      await builder.build(place.ctx, place.request(image, { parents }));
      expect(new Set(during).size).toBe(1);
      expect(during[0]).toMatch(/^docker-image:\/\/shipper-tmp:/);
      expect(targetOf(place.runs.at(-1)?.input ?? '').pull).toBeUndefined();
      expect(notes(place.ctx).at(-1)).toMatch(
        /^base images of app are taken as they are in the engine/,
      );
      // The name that was given for the build alone is gone.
      expect(fake.images.images.get(id)?.tags).toEqual(['flat:1']);
    });
  });

  it('sees a parent in the layout in which it lies', async () => {
    await withBuilder({ bake: WELL }, IN_ARCHIVE, async (place, builder) => {
      const digest = parseDigest(`sha256:${'b'.repeat(64)}`, 'a test');
      const parent = { image: 'base', source: 'oci:/flat/base:x', digest, reference: 'h/base:1' };
      const image = imageOf(inApp(place, { pull: true }), [{ image: 'base', as: 'base' }]);
      await builder.build(place.ctx, place.request(image, { parents: [parent] }));
      expect(targetOf(place.runs.at(-1)?.input ?? '')).toMatchObject({
        contexts: { base: `oci-layout:///flat/base@${digest}` },
        pull: true,
      });
    });
  });

  it('fails with the step that failed, and leaves no name', async () => {
    const step = { digest: 'a', name: '[1/1] RUN make' };
    const bake: FakeDocker['bake'] = (_, { onError }) => {
      const log = { vertex: 'a', data: Buffer.from('no rule for hunter2\n').toString('base64') };
      onError?.(JSON.stringify({ vertexes: [{ ...step, started: 'x' }], logs: [log] }));
      onError?.(JSON.stringify({ vertexes: [{ ...step, error: 'exit code: 2' }] }));
      return 1;
    };
    const options = { env: { WORD: 'hunter2' } };
    await withBuilder(
      { bake },
      IN_ENGINE,
      async (place, builder, fake) => {
        const build = inApp(place, { secrets: [{ id: 'word', variable: 'WORD' }] });
        const error = await failureOf(builder.build(place.ctx, place.request(imageOf(build))));
        expect(error).toMatchObject({
          code: 'BUILD',
          message: 'Cannot build image "app": [1/1] RUN make: exit code: 2',
          details: { image: 'app', log: ['no rule for ***'] },
        });
        expect(place.log).toContain('[1/1] no rule for ***');
        expect(fake.requests.some(({ method }) => method === 'DELETE')).toBe(true);
        const told = JSON.stringify([place.runs, place.log, place.ctx.events]);
        expect(told).not.toContain('hunter2');
        expect(targetOf(place.runs.at(-1)?.input ?? '').secret).toEqual(['id=word,env=WORD']);
      },
      options,
    );
  });

  it('is stopped', async () => {
    const bake: FakeDocker['bake'] = async () => {
      throw new ShipperError('INTERRUPTED', 'Cannot go on: the run was cancelled');
    };
    await withBuilder({ bake }, IN_ENGINE, async (place, builder, fake) => {
      const error = await failureOf(builder.build(place.ctx, place.request(imageOf(inApp(place)))));
      expect(error.code).toBe('INTERRUPTED');
      expect(fake.requests.some(({ method }) => method === 'DELETE')).toBe(true);
    });
  });

  it.each<readonly [string, Parameters<typeof imageOf>[0], object]>([
    [
      'a variable that is not set',
      { secrets: [{ id: 'a', variable: 'NOPE' }] },
      {
        code: 'USAGE',
        message: 'Cannot build image "app": its secret "a" is the variable NOPE, which is not set',
        hint: 'Set NOPE, or give the secret a file',
      },
    ],
    [
      'a secret that is not there',
      { secrets: [{ id: 'a', file: '/no/such' }] },
      {
        code: 'USAGE',
        message:
          'Cannot build image "app": its secret "a" cannot be read: /no/such: there is no such file or folder (ENOENT)',
      },
    ],
    [
      'a context that is not there',
      { context: '/no/such' },
      { code: 'USAGE', message: 'Cannot build image "app": its context /no/such is not there' },
    ],
    [
      'a Dockerfile that is not there',
      { dockerfile: '/no/such' },
      { code: 'USAGE', message: 'Cannot build image "app": there is no Dockerfile /no/such' },
    ],
    [
      'several platforms in a store that keeps one',
      { platforms: ['linux/amd64', 'linux/arm64'] },
      {
        code: 'UNSUPPORTED',
        message:
          'Cannot build image "app" with "platforms": buildx 0.20.1 (Docker Engine 26.1.5, graph-driver store) makes one platform at a time',
      },
    ],
    [
      'a key that this buildx passes over',
      { extraHosts: ['a=1.2.3.4'] },
      {
        code: 'UNSUPPORTED',
        message:
          'Cannot build image "app" with "extra_hosts": docker buildx 0.20.1 does not know it in a definition',
        hint: 'Update docker buildx',
      },
    ],
  ])('is not begun with %s', async (_, build, error) => {
    await withBuilder({ bake: WELL }, IN_ENGINE, async (place, builder) => {
      const request = place.request(imageOf(inApp(place, build)));
      expect(await failureOf(builder.build(place.ctx, request))).toMatchObject(error);
      expect(existsSync(join(request.folder, 'metadata.json'))).toBe(false);
    });
  });
});
