// The managers of a swarm: the first that answers is asked, and when it is lost another one. Whoever calls must bear that a call
// was made twice: changes are checked by version and name, so the second finds what the first did.
import { type Context, note } from '../../core/context.ts';
import { isShipperError, messageOf, ShipperError } from '../../core/errors.ts';
import type { SwarmCalls } from '../../engine/swarm.ts';
import { type RolloutHost, troubleOf } from '../host.ts';
import { within } from '../within.ts';

/** Work that one manager does. */
export type ManagerWork<T> = (swarm: SwarmCalls, ctx: Context, host: RolloutHost) => Promise<T>;

/** One call may take so long; what a manager does is small, and one without a majority never answers. */
const CALL_MS = 20_000;
/** Between two rounds over all of them. */
const ROUND_MS = 1000;

/** See the head of this file. */
export class Managers {
  readonly #hosts: readonly RolloutHost[];
  readonly #patienceMs: number;
  readonly #checked = new Set<RolloutHost>();
  readonly #useless = new Set<RolloutHost>();
  #clusterId: string | undefined;
  #current = 0;

  /** For `patienceMs` none of them need answer. */
  constructor(hosts: readonly RolloutHost[], patienceMs: number) {
    this.#hosts = hosts;
    this.#patienceMs = patienceMs;
  }

  /** The one that is asked now. */
  get current(): RolloutHost {
    const host = this.#hosts[this.#current % this.#hosts.length];
    if (host === undefined) throw new ShipperError('USAGE', 'Cannot ask a swarm without managers');
    return host;
  }

  /** The swarm's own id. */
  async clusterId(ctx: Context): Promise<string> {
    return await this.call(ctx, async () => this.#clusterId ?? '');
  }

  /** What `work` says of the first manager that can do it. Fails as the last one did where none can. */
  async call<T>(ctx: Context, work: ManagerWork<T>): Promise<T> {
    const startMs = ctx.clock.monotonic();
    for (let tries = 1; ; tries += 1) {
      const host = this.current;
      try {
        return await within(ctx, CALL_MS, `ask the manager ${host.name}`, async (inside) => {
          await this.#check(inside, host);
          return work(host.engine.swarm, inside, host);
        });
      } catch (error) {
        if (troubleOf(error) === 'final') throw error;
        if (ctx.clock.monotonic() - startMs >= this.#patienceMs) throw error;
        this.#turn(ctx, host, error);
      }
      if (tries % this.#hosts.length === 0) await ctx.clock.sleep(ROUND_MS, ctx.signal);
    }
  }

  /** Another work may have turned to the next already. */
  #turn(ctx: Context, host: RolloutHost, error: unknown): void {
    if (this.current !== host || this.#hosts.length === 1) return;
    this.#current += 1;
    const next = this.current.name;
    note(
      ctx,
      'info',
      `${host.name} does not answer as a manager, ${next} is asked: ${messageOf(error)}`,
    );
  }

  async #check(ctx: Context, host: RolloutHost): Promise<void> {
    if (this.#checked.has(host)) return;
    const { isManager, clusterId, state } = await host.engine.swarm.state(ctx);
    if (!isManager || clusterId === undefined) {
      const said = state === 'active' ? 'it is a worker' : `it is in no swarm (${state})`;
      this.#useless.add(host);
      throw new ShipperError('ENGINE', `Cannot use ${host.name} as a manager: ${said}`, {
        host: host.name,
        hint: 'hosts of an environment with engine: swarm are managers of one swarm',
        // Another one may be.
        retryable: this.#useless.size < this.#hosts.length,
      });
    }
    this.#clusterId ??= clusterId;
    if (this.#clusterId !== clusterId) {
      const message = `Cannot use ${host.name}: it is a manager of another swarm than ${this.#hosts[0]?.name}`;
      throw new ShipperError('CONFLICT', message, { host: host.name });
    }
    this.#useless.delete(host);
    this.#checked.add(host);
  }
}

/** No manager answered: what became of a call is not known. */
export function isUnanswered(error: unknown): boolean {
  return isShipperError(error, 'ENGINE_UNREACHABLE') || isShipperError(error, 'TIMEOUT');
}
