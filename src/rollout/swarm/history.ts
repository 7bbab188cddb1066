// What a swarm remembers of an environment: a config for each release, whose data never changes and whose labels say how it ended,
// and one for the run that is half-way (decision 30).
import type { Context } from '../../core/context.ts';
import { isShipperError, ShipperError } from '../../core/errors.ts';
import type { SwarmConfig } from '../../engine/swarm.ts';
import { scopeText } from '../lock.ts';
import type { AuditEntry, DeployScope, ReleaseStatus } from '../release.ts';
import type { Managers } from './managers.ts';
import { configName, SWARM_LABELS, scopeFilter, scopeLabelsOf } from './names.ts';
import { type BegunRun, dataOf, readRelease, readRun, type SwarmRelease } from './release-text.ts';

/** A release that a swarm remembers. */
export interface KeptRelease extends SwarmRelease {
  readonly status: ReleaseStatus;
  /** Counts the releases that came to run: what has the highest runs. 0: it never did. */
  readonly order: number;
  /** Oldest first, the last ten. */
  readonly audit: readonly AuditEntry[];
  readonly config: SwarmConfig;
}

/** The run that is half-way. */
export interface KeptRun extends BegunRun {
  readonly phase: 'rolling' | 'rolling-back';
  /** What its release will have once it is complete. */
  readonly order: number;
  readonly config: SwarmConfig;
}

/** What is remembered. */
export interface SwarmHistory {
  /** Oldest first. */
  readonly releases: readonly KeptRelease[];
  /** What runs; undefined before the first was complete. */
  readonly current: KeptRelease | undefined;
  readonly run: KeptRun | undefined;
  /** Whether a run was killed after its release was complete: what it had begun is over, and only its config is left. */
  readonly isRunLeft: boolean;
}

const LABELS = {
  status: 'shipper.status',
  order: 'shipper.order',
  audit: 'shipper.audit',
  phase: 'shipper.phase',
  release: 'shipper.release',
} as const;
const AUDIT_LINES = 10;
/** Somebody else may label a config too: so often is it looked at again. */
const ROUNDS = 5;

/** Reads it. */
export async function readHistory(
  ctx: Context,
  managers: Managers,
  scope: DeployScope,
): Promise<SwarmHistory> {
  const configs = await managers.call(ctx, (swarm, inside) =>
    swarm.listConfigs(inside, scopeFilter(scope)),
  );
  const ofKind = (kind: string) =>
    configs.filter(({ labels }) => labels[SWARM_LABELS.kind] === kind);
  const releases = ofKind('release')
    .map(keptRelease)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const current = releases
    .filter(({ order }) => order > 0)
    .reduce<KeptRelease | undefined>(
      (a, b) => (a !== undefined && a.order > b.order ? a : b),
      undefined,
    );
  const [run] = ofKind('run').map(keptRun);
  const order = releases.find(({ id }) => id === run?.release)?.order ?? 0;
  const isRunLeft = run !== undefined && order >= run.order;
  return { releases, current, run: isRunLeft ? undefined : run, isRunLeft };
}

function keptRun(config: SwarmConfig): KeptRun {
  const { labels, name, data } = config;
  const phase = labels[LABELS.phase] === 'rolling-back' ? 'rolling-back' : 'rolling';
  const order = Number(labels[LABELS.order]) || Number.MAX_SAFE_INTEGER;
  return { ...readRun(name, data), phase, order, config };
}

/** What the next release has that is complete. */
export function nextOrder({ releases }: Pick<SwarmHistory, 'releases'>): number {
  return 1 + Math.max(0, ...releases.map(({ order }) => order));
}

function keptRelease(config: SwarmConfig): KeptRelease {
  const { labels, name, data } = config;
  return {
    ...readRelease(name, data),
    status: statusOf(labels[LABELS.status]),
    order: Number(labels[LABELS.order] ?? 0) || 0,
    audit: auditOf(labels[LABELS.audit]),
    config,
  };
}

function statusOf(text: string | undefined): ReleaseStatus {
  return text === 'committed' || text === 'failed' || text === 'rolled-back' ? text : 'unfinished';
}

/** What is no list is none: it is for people only. */
function auditOf(text = '[]'): readonly AuditEntry[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as AuditEntry[]) : [];
  } catch {
    return [];
  }
}

/** Writes what a run does. Each change is one call, and may be made again. */
export class HistoryKeeper {
  readonly #managers: Managers;
  readonly #scope: DeployScope;
  readonly #check: (ctx: Context) => Promise<void>;

