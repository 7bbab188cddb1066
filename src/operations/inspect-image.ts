// What an image is made of: its layers, what each adds and hides, and how large it would be flat.
import type { Context } from '../core/context.ts';
import { parseConfig } from '../image/config.ts';
import type { Image } from '../image/image.ts';
import { parsePlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import { Transports } from '../transport/open.ts';
import type { InspectedImage, InspectedLayer, InspectReport } from './flatten-types.ts';
import { type OpenRoot, openRoot } from './root.ts';
import type { VerifyOptions } from './verify-images.ts';

const HISTORY_CHARACTERS = 80;

/** Inspects an image; reads every byte, so that what it says is checked. */
export async function inspectImage(
  system: System,
  ctx: Context,
  image: string,
  options: VerifyOptions = {},
): Promise<InspectReport> {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  try {
    await using transports = new Transports(system, options);
    await using source = await transports.openSource(ctx, await transports.find(ctx, image));
    const set = await source.read(ctx, platform);
    const platforms: InspectedImage[] = [];
    for (const one of set.images) {
      const rootOptions = {
        jobs: system.cores,
        access: 'headers' as const,
        allowNondistributable: true,
        ...(options.policy === undefined ? {} : { policy: options.policy }),
      };
      await using root = await openRoot(ctx, one, rootOptions);
      platforms.push(inspectRoot(root));
      await root.verified();
    }
    return {
      image,
      resolvedImage: source.name,
      tags: set.images[0]?.tags ?? [],
      platforms,
      attestations: set.attestations.map(({ descriptor, kind, subject }) => ({
        digest: descriptor.digest,
        kind,
        subject,
      })),
    };
  } finally {
    await system.threads.close();
  }
}

function inspectRoot({ image, plan, layers, tarBytes }: OpenRoot): InspectedImage {
  const lines = historyOfLayers(image);
  return {
    platform: image.platform,
    configDigest: image.config.descriptor.digest,
    manifestDigest: image.manifest?.descriptor.digest,
    created: parseConfig(image.config.bytes, `the configuration of ${image.name}`).created,
    layers: image.layers.map((layer, index): InspectedLayer => {
      const effect = plan.layers[index];
      return {
        index,
        digest: layer.descriptor.digest,
        diffId: layer.diffId,
        mediaType: layer.descriptor.mediaType,
        storedBytes: layer.descriptor.size,
        tarBytes: layers[index]?.size ?? 0,
        entries: effect?.entries ?? 0,
        addedPaths: effect?.placed ?? 0,
        addedBytes: effect?.bytes ?? 0,
        hiddenPaths: effect?.hiddenPaths ?? 0,
        hiddenBytes: effect?.hiddenBytes ?? 0,
        replacingBytes: effect?.replacingBytes ?? 0,
        createdBy: lines[index],
      };
    }),
    entries: plan.entries,
    flatBytes: plan.size,
    layerBytes: tarBytes,
    removed: plan.removed,
    warnings: plan.warnings,
    warningCounts: Object.fromEntries(plan.warningCounts),
  };
}

/** The lines of history that stand for a layer, where they line up. */
function historyOfLayers(image: Image): readonly (string | undefined)[] {
  const { history } = parseConfig(image.config.bytes, `the configuration of ${image.name}`);
  const lines = history.filter(({ isEmptyLayer }) => !isEmptyLayer);
  if (lines.length !== image.layers.length) return [];
  return lines.map(({ createdBy }) => createdBy?.replace(/\s+/g, ' ').slice(0, HISTORY_CHARACTERS));
}
