// A Docker Engine as a destination. Always under a temporary name first; the final tags move last, when the engine shows
// the image that was meant (`flatten.md` 6).
import type { Context } from '../core/context.ts';
import type { Engine } from '../engine/engine.ts';
import type { ImageSink } from '../image/image.ts';
import type { System } from '../system/system.ts';
import { cleanUpIn } from './engine-target.ts';
import { GraphDriverSink } from './graph-driver-sink.ts';
import { KeptLayersSink } from './kept-layers-sink.ts';
import { LoadSink } from './load-sink.ts';
import type { SinkOptions } from './sink.ts';
import { sweepTemporaryNames, temporaryName } from './temporary-names.ts';

/** Opens an engine for writing, after removing what dead runs left there; what it is decides how. Does not own it. */
export async function openDaemonSink(
  system: System,
  ctx: Context,
  engine: Engine,
  reference: string,
  options: SinkOptions,
): Promise<ImageSink> {
  const facts = await engine.facts(ctx);
  await sweepTemporaryNames(system, ctx, engine);
  const name = `docker-daemon:${reference}`;
  const temporary = temporaryName(system);
  const imports = facts.product === 'docker' && facts.store === 'graph-driver';
  const cleanUp = cleanUpIn(system, engine);
  const target = { engine, facts, name, temporary, cleanUp };
  if (!imports) return new LoadSink(system, target, options);
  return options.keepsLayers
    ? new KeptLayersSink(system, target, options)
    : new GraphDriverSink(system, target, options);
}