  /** `check` is called before each change: that the lock is still held. */
  constructor(managers: Managers, scope: DeployScope, check: (ctx: Context) => Promise<void>) {
    this.#managers = managers;
    this.#scope = scope;
    this.#check = check;
  }

  /** Writes down a release that is not kept yet, and then what is begun with it. */
  async begin(
    ctx: Context,
    release: SwarmRelease,
    run: BegunRun,
    history: SwarmHistory,
  ): Promise<void> {
    const isKept = history.releases.some(({ id }) => id === release.id);
    if (!isKept) await this.#createRelease(ctx, release);
    const labels = {
      [LABELS.phase]: 'rolling',
      [LABELS.release]: release.id,
      [LABELS.order]: String(nextOrder(history)),
    };
    await this.#create(ctx, 'run', undefined, dataOf(run), labels);
  }

  async #createRelease(ctx: Context, release: SwarmRelease): Promise<void> {
    await this.#create(ctx, 'release', release.id, dataOf(release), {
      [LABELS.status]: 'unfinished',
    });
  }

  /** From now on what was begun is undone. */
  async turnBack(ctx: Context): Promise<void> {
    await this.#label(ctx, configName(this.#scope, 'run'), () => ({
      [LABELS.phase]: 'rolling-back',
    }));
  }

  /** Nothing is half-way any more. */
  async endRun(ctx: Context): Promise<void> {
    await this.#check(ctx);
    const name = configName(this.#scope, 'run');
    await this.#managers.call(ctx, (swarm, inside) => swarm.removeConfig(inside, name));
  }

  /** How a release ended, and a line of the audit log. With `order` it is the one that runs. */
  async tell(
    ctx: Context,
    release: string,
    entry: AuditEntry,
    change: { readonly status?: ReleaseStatus; readonly order?: number } = {},
  ): Promise<void> {
    const { status, order } = change;
    await this.#label(ctx, configName(this.#scope, 'release', release), (before) => ({
      ...(status === undefined ? {} : { [LABELS.status]: status }),
      ...(order === undefined ? {} : { [LABELS.order]: String(order) }),
      [LABELS.audit]: JSON.stringify([...auditOf(before[LABELS.audit]), entry].slice(-AUDIT_LINES)),
    }));
  }

  /** Forgets releases. */
  async forget(ctx: Context, releases: readonly KeptRelease[]): Promise<void> {
    for (const { config } of releases) {
      await this.#check(ctx);
      await this.#managers.call(ctx, (swarm, inside) => swarm.removeConfig(inside, config.id));
    }
  }

  async #create(
    ctx: Context,
    kind: 'release' | 'run',
    release: string | undefined,
    data: Uint8Array,
    own: Readonly<Record<string, string>>,
  ): Promise<void> {
    const name = configName(this.#scope, kind, release);
    const labels = { ...scopeLabelsOf(this.#scope), [SWARM_LABELS.kind]: kind, ...own };
    await this.#check(ctx);
    try {
      await this.#managers.call(ctx, (swarm, inside) =>
        swarm.createConfig(inside, { name, labels, data }),
      );
    } catch (error) {
      if (!isShipperError(error, 'CONFLICT')) throw error;
      const found = await this.#inspect(ctx, name);
      const isSame = found !== undefined && Buffer.from(found.data).equals(data);
      if (isSame) return;
      const state = `the config ${name} is there and is not what was to be written`;
      const message = `Cannot write down the ${kind} of ${scopeText(this.#scope)}: ${state}`;
      throw new ShipperError('CONFLICT', message, { cause: error });
    }
  }

  #inspect(ctx: Context, name: string): Promise<SwarmConfig | undefined> {
    return this.#managers.call(ctx, (swarm, inside) => swarm.inspectConfig(inside, name));
  }

  async #label(
    ctx: Context,
    name: string,
    change: (before: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
  ): Promise<void> {
    for (let round = 1; ; round += 1) {
      await this.#check(ctx);
      const found = await this.#inspect(ctx, name);
      if (found === undefined) {
        const message = `Cannot write down how it ended: the config ${name} is gone`;
        throw new ShipperError('CONFLICT', message);
      }
      const labels = { ...found.labels, ...change(found.labels) };
      try {
        await this.#managers.call(ctx, (swarm, inside) =>
          swarm.updateConfig(inside, found, labels),
        );
        return;
      } catch (error) {
        if (!isShipperError(error, 'CONFLICT') || round === ROUNDS) throw error;
      }
    }
  }
}
