// Faults of registries (`faults.md` 2.5) through the whole of a flatten: the right bytes or a clean refusal, never a tag on
// an image that is not complete, no temporary file, one line that names image and registry.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../flatten/random/random.ts';
import { noise } from '../registry/client-support.ts';
import { amount } from '../support/amount.ts';
import { flatTarIn, manifestIn, putImage } from '../support/registry-images.ts';
import type { RegistryFault, RegistryOperation } from '../support/registry-server.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { type RegistryPlace, registryPlace } from './registry-place.ts';

/** Two layers of noise, so that compressed bytes are as many as others. */
const LAYERS = ['one', 'two'].map((name, at) => {
  const body = noise(200_000 + at).toString('latin1');
  return tar([entry({ name, type: 'file', body })]);
});
const STORED = LAYERS.map((layer) => gzipSync(layer));
/** Takes the place of a fault, so that the next one strikes the call after. */
const NO_FAULT: RegistryFault = { kind: 'headers', set: {} };

async function withImage(): Promise<RegistryPlace> {
  const its = await registryPlace();
  putImage(its.repository('app'), '1', { layers: LAYERS, wrap: 'gzip' });
  return its;
}

/** The digest that a flatten without a fault gives. */
const rightDigest = (async () => {
  await using its = await withImage();
  await its.run('flatten', its.at('app:1'));
  return its.repository('app').tags.get('1-flat');
})();

/** A flatten that must get over what was ordered. */
async function expectRight(its: RegistryPlace): Promise<void> {
  const ran = await its.run('flatten', its.at('app:1'));
  expect(ran).toMatchObject({ code: 0, err: '' });
  flatTarIn(its.repository('app'), '1-flat');
  expect(its.repository('app').tags.get('1-flat')).toBe(await rightDigest);
  expect(its.place.leftovers()).toEqual([]);
}

/** A flatten that must be refused, with the words `said`. */
async function expectRefused(its: RegistryPlace, said: RegExp, code = 1): Promise<void> {
  const ran = await its.failing('flatten', its.at('app:1'));
  expect(ran.code).toBe(code);
  expect(ran.out).toBe('');
  expect(ran.line).toMatch(said);
  expect(ran.line).toContain('app:1');
  expect(ran.line).toContain(its.fake.address);
}

describe('layers on their way here', () => {
  const size = STORED[0]?.length ?? 0;

  it.each<[string, RegistryFault]>([
    ['R13: a connection that breaks', { kind: 'cut', afterBytes: 70_000 }],
    ['R13: before the first byte', { kind: 'cut', afterBytes: 0 }],
    ['R13: before the answer', { kind: 'reset' }],
    ['R12: 503', { kind: 'status', status: 503 }],
    ['R15: an end that looks like one', { kind: 'cut', afterBytes: 70_000, how: 'clean' }],
    [
      'R15: a length that is too short',
      { kind: 'headers', set: { 'content-length': String(size - 100) } },
    ],
    ['R16: one flipped bit, once', { kind: 'flip', atByte: 100_000 }],
    ['R1: a store elsewhere', { kind: 'redirect', to: 'elsewhere' }],
  ])('%s', async (_, fault) => {
    await using its = await withImage();
    its.fake.fault('blob.get', NO_FAULT);
    its.fake.fault('blob.get', fault);
    if (_.startsWith('R16')) return await expectOnce(its);
    await expectRight(its);
  });

  it.each<[string, RegistryFault, RegExp]>([
    ['R15', { kind: 'cut', afterBytes: 70_000, how: 'clean' }, /blob sha256:/],
    ['R13', { kind: 'cut', afterBytes: 0 }, /blob sha256:|Cannot reach registry/],
    // Whichever comes first: the check of gzip itself, or the digest of what was fetched.
    ['R16', { kind: 'flip', atByte: 100_000 }, /digest|Cannot decompress gzip/],
    ['R12', { kind: 'status', status: 500 }, /500/],
    ['R25: gone', { kind: 'status', status: 404 }, /404/],
    ['another body', { kind: 'body', bytes: Buffer.from('no layer') }, /blob sha256:/],
  ])('%s, always: refused, and nothing was pushed', async (_, fault, said) => {
    await using its = await withImage();
    its.fake.fault('blob.get', NO_FAULT);
    its.fake.fault('blob.get', fault, 50);
    await expectRefused(its, said);
    expect(its.fake.count('manifest.put')).toBe(0);
  });

  /** Wrong bytes may be fetched again or refused, and never be passed on. */
  async function expectOnce(its: RegistryPlace): Promise<void> {
    const ran = await its.run('flatten', its.at('app:1'));
    if (ran.code === 0) expect(its.repository('app').tags.get('1-flat')).toBe(await rightDigest);
    else expect([...its.repository('app').tags.keys()]).toEqual(['1']);
    expect(its.place.leftovers()).toEqual([]);
  }

  it('R17, R18: manifests that lie', async () => {
    await using its = await withImage();
    const lie = { kind: 'headers', set: { 'docker-content-digest': 'sha256:../../etc' } } as const;
    its.fake.fault('manifest.get', lie);
    await expectRight(its);
    its.fake.fault('manifest.get', { kind: 'endless' }, 5);
    const ran = await its.run('flatten', its.at('app:1'), '-t', its.at('app:2'));
    expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(/over|more than/) });
  });
});

