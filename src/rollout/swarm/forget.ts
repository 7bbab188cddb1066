// Which releases a swarm need not remember any more: pure.
import type { KeptRelease, SwarmHistory } from './history.ts';

/**
 * Those that are neither `current` (which has just become that), nor among the newest `retain` that were complete besides it, nor
 * the newest of those that were not, which may say why.
 */
export function pruneHistory(
  { releases }: Pick<SwarmHistory, 'releases'>,
  current: string,
  retain: number,
): readonly KeptRelease[] {
  const others = releases.filter(({ id }) => id !== current);
  const isComplete = ({ status }: KeptRelease) => status === 'committed';
  const complete = others.filter(isComplete);
  const failed = others.filter((each) => !isComplete(each));
  return [...complete.slice(0, Math.max(0, complete.length - retain)), ...failed.slice(0, -1)];
}
