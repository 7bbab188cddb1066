// What the functions of the library take, checked once where it comes in: a wrong value is named here and not met as
// "undefined has no properties" in the middle of a run. The compiler keeps the tables complete.
import type { LoadOptions } from './config/load.ts';
import {
  anyText,
  between,
  type Check,
  callable,
  flag,
  hasMembers,
  listOf,
  mapOf,
  oneOf,
  shapeOf,
  text,
  whole,
} from './core/checks.ts';
import type { MergePolicy } from './flatten/policy.ts';
import type { ShipperOptions } from './fleet/shipper-options.ts';
import type { LibraryOptions } from './library.ts';
import type { CopyRequest, TagRequest } from './operations/copy-types.ts';
import type { FlattenRequest, MediaOptions } from './operations/flatten-types.ts';
import type { VerifyOptions } from './operations/verify-images.ts';
import type { ShipRequest } from './pipeline/ship-types.ts';
import type { MoveRequest } from './rollout/move-types.ts';
import type { PruneRequest } from './rollout/prune.ts';
import type { UnlockRequest } from './rollout/queries.ts';
import type {
  ChangeRequest,
  EnvironmentRequest,
  RollbackRequest,
  RolloutRequest,
} from './rollout/rollout-types.ts';
import { SPOOL_MODES } from './transport/spool-mode.ts';

type ChecksOf<T> = Readonly<Record<keyof T, Check>>;

/** More would only wait for each other. */
const MOST_JOBS = 1024;

const LEVELLED: Readonly<Record<string, Check>> = {
  none: shapeOf({ kind: oneOf('none') }),
  gzip: shapeOf({ kind: oneOf('gzip'), level: whole(1, 9) }, ['level']),
  zstd: shapeOf({ kind: oneOf('zstd'), level: whole(1, 22) }, ['level']),
};

/** The kind says which levels there are. */
const compression: Check = (value, name) => {
  hasMembers("an object as { kind: 'gzip', level: 6 }", 'kind')(value, name);
  const { kind } = value as { readonly kind: unknown };
  oneOf(...Object.keys(LEVELLED))(kind, `${name}.kind`);
  LEVELLED[String(kind)]?.(value, name);
};

const POLICY: ChecksOf<MergePolicy> = {
  implicitParents: oneOf('follow', 'shadow'),
  whiteouts: oneOf('auto', 'oci', 'overlay'),
  maxEntries: whole(1),
  maxOutputBytes: whole(1),
};

const MEDIA: ChecksOf<MediaOptions> = {
  context: text,
  host: text,
  creds: text,
  authfile: text,
  insecure: listOf(text),
  mirrors: mapOf(listOf(text)),
};

const RUN: ChecksOf<LibraryOptions> = {
  signal: hasMembers('an AbortSignal', 'aborted', 'addEventListener'),
  report: callable,
  system: hasMembers('a System', 'files', 'clock', 'threads', 'stdio'),
};

const REQUEST: ChecksOf<FlattenRequest> = {
  ...MEDIA,
  source: text,
  tags: listOf(text),
  from: whole(0),
  keepBase: text,
  exclude: listOf(text),
  outputs: listOf(text),
  inPlace: flag,
  platform: text,
  compression,
  verify: flag,
  timestamp: text,
  history: oneOf('summary', 'keep', 'none'),
  labels: mapOf(anyText),
  annotations: mapOf(anyText),
  policy: shapeOf(POLICY),
  attestations: oneOf('drop', 'fail'),
  allowNondistributable: flag,
  maxSizeBytes: whole(1),
  minSavingPercent: between(0, 100),
  jobs: whole(1, MOST_JOBS),
  dryRun: flag,
  spool: oneOf(...SPOOL_MODES),
  cache: text,
};

const READ: ChecksOf<LibraryOptions & VerifyOptions> = {
  ...MEDIA,
  ...RUN,
  platform: text,
  policy: shapeOf(POLICY),
};

const LOAD: ChecksOf<Omit<LibraryOptions, 'report'> & LoadOptions> = {
  signal: RUN.signal,
  system: RUN.system,
  config: text,
  environment: text,
};

const COPY: ChecksOf<CopyRequest> = {
  ...MEDIA,
  source: text,
  destination: text,
  platform: text,
  attestations: oneOf('copy', 'drop'),
  compression,
  preserveDigests: flag,
  allowNondistributable: flag,
  jobs: whole(1, MOST_JOBS),
  dryRun: flag,
};

const TAG: ChecksOf<TagRequest> = { ...MEDIA, source: text, names: listOf(text), dryRun: flag };