describe('the flat layer on its way there', () => {
  it('R19: an upload that is cut at random places gives the same image', async () => {
    const random = createRandom(19);
    for (let round = 0; round < amount(3, 12); round += 1) {
      await using its = await withImage();
      const cuts = 1 + random.below(2);
      for (let cut = 0; cut < cuts; cut += 1) {
        const afterBytes = random.below(401_000);
        its.fake.fault('upload.patch', { kind: 'cutUpload', afterBytes });
      }
      if (random.chance(0.3)) its.fake.fault('upload.status', { kind: 'status', status: 404 });
      await expectRight(its);
    }
  });

  it.each<[string, RegistryOperation, RegistryFault]>([
    ['R12: 503 to the begin', 'upload.start', { kind: 'status', status: 503 }],
    ['R12: 429 to the stream', 'upload.patch', { kind: 'status', status: 429 }],
    ['R20: 416 without a word', 'upload.patch', { kind: 'status', status: 416 }],
    ['R21: the upload is gone', 'upload.patch', { kind: 'forgetUploads' }],
    ['R21: it is gone at the end', 'upload.put', { kind: 'forgetUploads' }],
    ['R22: the last answer is lost', 'upload.put', { kind: 'lost' }],
    ['R22: 500 although it is done', 'upload.put', { kind: 'status', status: 500, isDone: true }],
    ['R19: an answer is lost', 'upload.patch', { kind: 'lost' }],
    ['R25: no HEAD for blobs', 'blob.head', { kind: 'status', status: 405 }],
    ['R25: no HEAD for manifests', 'manifest.head', { kind: 'status', status: 405 }],
    ['R27: 503 to a manifest, once', 'manifest.put', { kind: 'status', status: 503 }],
    ['R22: the answer to a manifest is lost', 'manifest.put', { kind: 'lost' }],
  ])('%s', async (_, operation, fault) => {
    await using its = await withImage();
    its.fake.fault(operation, fault);
    await expectRight(its);
  });

  it('R20: 416 that says how far it is, after a cut', async () => {
    await using its = await withImage();
    its.fake.fault('upload.patch', { kind: 'cutUpload', afterBytes: 100_000 });
    its.fake.fault('upload.patch', { kind: 'status', status: 416, headers: { Range: '0-49999' } });
    const ran = await its.run('flatten', its.at('app:1'));
    // What it says is not true: then it is begun anew, or refused.
    if (ran.code === 0) expect(its.repository('app').tags.get('1-flat')).toBe(await rightDigest);
    else expect(its.repository('app').tags.has('1-flat')).toBe(false);
  });

  it.each<[string, RegistryOperation, RegistryFault, RegExp]>([
    ['the begin', 'upload.start', { kind: 'status', status: 403 }, /403/],
    ['the stream', 'upload.patch', { kind: 'status', status: 500 }, /500/],
    ['the end', 'upload.put', { kind: 'status', status: 400 }, /400/],
    ['R21', 'upload.patch', { kind: 'forgetUploads' }, /404/],
    ['R27', 'manifest.put', { kind: 'status', status: 400, body: '{"errors":[]}' }, /400/],
    ['R27, 500', 'manifest.put', { kind: 'status', status: 500 }, /500/],
    ['R19', 'upload.patch', { kind: 'cutUpload', afterBytes: 0 }, /closed|connection/],
  ])('%s refused always: no tag, one line', async (_, operation, fault, said) => {
    await using its = await withImage();
    its.fake.fault(operation, fault, 100);
    await expectRefused(its, said);
  });

  it('R27: the tag alone is refused: it stays what it was', async () => {
    await using its = await withImage();
    const repository = its.repository('app');
    putImage(repository, '1-flat', { layers: 'old=1' });
    const before = repository.tags.get('1-flat');
    its.fake.fault('manifest.put', NO_FAULT);
    its.fake.fault('manifest.put', { kind: 'status', status: 409 }, 9);
    await expectRefused(its, /409/);
    expect(repository.tags.get('1-flat')).toBe(before);
  });

  it('R28: a tag that somebody moves in between is told, with the digest that was pushed', async () => {
    await using its = await withImage();
    const repository = its.repository('app');
    const other = putImage(repository, undefined, { layers: 'other=1' });
    const set = repository.tags.set.bind(repository.tags);
    repository.tags.set = (tag) => set(tag, other.digest);
    const ran = await its.run('flatten', its.at('app:1'), '--json', '--verify');
    expect(ran.code).toBe(0);
    const report = JSON.parse(ran.out);
    expect(report.images[0].manifestDigest).toBe(await rightDigest);
    expect(repository.manifests.has((await rightDigest) ?? '')).toBe(true);
    const told = await its.place.flatten({ source: its.at('app:1') });
    expect(told.images[0]?.manifestDigest).toBe(await rightDigest);
    const notes = its.place.events.filter(({ type }) => type === 'note');
    expect(JSON.stringify(notes)).toContain('somebody else moved it');
  });

  it('a second tag that is refused: exit code 3, and the line says what is there already', async () => {
    await using its = await withImage();
    its.fake.fault('manifest.put', NO_FAULT, 3);
    its.fake.fault('manifest.put', { kind: 'status', status: 403 }, 9);
    const tags = ['-t', `${its.fake.address}/app:2`, '-t', `${its.fake.address}/b:3`];
    const ran = await its.run('flatten', its.at('app:1'), ...tags);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain(`already written: docker://${its.fake.address}/app:2`);
    expect(its.repository('app').tags.get('2')).toBe(await rightDigest);
    expect(its.repository('b').tags.size).toBe(0);
  });

  it('another registry that refuses: exit code 3, and the line names both', async () => {
    await using its = await withImage();
    await using other = await registryPlace();
    other.fake.fault('manifest.put', { kind: 'status', status: 403 }, 9);
    const tags = ['-t', its.at('app:2'), '-t', other.at('b:3')];
    const ran = await its.run('flatten', its.at('app:1'), ...tags);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain(`already written: ${its.at('app:2')}`);
    expect(ran.err).toContain(other.fake.address);
    expect(other.repository('b').tags.size).toBe(0);
  });
});

