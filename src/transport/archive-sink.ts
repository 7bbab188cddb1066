// Archives as a destination: a temporary file beside the target that takes its place when it is whole.
import type { ImageSink } from '../image/image.ts';
import { createBeside, requireSpace, splitPath } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { ArchiveWriter } from './archive-writer.ts';
import type { NameStyle } from './image-names.ts';
import { describeCopy, describeLayer, type SinkOptions } from './sink.ts';

/** Opens an archive file for writing. An existing file is replaced on commit: the user named it. */
export async function openArchiveSink(
  system: System,
  path: string,
  style: NameStyle,
  name: string,
  options: SinkOptions,
): Promise<ImageSink> {
  const temp = await createBeside(system, path);
  const writer = new ArchiveWriter(system, temp.file);
  const copyBlob: ImageSink['copyBlob'] = async (ctx, blob) => {
    await using bytes = await blob.openStored(ctx);
    await writer.copyBlob(ctx, blob.descriptor, bytes);
  };
  return {
    name,
    defaultCompression: style === 'docker' ? { kind: 'none' } : { kind: 'gzip', level: 6 },
    reserve: (_ctx, bytes) => requireSpace(system.files, splitPath(path).folder, bytes, name),
    async putLayer(ctx, layer, compression) {
      const stored = await writer.putLayer(ctx, layer, compression, options.jobs);
      return describeLayer(stored, compression, options.family);
    },
    async copyLayer(ctx, layer) {
      await copyBlob(ctx, layer);
      return describeCopy(layer);
    },
    copyBlob,
    isConcurrent: false,
    async commit(_ctx, publication) {
      await writer.finish(publication, style);
      await temp.moveTo(path);
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}
