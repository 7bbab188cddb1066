// Writes the one hybrid archive that everybody reads (`flatten.md` 6): an OCI layout with `manifest.json` beside it. The
// layer comes first; its header is written when its digest is known, which a file allows and a pipe does not.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import type { Descriptor, LayerProducer, Publication, StoredContent } from '../image/image.ts';
import type { System, WritableFile } from '../system/system.ts';
import { BLOCK, padded } from '../tar/entry.ts';
import { memberHeader } from './archive-member.ts';
import { type ArchiveTail, archiveTail, LAYOUT_FILE } from './archive-tail.ts';
import { copyStored } from './copy-stored.ts';
import { FlushingFile } from './flushing-file.ts';
import type { NameStyle } from './image-names.ts';
import { type StoredBytes, storeLayer } from './store-layer.ts';
import { blobPath } from './stored-layer.ts';

/** Beyond this a member's size needs a header of three blocks. */
const LARGE_BYTES = 8_589_934_591;

/** An archive in the making. */
export class ArchiveWriter {
  readonly #system: System;
  readonly #file: FlushingFile;
  readonly #blobs = new Set<Digest>();
  #end = 0;

  constructor(system: System, file: WritableFile) {
    this.#system = system;
    this.#file = new FlushingFile(file);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#end;
  }

  async putLayer(
    ctx: Context,
    layer: LayerProducer,
    compression: Compression,
    jobs: number,
  ): Promise<StoredBytes> {
    await this.#begin();
    // No compression makes a tar much larger, so the room for its header is known before it is.
    const isLarge = layer.size > LARGE_BYTES * 0.9;
    const start = this.#end + memberHeader('', 0, isLarge).length;
    const stored = await storeLayer(
      this.#system,
      ctx,
      layer,
      compression,
      jobs,
      (bytes, position) => this.#file.write(bytes, start + position),
    );
    await this.#finishMember(stored.digest, stored.size, start, isLarge);
    return stored;
  }

  /** Stores bytes as they are, which must be those of the descriptor. */
  async copyBlob(ctx: Context, descriptor: Descriptor, source: StoredContent): Promise<void> {
    await this.#begin();
    const { digest, size } = descriptor;
    if (this.#blobs.has(digest)) return;
    const isLarge = size > LARGE_BYTES;
    const start = this.#end + memberHeader('', 0, isLarge).length;
    await copyStored(ctx, source, descriptor, (bytes, position) =>
      this.#file.write(bytes, start + position),
    );
    await this.#finishMember(digest, size, start, isLarge);
  }

  /** Writes everything that makes the layers an image, and the end of the archive. */
  async finish(publication: Publication, style: NameStyle): Promise<void> {
    await this.#begin();
    const tail: ArchiveTail = archiveTail(publication, style, this.#blobs);
    for (const { name, bytes } of tail) await this.#member(name, bytes);
    await this.#append(new Uint8Array(2 * BLOCK));
    await this.#file.settle();
  }

  async #begin(): Promise<void> {
    if (this.#end === 0) await this.#member(LAYOUT_FILE.name, LAYOUT_FILE.bytes);
  }

  /** A blob that is there already is forgotten: the next member is written over it. */
  async #finishMember(
    digest: Digest,
    size: number,
    start: number,
    isLarge: boolean,
  ): Promise<void> {
    if (this.#blobs.has(digest)) return;
    this.#blobs.add(digest);
    const header = memberHeader(blobPath(digest), size, isLarge);
    await this.#file.write(header, this.#end);
    this.#end = start + size;
    await this.#append(new Uint8Array(padded(size) - size));
  }

  async #member(name: string, bytes: Uint8Array): Promise<void> {
    const header = memberHeader(name, bytes.length, false);
    await this.#append(
      Buffer.concat([header, bytes, new Uint8Array(padded(bytes.length) - bytes.length)]),
    );
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#file.write(bytes, this.#end);
    this.#end += bytes.length;
  }
}
