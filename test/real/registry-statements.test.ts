// Signatures, attestations and SBOMs beside an image of a real registry, one from before lists of referrers: all are named.
import { expect, it } from 'vitest';
import { flatten } from '../../src/library.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { refusalOf } from '../operations/workplace.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { pushImage, tagsAt } from './support/pushed.ts';
import { sharedRegistry } from './support/shared.ts';

const OCI = 'application/vnd.oci.image';
const REPOSITORY = 'shipper/signed';

function layer(name: string): Uint8Array {
  return tar([entry({ name, type: 'file', body: name })]);
}

it("cosign's tags and the tag that stands for a list of referrers", async () => {
  const { url, address } = await sharedRegistry();
  const describe = async (tag: string) => {
    const headers = { accept: `${OCI}.manifest.v1+json` };
    const answer = await fetch(`${url}/v2/${REPOSITORY}/manifests/${tag}`, { headers });
    const digest = answer.headers.get('docker-content-digest') ?? '';
    const size = (await answer.arrayBuffer()).byteLength;
    return { mediaType: `${OCI}.manifest.v1+json`, digest, size };
  };
  const push = async (tag: string, ...names: readonly string[]) => {
    const spec = { layers: names.map(layer), wrap: 'gzip' } as const;
    await pushImage(url, REPOSITORY, tag, spec);
    return describe(tag);
  };
  const { digest: subject } = await push('1', 'a', 'b');
  const stem = subject.replace(':', '-');
  const expected = [
    ['signature', (await push(`${stem}.sig`, 'sig')).digest],
    ['attestation', (await push(`${stem}.att`, 'att')).digest],
    ['sbom', (await push(`${stem}.sbom`, 'sbom')).digest],
  ];
  const note = await push('note', 'note');
  const artifactType = 'application/spdx+json';
  const mediaType = `${OCI}.index.v1+json`;
  const index = { schemaVersion: 2, mediaType, manifests: [{ ...note, artifactType }] };
  const put = await fetch(`${url}/v2/${REPOSITORY}/manifests/${stem}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: JSON.stringify(index),
  });
  expect(put.status).toBe(201);
  expected.push(['referrer', note.digest]);

  const source = `docker://${address}/${REPOSITORY}:1`;
  const options = { system: nodeSystem() };
  const tags = await tagsAt(url, REPOSITORY);
  const refused = await refusalOf(() => flatten({ source, attestations: 'fail' }, options));
  expect(refused.code).toBe('POLICY');
  for (const [, digest] of expected) expect(refused.message).toContain(digest);
  expect(await tagsAt(url, REPOSITORY)).toEqual(tags);
  const { dropped } = await flatten({ source }, options);
  expect(dropped).toEqual(expected.map(([kind, digest]) => ({ kind, digest, subject })));
});
