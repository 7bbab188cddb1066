// Reading from registries under faults (`faults.md` 2.5): right bytes or a clean refusal, in bounded time.
import { afterEach, describe, expect, it } from 'vitest';
import { OCI_MANIFEST } from '../../src/image/media-types.ts';
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
  collect,
  failureOf,
  hostsOf,
  noise,
  type TestClient,
  type TestClientOptions,
} from './client-support.ts';

const BLOB = noise(300_000);
const MANIFEST = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [], config: {} }),
);

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Setup extends TestClient {
  readonly fake: FakeRegistry;
  readonly blob: ReturnType<typeof blobId>;
  read(): Promise<Buffer>;
}

async function setUp(
  client: TestClientOptions = {},
  options: FakeRegistryOptions = {},
): Promise<Setup> {
  const fake = await startFakeRegistry(options);
  open.push(fake);
  const made = clientOf(fake, client);
  open.push(made);
  const blob = blobId(fake.repository('team/app').putBlob(BLOB));
  const read = () => collect(made.registry.blob(made.ctx, made.repository, blob));
  return { ...made, fake, blob, read };
}

const authorizations = (fake: FakeRegistry) =>
  fake.requests.map(({ origin, headers }) => [origin, headers.authorization]);

describe('redirects', () => {
  it('R1 a blob at another origin is read without credentials, and they do not come back', async () => {
    const { fake, read } = await setUp({
      authorizer: () => ({ current: () => 'Bearer secret', challenged: async () => undefined }),
    });
    fake.fault('blob.get', { kind: 'redirect', to: 'elsewhere' });
    expect(sha256(await read())).toBe(sha256(BLOB));
    expect(authorizations(fake)).toEqual([
      ['registry', 'Bearer secret'],
      ['elsewhere', undefined],
    ]);
    // There and back again.
    fake.fault('blob.get', { kind: 'redirect', to: 'elsewhere' });
    fake.fault('elsewhere', {
      kind: 'redirect',
      to: `${fake.origin}/v2/team/app/blobs/${sha256(BLOB)}`,
    });
    await read();
    expect(authorizations(fake).slice(2)).toEqual([
      ['registry', 'Bearer secret'],
      ['elsewhere', undefined],
      ['registry', undefined],
    ]);
    expect(fake.requests.every(({ headers }) => headers.cookie === undefined)).toBe(true);
  });

  it('R1 a cut at the other origin is resumed by the registry', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'redirect', to: 'elsewhere' }, 2);
    fake.fault('elsewhere', { kind: 'cut', afterBytes: 100_000 });
    expect((await read()).equals(BLOB)).toBe(true);
    expect(fake.requests.at(-1)?.headers.range).toBe('bytes=100000-');
  });

  it('R3 private, link-local and unspecified addresses are refused from a public registry', async () => {
    for (const to of ['http://10.0.0.1/x', 'http://169.254.169.254/latest', 'http://0.0.0.0:1/']) {
      const { fake, read } = await setUp();
      fake.fault('blob.get', { kind: 'redirect', to });
      const error = await failureOf(read());
      expect(error.code).toBe('REGISTRY');
      expect(error.message).toContain('private network');
      expect(fake.count('blob.get')).toBe(1);
    }
  });

  it('R4 a loop ends after ten hops', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'redirect', to: `/v2/team/app/blobs/${sha256(BLOB)}` }, 50);
    const error = await failureOf(read());
    expect(error.message).toMatch(/^Cannot read blob sha256:.*: it redirects more than 10 times$/);
    expect(fake.count('blob.get')).toBe(11);
  });

  it('a signature in a URL is never shown', async () => {
    const { fake, read } = await setUp();
    const to = `${fake.elsewhere}/v2/team/none/blobs/${sha256(BLOB)}?X-Amz-Signature=hidden`;
    fake.fault('blob.get', { kind: 'redirect', to }, 3);
    fake.fault('elsewhere', { kind: 'status', status: 403, body: 'no' }, 3);
    const error = await failureOf(read());
    expect(JSON.stringify([error.message, error.details])).not.toContain('hidden');
    expect(fake.requests.at(-1)?.url).toContain('X-Amz-Signature=hidden');
  });
});

