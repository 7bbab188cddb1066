// A layer that is passed on uncompressed, or compressed in another way, as a producer of its own bytes.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { type Layer, type LayerProducer, randomContent } from '../image/image.ts';

/** The bytes of a layer's tar. It is opened whenever they are wanted: the sink may ask long after. */
export async function layerProducer(ctx: Context, layer: Layer): Promise<LayerProducer> {
  const size = await sizeOf(ctx, layer);
  return {
    name: 'layer',
    size,
    async produce(context, sink) {
      await using tar = await layer.open(context, { access: 'random' });
      if (tar.size !== size) throw changed();
      const content = randomContent(tar);
      for (let at = 0; at < size; ) {
        const read = content.readSync(sink.space(), at);
        if (read === 0) throw changed();
        at += read;
        await sink.filled(read);
      }
      await tar.verified();
    },
  };
}

async function sizeOf(ctx: Context, layer: Layer): Promise<number> {
  await using tar = await layer.open(ctx, { access: 'headers' });
  return tar.size;
}

function changed(): ShipperError {
  return new ShipperError('SOURCE_CHANGED', 'Cannot copy a layer: it changed while it was read');
}
