// Are two images the same root file system and configuration?
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { inSlices } from '../core/slices.ts';
import type { MergePolicy } from '../flatten/policy.ts';
import type { Image, ImageSet } from '../image/image.ts';
import {
  formatPlatform,
  isSamePlatform,
  normalPlatform,
  parsePlatform,
} from '../image/platform.ts';
import type { System } from '../system/system.ts';
import { Transports } from '../transport/open.ts';
import { storeLayer } from '../transport/store-layer.ts';
import { compareConfigs } from './compare-configs.ts';
import { compareRoots } from './compare-roots.ts';
import { DifferenceList } from './difference-list.ts';
import type { MediaOptions, VerifiedPlatform, VerifyReport } from './flatten-types.ts';
import { type OpenRoot, openRoot } from './root.ts';

/** How two images are compared. */
export interface VerifyOptions extends MediaOptions {
  /** Only this platform of both sides. */
  readonly platform?: string;
  readonly policy?: Partial<MergePolicy>;
}

/** Compares two images. An image that cannot be read is an error and no difference. */
export async function verifyImages(
  system: System,
  ctx: Context,
  a: string,
  b: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  if (a === '-' && b === '-')
    throw new ShipperError('USAGE', 'Cannot compare standard input with itself');
  try {
    await using transports = new Transports(system, options);
    await using sourceA = await transports.openSource(ctx, await transports.find(ctx, a));
    await using sourceB = await transports.openSource(ctx, await transports.find(ctx, b));
    const setA = await sourceA.read(ctx, platform);
    const setB = await sourceB.read(ctx, platform);
    const compared = await compareSets(system, ctx, setA, setB, {
      allowNondistributable: true,
      ...(options.policy === undefined ? {} : { policy: options.policy }),
    });
    return { a, b, ...compared };
  } finally {
    await system.threads.close();
  }
}

/** How two sets of images are compared. */
export interface CompareOptions {
  readonly policy?: Partial<MergePolicy>;
  readonly allowNondistributable: boolean;
  /** Labels that are meant to differ. */
  readonly ignoreLabels?: readonly string[];
  /** Patterns of paths that A has and B is meant to lack. */
  readonly excludeFromA?: readonly string[];
}

/**
 * Compares platform by platform; a platform of one side only is a difference. Where both sides are one image those two
 * are compared, whatever their platforms: the differences inside are what the user wants to see.
 */
export async function compareSets(
  system: System,
  ctx: Context,
  a: ImageSet,
  b: ImageSet,
  options: CompareOptions,
): Promise<Pick<VerifyReport, 'same' | 'platforms'>> {
  const [onlyA] = a.images;
  const [onlyB] = b.images;
  if (
    a.images.length === 1 &&
    b.images.length === 1 &&
    onlyA !== undefined &&
    onlyB !== undefined
  ) {
    const only = await comparePair(system, ctx, onlyA, onlyB, options);
    return { same: only.same, platforms: [only] };
  }
  const others = [...b.images];
  const platforms: VerifiedPlatform[] = [];
  for (const image of a.images) {
    const at = others.findIndex((other) => platformKey(other) === platformKey(image));
    const [other] = at < 0 ? [] : others.splice(at, 1);
    platforms.push(
      other === undefined
        ? missing(image, 'A')
        : await comparePair(system, ctx, image, other, options),
    );
  }
  for (const image of others) platforms.push(missing(image, 'B'));
  return { same: platforms.every(({ same }) => same), platforms };
}

/** Images of one key are compared in the order in which they stand. */
function platformKey({ platform }: Image): string {
  return `${formatPlatform(normalPlatform(platform))} ${platform.osVersion ?? ''}`;
}

function missing({ platform }: Image, side: 'A' | 'B'): VerifiedPlatform {
  const difference = {
    kind: 'platform',
    path: formatPlatform(platform),
    what: `only in ${side}`,
  } as const;
  return {
    platform,
    same: false,
    rootDigestA: undefined,
    rootDigestB: undefined,
    differences: [difference],
    differenceCount: 1,
  };
}

async function comparePair(
  system: System,
  ctx: Context,
  a: Image,
  b: Image,
  options: CompareOptions,
): Promise<VerifiedPlatform> {
  const rootOptions = {
    jobs: system.cores,
    allowNondistributable: options.allowNondistributable,
    ...(options.policy === undefined ? {} : { policy: options.policy }),
  };
  const exclude = options.excludeFromA ?? [];
  await using rootA = await openRoot(ctx, a, { ...rootOptions, exclude });
  await using rootB = await openRoot(ctx, b, rootOptions);
  const digestA = await rootDigest(system, ctx, rootA);
  const digestB = await rootDigest(system, ctx, rootB);
  const list = new DifferenceList();
  if (!isSamePlatform(a.platform, b.platform)) {
    const [inA, inB] = [a, b].map(({ platform }) => formatPlatform(platform));
    list.add('platform', 'platform', `${inA} in A, ${inB} in B`);
  }
  if (digestA !== digestB) await inSlices(ctx, compareRoots(rootA, rootB, list));
  compareConfigs(a, b, options.ignoreLabels ?? [], list);
  await rootA.verified();
  await rootB.verified();
  return {
    platform: a.platform,
    same: digestA === digestB && list.count === 0,
    rootDigestA: digestA,
    rootDigestB: digestB,
    differences: list.kept,
    differenceCount: list.count,
  };
}

/** The canonical digest of a root file system: the diff_id that its flat layer has. */
async function rootDigest(system: System, ctx: Context, root: OpenRoot): Promise<string> {
  const none = { kind: 'none' } as const;
  const { diffId } = await storeLayer(system, ctx, root.producer, none, 1, undefined);
  return diffId;
}