describe('tries', () => {
  it('R7 after one renewal a 401 is the answer', async () => {
    let asked = 0;
    const { fake, read } = await setUp({
      authorizer: () => ({
        current: () => undefined,
        challenged: async () => {
          asked += 1;
          return `Bearer secret-${asked}`;
        },
      }),
    });
    fake.fault('blob.get', { kind: 'status', status: 401, body: 'secret-2 is not good.' }, 50);
    const error = await failureOf(read());
    expect(error.code).toBe('UNAUTHORIZED');
    expect(error.hint).toContain('docker login');
    expect(error.message).not.toContain('secret-2');
    // Anonymous, the first token, the renewed one.
    expect(fake.count('blob.get')).toBe(3);
    expect(asked).toBe(2);
  });

  const waits: readonly (readonly [header: string | undefined, min: number, max: number])[] = [
    ['2', 2000, 2500],
    ['Tue, 14 Nov 2023 22:13:25 GMT', 5000, 5500],
    ['Tue, 14 Nov 2003 22:13:25 GMT', 0, 500],
    ['-1', 500, 1000],
    ['1000000000', 60_000, 60_000],
    ['soon', 500, 1000],
    [undefined, 500, 1000],
  ];
  for (const [header, min, max] of waits) {
    it(`R11 429 with Retry-After ${header ?? 'missing'} is waited for, within a minute`, async () => {
      const { fake, read, clock } = await setUp();
      const headers: Record<string, string> = header === undefined ? {} : { 'Retry-After': header };
      fake.fault('blob.get', { kind: 'status', status: 429, headers });
      expect((await read()).equals(BLOB)).toBe(true);
      expect(clock.sleeps).toHaveLength(1);
      expect(clock.sleeps[0]).toBeGreaterThanOrEqual(min);
      expect(clock.sleeps[0]).toBeLessThanOrEqual(max);
    });
  }

  it('R11 429 for ever ends after three tries and two minutes', async () => {
    const { fake, read, clock } = await setUp();
    const headers = { 'Retry-After': '86400' };
    fake.fault('blob.get', { kind: 'status', status: 429, headers, body: 'too many' }, 50);
    const error = await failureOf(read());
    expect(error).toMatchObject({ code: 'REGISTRY', retryable: true });
    expect(error.message).toMatch(/GET was answered with 429 \(too many\)$/);
    expect(error.details).toMatchObject({ status: 429, retryAfterMs: 86_400_000 });
    expect(fake.count('blob.get')).toBe(3);
    expect(clock.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(120_000);
  });

  for (const status of [408, 500, 502, 503, 504]) {
    it(`R12 ${status} once is tried again, for ever it fails`, async () => {
      const { fake, registry, ctx, repository, read } = await setUp();
      fake.repository('team/app').putManifest(OCI_MANIFEST, MANIFEST, 'one');
      fake.fault('manifest.get', { kind: 'status', status });
      const { bytes } = await registry.manifest(ctx, repository, 'one');
      expect(MANIFEST.equals(bytes)).toBe(true);
      fake.fault('blob.get', { kind: 'status', status, body: '<html>oops</html>' }, 50);
      const error = await failureOf(read());
      expect(error.message).toMatch(new RegExp(`: GET was answered with ${status}$`));
      expect(fake.count('blob.get')).toBe(3);
    });
  }

  it('other statuses are not tried again', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const body = '{"errors":[{"code":"NAME_INVALID","message":"no\\nsuch."}]}';
    fake.fault('manifest.get', { kind: 'status', status: 400, body }, 9);
    const error = await failureOf(registry.manifest(ctx, repository, 'one'));
    expect(error.message).toBe(
      `Cannot read manifest "team/app:one" at ${fake.address}: GET was answered with 400 (NAME_INVALID: no such)`,
    );
    expect(error.details).toEqual({
      host: fake.address,
      path: '/v2/team/app/manifests/one',
      status: 400,
    });
    expect(fake.count('manifest.get')).toBe(1);
  });
});

