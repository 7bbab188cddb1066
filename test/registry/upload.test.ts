// Writing to registries under faults (`faults.md` 2.5): the right bytes arrive, or nothing is claimed to have.
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { OCI_MANIFEST } from '../../src/image/media-types.ts';
import type { BlobUpload } from '../../src/registry/registry.ts';
import {
  type FakeRegistry,
  type FakeRegistryOptions,
  type RegistryFault,
  startFakeRegistry,
} from '../support/registry-server.ts';
import { sha256 } from '../support/registry-store.ts';
import {
  blobId,
  clientOf,
  failureOf,
  noise,
  pieces,
  type TestClient,
  type TestClientOptions,
  TokenFetcher,
} from './client-support.ts';

const SMALL = noise(5000);
const BIG = noise(3_000_000);

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Setup extends TestClient {
  readonly fake: FakeRegistry;
  /** Uploads bytes; known ones are told before. */
  send(bytes: Buffer, isKnown?: boolean): Promise<{ digest: string; size: number }>;
  /** What the repository has under the digest of `bytes`. */
  stored(bytes: Buffer): Buffer | undefined;
  /** Offsets at which the bytes were asked for. */
  readonly opened: number[];
}

async function setUp(
  options: FakeRegistryOptions = {},
  client: TestClientOptions = {},
): Promise<Setup> {
  const fake = await startFakeRegistry(options);
  open.push(fake);
  const made = clientOf(fake, client);
  open.push(made);
  const opened: number[] = [];
  return {
    ...made,
    fake,
    opened,
    send: (bytes, isKnown = false) =>
      made.registry.uploadBlob(made.ctx, made.repository, uploadOf(bytes, isKnown, opened)),
    stored: (bytes) => fake.repository('team/app').blobs.get(sha256(bytes)),
  };
}

function uploadOf(bytes: Buffer, isKnown: boolean, opened: number[] = []): BlobUpload {
  const open = (offset: number) => {
    opened.push(offset);
    return pieces(bytes, offset);
  };
  if (!isKnown) return { open };
  return { open, expected: blobId({ digest: sha256(bytes), size: bytes.length }) };
}

const operations = (fake: FakeRegistry) => fake.requests.map(({ operation }) => operation);

describe('uploadBlob()', () => {
  it('sends a small known blob in one request, after a look', async () => {
    const { fake, send, stored } = await setUp();
    expect(await send(SMALL, true)).toEqual({ digest: sha256(SMALL), size: 5000 });
    expect(stored(SMALL)?.equals(SMALL)).toBe(true);
    expect(operations(fake)).toEqual(['blob.head', 'upload.start', 'upload.put']);
    expect(fake.requests.at(-1)?.headers['content-length']).toBe('5000');
    await send(SMALL, true);
    expect(operations(fake).slice(3)).toEqual(['blob.head']);
    expect(await send(Buffer.alloc(0), true)).toMatchObject({ size: 0 });
  });

  it('streams what is not known in one PATCH of no length, and tells its digest', async () => {
    const { fake, send, stored, registry, ctx, repository } = await setUp();
    expect(await send(BIG)).toEqual({ digest: sha256(BIG), size: BIG.length });
    expect(stored(BIG)?.equals(BIG)).toBe(true);
    expect(operations(fake)).toEqual(['upload.start', 'upload.patch', 'upload.put']);
    expect(fake.requests[1]?.headers).toMatchObject({ 'transfer-encoding': 'chunked' });
    expect(fake.requests[1]?.headers['content-range']).toBeUndefined();
    for (const size of [0, 1, 2]) expect(await send(noise(size))).toMatchObject({ size });
    let progress = 0;
    const onProgress = (bytes: number) => {
      progress += bytes;
    };
    const bytes = noise(700_000);
    await registry.uploadBlob(ctx, repository, { ...uploadOf(bytes, false), onProgress });
    expect(progress).toBe(700_000);
  });

  it('streams a large known blob with its length', async () => {
    const { fake, send, stored } = await setUp();
    await send(BIG, true);
    expect(stored(BIG)?.equals(BIG)).toBe(true);
    expect(operations(fake)).toEqual(['blob.head', 'upload.start', 'upload.patch', 'upload.put']);
    expect(fake.requests[2]?.headers).toMatchObject({
      'content-length': '3000000',
      'content-range': '0-2999999',
    });
  });

  it('refuses bytes that are not what was expected, and leaves no upload behind', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    for (const [bytes, said] of [
      [noise(3_000_001), BIG],
      [noise(2_999_999), BIG],
      [noise(3_000_001).subarray(1), BIG],
      [noise(5001).subarray(1), SMALL],
      [noise(4999), SMALL],
    ] as const) {
      const expected = blobId({ digest: sha256(said), size: said.length });
      const upload = { open: () => pieces(bytes), expected };
      const error = await failureOf(registry.uploadBlob(ctx, repository, upload));
      expect(error.code).toBe('DIGEST_MISMATCH');
      expect(error.message).toMatch(/^Cannot upload blob sha256:/);
    }
    expect(fake.repository('team/app').uploads.size).toBe(0);
    expect(fake.repository('team/app').blobs.size).toBe(0);
  });

  it('passes on the failure of who makes the bytes, once, and cancels', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    let opened = 0;
    const upload = {
      async *open() {
        opened += 1;
        yield BIG;
        throw new RangeError('of our own');
      },
    };
    await expect(registry.uploadBlob(ctx, repository, upload)).rejects.toThrow('of our own');
    expect(opened).toBe(1);
    expect(fake.count('upload.cancel')).toBe(1);
    expect(fake.repository('team/app').uploads.size).toBe(0);
  });
});

