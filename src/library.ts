// The face of the library: one function per verb, with the real machine and no progress unless asked otherwise.
import {
  checkCopy,
  checkFlatten,
  checkInspect,
  checkLoad,
  checkShip,
  checkTag,
  checkVerify,
} from './arguments.ts';
import { VERSION } from './cli/version.ts';
import type { LoadOptions } from './config/load.ts';
import type { Project } from './config/types.ts';
import { type Context, interruption } from './core/context.ts';
import type { Report } from './core/events.ts';
import { copyImage } from './operations/copy-image.ts';
import type { CopyReport, CopyRequest, TagReport, TagRequest } from './operations/copy-types.ts';
import { flattenImage } from './operations/flatten-image.ts';
import type {
  FlattenReport,
  FlattenRequest,
  InspectReport,
  VerifyReport,
} from './operations/flatten-types.ts';
import { inspectImage } from './operations/inspect-image.ts';
import { tagImage } from './operations/tag-image.ts';
import { type VerifyOptions, verifyImages } from './operations/verify-images.ts';
import type { ShipPlan, ShipReport, ShipRequest } from './pipeline/ship-types.ts';
import { nodeSystem } from './system/node.ts';
import type { System } from './system/system.ts';

/** How a call runs; all optional. */
export interface LibraryOptions {
  /** Cancels the run: it rejects with `INTERRUPTED` after its temporary files are gone. */
  readonly signal?: AbortSignal;
  /** Takes progress and notes. Default: nobody. */
  readonly report?: Report;
  /** The machine. Default: the real one. */
  readonly system?: System;
}

/**
 * Merges an image's layers into one. See {@link FlattenRequest} for the choices, `docs/library.md` for examples. Rejects
 * with a TypeError or RangeError for a request that is none, before anything is touched; else with a ShipperError.
 */
export async function flatten(
  request: FlattenRequest,
  options: LibraryOptions = {},
): Promise<FlattenReport> {
  checkFlatten(request, options);
  const { system, ctx } = prepare(options);
  return flattenImage(system, ctx, request);
}

/** Compares two images: root file system and configuration. */
export async function verify(
  a: string,
  b: string,
  options: LibraryOptions & VerifyOptions = {},
): Promise<VerifyReport> {
  checkVerify(a, b, options);
  const { system, ctx } = prepare(options);
  return verifyImages(system, ctx, a, b, options);
}

/** Tells what an image is made of. */
export async function inspect(
  image: string,
  options: LibraryOptions & VerifyOptions = {},
): Promise<InspectReport> {
  checkInspect(image, options);
  const { system, ctx } = prepare(options);
  return inspectImage(system, ctx, image, options);
}

/** Copies an image from one place to another, byte for byte; where its digest cannot stay, the report says why. */
export async function copy(
  request: CopyRequest,
  options: LibraryOptions = {},
): Promise<CopyReport> {
  checkCopy(request, options);
  const { system, ctx } = prepare(options);
  return copyImage(system, ctx, request);
}

/** Gives an image more names where it is; the report says what they meant before. */
export async function tag(request: TagRequest, options: LibraryOptions = {}): Promise<TagReport> {
  checkTag(request, options);
  const { system, ctx } = prepare(options);
  return tagImage(system, ctx, request);
}

/**
 * Reads a `shipper.yaml` with what it includes. All mistakes come at once, as `details.problems` of a `BAD_CONFIG`, each
 * with file, line and column; see `docs/configuration.md`.
 */
export async function loadProject(
  options: Omit<LibraryOptions, 'report'> & LoadOptions = {},
): Promise<Project> {
  checkLoad(options);
  const { system, ...choices } = options;
  // The schema is not loaded by those who only flatten.
  const { loadProject: load } = await import('./config/load.ts');
  return load(system ?? nodeSystem(), choices);
}

/**
 * Builds, flattens and publishes the images of a `shipper.yaml`, all or nothing; see {@link ShipRequest} and `docs/ship.md`.
 * Resolves with the report also where images failed: its `outcome` says how it ended. Rejects with `BAD_CONFIG` or
 * `USAGE` for what is asked, with `INTERRUPTED` where it was cancelled before any tag moved.
 */
export async function shipProject(
  request: ShipRequest = {},
  options: LibraryOptions = {},
): Promise<ShipReport> {
  checkShip(request, options);
  const { system, ctx } = prepare(options);
  const { shipProject: ship } = await import('./pipeline/ship.ts');
  const { realParts } = await import('./pipeline/parts.ts');
  const report = await ship(system, ctx, request, realParts(system, VERSION));
  if (report.outcome === 'interrupted') throw interruption(ctx.signal);
  return report;
}

/** What {@link shipProject} would do, without asking any engine or registry. */
export async function planShip(
  request: ShipRequest = {},
  options: LibraryOptions = {},
): Promise<ShipPlan> {
  checkShip(request, options);
  const { system, ctx } = prepare(options);
  const { planShip: plan } = await import('./pipeline/ship.ts');
  return plan(system, ctx, request);
}

/** The machine and the context of a call. */
export function prepare(options: LibraryOptions): { system: System; ctx: Context } {
  const system = options.system ?? nodeSystem();
  const report = options.report ?? (() => undefined);
  const signal = options.signal ?? new AbortController().signal;
  return { system, ctx: { report, signal, clock: system.clock, scope: {} } };
}