describe('blobs', () => {
  it('R13 a connection that breaks is resumed where it broke, as often as it comes further', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'cut', afterBytes: 70_000 });
    fake.fault('blob.get', { kind: 'cut', afterBytes: 50_000 });
    expect((await read()).equals(BLOB)).toBe(true);
    const ranges = fake.requests.map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, 'bytes=70000-', 'bytes=120000-']);
  });

  it('R13 three breaks without progress are the end', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'reset' }, 50);
    const error = await failureOf(read());
    expect(error.code).toBe('REGISTRY_UNREACHABLE');
    expect(error.message).toMatch(/the connection was closed before the answer was complete$/);
    expect(fake.count('blob.get')).toBe(3);
  });

  it('R14 a Range that is ignored begins anew, and nothing is given twice', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'cut', afterBytes: 70_000 });
    fake.fault('blob.get', { kind: 'ignoreRange' });
    expect((await read()).equals(BLOB)).toBe(true);
    expect(fake.count('blob.get')).toBe(2);
  });

  it('R14 a wrong Content-Range is never spliced in', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'cut', afterBytes: 70_000 });
    const set = { 'Content-Range': 'bytes 60000-299999/300000' };
    fake.fault('blob.get', { kind: 'headers', set });
    expect((await read()).equals(BLOB)).toBe(true);
    // Who answers a Range wrongly is asked for all bytes.
    expect(fake.requests.at(-1)?.headers.range).toBeUndefined();
  });

  it('R14 other bytes before the cut than after it are refused', async () => {
    const { fake, registry, ctx, repository, blob } = await setUp();
    fake.fault('blob.get', { kind: 'cut', afterBytes: 70_000 });
    const reading = async () => {
      for await (const _ of registry.blob(ctx, repository, blob)) {
        fake.repository('team/app').blobs.set(blob.digest, noise(300_001).subarray(1));
      }
    };
    expect((await failureOf(reading())).code).toBe('DIGEST_MISMATCH');
    expect(fake.requests.at(-1)?.headers.range).toBe('bytes=70000-');
  });

  it('R15 a Content-Length that is too short or too long is tried again, then refused', async () => {
    for (const length of ['299999', '300001']) {
      const { fake, read } = await setUp();
      const fault: RegistryFault = { kind: 'headers', set: { 'Content-Length': length } };
      fake.fault('blob.get', fault);
      expect((await read()).equals(BLOB)).toBe(true);
      fake.fault('blob.get', fault, 50);
      const error = await failureOf(read());
      expect(error.code).toBe('DIGEST_MISMATCH');
      expect(error.message).toContain(`it has ${length} bytes, not 300000`);
      expect(fake.count('blob.get')).toBe(5);
    }
  });

  it('R15 a body that ends properly and too early is resumed, then refused', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'cut', afterBytes: 299_999, how: 'clean' });
    expect((await read()).equals(BLOB)).toBe(true);
    fake.fault('blob.get', { kind: 'cut', afterBytes: 10, how: 'clean' }, 50);
    const error = await failureOf(read());
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(error.message).toMatch(/it ended after \d+ bytes of 300000$/);
  });

  it('R15 a body that is too long is refused', async () => {
    const { fake, read } = await setUp();
    fake.fault('blob.get', { kind: 'endless' });
    const error = await failureOf(read());
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(error.message).toContain('more bytes than the 300000');
  });

  it('R16 one flipped bit is refused', async () => {
    for (const atByte of [0, 150_000, 299_999]) {
      const { fake, read } = await setUp();
      fake.fault('blob.get', { kind: 'flip', atByte });
      const error = await failureOf(read());
      expect(error.code).toBe('DIGEST_MISMATCH');
    }
  });

  it('a missing blob is NOT_FOUND, without another try', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const blob = blobId({ digest: sha256(Buffer.from('x')), size: 1 });
    const error = await failureOf(collect(registry.blob(ctx, repository, blob)));
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toContain('BLOB_UNKNOWN: blob unknown to registry');
    expect(fake.count('blob.get')).toBe(1);
  });

  it('who stops reading gives up the connection', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const big = blobId(fake.repository('team/app').putBlob(noise(4_000_000)));
    for await (const chunk of registry.blob(ctx, repository, big)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await collect(registry.blob(ctx, repository, big))).length).toBe(4_000_000);
  });
});