describe('uploads', () => {
  it('R8 a token that expires is renewed once, and the same upload goes on', async () => {
    const fetchers: TokenFetcher[] = [];
    const authorizer = (send: ConstructorParameters<typeof TokenFetcher>[0]) => {
      const fetcher = new TokenFetcher(send);
      fetchers.push(fetcher);
      return fetcher;
    };
    for (const operation of ['upload.patch', 'upload.put'] as const) {
      for (const isKnown of [false, true]) {
        const { fake, send, stored } = await setUp({ auth: { kind: 'token' } }, { authorizer });
        fake.fault(operation, { kind: 'expireTokens' });
        await send(BIG, isKnown);
        expect(stored(BIG)?.equals(BIG)).toBe(true);
        expect(fetchers.at(-1)?.fetched).toBe(2);
        // Who asks first gets a 401: the HEAD, or the begin itself.
        expect(fake.count('upload.start')).toBe(isKnown ? 1 : 2);
      }
    }
  });

  for (const isKnown of [false, true]) {
    const what = isKnown ? 'known' : 'unknown';
    it(`R19 a cut of a blob that is ${what} goes on where the registry is`, async () => {
      const { fake, send, stored, opened } = await setUp();
      fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 1_000_000 });
      fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 500_000 });
      expect(await send(BIG, isKnown)).toEqual({ digest: sha256(BIG), size: BIG.length });
      expect(stored(BIG)?.equals(BIG)).toBe(true);
      expect(opened).toEqual([0, 1_000_000, 1_500_000]);
      expect(fake.count('upload.start')).toBe(1);
      const patches = fake.requests.filter(({ operation }) => operation === 'upload.patch');
      expect(patches.map(({ headers }) => headers['content-range'])).toEqual([
        isKnown ? '0-2999999' : undefined,
        '1000000-2999999',
        '1500000-2999999',
      ]);
    });
  }

  it('R19 where the status cannot be asked for, it begins anew', async () => {
    const { fake, send, stored, opened } = await setUp();
    fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 1_000_000 });
    fake.fault('upload.status', { kind: 'status', status: 405 });
    await send(BIG);
    expect(stored(BIG)?.equals(BIG)).toBe(true);
    expect(opened).toEqual([0, 0]);
    expect(fake.count('upload.start')).toBe(2);
  });

  it('R19 a registry that says it has more than was sent is not believed', async () => {
    const { fake, send, stored } = await setUp();
    fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 1_000_000 });
    fake.fault('upload.status', { kind: 'headers', set: { Range: '0-99999999' } });
    await send(BIG);
    expect(stored(BIG)?.equals(BIG)).toBe(true);
  });

  it('R19 three cuts without progress are the end, and nothing is stored', async () => {
    const { fake, send } = await setUp();
    fake.fault('upload.patch', { kind: 'reset' }, 50);
    const error = await failureOf(send(BIG));
    expect(error.code).toBe('REGISTRY_UNREACHABLE');
    expect(fake.count('upload.patch')).toBe(3);
    expect(fake.repository('team/app').blobs.size).toBe(0);
    expect(fake.count('upload.cancel')).toBe(1);
  });

  it('R19 a small blob that is cut is sent again as a whole', async () => {
    const { fake, send, stored } = await setUp();
    fake.fault('upload.put', { kind: 'cutUpload', afterBytes: 100 });
    await send(SMALL, true);
    expect(stored(SMALL)?.equals(SMALL)).toBe(true);
    // Not behind what the registry may have kept of the first.
    expect([fake.count('upload.start'), fake.count('upload.put')]).toEqual([2, 2]);
  });

  it('R20 416 is followed to the place that it tells', async () => {
    const { fake, send, stored, opened } = await setUp();
    const set = { Range: '0-999999' };
    fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 1_000_000 });
    // It says less than it has, so that the next chunk is refused with 416 and the right place.
    fake.fault('upload.status', { kind: 'headers', set: { Range: '0-499999' } });
    await send(BIG);
    expect(stored(BIG)?.equals(BIG)).toBe(true);
    expect(opened).toEqual([0, 500_000, 1_000_000]);
    expect(fake.count('upload.status')).toBe(1);
    expect(set.Range).toBe('0-999999');
  });

  it('R20 a registry that takes only a part is given the rest', async () => {
    const { fake, send, stored } = await setUp();
    fake.fault('upload.patch', { kind: 'headers', set: { Range: '0-1999999' } });
    await send(BIG);
    // What it says it lacks is sent again, and it then tells with 416 that it has it.
    expect(stored(BIG)?.equals(BIG)).toBe(true);
  });

  it('R21 an upload that is gone begins anew', async () => {
    for (const operation of ['upload.patch', 'upload.put'] as const) {
      for (const isKnown of [false, true]) {
        const { fake, send, stored } = await setUp();
        fake.fault(operation, { kind: 'forgetUploads' });
        await send(BIG, isKnown);
        expect(stored(BIG)?.equals(BIG)).toBe(true);
        expect(fake.count('upload.start')).toBe(2);
      }
    }
    const { fake, send } = await setUp();
    fake.fault('upload.patch', { kind: 'forgetUploads' }, 50);
    const error = await failureOf(send(BIG));
    expect(error).toMatchObject({ code: 'REGISTRY', details: { status: 404 } });
    expect(fake.count('upload.start')).toBe(3);
  });

  it('R22 a lost reply to the last request is no failure', async () => {
    for (const bytes of [SMALL, BIG]) {
      const { fake, send, stored } = await setUp();
      fake.fault('upload.put', { kind: 'lost' });
      expect(await send(bytes, true)).toMatchObject({ digest: sha256(bytes) });
      expect(stored(bytes)?.equals(bytes)).toBe(true);
      expect(fake.count('upload.put')).toBe(1);
      expect(fake.requests.at(-1)?.operation).toBe('blob.head');
    }
  });

  it('R12 a 5xx in the middle goes on, for ever it fails', async () => {
    for (const operation of ['upload.start', 'upload.patch', 'upload.put'] as const) {
      const { fake, send, stored } = await setUp();
      fake.fault(operation, { kind: 'status', status: 503 });
      await send(BIG);
      expect(stored(BIG)?.equals(BIG)).toBe(true);
      fake.fault(operation, { kind: 'status', status: 503 }, 50);
      const error = await failureOf(send(noise(2_000_000)));
      expect(error).toMatchObject({ code: 'REGISTRY', details: { status: 503 } });
    }
  });

  it('R23 a Location at another origin is gone to without credentials', async () => {
    const { fake, send } = await setUp(
      {},
      {
        authorizer: () => ({ current: () => 'Basic c2VjcmV0', challenged: async () => undefined }),
      },
    );
    const place = `${fake.elsewhere}/v2/team/app/blobs/uploads/`;
    const { id } = fake.repository('team/app').beginUpload();
    const set = { Location: `${place}${id}?sig=a%2Fb` };
    fake.fault('upload.start', { kind: 'headers', set });
    const answer = { Location: `${place}${id}?sig=c` };
    fake.fault('upload.patch', { kind: 'headers', set: answer });
    expect(await send(BIG)).toMatchObject({ digest: sha256(BIG) });
    const away = fake.requests.filter(({ origin }) => origin === 'elsewhere');
    expect(away.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['PATCH', undefined],
      ['PUT', undefined],
    ]);
    expect(away[0]?.url).toContain('?sig=a%2Fb');
    expect(away[1]?.url).toMatch(/\?_state=3000000&digest=sha256%3A|\?sig=c&digest=sha256%3A/);
  });

  it('R23 a Location in a private network is refused', async () => {
    for (const location of ['http://10.0.0.1/u', 'http://169.254.169.254/u', 'ftp://x/']) {
      const { fake, send } = await setUp();
      fake.fault('upload.start', { kind: 'headers', set: { Location: location } });
      expect((await failureOf(send(BIG))).code).toBe('REGISTRY');
      expect(fake.requests).toHaveLength(1);
    }
  });

  it('R23 absolute Locations work as relative ones do', async () => {
    const { send, stored } = await setUp({ hasRelativeLocations: false });
    await send(BIG);
    expect(stored(BIG)?.equals(BIG)).toBe(true);
  });

  it('R24 a mount that is denied is no failure, and leaves no upload behind', async () => {
    const { fake, registry, ctx, repository, send } = await setUp();
    const from = { domain: repository.domain, path: 'team/base' };
    const blob = blobId(fake.repository('team/base').putBlob(BIG));
    fake.fault('upload.start', { kind: 'denyMount' });
    expect(await registry.mountBlob(ctx, repository, blob.digest, from)).toBe(false);
    expect(fake.repository('team/app').uploads.size).toBe(0);
    await send(BIG, true);
    expect(await registry.mountBlob(ctx, { ...repository, path: 'x' }, blob.digest, from)).toBe(
      true,
    );
    expect(fake.repository('x').blobs.has(blob.digest)).toBe(true);
    for (const status of [401, 403, 404, 405]) {
      fake.fault('upload.start', { kind: 'status', status }, 2);
      expect(await registry.mountBlob(ctx, repository, blob.digest, from)).toBe(false);
      fake.clearFaults();
    }
    const other = { domain: 'other.example', path: 'x' };
    expect(await registry.mountBlob(ctx, repository, blob.digest, other)).toBe(false);
  });

  it('R26 a blob of another length is uploaded again', async () => {
    const { fake, send, stored } = await setUp();
    fake.repository('team/app').blobs.set(sha256(SMALL), noise(10));
    await send(SMALL, true);
    expect(stored(SMALL)?.equals(SMALL)).toBe(true);
  });

  it('chunks are as large as the registry wants, within reason', async () => {
    const { fake, send, stored } = await setUp({ chunkMinBytes: 10_000_000 });
    const bytes = Buffer.concat(
      Array.from({ length: 25 }, (_, index) => noise(1_000_000).fill(index, 0, 9)),
    );
    fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 1_000_000 });
    await send(bytes);
    expect(stored(bytes)?.equals(bytes)).toBe(true);
    const ranges = fake.requests.map(({ headers }) => headers['content-range']);
    expect(ranges.filter((range) => range !== undefined)).toEqual([
      '1000000-10999999',
      '11000000-20999999',
      '21000000-24999999',
    ]);
    const set = { 'OCI-Chunk-Min-Length': '9999999999' };
    fake.fault('upload.start', { kind: 'headers', set });
    expect((await failureOf(send(BIG))).code).toBe('LIMIT_EXCEEDED');
  });

  it('a registry that wants lengths, or no large bodies, is given chunks', async () => {
    for (const status of [411, 413]) {
      const { fake, send, stored } = await setUp();
      fake.fault('upload.patch', { kind: 'status', status });
      await send(BIG);
      expect(stored(BIG)?.equals(BIG)).toBe(true);
      expect(fake.requests.at(-2)?.headers['content-range']).toBe('0-2999999');
    }
  });

  it('R36 two uploads of one blob, and 64 at once, are done with few sockets', async () => {
    const { fake, send, registry, ctx, repository } = await setUp();
    const [one, two] = await Promise.all([send(BIG, true), send(BIG, true)]);
    expect(one).toEqual(two);
    expect(fake.count('upload.start')).toBe(1);
    const layers = Array.from({ length: 64 }, (_, index) =>
      Buffer.concat([Buffer.from([index]), BIG.subarray(0, 100_000 + index)]),
    );
    const sent = await Promise.all(layers.map((layer, index) => send(layer, index % 2 === 0)));
    expect(sent.map(({ digest }) => digest)).toEqual(layers.map((layer) => sha256(layer)));
    const had = await Promise.all(
      sent.map((blob) => registry.hasBlob(ctx, repository, blobId(blob))),
    );
    expect(had.every((has) => has)).toBe(true);
    // Eight for streams, eight for questions.
    expect(fake.mostConnections()).toBeLessThanOrEqual(16);
  });

  it('R36 two clients that push one blob at once both succeed', async () => {
    const { fake, send, stored } = await setUp();
    const other = clientOf(fake);
    open.push(other);
    const there = other.registry.uploadBlob(other.ctx, other.repository, uploadOf(BIG, true));
    await Promise.all([send(BIG, true), there]);
    expect(stored(BIG)?.equals(BIG)).toBe(true);
  });
});