describe('interruption', () => {
  it.each<[string, RegistryOperation, RegistryFault]>([
    ['a layer is fetched', 'blob.get', { kind: 'hang', afterBytes: 50_000 }],
    ['the registry does not answer', 'manifest.get', { kind: 'hang' }],
    ['the flat layer is uploaded', 'upload.patch', { kind: 'stopReading' }],
    ['an upload is closed', 'upload.put', { kind: 'hang' }],
    ['a manifest is put', 'manifest.put', { kind: 'hang' }],
  ])('while %s: at once, with nothing left', async (_, operation, fault) => {
    await using its = await withImage();
    if (operation === 'blob.get') its.fake.fault('blob.get', NO_FAULT);
    its.fake.fault(operation, fault, 9);
    const stop = new AbortController();
    const { flatten } = await import('../../src/library.ts');
    const running = flatten(
      { source: its.at('app:1') },
      { system: its.place.system, signal: stop.signal },
    );
    const struck = operation === 'blob.get' ? 2 : 1;
    const waiting = expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await waitFor(() => its.fake.count(operation) >= struck);
    const started = performance.now();
    stop.abort('SIGINT');
    await waiting;
    expect(performance.now() - started).toBeLessThan(5000);
    expect(its.place.leftovers()).toEqual([]);
    expect([...its.repository('app').tags.keys()]).toEqual(['1']);
  });
});

async function waitFor(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 4000 && !holds(); round += 1)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

describe('the image that was there', () => {
  it('is whole, and the first one, when the second run is cut', async () => {
    await using its = await withImage();
    await expectRight(its);
    putImage(its.repository('app'), '1', { layers: 'x=1 | y=2' });
    its.fake.fault('upload.patch', { kind: 'status', status: 500 }, 9);
    await expectRefused(its, /500/);
    expect(manifestIn(its.repository('app'), '1-flat').layers.length).toBe(1);
  });
});
