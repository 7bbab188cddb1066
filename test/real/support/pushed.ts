// Images put into a real registry, and read from it, by plain HTTP and nothing of `src`.
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { type ImageSpec, partsOf } from '../../support/archives.ts';

const OCI = 'application/vnd.oci.image';
const MANIFEST = `${OCI}.manifest.v1+json`;

/** Pushes an image as `REPOSITORY:TAG` to the registry at `url`. */
export async function pushImage(
  url: string,
  repository: string,
  tag: string,
  spec: ImageSpec & { readonly wrap: 'none' | 'gzip' | 'zstd' },
): Promise<void> {
  const { config, stored } = partsOf(spec);
  const suffix = spec.wrap === 'none' ? '' : `+${spec.wrap}`;
  const base = `${url}/v2/${repository}`;
  const layers: object[] = [];
  for (const bytes of stored)
    layers.push({ mediaType: `${OCI}.layer.v1.tar${suffix}`, ...(await pushBlob(base, bytes)) });
  const described = { mediaType: `${OCI}.config.v1+json`, ...(await pushBlob(base, config)) };
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config: described, layers };
  const headers = { 'Content-Type': MANIFEST };
  const body = JSON.stringify(manifest);
  await done(await fetch(`${base}/manifests/${tag}`, { method: 'PUT', headers, body }), 201);
}

/** The layers of an image, base first, as tars; gzip and none are understood. */
export async function pulledTars(url: string, repository: string, tag: string): Promise<Buffer[]> {
  const base = `${url}/v2/${repository}`;
  const headers = { Accept: MANIFEST };
  const answer = await done(await fetch(`${base}/manifests/${tag}`, { headers }), 200);
  const { layers } = JSON.parse(answer.toString()) as {
    layers: { mediaType: string; digest: string; size: number }[];
  };
  return Promise.all(
    layers.map(async ({ mediaType, digest, size }) => {
      const bytes = await done(await fetch(`${base}/blobs/${digest}`), 200);
      if (bytes.length !== size || sha256(bytes) !== digest) throw new Error(`${digest} is wrong`);
      return mediaType.endsWith('gzip') ? gunzipSync(bytes) : bytes;
    }),
  );
}

/** All tags of a repository, sorted; none where there is no such repository. */
export async function tagsAt(url: string, repository: string): Promise<string[]> {
  const answer = await fetch(`${url}/v2/${repository}/tags/list?n=10000`);
  const body = (await answer.json()) as { tags?: string[] | null };
  return [...(body.tags ?? [])].sort();
}

async function pushBlob(
  base: string,
  bytes: Uint8Array,
): Promise<{ digest: string; size: number }> {
  const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
  await done(begun, 202);
  const place = new URL(begun.headers.get('location') ?? '', base);
  const digest = sha256(bytes);
  place.searchParams.set('digest', digest);
  const headers = { 'Content-Type': 'application/octet-stream' };
  const body = Buffer.from(bytes);
  await done(await fetch(place, { method: 'PUT', headers, body }), 201);
  return { digest, size: bytes.length };
}

async function done(answer: Response, status: number): Promise<Buffer> {
  const body = Buffer.from(await answer.arrayBuffer());
  if (answer.status === status) return body;
  throw new Error(`${answer.url} was answered with ${answer.status}: ${body}`);
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
