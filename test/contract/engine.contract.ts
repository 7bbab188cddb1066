// What every engine must do that shipper talks to. The fake engine passes it in test/engine, real ones in test/real.
import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { scanTar } from '../../src/tar/scan.ts';
import { inMemory } from '../support/flatten.ts';
import { header } from '../support/tar-builder.ts';

/** An engine under the contract, without images named `contract/…`. Disposed at the end. */
export interface ContractSubject extends AsyncDisposable {
  readonly engine: Engine;
  readonly ctx: Context;
}

const NAME = 'docker.io/contract/app:one';

/** Runs the contract against what `makeEngine` gives. */
export function engineContract(name: string, makeEngine: () => Promise<ContractSubject>): void {
  describe(`${name} keeps the engine contract`, () => {
    let subject: ContractSubject;
    let engine: Engine;
    let ctx: Context;
    let layer: Buffer;
    let id = '';
    beforeAll(async () => {
      subject = await makeEngine();
      ({ engine, ctx } = subject);
      layer = await tarOf({ 'etc/hello': 'hello', 'etc/big': 'x'.repeat(300_000) });
    });
    afterAll(() => subject?.[Symbol.asyncDispose]());

    it('facts() says what it is', async () => {
      const facts = await engine.facts(ctx);
      expect(facts.version).toMatch(/^\d+\.\d+/);
      expect(facts.apiVersion).toMatch(/^1\.\d+$/);
      expect(facts.os).toBe('linux');
      expect(facts.architecture).toMatch(/^(?:amd64|arm64)$/);
      expect(await engine.facts(ctx)).toBe(facts);
    });

    it('inspectImage() knows no image that is not there', async () => {
      expect(await engine.inspectImage(ctx, 'docker.io/contract/none:one')).toBeUndefined();
      expect(await engine.inspectImage(ctx, `sha256:${'0'.repeat(64)}`)).toBeUndefined();
    });

    it('importLayer() makes an image of a layer, its diff_id that of the bytes', async () => {
      const { os, architecture } = await engine.facts(ctx);
      const platform = `${os}/${architecture}`;
      id = await engine.importLayer(ctx, pieces(layer), { name: NAME, platform });
      expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
      const image = await engine.inspectImage(ctx, NAME);
      expect(image?.id).toBe(id);
      expect(image?.diffIds).toEqual([sha256(layer)]);
      expect(image).toMatchObject({ os, architecture });
      expect((await engine.inspectImage(ctx, id))?.tags).toEqual(image?.tags);
    });

    it('tagImage() adds a name', async () => {
      await engine.tagImage(ctx, NAME, 'docker.io/contract/app:two');
      expect((await engine.inspectImage(ctx, 'docker.io/contract/app:two'))?.id).toBe(id);
      await engine.tagImage(ctx, id, 'docker.io/contract/app:three');
      expect((await engine.inspectImage(ctx, NAME))?.tags).toHaveLength(3);
    });

    it('listTags() gives the names of one repository, and no others of the same image', async () => {
      for (const name of ['contract-list:one', 'contract-list:two', 'contract-other:one']) {
        await engine.tagImage(ctx, id, name);
      }
      const names = (await engine.listTags(ctx, 'contract-list')).map((tag) =>
        tag.split('/').at(-1),
      );
      expect(names.toSorted()).toEqual(['contract-list:one', 'contract-list:two']);
      for (const name of await engine.listTags(ctx, 'contract-list')) {
        await engine.removeImage(ctx, name);
      }
      expect(await engine.listTags(ctx, 'contract-list')).toEqual([]);
      await engine.removeImage(ctx, 'contract-other:one');
      expect(await engine.inspectImage(ctx, NAME)).toBeDefined();
    });

    it('tagImage() of a missing image is NOT_FOUND', async () => {
      const tagging = engine.tagImage(ctx, 'docker.io/contract/none:one', NAME);
      expect(await codeOf(tagging)).toBe('NOT_FOUND');
    });

    it('saveImage() gives an archive that loadImages() takes', async () => {
      const archive = await collect(engine.saveImage(ctx, NAME));
      expect(archive.includes('manifest.json')).toBe(true);
      for (const tag of ['one', 'two', 'three']) {
        await engine.removeImage(ctx, `docker.io/contract/app:${tag}`);
      }
      expect(await engine.inspectImage(ctx, NAME)).toBeUndefined();
      const loaded = await engine.loadImages(ctx, pieces(archive));
      expect(loaded.join()).toMatch(/contract\/app:one$/);
      expect((await engine.inspectImage(ctx, NAME))?.diffIds).toEqual([sha256(layer)]);
    });

    it('saveImage() gives the same members when nothing frames it but the tar', async () => {
      const framed = await collect(engine.saveImage(ctx, NAME));
      const bare = await collect(engine.saveImage(ctx, NAME, undefined, 'tar'));
      expect(membersOf(bare)).toEqual(membersOf(framed));
      const missing = engine.saveImage(ctx, 'docker.io/contract/none:one', undefined, 'tar');
      expect(await codeOf(collect(missing))).toBe('NOT_FOUND');
    });

    it('saveImage() takes the platform that the image has', async () => {
      const { os, architecture } = await engine.facts(ctx);
      const archive = await collect(engine.saveImage(ctx, NAME, `${os}/${architecture}`));
      expect(archive.includes('manifest.json')).toBe(true);
      const other = collect(engine.saveImage(ctx, NAME, `${os}/s390x`));
      expect(await codeOf(other)).toMatch(/^(?:NOT_FOUND|ENGINE)$/);
    });

    it('saveImage() of a missing image is NOT_FOUND', async () => {
      const saving = collect(engine.saveImage(ctx, 'docker.io/contract/none:one'));
      expect(await codeOf(saving)).toBe('NOT_FOUND');
    });

    it('saveImage() may be left early', async () => {
      for await (const chunk of engine.saveImage(ctx, NAME)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(await engine.inspectImage(ctx, NAME)).toBeDefined();
    });

    it('loadImages() of what is no archive, or half of one, is ENGINE', async () => {
      const archive = await collect(engine.saveImage(ctx, NAME));
      const half = archive.subarray(0, archive.length / 2);
      expect(await codeOf(engine.loadImages(ctx, pieces(half)))).toBe('ENGINE');
      const garbage = Buffer.alloc(100_000, 'garbage');
      expect(await codeOf(engine.loadImages(ctx, pieces(garbage)))).toBe('ENGINE');
    });

    it('importLayer() of what is no tar is ENGINE, and the name can be removed', async () => {
      const options = { name: 'docker.io/contract/broken:one' };
      const importing = engine.importLayer(ctx, pieces(Buffer.alloc(100_000, 'garbage')), options);
      expect(await codeOf(importing)).toBe('ENGINE');
      // 26.1 with containerd's store has named the image by then.
      await engine.removeImage(ctx, options.name);
      expect(await engine.inspectImage(ctx, options.name)).toBeUndefined();
    });

    it('loadImages() passes the failure of its body on, and the engine goes on', async () => {
      const mine = new Error('mine');
      async function* failing(): AsyncGenerator<Uint8Array, void, undefined> {
        yield layer;
        throw mine;
      }
      await expect(engine.loadImages(ctx, failing())).rejects.toBe(mine);
      expect(await engine.inspectImage(ctx, NAME)).toBeDefined();
    });

    it('buildImage() makes an image of a context, and tells its steps', async () => {
      const context = await tarOf({
        'docker/App': 'FROM scratch\nCOPY hello /hello\n',
        hello: 'hello',
      });
      const lines: string[] = [];
      const name = 'docker.io/contract/built:one';
      const built = await engine.buildImage(ctx, pieces(context), {
        name,
        dockerfile: 'docker/App',
        args: { a: 'b' },
        labels: { 'contract.label': 'x y' },
        extraHosts: ['a:1.2.3.4', 'b:1.2.3.4'],
        log: (line) => lines.push(line),
      });
      expect(built).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect((await engine.inspectImage(ctx, name))?.id).toBe(built);
      expect(lines.join('\n')).toMatch(/step 1\/\d.*FROM scratch/i);
      await engine.removeImage(ctx, name);
    });

    it('buildImage() without its Dockerfile, or with a step that fails, is ENGINE', async () => {
      const name = 'docker.io/contract/built:two';
      const empty = await tarOf({ hello: 'hello' });
      expect(await codeOf(engine.buildImage(ctx, pieces(empty), { name }))).toBe('ENGINE');
      const context = await tarOf({ Dockerfile: 'FROM scratch\nCOPY nothing /x\n' });
      expect(await codeOf(engine.buildImage(ctx, pieces(context), { name }))).toBe('ENGINE');
      expect(await engine.inspectImage(ctx, name)).toBeUndefined();
    });

    it('a cancelled upload is INTERRUPTED', async () => {
      const abort = new AbortController();
      // Of one file: an engine that has seen the end of a tar keeps it, whatever comes after.
      async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
        yield header({ name: 'endless', size: 2 ** 30, typeflag: '0' });
        for (let chunk = 0; ; chunk += 1) {
          if (chunk === 3) abort.abort();
          yield layer;
        }
      }
      const options = { name: 'docker.io/contract/endless:one' };
      const importing = engine.importLayer({ ...ctx, signal: abort.signal }, endless(), options);
      expect(await codeOf(importing)).toBe('INTERRUPTED');
      expect(await engine.inspectImage(ctx, options.name)).toBeUndefined();
    });

    it('removeImage() takes one name, then the image, and does not mind when it is gone', async () => {
      await engine.tagImage(ctx, NAME, 'docker.io/contract/app:two');
      await engine.removeImage(ctx, NAME, { keepParents: true });
      expect(await engine.inspectImage(ctx, NAME)).toBeUndefined();
      expect(await engine.inspectImage(ctx, 'docker.io/contract/app:two')).toBeDefined();
      await engine.removeImage(ctx, 'docker.io/contract/app:two');
      await engine.removeImage(ctx, 'docker.io/contract/app:two');
      expect(await engine.inspectImage(ctx, 'docker.io/contract/app:two')).toBeUndefined();
    });
  });
}

async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, body] of Object.entries(files)) {
    archive.entry({ name, mtime: new Date(0) }, body);
  }
  archive.finalize();
  return collect(archive as AsyncIterable<Uint8Array>);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

/** Names and sizes of the members of an archive. */
function membersOf(archive: Uint8Array): string[] {
  const entries = [...scanTar(inMemory(archive))];
  return entries.map(({ path, size }) => `${path} ${size}`).toSorted();
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof ShipperError ? error.code : String(error)),
  );
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
