// What every registry must do that shipper talks to, with the client between. The fake passes it in test/registry, the
// real one of Debian in test/real.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { parseDigest } from '../../src/core/digest.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/image/media-types.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { sha256 } from '../support/registry-store.ts';

/** An empty registry under the contract. Disposed at the end. */
export interface RegistrySubject extends AsyncDisposable {
  readonly registry: Registry;
  readonly ctx: Context;
  readonly domain: string;
}

const SMALL = bytesOf(10_000, 1);
const BIG = bytesOf(2_500_000, 2);
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** Runs the contract against what `make` gives. */
export function registryContract(name: string, make: () => Promise<RegistrySubject>): void {
  describe(`${name} keeps the registry contract`, () => {
    let subject: RegistrySubject;
    let registry: Registry;
    let ctx: Context;
    beforeAll(async () => {
      subject = await make();
      ({ registry, ctx } = subject);
    });
    afterAll(() => subject?.[Symbol.asyncDispose]());
    const at = (path: string) => ({ domain: subject.domain, path: `contract/${path}` });
    const read = (path: string, bytes: Buffer) =>
      collect(registry.blob(ctx, at(path), blobOf(bytes)));
    const send = (path: string, bytes: Buffer, isKnown: boolean) =>
      registry.uploadBlob(ctx, at(path), {
        open: (offset) => pieces(bytes, offset),
        ...(isKnown ? { expected: blobOf(bytes) } : {}),
      });
    /** Stores an image of one layer under `reference`. */
    const push = async (path: string, reference: string, layer: Buffer, more: object = {}) => {
      const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', reference }));
      await send(path, config, true);
      await send(path, layer, false);
      const manifest = {
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: CONFIG_TYPE, ...blobOf(config) },
        layers: [{ mediaType: LAYER_TYPE, ...blobOf(layer) }],
        ...more,
      };
      const bytes = Buffer.from(JSON.stringify(manifest));
      const digest = await registry.putManifest(ctx, at(path), reference, {
        mediaType: OCI_MANIFEST,
        bytes,
      });
      return { descriptor: { mediaType: OCI_MANIFEST, digest, size: bytes.length }, bytes };
    };

    it('has no blob, tag or manifest that was not put there', async () => {
      expect(await registry.hasBlob(ctx, at('none'), blobOf(SMALL))).toBe(false);
      expect(await registry.resolve(ctx, at('none'), 'one')).toBeUndefined();
      expect(await registry.probe(ctx, at('none'), 'one')).toBeUndefined();
      expect(await codeOf(registry.manifest(ctx, at('none'), 'one'))).toBe('NOT_FOUND');
      expect(await codeOf(read('none', SMALL))).toBe('NOT_FOUND');
      expect(await codeOf(collectTags(registry.tags(ctx, at('none'))))).toBe('NOT_FOUND');
    });

    for (const [what, bytes] of Object.entries({ small: SMALL, big: BIG })) {
      for (const isKnown of [true, false]) {
        it(`uploadBlob() stores a ${what} blob, ${isKnown ? 'known' : 'streamed'}`, async () => {
          const path = `${what}-${isKnown}`;
          expect(await send(path, bytes, isKnown)).toEqual(blobOf(bytes));
          expect(await registry.hasBlob(ctx, at(path), blobOf(bytes))).toBe(true);
          const wrong = { ...blobOf(bytes), size: bytes.length + 1 };
          expect(await registry.hasBlob(ctx, at(path), wrong)).toBe(false);
          expect((await read(path, bytes)).equals(bytes)).toBe(true);
          // Again: it is there, or it is simply stored once more.
          expect(await send(path, bytes, isKnown)).toEqual(blobOf(bytes));
        });
      }
    }

    it('uploadBlob() takes many at once, some of them the same', async () => {
      const layers = Array.from({ length: 24 }, (_, index) => bytesOf(200_000, 10 + (index % 16)));
      const sent = await Promise.all(layers.map((layer) => send('many', layer, true)));
      expect(sent).toEqual(layers.map(blobOf));
      for (const layer of layers) expect((await read('many', layer)).equals(layer)).toBe(true);
    });

    it('blob() may be left early', async () => {
      await send('early', BIG, true);
      for await (const chunk of registry.blob(ctx, at('early'), blobOf(BIG))) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect((await read('early', BIG)).equals(BIG)).toBe(true);
    });

    it('checkPush() leaves nothing behind, also where the repository is new', async () => {
      await registry.checkPush(ctx, at('never-pushed'));
      expect(await registry.resolve(ctx, at('never-pushed'), 'latest')).toBeUndefined();
    });

    it('mountBlob() takes a blob over, where it is', async () => {
      await send('from', BIG, true);
      const { digest } = blobOf(BIG);
      expect(await registry.mountBlob(ctx, at('to'), digest, at('from'))).toBe(true);
      expect(await registry.hasBlob(ctx, at('to'), blobOf(BIG))).toBe(true);
      const gone = parseDigest(sha256(Buffer.from('gone')), 'a test digest');
      expect(await registry.mountBlob(ctx, at('to'), gone, at('from'))).toBe(false);
    });

    it('putManifest() makes an image visible, by tag and digest', async () => {
      const { descriptor, bytes } = await push('app', 'one', BIG);
      for (const reference of ['one', descriptor.digest]) {
        expect(await registry.resolve(ctx, at('app'), reference)).toEqual(descriptor);
        expect(await registry.probe(ctx, at('app'), reference)).toEqual(descriptor);
        const found = await registry.manifest(ctx, at('app'), reference);
        expect(found.descriptor).toEqual(descriptor);
        expect(Buffer.from(found.bytes).equals(bytes)).toBe(true);
      }
    });

    it('putManifest() moves a tag, and stores by digest without one', async () => {
      const first = await push('moved', 'one', SMALL);
      const second = await push('moved', 'one', BIG);
      expect((await registry.resolve(ctx, at('moved'), 'one'))?.digest).toBe(
        second.descriptor.digest,
      );
      expect(await registry.resolve(ctx, at('moved'), first.descriptor.digest)).toBeDefined();
      const index = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_INDEX,
          manifests: [first.descriptor, second.descriptor],
        }),
      );
      const digest = sha256(index);
      await registry.putManifest(ctx, at('moved'), digest, { mediaType: OCI_INDEX, bytes: index });
      expect((await registry.manifest(ctx, at('moved'), digest)).descriptor.mediaType).toBe(
        OCI_INDEX,
      );
      expect(await collectTags(registry.tags(ctx, at('moved')))).toEqual(['one']);
    });

    it('putManifest() of an image that is not complete is refused, and the tag stays', async () => {
      const { descriptor } = await push('whole', 'one', SMALL);
      const gone = { mediaType: LAYER_TYPE, ...blobOf(bytesOf(9, 99)) };
      const failing = push('whole', 'one', SMALL, { layers: [gone] });
      expect(await codeOf(failing)).toBe('REGISTRY');
      expect((await registry.resolve(ctx, at('whole'), 'one'))?.digest).toBe(descriptor.digest);
    });

    it('tags() has all of them, once each', async () => {
      const { bytes } = await push('tags', 'v0', SMALL);
      const names = Array.from({ length: 30 }, (_, index) => `v${index}`);
      for (const tag of names.slice(1)) {
        await registry.putManifest(ctx, at('tags'), tag, { mediaType: OCI_MANIFEST, bytes });
      }
      const tags = await collectTags(registry.tags(ctx, at('tags')));
      expect(tags.toSorted()).toEqual(names.toSorted());
    });

    it('deleteManifest() takes an image away', async () => {
      const { descriptor } = await push('gone', 'one', SMALL);
      await registry.deleteManifest(ctx, at('gone'), descriptor.digest);
      expect(await registry.resolve(ctx, at('gone'), 'one')).toBeUndefined();
      expect(await registry.resolve(ctx, at('gone'), descriptor.digest)).toBeUndefined();
      expect(await codeOf(registry.deleteManifest(ctx, at('gone'), descriptor.digest))).toBe(
        'NOT_FOUND',
      );
    });

    it('referrers() finds what names an image, by list or by tag', async () => {
      const { descriptor } = await push('subject', 'one', SMALL);
      expect(await registry.referrers(ctx, at('subject'), descriptor.digest)).toEqual([]);
      const artifactType = 'application/vnd.example.note';
      const note = await push('subject', 'note', BIG, { artifactType, subject: descriptor });
      const entry = { ...note.descriptor, artifactType };
      // As clients do for registries that have no such list themselves.
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] };
      await registry.putManifest(ctx, at('subject'), descriptor.digest.replace(':', '-'), {
        mediaType: OCI_INDEX,
        bytes: Buffer.from(JSON.stringify(index)),
      });
      expect(await registry.referrers(ctx, at('subject'), descriptor.digest)).toEqual([entry]);
    });
  });
}

function blobOf(bytes: Uint8Array) {
  return { digest: parseDigest(sha256(bytes), 'a test blob'), size: bytes.length };
}

/** Bytes that depend on `seed` and do not compress. */
function bytesOf(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed * 2_654_435_761;
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

async function* pieces(bytes: Uint8Array, offset: number): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function collectTags(tags: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const tag of tags) all.push(tag);
  return all;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ShipperError) return error.code;
    throw error;
  }
  return 'no error';
}
