// Reports and plans of the pipeline for tests of how they are shown.
import type { ShipPlan, ShippedImage, ShipReport } from '../../src/pipeline/ship-types.ts';

/** `sha256:` and one digit 64 times. */
function digest(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}

const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** `api`, which was built, flattened and published as `r.example.com/shop/api:1`. */
export function shippedImage(changes: Partial<ShippedImage> = {}): ShippedImage {
  return {
    name: 'api',
    wanted: true,
    status: 'done',
    kind: 'build',
    flattened: true,
    digest: digest('a'),
    configDigest: digest('b'),
    platforms: [{ platform: PLATFORM, digest: digest('a'), configDigest: digest('b') }],
    pinned: [`r.example.com/shop/api@${digest('a')}`],
    tags: [
      {
        reference: 'r.example.com/shop/api:1',
        place: 'registry',
        before: digest('0'),
        state: 'moved',
      },
    ],
    bytesBefore: 161_000_000,
    bytesAfter: 72_800_000,
    seconds: { build: 12.3, flatten: 3.24, push: 8 },
    cache: { build: false, flatten: false, blobsPushed: 2, bytesPushed: 72_801_000 },
    ...changes,
  };
}

/** `base` was not touched, `api` was. */
export function shipReport(changes: Partial<ShipReport> = {}): ShipReport {
  const base = shippedImage({
    name: 'base',
    wanted: false,
    status: 'unchanged',
    pinned: [],
    tags: [],
    bytesBefore: 7_000_000,
    bytesAfter: 7_000_000,
    digest: digest('c'),
    seconds: {},
    cache: { build: true, flatten: true, blobsPushed: 0, bytesPushed: 0 },
  });
  return {
    schema: 1,
    shipper: '1.2.3',
    project: 'shop',
    until: 'ship',
    outcome: 'done',
    startedAt: '2026-01-31T12:00:00.000Z',
    seconds: 24.4,
    builder: 'buildx',
    images: [base, shippedImage()],
    notes: [],
    ...changes,
  };
}

/** A run in which `api` failed. */
export function failedReport(): ShipReport {
  const error = {
    code: 'IO',
    message: 'Cannot build api: step 3 ended with 1',
    hint: 'read the log',
    log: ['#5 RUN make', '#5 0.3 make: *** no rule'],
  } as const;
  const api = shippedImage({ status: 'failed', pinned: [], error });
  return shipReport({ outcome: 'failed', images: [api] });
}

/** The plan of `shipReport`. */
export function shipPlan(changes: Partial<ShipPlan> = {}): ShipPlan {
  return {
    schema: 1,
    project: 'shop',
    until: 'ship',
    atomic: true,
    caps: { build: 4, flatten: 1, push: 4 },
    images: [
      { name: 'base', wanted: false, needs: [], kind: 'image', source: 'example/base:1', tags: [] },
      {
        name: 'api',
        wanted: true,
        needs: ['base'],
        kind: 'build',
        source: '/work/api',
        flatten: { keepBase: 'base', options: ['history=none'] },
        tags: [{ reference: 'r.example.com/shop/api:1', place: 'registry' }],
      },
    ],
    ...changes,
  };
}
