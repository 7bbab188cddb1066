// The merge and the emitter on layers in memory, as tests ask for them.
import type { Context } from '../../src/core/context.ts';
import { emitPlan } from '../../src/flatten/emit.ts';
import { type FlatPlan, planFlatten } from '../../src/flatten/plan.ts';
import { DEFAULT_POLICY, type MergePolicy, type Warning } from '../../src/flatten/policy.ts';
import type { ChunkSink, RandomAccess } from '../../src/image/image.ts';
import { sameContentIn } from '../../src/operations/content-reader.ts';
import { scanTar } from '../../src/tar/scan.ts';

/** A flat layer and what was said about it. */
export interface FlatResult {
  readonly tar: Uint8Array;
  readonly warnings: readonly Warning[];
  readonly plan: FlatPlan;
}

/** Choices as `MergePolicy`, with short names. */
export interface FlatOptions {
  readonly implicitParents?: MergePolicy['implicitParents'];
  readonly whiteouts?: MergePolicy['whiteouts'];
  readonly maxOutput?: number;
  readonly maxEntries?: number;
  /** Of the sink's chunks; default 1021. */
  readonly chunkBytes?: number;
  /** Layers that stay; the result is the one above them. */
  readonly keptLayers?: number;
  readonly exclude?: readonly string[];
}

/** A context that reports nothing and never ends. */
export const silent: Context = {
  report: () => undefined,
  signal: new AbortController().signal,
  clock: {
    now: () => 0,
    monotonic: () => 0,
    sleep: async () => undefined,
  },
  scope: {},
};

/** Bytes in memory as a layer is read. */
export function inMemory(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    readSync(target, position) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
  };
}

/** A sink that keeps everything, in odd chunks so that every border is crossed, and in the same memory as real ones. */
export function memorySink(chunkBytes = 1021): ChunkSink & { bytes(): Uint8Array } {
  const chunks: Uint8Array[] = [];
  const chunk = new Uint8Array(chunkBytes);
  let used = 0;
  return {
    space: () => chunk.subarray(used),
    filled(count) {
      used += count;
      if (used < chunk.length) return undefined;
      chunks.push(chunk.slice());
      used = 0;
      return Promise.resolve();
    },
    bytes: () => Buffer.concat([...chunks, chunk.subarray(0, used)]),
  };
}

/** Flattens layer tars, base first. */
export async function flattenTars(
  layers: readonly Uint8Array[],
  options: FlatOptions = {},
): Promise<FlatResult> {
  const sources = layers.map(inMemory);
  const policy: MergePolicy = {
    implicitParents: options.implicitParents ?? DEFAULT_POLICY.implicitParents,
    whiteouts: options.whiteouts ?? DEFAULT_POLICY.whiteouts,
    maxEntries: options.maxEntries ?? DEFAULT_POLICY.maxEntries,
    maxOutputBytes: options.maxOutput ?? DEFAULT_POLICY.maxOutputBytes,
  };
  const plan = planFlatten(
    sources.map((source) => () => scanTar(source)),
    policy,
    undefined,
    {
      keptLayers: options.keptLayers ?? 0,
      exclude: options.exclude ?? [],
      sameContent: sameContentIn(sources),
    },
  );
  const sink = memorySink(options.chunkBytes);
  await emitPlan(silent, plan, sources, sink);
  const tar = sink.bytes();
  if (tar.length !== plan.size) {
    throw new Error(`the plan said ${plan.size} bytes, the output has ${tar.length}`);
  }
  return { tar, warnings: plan.warnings, plan };
}
