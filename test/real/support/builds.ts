// Builds on real engines: images of a shipper.yaml in a folder of its own, built by the builder that is there.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadProject } from '../../../src/config/load.ts';
import type { ProjectImage } from '../../../src/config/types.ts';
import type { Context } from '../../../src/core/context.ts';
import type { ShipperEvent } from '../../../src/core/events.ts';
import type {
  Builder,
  BuilderOptions,
  BuildRequest,
  BuildResult,
} from '../../../src/pipeline/build/builder.ts';
import { findBuilder } from '../../../src/pipeline/build/find-builder.ts';
import { nodeSystem } from '../../../src/system/node.ts';
import type { System } from '../../../src/system/system.ts';
import type { Endpoint } from './engines.ts';

/** A folder with a shipper.yaml, and an engine to build its images in. */
export interface BuildPlace extends AsyncDisposable {
  readonly folder: string;
  readonly system: System;
  readonly ctx: Context;
  readonly events: ShipperEvent[];
  readonly builder: Builder;
  /** What the builds said. */
  readonly log: string[];
  image(name: string): ProjectImage;
  /** Builds an image of the file; the result goes with the place. */
  build(name: string, more?: Partial<BuildRequest>): Promise<BuildResult>;
}

/** Options of {@link buildPlace}. */
export interface BuildPlaceOptions extends BuilderOptions {
  /** By their paths in the folder; with `shipper.yaml`. */
  readonly files: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A machine whose programs and variables are those of the engine's client. */
export function clientSystem(
  engine: Endpoint,
  more: Readonly<Record<string, string>> = {},
  cwd?: string,
): System {
  const system = nodeSystem();
  const env = { ...engine.env, ...more };
  return {
    ...system,
    env,
    tmpdir: engine.directory,
    ...(cwd === undefined ? {} : { cwd }),
    run: (command, args, options) =>
      system.run(command, args, { ...options, env: { ...env, ...options.env } }),
    follow: (command, args, options) =>
      system.follow(command, args, { ...options, env: { ...env, ...options.env } }),
  };
}

/** Makes one. */
export async function buildPlace(
  engine: Endpoint,
  { files, env, signal = new AbortController().signal, ...options }: BuildPlaceOptions,
): Promise<BuildPlace> {
  const folder = mkdtempSync(join(engine.directory, 'build-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const system = clientSystem(engine, env, folder);
  const project = await loadProject(system);
  const events: ShipperEvent[] = [];
  const report = (event: ShipperEvent) => void events.push(event);
  const ctx: Context = { report, signal, clock: system.clock, scope: {} };
  const builder = await findBuilder(system, ctx, options);
  const results: BuildResult[] = [];
  const log: string[] = [];
  const image = (name: string) => {
    const found = project.images.find((each) => each.name === name);
    if (found === undefined) throw new Error(`shipper.yaml has no image ${name}`);
    return found;
  };
  return {
    folder,
    system,
    ctx,
    events,
    builder,
    log,
    image,
    async build(name, more) {
      const result = await builder.build(ctx, {
        image: image(name),
        parents: [],
        folder: mkdtempSync(join(folder, `.out-${name}-`)),
        log: (line) => log.push(line),
        ...more,
      });
      results.push(result);
      return result;
    },
    async [Symbol.asyncDispose]() {
      for (const result of results) await result[Symbol.asyncDispose]();
      await builder[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