const SHIP: ChecksOf<ShipRequest> = {
  ...MEDIA,
  config: text,
  names: listOf(text),
  until: oneOf('build', 'push', 'ship'),
  keepGoing: flag,
  jobs: whole(1, MOST_JOBS),
  atomic: flag,
  force: flag,
  cache: text,
  noCache: flag,
  pull: flag,
  builder: text,
};

const ENVIRONMENT: ChecksOf<EnvironmentRequest> = {
  ...MEDIA,
  environment: text,
  config: text,
  hosts: listOf(text),
  skipUnreachable: whole(0),
  hostTimeoutMs: whole(1),
};

const CHANGE: ChecksOf<ChangeRequest> = {
  ...ENVIRONMENT,
  lockWaitMs: whole(0),
};

const ROLLBACK: ChecksOf<RollbackRequest> = {
  ...CHANGE,
  version: text,
  healthTimeoutMs: whole(1),
};

const ROLLOUT: ChecksOf<RolloutRequest> = {
  ...ROLLBACK,
  services: listOf(text),
  report: text,
  force: flag,
};

const UNLOCK: ChecksOf<UnlockRequest> = { ...ENVIRONMENT, tokens: listOf(text) };

const PRUNE: ChecksOf<PruneRequest> = { ...CHANGE, dryRun: flag };

const MOVE: ChecksOf<MoveRequest> = {
  ...MEDIA,
  config: text,
  skipUnreachable: whole(0),
  hostTimeoutMs: whole(1),
  lockWaitMs: whole(0),
  from: text,
  to: text,
  services: listOf(text),
  healthTimeoutMs: whole(1),
  dryRun: flag,
};

/** An address, or `{ context: NAME }`. */
const host: Check = (value, name) => {
  if (typeof value === 'string') text(value, name);
  else shapeOf({ context: text }, ['context'])(value, name);
};

const { context: _, host: __, ...REGISTRIES } = MEDIA;

const SHIPPER: ChecksOf<ShipperOptions> = {
  ...RUN,
  ...REGISTRIES,
  hosts: listOf(host),
  environment: text,
  config: text,
  directory: text,
  services: listOf(text),
  parallel: whole(1, MOST_JOBS),
  timeoutMs: whole(1),
  patienceMs: whole(1),
  dryRun: flag,
};

/** Throws a TypeError or RangeError that names what of the options of class Shipper is wrong. */
export function checkShipper(options: unknown): void {
  shapeOf(SHIPPER)(options, 'the options');
}

/** Throws a TypeError or RangeError that names what of a call of `flatten` is wrong. */
export function checkFlatten(request: unknown, options: unknown): void {
  shapeOf(REQUEST, ['source'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `copy`. */
export function checkCopy(request: unknown, options: unknown): void {
  shapeOf(COPY, ['source', 'destination'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `tag`. */
export function checkTag(request: unknown, options: unknown): void {
  shapeOf(TAG, ['source', 'names'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `shipProject` and `planShip`. */
export function checkShip(request: unknown, options: unknown): void {
  shapeOf(SHIP)(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `verify`. */
export function checkVerify(a: unknown, b: unknown, options: unknown): void {
  text(a, 'the image A');
  text(b, 'the image B');
  shapeOf(READ)(options, 'the options');
}

/** The same for `inspect`. */
export function checkInspect(image: unknown, options: unknown): void {
  text(image, 'the image');
  shapeOf(READ)(options, 'the options');
}

/** The same for `loadProject`. */
export function checkLoad(options: unknown): void {
  shapeOf(LOAD)(options, 'the options');
}

/** The same for `environmentStatus`, `environmentHistory` and `environmentLocks`. */
export function checkEnvironment(request: unknown, options: unknown): void {
  shapeOf(ENVIRONMENT, ['environment'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `resume` and `planResume`. */
export function checkChange(request: unknown, options: unknown): void {
  shapeOf(CHANGE, ['environment'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `rollback` and `planRollback`. */
export function checkRollback(request: unknown, options: unknown): void {
  shapeOf(ROLLBACK, ['environment'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `rollout` and `planRollout`. */
export function checkRollout(request: unknown, options: unknown): void {
  shapeOf(ROLLOUT, ['environment'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `unlockEnvironment`. */
export function checkUnlock(request: unknown, options: unknown): void {
  shapeOf(UNLOCK, ['environment', 'tokens'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `pruneEnvironment`. */
export function checkPrune(request: unknown, options: unknown): void {
  shapeOf(PRUNE, ['environment'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}

/** The same for `moveServices`. */
export function checkMove(request: unknown, options: unknown): void {
  shapeOf(MOVE, ['from', 'to'])(request, 'the request');
  shapeOf(RUN)(options, 'the options');
}
