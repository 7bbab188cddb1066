// Why a copy does not have the digest of its source, in sentences.
import type { ImageSet } from '../image/image.ts';
import type { ImagePlan } from './copy-plan.ts';
import type { CopyRequest } from './copy-types.ts';

/** What was decided. */
export interface Outcome {
  readonly set: ImageSet;
  readonly plans: readonly ImagePlan[];
  readonly isTopKept: boolean;
  readonly keepsManifests: boolean;
  readonly request: CopyRequest;
}

/** The reasons; none where the digest stays. */
export function changesOf(outcome: Outcome): string[] {
  const { set, plans, keepsManifests } = outcome;
  const reasons: string[] = [];
  if (!keepsManifests)
    reasons.push('The engine keeps no manifest: it knows the image by its id, which stays');
  if (set.images.some(({ manifest }) => manifest === undefined))
    reasons.push('The source has no manifest: a new one is made');
  else if (plans.some(({ kept }) => kept === undefined))
    reasons.push('Layers are stored in another way, so that the manifest names other blobs');
  else if (keepsManifests && !outcome.isTopKept) reasons.push(indexReason(outcome));
  return reasons;
}

function indexReason({ set, request }: Outcome): string {
  if (request.platform !== undefined)
    return 'Several images of the index have that platform: an index of these is made';
  if (set.root === undefined)
    return 'The source lists platforms without an index of their own: one is made';
  if (set.isPartial || request.attestations !== 'drop')
    return 'The index lists manifests that are not part of the source: one without them is made';
  return 'The index lists attestations, which are dropped: one without them is made';
}