describe('manifests', () => {
  it('R17 a Docker-Content-Digest that lies counts for nothing', async () => {
    for (const lie of [sha256(Buffer.from('other')), '../../../etc/passwd', '']) {
      const { fake, registry, ctx, repository } = await setUp();
      const stored = fake.repository('team/app').putManifest(OCI_MANIFEST, MANIFEST, 'one');
      const fault: RegistryFault = { kind: 'headers', set: { 'Docker-Content-Digest': lie } };
      fake.fault('manifest.get', fault, 9);
      fake.fault('manifest.head', fault, 9);
      expect((await registry.manifest(ctx, repository, 'one')).descriptor).toEqual(stored);
      expect(await registry.resolve(ctx, repository, stored.digest)).toEqual(stored);
    }
  });

  it('R17 bytes of another digest than asked for are refused', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const { digest } = fake.repository('team/app').putManifest(OCI_MANIFEST, MANIFEST);
    fake.fault('manifest.get', { kind: 'flip', atByte: 5 });
    expect((await registry.manifest(ctx, repository, digest)).descriptor.digest).toBe(digest);
    fake.fault('manifest.get', { kind: 'flip', atByte: 5 }, 9);
    const error = await failureOf(registry.manifest(ctx, repository, digest));
    expect(error.code).toBe('DIGEST_MISMATCH');
  });

  it('R18 a manifest of 100 MiB is refused after 4 MiB, an endless refusal is cut at 64 KiB', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    fake.repository('team/app').putManifest(OCI_MANIFEST, MANIFEST, 'one');
    fake.fault('manifest.get', { kind: 'endless' });
    const error = await failureOf(registry.manifest(ctx, repository, 'one'));
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(error.message).toMatch(/: the answer is over 4194304 bytes$/);
    const body = Buffer.alloc(8_000_000, 'x');
    fake.fault('manifest.get', { kind: 'status', status: 400, body });
    const refusal = await failureOf(registry.manifest(ctx, repository, 'one'));
    expect(refusal.message.length).toBeLessThan(1000);
  });

  it('R25 where HEAD does not work, GET is asked', async () => {
    const { fake, registry, ctx, repository, blob } = await setUp();
    const stored = fake.repository('team/app').putManifest(OCI_MANIFEST, MANIFEST, 'one');
    for (const status of [404, 405, 501]) {
      fake.fault('manifest.head', { kind: 'status', status });
      expect(await registry.resolve(ctx, repository, 'one')).toEqual(stored);
    }
    expect(await registry.resolve(ctx, repository, 'none')).toBeUndefined();
    fake.fault('blob.head', { kind: 'status', status: 405 });
    expect(await registry.hasBlob(ctx, repository, blob)).toBe(true);
    expect(fake.requests.at(-1)?.headers.range).toBe('bytes=0-0');
    fake.fault('blob.head', { kind: 'status', status: 405 });
    const other = blobId({ digest: sha256(Buffer.from('x')), size: 1 });
    expect(await registry.hasBlob(ctx, repository, other)).toBe(false);
  });

  it('R33 a child that is missing is NOT_FOUND and names it', async () => {
    const { registry, ctx, repository } = await setUp();
    const digest = sha256(Buffer.from('child'));
    const error = await failureOf(registry.manifest(ctx, repository, digest));
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toContain(`"team/app@${digest}"`);
  });

  it('a Content-Type that says nothing gives way to the type inside', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    fake.repository('team/app').putManifest('text/plain', MANIFEST, 'one');
    const { descriptor } = await registry.manifest(ctx, repository, 'one');
    expect(descriptor.mediaType).toBe(OCI_MANIFEST);
    expect((await registry.resolve(ctx, repository, 'one'))?.mediaType).toBe(OCI_MANIFEST);
  });

  it('a reference that is none never becomes a path', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    for (const reference of ['../x', 'a/b', '', 'sha256:../..']) {
      const reading = Promise.resolve().then(() => registry.manifest(ctx, repository, reference));
      expect((await failureOf(reading)).code).toBe('BAD_REFERENCE');
    }
    expect(fake.requests).toEqual([]);
  });
});

