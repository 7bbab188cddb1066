// A machine with a docker command that is a function, and an engine that is a fake.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectImage } from '../../../src/config/types.ts';
import type { Context } from '../../../src/core/context.ts';
import { ShipperError } from '../../../src/core/errors.ts';
import type { BuildRequest } from '../../../src/pipeline/build/builder.ts';
import type { FollowOptions, Ran, System } from '../../../src/system/system.ts';
import { testContext } from '../../engine/support.ts';
import { type Workplace, workplace } from '../../operations/workplace.ts';

/** One call of the docker command. */
export interface DockerRun {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: string;
}

/** A docker command. */
export interface FakeDocker {
  /** What `docker ARGS` says; undefined where there is none. */
  readonly run?: (args: readonly string[]) => Partial<Ran> | undefined;
  /** A build: lines of stderr are told by `options.onError`; returns the exit code. */
  readonly bake?: (run: DockerRun, options: FollowOptions) => Promise<number> | number;
}

/** A place to build in. */
export interface Bench extends Disposable {
  readonly place: Workplace;
  readonly system: System;
  readonly ctx: ReturnType<typeof testContext>;
  readonly runs: DockerRun[];
  readonly log: string[];
  /** What a build of `image` is asked. */
  request(image: ProjectImage, more?: Partial<BuildRequest>): BuildRequest;
}

/** Makes one, with `context` as a folder `app` in it. */
export function bench(
  docker: FakeDocker,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly context?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  } = {},
): Bench {
  const runs: DockerRun[] = [];
  const record = (args: readonly string[], how: { env?: FollowOptions['env']; input?: string }) => {
    const run = { args, env: how.env ?? {}, input: how.input ?? '' };
    runs.push(run);
    return run;
  };
  const missing = () =>
    new ShipperError('NOT_FOUND', 'Cannot run docker: there is no such program');
  const place = workplace({
    env: options.env ?? {},
    async run(_, args, how) {
      record(args, how);
      const ran = docker.run?.(args);
      if (ran === undefined) throw missing();
      return { code: 0, stdout: '', stderr: '', ...ran };
    },
    async follow(_, args, how) {
      return (await docker.bake?.(record(args, how), how)) ?? 1;
    },
  });
  for (const [name, text] of Object.entries(options.context ?? { Dockerfile: 'FROM scratch\n' })) {
    mkdirSync(join(place.folder, 'app', name, '..'), { recursive: true });
    writeFileSync(join(place.folder, 'app', name), text);
  }
  const log: string[] = [];
  return {
    place,
    system: place.system,
    ctx: testContext(options.signal),
    runs,
    log,
    request(image, more) {
      const folder = join(place.tmp, 'out');
      mkdirSync(folder, { recursive: true });
      return { image, parents: [], folder, log: (line) => log.push(line), ...more };
    },
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

/** A buildx of `version` whose builder has `driver`. */
export function buildx(driver = 'docker', version = '0.20.1'): NonNullable<FakeDocker['run']> {
  return (args) => {
    const words = args.slice(args.indexOf('buildx')).join(' ');
    if (words === 'buildx version') return { stdout: `github.com/docker/buildx v${version} abc\n` };
    if (words.startsWith('buildx inspect'))
      return { stdout: `Name:   mine\nDriver: ${driver}\n\nNodes:\n` };
    return { stdout: '' };
  };
}

/** Messages of notes. */
export function notes(ctx: Context & { readonly events: readonly unknown[] }): readonly string[] {
  return ctx.events.flatMap((event) => {
    const { type, message } = event as { type: string; message?: string };
    return type === 'note' && message !== undefined ? [message] : [];
  });
}
