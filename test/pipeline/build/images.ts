// Images of a project as builds get them.
import type { BuildChoice, Need, ProjectImage } from '../../../src/config/types.ts';

/** The choices of a build of /work/app; `more` goes over them. */
export function choice(more: Partial<BuildChoice> = {}): BuildChoice {
  return {
    context: '/work/app',
    contextKind: 'folder',
    args: {},
    secrets: [],
    ssh: [],
    cacheFrom: [],
    cacheTo: [],
    platforms: [],
    labels: {},
    annotations: [],
    pull: false,
    noCache: false,
    noCacheFilter: [],
    extraHosts: [],
    ulimits: [],
    entitlements: [],
    additionalContexts: {},
    ...more,
  };
}

/** An image `app` that is built so. */
export function imageOf(
  build: Partial<BuildChoice> = {},
  needs: readonly Need[] = [],
): ProjectImage {
  return {
    name: 'app',
    source: { kind: 'build', build: choice(build) },
    needs,
    references: ['app:latest'],
    place: { file: 'shipper.yaml', line: 1, column: 1 },
  };
}