describe('mirrors', () => {
  it('are read first; what they lack, or break off, comes from the registry', async () => {
    const mirror = await startFakeRegistry();
    open.push(mirror);
    const fake = await startFakeRegistry();
    open.push(fake);
    const made = clientOf(fake, { hosts: hostsOf(fake.origin, mirror.origin) });
    open.push(made);
    const { registry, ctx, repository } = made;
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    fake.repository('team/app').putManifest(OCI_MANIFEST, MANIFEST, 'one');
    await registry.manifest(ctx, repository, 'one');
    expect(await registry.resolve(ctx, repository, 'one')).toBeDefined();
    expect([mirror.count('manifest.get'), fake.count('manifest.get')]).toEqual([1, 1]);
    mirror.repository('team/app').putBlob(BLOB);
    mirror.fault('blob.get', { kind: 'cut', afterBytes: 70_000 });
    expect((await collect(registry.blob(ctx, repository, blob))).equals(BLOB)).toBe(true);
    expect(fake.requests.at(-1)?.headers.range).toBe('bytes=70000-');
    // Writing is for the registry alone.
    expect(await registry.hasBlob(ctx, repository, blob)).toBe(true);
    expect(mirror.count('blob.head')).toBe(0);
    await mirror.stop();
    expect((await collect(registry.blob(ctx, repository, blob))).equals(BLOB)).toBe(true);
  });
});

describe('lists', () => {
  it('tags() follows the links of pages, and never for ever', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const stored = fake.repository('team/app');
    for (let tag = 0; tag < 2500; tag += 1) stored.putManifest(OCI_MANIFEST, MANIFEST, `v${tag}`);
    const tags: string[] = [];
    for await (const tag of registry.tags(ctx, repository)) tags.push(tag);
    expect(tags.length).toBe(2500);
    expect(fake.count('tags')).toBe(3);
    const set = { Link: '</v2/team/app/tags/list?n=1000>; rel="next"' };
    fake.fault('tags', { kind: 'headers', set }, 9);
    const endless = collectTags(registry.tags(ctx, repository));
    expect((await failureOf(endless)).message).toContain('the list has no end');
    const away = { Link: '<http://10.1.1.1/v2/>; rel="next"' };
    fake.clearFaults();
    fake.fault('tags', { kind: 'headers', set: away });
    expect((await failureOf(collectTags(registry.tags(ctx, repository)))).code).toBe('REGISTRY');
  });

  it('tags() of what is no list is REGISTRY, of a missing repository NOT_FOUND', async () => {
    const { fake, registry, ctx, repository } = await setUp();
    const missing = await failureOf(collectTags(registry.tags(ctx, repository)));
    expect(missing.code).toBe('NOT_FOUND');
    for (const tags of ['"x"', '[1]', '["../x"]', '["a\\u001b[2J"]']) {
      fake.fault('tags', { kind: 'status', status: 200, body: `{"tags":${tags}}` });
      expect((await failureOf(collectTags(registry.tags(ctx, repository)))).code).toBe('REGISTRY');
    }
    fake.fault('tags', { kind: 'status', status: 200, body: '{"name":"x","tags":null}' });
    expect(await collectTags(registry.tags(ctx, repository))).toEqual([]);
  });
});

async function collectTags(tags: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const tag of tags) all.push(tag);
  return all;
}
