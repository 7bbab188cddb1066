// A project in a folder of its own, with a fake registry and a builder that is a function.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../../src/core/context.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { ShipperEvent } from '../../src/core/events.ts';
import type { Builder, BuilderOptions, BuildRequest } from '../../src/pipeline/build/builder.ts';
import { planShip, shipProject } from '../../src/pipeline/ship.ts';
import type { ShipPlan, ShipReport, ShipRequest } from '../../src/pipeline/ship-types.ts';
import type { System } from '../../src/system/system.ts';
import {
  type RegistryPlace,
  type RegistryPlaceOptions,
  registryPlace,
} from '../operations/registry-place.ts';
import { ociArchive } from '../support/archives.ts';

/** Makes the layers of an image, in their notation; may take its time, say lines, or throw. */
export type FakeBuild = (request: BuildRequest, ctx: Context) => Promise<string> | string;

/** A project. */
export interface ShipPlace extends AsyncDisposable {
  readonly its: RegistryPlace;
  readonly system: System;
  /** Puts something else in the place of a part of the machine. */
  changeSystem(changes: Partial<System>): void;
  readonly events: ShipperEvent[];
  /** Called with each event as it comes. */
  onEvent: ((event: ShipperEvent) => void) | undefined;
  /** Names of images that were built, in the order in which builds began. */
  readonly built: string[];
  /** The builders that were asked for by name, run by run. */
  readonly builders: readonly (string | undefined)[];
  write(name: string, text: string): void;
  ship(request?: ShipRequest, options?: { readonly signal?: AbortSignal }): Promise<ShipReport>;
  plan(request?: ShipRequest): Promise<ShipPlan>;
  /** What the run left in TMPDIR. */
  leftovers(): string[];
}

/** Options of {@link shipPlace}. */
export interface ShipPlaceOptions extends RegistryPlaceOptions {
  readonly build?: FakeBuild;
  /** For the state folder to be elsewhere. */
  readonly state?: string;
}

/** Makes one; `yaml` is its shipper.yaml, in which `REGISTRY` stands for the fake one. Dispose it. */
export async function shipPlace(yaml: string, options: ShipPlaceOptions = {}): Promise<ShipPlace> {
  const { build, ...placeOptions } = options;
  const its = await registryPlace(placeOptions);
  const { folder, tmp } = its.place;
  let system: System = {
    ...its.place.system,
    env: { XDG_STATE_HOME: join(tmp, '../state'), ...its.place.system.env },
  };
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text.replaceAll('REGISTRY', its.fake.address));
  };
  write('shipper.yaml', yaml);
  const events: ShipperEvent[] = [];
  const built: string[] = [];
  const contextOf = (signal = new AbortController().signal): Context => ({
    report: (event) => {
      events.push(event);
      place.onEvent?.(event);
    },
    signal,
    clock: system.clock,
    scope: {},
  });
  const builders: (string | undefined)[] = [];
  const findBuilder = async (_: Context, { builder }: BuilderOptions) => {
    builders.push(builder);
    return fakeBuilder(build ?? (() => 'built=1'), built);
  };
  const place: ShipPlace = {
    its,
    get system() {
      return system;
    },
    changeSystem(changes) {
      system = { ...system, ...changes };
    },
    events,
    onEvent: undefined,
    built,
    builders,
    write,
    ship: (request = {}, { signal } = {}) =>
      shipProject(system, contextOf(signal), request, { version: '1.2.3', findBuilder }),
    plan: (request = {}) => planShip(system, contextOf(), request),
    leftovers: () => readdirSync(tmp),
    [Symbol.asyncDispose]: () => its[Symbol.asyncDispose](),
  };
  return place;
}

function fakeBuilder(build: FakeBuild, built: string[]): Builder {
  return {
    name: 'fake',
    async build(ctx, request) {
      built.push(request.image.name);
      const layers = await build(request, ctx);
      const path = join(request.folder, 'image.tar');
      const bytes = ociArchive([{ layers, wrap: 'gzip' }]);
      writeFileSync(path, bytes);
      return {
        source: `oci-archive:${path}`,
        digest: digestOf(bytes),
        platforms: [],
        [Symbol.asyncDispose]: async () => {},
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
