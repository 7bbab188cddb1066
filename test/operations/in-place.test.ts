// `--in-place --platform`: one platform of an index is flattened, the others stay as they are.
import { describe, expect, it } from 'vitest';
import {
  archive,
  attestation,
  Blobs,
  type ImageSpec,
  ociMembers,
  writeMembers,
} from '../support/archives.ts';
import { type Workplace, workplace } from './workplace.ts';

function platform(architecture: string, layers: string): ImageSpec {
  return { layers, platform: { os: 'linux', architecture }, wrap: 'gzip' };
}

/** Members of a layout with one index of three platforms under `app:1`, and the attestation of one. */
function indexMembers(): ReturnType<typeof ociMembers> {
  const blobs = new Blobs();
  const amd = blobs.image(platform('amd64', 'a=1 | b=2'));
  const arm = blobs.image(platform('arm64', 'a=arm | b=2 | -a'));
  const risc = blobs.image(platform('riscv64', 'r=1 | r=2'));
  const manifests = [amd, arm, risc, attestation(blobs, arm)];
  const index = blobs.index(manifests, { annotations: { own: 'kept' } });
  const named = { ...index, annotations: { 'org.opencontainers.image.ref.name': 'app:1' } };
  return blobs.members([named]);
}

async function shape(place: Workplace, image: string) {
  const { platforms } = await place.inspect(image);
  return platforms.map((each) => [
    each.platform.architecture,
    each.layers.length,
    each.manifestDigest,
  ]);
}

const arrange = {
  'x.tar': (place: Workplace) => place.write('x.tar', archive(indexMembers())),
  'oci-archive:x.tar': (place: Workplace) => place.write('x.tar', archive(indexMembers())),
  'oci:lay:app:1': (place: Workplace) => writeMembers(place.path('lay'), indexMembers()),
  './lay': (place: Workplace) => writeMembers(place.path('lay'), indexMembers()),
};

describe('--in-place with --platform', () => {
  it.each(
    Object.keys(arrange) as (keyof typeof arrange)[],
  )('%s: the other platforms stay, byte for byte and in their order', async (source) => {
    using place = workplace();
    arrange[source](place);
    const before = await shape(place, source);
    const report = await place.flatten({
      source,
      inPlace: true,
      platform: 'linux/arm64',
      verify: true,
    });
    const after = await shape(place, source);
    expect(report.images.map((each) => each.platform.architecture)).toEqual(['arm64']);
    expect([report.verified, report.indexDigest === undefined]).toEqual([true, false]);
    expect(after).toEqual([before[0], ['arm64', 1, report.images[0]?.manifestDigest], before[2]]);
    expect(place.leftovers()).toEqual([]);
  });

  it('says nothing of what it did not flatten, and drops no platform on a dry run', async () => {
    using place = workplace();
    arrange['x.tar'](place);
    const before = place.read('x.tar');
    await place.flatten({ source: 'x.tar', inPlace: true, platform: 'amd64', dryRun: true });
    expect(place.read('x.tar').equals(before)).toBe(true);
  });

  it('elsewhere one platform is one image, as before', async () => {
    using place = workplace();
    arrange['x.tar'](place);
    const request = { source: 'x.tar', platform: 'linux/arm64', outputs: ['oci-archive:y.tar'] };
    await place.flatten(request);
    expect(await shape(place, 'y.tar')).toHaveLength(1);
  });

  it('an image of one platform stays one', async () => {
    using place = workplace();
    writeMembers(place.path('lay'), ociMembers([platform('amd64', 'a=1 | b=2')]));
    const request = { source: 'oci:lay', platform: 'amd64', inPlace: true };
    const report = await place.flatten(request);
    expect([report.indexDigest, (await shape(place, 'oci:lay')).length]).toEqual([undefined, 1]);
  });

  it('a broken layer of another platform is refused, and nothing is changed', async () => {
    using place = workplace();
    const members = indexMembers();
    const broken = members.map(([name, body]) =>
      Buffer.isBuffer(body) && body[0] === 0x1f && name.startsWith('blobs/')
        ? ([
            name,
            Buffer.concat([body.subarray(0, -1), Buffer.from([body.at(-1) === 1 ? 2 : 1])]),
          ] as const)
        : ([name, body] as const),
    );
    place.write('x.tar', archive(broken));
    const before = place.read('x.tar');
    const request = { source: 'x.tar', inPlace: true, platform: 'linux/arm64' };
    expect(['DIGEST_MISMATCH', 'BAD_COMPRESSION']).toContain((await place.refusal(request)).code);
    expect(place.read('x.tar').equals(before)).toBe(true);
  });
});
