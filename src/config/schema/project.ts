// The whole of shipper.yaml.
import type { z } from 'zod';
import { environmentSchema } from './environment.ts';
import { imageSchema } from './image.ts';
import { listOf, mapping, named, optional, textOfForm, word } from './words.ts';

/** A configuration file. */
export const projectSchema: z.ZodObject = mapping(
  optional({
    $schema: word.describe('the JSON Schema of this file, for editors'),
    project: textOfForm(/^[a-z0-9][a-z0-9_-]*$/, 'lowercase letters, digits, _ and -').describe(
      'name of the project; default the name of the folder',
    ),
    registry: word.describe('prefix of every image name below: `registry.example.com/shop`'),
    builder: word.describe(
      'name of the buildx builder; default `BUILDX_BUILDER`, else the current one of `docker buildx use`',
    ),
    images: named(imageSchema).describe('images by name'),
    groups: named(listOf(word)).describe('names for several images or groups'),
    include: listOf(word).describe(
      'files whose images count as well: Compose files, `docker-bake.json`, `docker-bake.hcl`',
    ),
    environments: named(environmentSchema).describe('where and how services run'),
  }),
);
