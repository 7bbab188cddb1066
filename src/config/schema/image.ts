// `images:`: where an image comes from, what is done with it, what it is called. The keys of a build are those of Compose
// (compose-spec `build.md`).
import { z } from 'zod';
import { flattenSchema } from './flatten.ts';
import {
  dockerSize,
  either,
  flag,
  keyValues,
  listOf,
  mapping,
  oneOrMore,
  optional,
  platform,
  type Shape,
  textLike,
  whole,
  word,
} from './words.ts';

const secret = either(
  'the name of a secret, or a mapping with id and file or env',
  word,
  mapping({
    id: word.describe('the name under which the Dockerfile mounts it'),
    file: word.optional().describe('its content is that of this file'),
    env: word.optional().describe('its content is that of this variable of the environment'),
  }),
);

const soft = mapping({
  soft: whole(-1, Number.MAX_SAFE_INTEGER).describe(
    'the limit that processes start with; -1 is unlimited',
  ),
  hard: whole(-1, Number.MAX_SAFE_INTEGER).describe('how far they may raise it; -1 is unlimited'),
});

/** `nofile: 1024`, or soft and hard. */
export const ulimits: z.ZodType = z.record(
  z.string().regex(/^[a-z]+$/, 'a limit is named by lowercase letters, such as nofile'),
  either(
    'a whole number, or a mapping with soft and hard',
    whole(-1, Number.MAX_SAFE_INTEGER),
    soft,
  ),
);

const attest = either('true, false or text such as mode=max', z.boolean(), z.string());

/** The keys of a build. */
export const BUILD_SHAPE: Shape = {
  context: word.describe('the folder, or a URL, that is built'),
  dockerfile: word.describe('path of the Dockerfile, from the context; default `Dockerfile`'),
  dockerfile_inline: word.describe('the Dockerfile itself, instead of a path'),
  target: word.describe('the stage that is built; default the last'),
  args: keyValues.describe('build arguments; one without a value has that of the environment'),
  secrets: listOf(secret).describe('secrets that RUN can mount: `{id, file}` or `{id, env}`'),
  ssh: either('a list such as [default]', z.array(word), keyValues).describe(
    'SSH agents and keys that RUN can use: `default`, `ID=PATH`',
  ),
  cache_from: listOf(word).describe('where the builder looks for its cache'),
  cache_to: listOf(word).describe('where the builder leaves its cache'),
  platforms: listOf(platform).describe(
    'platforms to build for: `linux/amd64`; default the own of the builder',
  ),
  labels: keyValues.describe('labels of the image'),
  annotations: either('a mapping, or a list of KEY=VALUE', keyValues).describe(
    'annotations of the manifest, as the builder takes them',
  ),
  network: word.describe('network of RUN: `default`, `none`, `host`'),
  pull: flag.describe('ask registries for newer base images; default false'),
  no_cache: flag.describe('build everything anew; default false'),
  no_cache_filter: oneOrMore(word).describe('stages that are built anew'),
  extra_hosts: keyValues.describe('hosts that RUN knows: `NAME: ADDRESS`, or `NAME=ADDRESS`'),
  shm_size: dockerSize.describe('size of /dev/shm for RUN: `64m`'),
  ulimits: ulimits.describe('limits of processes of RUN'),
  entitlements: listOf(word).describe(
    'what the builder may allow: `network.host`, `security.insecure`',
  ),
  additional_contexts: keyValues.describe(
    'more contexts by name: a folder, a URL, `docker-image://REF`, or `target:NAME` for an image of this file',
  ),
  provenance: attest.describe('attestation of provenance: true, false, `mode=max`'),
  sbom: attest.describe('attestation of contents: true, false'),
};

/** The keys of an image. */
export const IMAGE_SHAPE: Shape = {
  ...BUILD_SHAPE,
  image: word.describe('an image that exists, instead of a build: flatten, tag and push only'),
  extends: word.describe('another image of this file whose keys count where this one has none'),
  needs: listOf(word).describe('images that are built first; a Dockerfile sees them as FROM NAME'),
  flatten: flattenSchema.describe('merge the layers into one: true (the default), false, or how'),
  tags: listOf(textLike).describe(
    'what it is called: tags of REGISTRY/NAME, or whole references; default `latest`',
  ),
};

/** One image. */
export const imageSchema: z.ZodType = mapping(optional(IMAGE_SHAPE));
