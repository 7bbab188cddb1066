// `flatten:` of an image: the options of `shipper flatten`, with `_` for `-`.
import { z } from 'zod';
import {
  either,
  exactSize,
  flag,
  keyValues,
  listOf,
  mapping,
  numberOf,
  oneOf,
  optional,
  platform,
  type Shape,
  textLike,
  textOfForm,
  whole,
  word,
} from './words.ts';

const COMPRESSION = /^(?:none|gzip(?::[1-9])?|zstd(?::(?:[1-9]|1\d|2[0-2]))?)$/;
const PERCENT = /^\d+(?:\.\d+)?%?$/;

const SHAPE: Shape = {
  keep_base: word.describe(
    'layers of this image stay below the new one: a name under `images`, or a whole reference',
  ),
  from: whole(0, 999_999).describe('keep this many layers, from the base; not with `keep_base`'),
  platform: platform.describe('only this platform of the image'),
  compression: textOfForm(COMPRESSION, 'none, gzip[:1-9] or zstd[:1-22]').describe(
    '`none`, `gzip[:1-9]`, `zstd[:1-22]`',
  ),
  verify: flag.describe('read the result back and compare; default false'),
  timestamp: textLike.describe('`created` of the result: RFC 3339, or seconds since 1970'),
  history: oneOf('summary', 'keep', 'none').describe('lines of history; default `summary`'),
  labels: keyValues.describe('labels that the result gets'),
  annotations: keyValues.describe('annotations of its manifest'),
  exclude: listOf(word).describe(
    'paths to leave out, from the root, by the rules of `.dockerignore`',
  ),
  implicit_parents: oneOf('follow', 'shadow').describe('folders that a layer does not hold'),
  whiteouts: oneOf('auto', 'oci', 'overlay').describe('which marks delete; default `auto`'),
  attestations: oneOf('drop', 'fail').describe('where attestations would be lost; default `drop`'),
  allow_nondistributable: flag.describe('merge layers that are marked as not to be passed on'),
  max_output: exactSize.describe('refuse when the flat layer, uncompressed, is larger'),
  max_entries: whole(1, 1_000_000_000).describe('refuse when the layers hold more entries'),
  max_size: exactSize.describe('gate: the new layer, uncompressed, is at most this large'),
  min_saving: either(
    'a percentage from 0 to 100',
    textOfForm(PERCENT, 'a percentage from 0 to 100'),
    numberOf('a percentage from 0 to 100', 0, 100),
  ).describe('gate: at least this part of the layers is saved, in percent'),
};

/** `true`, `false`, or how. */
export const flattenSchema: z.ZodType = either(
  'true, false or a mapping of options',
  z.boolean(),
  mapping(optional(SHAPE)),
);
