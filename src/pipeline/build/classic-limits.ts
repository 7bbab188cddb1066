// What a classic build cannot do: told by the key that asks for it, before anything is sent.
import type { BuildChoice, ProjectImage } from '../../config/types.ts';
import { buildOf, notSupported } from './check-build.ts';

const BUILDKIT =
  'Install docker buildx (with an engine of 23.0 or newer, or a builder of `docker buildx create --use`)';

interface Limit {
  readonly key: string;
  /** What cannot be done, after "the classic builder". */
  readonly state: string;
  readonly isAsked: (build: BuildChoice) => boolean;
}

const LIMITS: readonly Limit[] = [
  {
    key: 'secrets',
    state: 'cannot pass secrets to a build',
    isAsked: ({ secrets }) => secrets.length > 0,
  },
  { key: 'ssh', state: 'cannot forward SSH agents', isAsked: ({ ssh }) => ssh.length > 0 },
  {
    key: 'platforms',
    state: 'builds for one platform at a time',
    isAsked: ({ platforms }) => platforms.length > 1,
  },
  {
    key: 'additional_contexts',
    state: 'knows no named contexts',
    isAsked: ({ additionalContexts }) => Object.keys(additionalContexts).length > 0,
  },
  {
    key: 'context',
    state: 'is only given folders here',
    isAsked: ({ contextKind }) => contextKind === 'remote',
  },
  { key: 'cache_to', state: 'exports no cache', isAsked: ({ cacheTo }) => cacheTo.length > 0 },
  {
    key: 'cache_from',
    state: 'takes its cache from images only',
    isAsked: ({ cacheFrom }) =>
      cacheFrom.some((from) => from.includes('=') && !/^type=registry,ref=[^,]+$/.test(from)),
  },
  {
    key: 'no_cache_filter',
    state: 'has one cache for all stages',
    isAsked: ({ noCacheFilter }) => noCacheFilter.length > 0,
  },
  {
    key: 'entitlements',
    state: 'has no entitlements',
    isAsked: ({ entitlements }) => entitlements.length > 0,
  },
  {
    key: 'annotations',
    state: 'writes no annotations',
    isAsked: ({ annotations }) => annotations.length > 0,
  },
  {
    key: 'provenance',
    state: 'makes no attestations',
    isAsked: ({ provenance = 'false' }) => provenance !== 'false',
  },
  {
    key: 'sbom',
    state: 'makes no attestations',
    isAsked: ({ sbom = 'false' }) => sbom !== 'false',
  },
];

/** `UNSUPPORTED` for the first key of `image` that a classic build cannot do. */
export function refuseForClassic(image: ProjectImage): void {
  const build = buildOf(image);
  const limit = LIMITS.find(({ isAsked }) => isAsked(build));
  if (limit === undefined) return;
  throw notSupported(image, limit.key, `the classic builder ${limit.state}`, BUILDKIT);
}
