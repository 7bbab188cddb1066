// An image of a Docker Engine as a source: its `docker save` stream, spooled once (`flatten.md` 4 and 6).
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { apiHas } from '../engine/terms.ts';
import type { ImageSource, Platform } from '../image/image.ts';
import { formatPlatform } from '../image/platform.ts';
import {
  familiarReference,
  isImageId,
  parseReference,
  withDefaultTag,
} from '../image/reference.ts';
import { TarFeed } from '../tar/feed.ts';
import { openArchiveStream } from './archive.ts';
import { archiveBlobs } from './blob-store.ts';
import { dockerArchiveSource } from './docker-source.ts';
import { foreignHint } from './foreign-transports.ts';
import type { LayerOpener } from './layer-opener.ts';
import { ociSource } from './oci-source.ts';

/** The name that the engine is asked for: an id as it is, everything else with a tag. */
export function engineName(reference: string): string {
  if (isImageId(reference)) return reference;
  return familiarReference(withDefaultTag(parseReference(reference)));
}

/** An engine's image as a source; `NOT_FOUND` when the engine does not have it. Does not own the engine. */
export function daemonSource(opener: LayerOpener, engine: Engine, reference: string): ImageSource {
  const name = engineName(reference);
  let opened: ImageSource | undefined;
  return {
    name: `docker-daemon:${name}`,
    async read(ctx, platform) {
      opened ??= await exportImage(opener, ctx, engine, name, platform);
      return opened.read(ctx, platform);
    },
    async [Symbol.asyncDispose]() {
      await opened?.[Symbol.asyncDispose]();
    },
  };
}

async function exportImage(
  opener: LayerOpener,
  ctx: Context,
  engine: Engine,
  name: string,
  platform: Platform | undefined,
): Promise<ImageSource> {
  const facts = await engine.facts(ctx);
  const image = await engine.inspectImage(ctx, name);
  if (image === undefined) {
    throw new ShipperError(
      'NOT_FOUND',
      `Cannot find image ${JSON.stringify(name)}: the engine at ${facts.endpoint} does not have it`,
      {
        hint:
          foreignHint(name) ??
          `Pull it first (docker pull ${name}), or name another engine with --context or --host; a file is named with its folder, as ./app.tar`,
      },
    );
  }
  // Containerd's store keeps several platforms; an older engine with it gives all that it has, to choose from here.
  const givesAll = facts.store === 'containerd' && !apiHas(facts.apiVersion, '1.48');
  const wanted = platform === undefined || givesAll ? undefined : formatPlatform(platform);
  const stream = whole(engine.saveImage(ctx, name, wanted, 'tar'), name, facts.endpoint);
  const label = `docker-daemon:${name}`;
  const archive = await openArchiveStream(opener.system, ctx, stream, label, image.sizeBytes);
  // A graph driver knows an image by its configuration; the manifest in its archive is made up on the way.
  if (facts.store === 'containerd' && archive.has('index.json')) {
    return ociSource(opener, archiveBlobs(archive), {
      name: label,
      reference: undefined,
      skipMissing: true,
      close: () => archive[Symbol.asyncDispose](),
    });
  }
  return dockerArchiveSource(opener, archive, undefined);
}

/**
 * Ends with the tar, which every engine ends with two blocks of zeros: it removes its own copy of the image before it ends its
 * answer. Fails where they are missing: an engine that breaks off may still end its answer properly, and a cut between two
 * members is no error of the framing (moby#45764).
 */
async function* whole(
  stream: AsyncIterable<Uint8Array>,
  name: string,
  endpoint: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = new TarFeed();
  for await (const chunk of stream) {
    // First, as the chunk is the reader's afterwards.
    tar.push(chunk);
    yield chunk;
    if (tar.isAtEnd) return;
  }
  // Its reader tells better why it is none.
  if (tar.isCorrupt) return;
  throw new ShipperError(
    'ENGINE',
    `Cannot read image ${JSON.stringify(name)} from the engine at ${endpoint}: the stream ended early, after ${tar.size} bytes`,
    { image: name, host: endpoint, retryable: true },
  );
}
