// How many of a stage run at once: pure.
import type { ShipCaps } from './ship-types.ts';

const GIB = 2 ** 30;
/** Builds wait for the network and for the builder, which has queues of its own; more would only crowd it. */
const MOST_BUILDS = 4;
/** A push waits for the network; each has several blobs under way. */
const MOST_PUSHES = 4;
/** A build may take so much memory, a flatten so much at its peak. */
const BUILD_BYTES = 1 * GIB;
const FLATTEN_BYTES = 0.5 * GIB;

/** The caps of a machine. `jobs` is what the user said, and holds for each stage. */
export function capsFor(
  cores: number,
  memoryBytes: number | undefined,
  jobs: number | undefined,
): ShipCaps {
  if (jobs !== undefined) return { build: jobs, flatten: jobs, push: jobs };
  const memory = memoryBytes ?? Number.POSITIVE_INFINITY;
  const within = (most: number, bytes: number) =>
    Math.max(1, Math.min(most, Math.floor(memory / bytes)));
  return {
    build: within(MOST_BUILDS, BUILD_BYTES),
    // A flatten uses several threads already.
    flatten: within(Math.max(1, Math.ceil(cores / 2)), FLATTEN_BYTES),
    push: MOST_PUSHES,
  };
}
