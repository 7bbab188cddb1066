// An environment of a project, opened: its configuration, its hosts, and who asks.
import type { Environment, HostChoice } from '../config/environment-types.ts';
import { loadProject } from '../config/load.ts';
import type { Project } from '../config/types.ts';
import type { Context } from '../core/context.ts';
import { bug } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { Engine, EngineLogin } from '../engine/engine.ts';
import type { System } from '../system/system.ts';
import { connectFleet, type Fleet } from './fleet.ts';
import type { HookRunner, Images } from './parts.ts';
import type { DeployScope, NetworkSpecs, ReleasedImage, VolumeSpecs } from './release.ts';
import { type EnvironmentRequest, HOST_TIMEOUT_MS, type RolloutRequest } from './rollout-types.ts';
import type { ServiceRules } from './works.ts';

/** What the caller brings along. */
export interface RolloutParts {
  /** The version of shipper, for reports. */
  readonly version: string;
  /** An engine that may do nothing for `patienceMs` while it is waited for. */
  connect(host: HostChoice, patienceMs: number): Promise<Engine>;
  /**
   * What the services of an environment are to run, their images resolved once; those of `images`, by service, are taken as they
   * are. `USAGE` for services that it does not have.
   */
  wanted(
    ctx: Context,
    opened: Opened,
    request: RolloutRequest,
    images?: ReadonlyMap<string, ReleasedImage>,
  ): Promise<Wanted>;
  /** How the services are treated, without asking any registry: for a way back. */
  rules(opened: Opened): readonly ServiceRules[];
  /** What there is to pull `pinned` with, for nodes that pull by themselves. */
  login(ctx: Context, pinned: string): Promise<EngineLogin | undefined>;
  images(opened: Opened): Images & AsyncDisposable;
  hooks(opened: Opened, lockEnv: Readonly<Record<string, string>>): HookRunner;
}

/** What is to run. */
export interface Wanted {
  /** In the order in which they are rolled out. */
  readonly services: readonly ServiceRules[];
  readonly networks: NetworkSpecs;
  readonly volumes: VolumeSpecs;
}

/** An environment that was opened. */
export interface Opened {
  readonly system: System;
  readonly project: Project;
  readonly environment: Environment;
  readonly scope: DeployScope;
  /** `user@machine`. */
  readonly by: string;
  readonly fleet: Fleet;
  readonly parts: RolloutParts;
}

/** Whether its hosts are managers of a swarm. */
export function isSwarm({ environment }: Pick<Opened, 'environment'>): boolean {
  return environment.engine === 'swarm';
}

/** Opens the environment of a request, does `work`, and closes its connections. */
export async function withEnvironment<T>(
  system: System,
  ctx: Context,
  request: EnvironmentRequest,
  parts: RolloutParts,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const project = await loadProject(system, {
    environment: request.environment,
    signal: ctx.signal,
    ...given({ config: request.config }),
  });
  const { environment } = project;
  if (environment === undefined) throw bug('Cannot go on: the environment was not read');
  const { hostTimeoutMs = HOST_TIMEOUT_MS } = request;
  const connect = (host: HostChoice) => parts.connect(host, hostTimeoutMs);
  // One manager of a swarm is enough.
  const isOne = environment.engine === 'swarm';
  const asked = isOne ? { ...request, skipUnreachable: Number.MAX_SAFE_INTEGER } : request;
  await using fleet = await connectFleet(ctx, environment, asked, connect);
  const scope = { project: project.name, environment: environment.name };
  return await work({ system, project, environment, scope, by: whoAsks(system), fleet, parts });
}

/** Who asks, for locks and logs: whoever a CI names, else the user of this machine. */
export function whoAsks({
  env,
  files,
}: Pick<System, 'env'> & { readonly files: Pick<System['files'], 'owner'> }): string {
  const actor = env['GITHUB_ACTOR'] ?? env['GITLAB_USER_LOGIN'];
  const machine = files.owner.tag.replace(/-\d+-\w+$/, '');
  if (actor !== undefined && actor !== '')
    return `${actor}@${env['GITHUB_ACTIONS'] ? 'github' : 'ci'}`;
  return `${env['USER'] || env['LOGNAME'] || 'somebody'}@${machine}`;
}
