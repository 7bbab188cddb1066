// A layer that stays as it is, out of the cache: its headers are read from its tape.
import { SNIFF_BYTES, sniffCompression } from '../blob/sniff.ts';
import type { LayerTar, OpenOptions } from '../image/image.ts';
import type { Tape } from '../tar/tape.ts';
import { tooLarge } from './gunzip-layer.ts';
import type { LayerOpener } from './layer-opener.ts';
import { indexedLayer } from './once-more.ts';
import type { LayerFacts, OpenRegion } from './plain-layer.ts';
import { readRegion } from './region.ts';
import { requireKind } from './stored-layer.ts';
import { regionSource } from './stored-source.ts';

/**
 * A layer that only its headers are wanted of, which an earlier run has checked; takes `kept` over. Its bytes are not hashed:
 * where something of it is wanted after all, reading it does that.
 */
export async function openHeaders(
  opener: LayerOpener,
  facts: LayerFacts,
  kept: OpenRegion & { readonly tape: Tape },
  { maxBytes = Number.POSITIVE_INFINITY }: OpenOptions,
): Promise<LayerTar> {
  try {
    const { region, tape } = kept;
    if (tape.size > maxBytes) throw tooLarge(maxBytes);
    const head = new Uint8Array(SNIFF_BYTES);
    readRegion(region, head, 0);
    const kind = requireKind(sniffCompression(head));
    const { digest, size } = facts.descriptor;
    const known = { kind, digest, size, tarSize: tape.size };
    const source = regionSource(kind, region, () => kept[Symbol.asyncDispose]());
    return indexedLayer(opener, facts, source, { tape, known }, 'none', undefined);
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  }
}
