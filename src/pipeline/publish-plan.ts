// Which tags have to move once everything is ready, and whether somebody else moved one meanwhile. Pure.

/** What a tag names: a digest, nothing, or what the registry would not say. */
export type TagState =
  | { readonly kind: 'digest'; readonly digest: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown' };

/** A tag, and what it shall name. */
export interface WantedTag {
  /** Name of the image. */
  readonly image: string;
  readonly reference: string;
  readonly digest: string;
}

/** A tag that somebody else moved. */
export interface Surprise {
  readonly reference: string;
  readonly before: TagState;
  readonly now: TagState;
}

/** What is to be done. */
export interface PublishPlan {
  readonly moves: readonly WantedTag[];
  /** They name what they shall already. */
  readonly kept: readonly WantedTag[];
  readonly surprises: readonly Surprise[];
}

/** Plans the tags. `before` is what they named when the run began, `now` what they name. */
export function planTags(
  tags: readonly WantedTag[],
  before: ReadonlyMap<string, TagState>,
  now: ReadonlyMap<string, TagState>,
): PublishPlan {
  const moves: WantedTag[] = [];
  const kept: WantedTag[] = [];
  const surprises: Surprise[] = [];
  for (const tag of tags) {
    const { reference, digest } = tag;
    const was = before.get(reference) ?? UNKNOWN;
    const is = now.get(reference) ?? UNKNOWN;
    if (is.kind === 'digest' && is.digest === digest) {
      kept.push(tag);
      continue;
    }
    moves.push(tag);
    if (differ(was, is)) surprises.push({ reference, before: was, now: is });
  }
  return { moves, kept, surprises };
}

const UNKNOWN: TagState = { kind: 'unknown' };

/** What is not known is no surprise. */
function differ(a: TagState, b: TagState): boolean {
  if (a.kind === 'unknown' || b.kind === 'unknown') return false;
  return a.kind !== b.kind || digestIn(a) !== digestIn(b);
}

/** The digest of a state, if it has one. */
export function digestIn(state: TagState | undefined): string | undefined {
  return state?.kind === 'digest' ? state.digest : undefined;
}