describe('manifests', () => {
  const MANIFEST = { mediaType: OCI_MANIFEST, bytes: Buffer.from('{"schemaVersion":2}') };

  it('R27 a manifest that is refused fails, and the tag stays where it was', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const before = await registry.putManifest(ctx, repository, 'one', MANIFEST);
    const layers = [{ digest: sha256(Buffer.from('gone')), size: 4, mediaType: 'x' }];
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, layers }));
    const putting = registry.putManifest(ctx, repository, 'one', { ...MANIFEST, bytes });
    const error = await failureOf(putting);
    expect(error).toMatchObject({ code: 'REGISTRY', details: { status: 400 } });
    expect(error.message).toContain('MANIFEST_BLOB_UNKNOWN: blob unknown');
    expect(fake.repository('team/app').tags.get('one')).toBe(before);
  });

  it('R28 a tag that somebody moves is told, and the digest is that of what was pushed', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const other = fake.repository('team/app').putManifest(OCI_MANIFEST, Buffer.from('{}'));
    const body = '{}';
    const headers = { 'Content-Type': OCI_MANIFEST };
    fake.fault('manifest.get', { kind: 'status', status: 200, body, headers });
    const digest = await registry.putManifest(ctx, repository, 'one', MANIFEST);
    expect(digest).toBe(sha256(MANIFEST.bytes));
    expect(ctx.events).toEqual([
      {
        type: 'note',
        level: 'warn',
        message: `"team/app:one" was moved to ${other.digest} while ${digest} was pushed`,
        scope: {},
      },
    ]);
  });

  it('R22 a lost reply to a manifest is no failure', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    fake.fault('manifest.put', { kind: 'lost' });
    const digest = await registry.putManifest(ctx, repository, 'one', MANIFEST);
    expect(fake.repository('team/app').tags.get('one')).toBe(digest);
    fake.fault('manifest.delete', { kind: 'lost' });
    await registry.deleteManifest(ctx, repository, digest);
    expect(fake.repository('team/app').manifests.size).toBe(0);
    const gone = await failureOf(registry.deleteManifest(ctx, repository, digest));
    expect(gone.code).toBe('NOT_FOUND');
  });

  it('R17 what the registry calls the manifest counts for nothing', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const set = { 'Docker-Content-Digest': sha256(Buffer.from('lie')) };
    fake.fault('manifest.put', { kind: 'headers', set });
    const digest = await registry.putManifest(ctx, repository, 'one', MANIFEST);
    expect(digest).toBe(sha256(MANIFEST.bytes));
    const named = registry.putManifest(ctx, repository, sha256(Buffer.from('x')), MANIFEST);
    expect((await failureOf(named)).code).toBe('DIGEST_MISMATCH');
  });

  it('R18 an endless refusal of an upload ends', async () => {
    const { fake, send } = await setUp();
    const body = Buffer.alloc(LIMITS.registryErrorBytes * 50, 'x');
    const fault: RegistryFault = { kind: 'status', status: 422, body };
    fake.fault('upload.start', fault);
    expect((await failureOf(send(BIG))).message.length).toBeLessThan(1000);
  });
});
