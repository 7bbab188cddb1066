// Which releases a swarm need not remember any more, and why the others stay: pure.
import type { KeptRelease, SwarmHistory } from './history.ts';

/** What becomes of a release. */
export interface ReleaseVerdict {
  readonly release: KeptRelease;
  readonly isForgotten: boolean;
  readonly cause: string;
}

/**
 * Judges all releases, oldest first. Kept are `current`, the newest `retain` besides it that were complete, the newest of those that
 * were not (which may say why), and what is half-way. Where no release is known to be complete, all are.
 */
export function judgeReleases(
  { releases, run }: Pick<SwarmHistory, 'releases' | 'run'>,
  current: string | undefined,
  retain: number,
): readonly ReleaseVerdict[] {
  const others = releases.filter(({ id }) => id !== current);
  const complete = others.filter(({ status }) => status === 'committed');
  const retained = new Set(complete.slice(Math.max(0, complete.length - retain)));
  const newestFailed = others.findLast(({ status }) => status !== 'committed');
  return releases.map((release) => {
    const keeps = (cause: string) => ({ release, isForgotten: false, cause });
    if (current === undefined) return keeps('no release is known to be complete');
    if (release.id === current) return keeps('it runs');
    if (release.id === run?.release) return keeps('it is half-way');
    if (retained.has(release)) return keeps(`it is one of the newest ${retain} that were complete`);
    if (release === newestFailed) {
      return keeps('it is the newest that was not complete, and may say why');
    }
    const isComplete = release.status === 'committed';
    const cause = isComplete
      ? `it is not one of the newest ${retain} that were complete`
      : 'it was never complete, nor is it the newest of those';
    return { release, isForgotten: true, cause };
  });
}

/** Those that are forgotten once `current` runs and nothing is half-way. */
export function forgottenOf(
  { releases }: Pick<SwarmHistory, 'releases'>,
  current: string,
  retain: number,
): readonly KeptRelease[] {
  return judgeReleases({ releases, run: undefined }, current, retain)
    .filter(({ isForgotten }) => isForgotten)
    .map(({ release }) => release);
}
