// Carries out the plan of a copy: every blob once, several beside each other where the destination takes that.
import { type Context, startTask } from '../core/context.ts';
import { shortDigest } from '../core/digest.ts';
import { bug } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import type {
  Artifact,
  FinishedImage,
  ImageSink,
  StoredBlob,
  StoredContent,
  StoredLayer,
} from '../image/image.ts';
import { buildManifest } from '../image/manifest.ts';
import { typesOf } from '../image/media-types.ts';
import { requireDiffId } from '../transport/stored-facts.ts';
import { type ImagePlan, inLayer, type LayerStep, typeIn } from './copy-plan.ts';

/** What had to be read. */
export interface Tally {
  blobs: number;
  bytes: number;
}

/** How much is done at once. */
export interface ContentOptions {
  readonly jobs: number;
  readonly tally: Tally;
}

/** Stores everything that the plans and artifacts need, and finishes the images. */
export async function copyContent(
  ctx: Context,
  plans: readonly ImagePlan[],
  artifacts: readonly Artifact[],
  sink: ImageSink,
  { jobs, tally }: ContentOptions,
): Promise<FinishedImage[]> {
  const done = new Map<string, StoredLayer>();
  const tasks = new Map<string, () => Promise<void>>();
  const count = (blob: StoredBlob) => counted(blob, tally);
  for (const { image, steps } of plans) {
    for (const [index, step] of steps.entries()) {
      const key = keyOf(step);
      const layer = image.layers[index];
      if (key === undefined || layer === undefined || tasks.has(key)) continue;
      tasks.set(key, async () => {
        const storing = storeLayer(ctx, sink, { ...layer, ...count(layer) }, step);
        done.set(key, await storing.catch((error) => Promise.reject(inLayer(error, image, index))));
      });
    }
  }
  for (const blob of artifacts.flatMap(({ blobs }) => blobs)) {
    const key = `copy ${blob.descriptor.digest}`;
    if (!tasks.has(key)) tasks.set(key, () => sink.copyBlob(ctx, count(blob)));
  }
  await runAll([...tasks.values()], sink.isConcurrent ? jobs : 1);
  return plans.map((plan) => finish(plan, done));
}

/** What is stored once however often it is named. */
function keyOf(step: LayerStep): string | undefined {
  if (step.kind === 'leave') return undefined;
  if (step.kind === 'copy') return `copy ${step.stored.descriptor.digest}`;
  return `make ${step.producer.name}`;
}

async function storeLayer(
  ctx: Context,
  sink: ImageSink,
  layer: ImagePlan['image']['layers'][number],
  step: LayerStep,
): Promise<StoredLayer> {
  switch (step.kind) {
    case 'leave':
      return step.stored;
    case 'copy':
      await sink.copyBlob(ctx, { ...layer, descriptor: step.stored.descriptor });
      return step.stored;
    case 'tar':
      if (sink.defaultCompression.kind === 'none') {
        await sink.copyBlob(ctx, { ...layer, descriptor: step.stored.descriptor });
        return step.stored;
      }
      return make(ctx, sink, layer, { ...step, compression: sink.defaultCompression });
    case 'make':
      return make(ctx, sink, layer, step);
  }
}

async function make(
  ctx: Context,
  sink: ImageSink,
  layer: ImagePlan['image']['layers'][number],
  { producer, compression }: Pick<LayerStep & { kind: 'make' }, 'producer' | 'compression'>,
): Promise<StoredLayer> {
  const stored = await sink.putLayer(ctx, producer, compression);
  requireDiffId(layer, stored.diffId);
  return stored;
}

function finish(plan: ImagePlan, done: ReadonlyMap<string, StoredLayer>): FinishedImage {
  const { image, family, kept } = plan;
  const layers = plan.steps.map((step) => layerOf(step, done));
  const { platform, config } = image;
  if (kept !== undefined) return { platform, config, manifest: kept, layers };
  const mediaType = typesOf(family).config;
  const descriptors = layers.map(({ descriptor }) => ({
    ...descriptor,
    mediaType: typeIn(family, descriptor.mediaType),
  }));
  const configDescriptor = { ...config.descriptor, mediaType };
  const annotations = image.manifest?.annotations ?? {};
  const manifest = buildManifest(family, configDescriptor, descriptors, annotations);
  return { platform, config: { ...config, descriptor: configDescriptor }, manifest, layers };
}

function layerOf(step: LayerStep, done: ReadonlyMap<string, StoredLayer>): StoredLayer {
  if (step.kind === 'copy' || step.kind === 'leave') return step.stored;
  const stored = done.get(keyOf(step) ?? '');
  if (stored === undefined) throw bug('a layer was not copied');
  return stored;
}

/** The blob, with its progress told and its bytes counted once it is opened. */
function counted(blob: StoredBlob, tally: Tally): StoredBlob {
  return {
    ...blob,
    async openStored(ctx, use) {
      const content = await blob.openStored(ctx, use);
      tally.blobs += 1;
      return {
        size: content.size,
        stream: (offset) => passing(ctx, content, offset, blob, tally),
        [Symbol.asyncDispose]: () => content[Symbol.asyncDispose](),
      };
    },
  };
}

async function* passing(
  ctx: Context,
  content: StoredContent,
  offset: number,
  { descriptor }: StoredBlob,
  tally: Tally,
): AsyncGenerator<Uint8Array, void, undefined> {
  const meter = startTask(ctx, `copy ${shortDigest(descriptor.digest)}`, content.size - offset);
  let isDone = false;
  try {
    for await (const chunk of content.stream(offset)) {
      meter.advance(chunk.length);
      tally.bytes += chunk.length;
      yield chunk;
    }
    isDone = true;
  } finally {
    meter.finish(isDone ? 'done' : 'failed');
  }
}
