// The journals of all hosts of a run, as one: what one of them knows is known, and every change is written to all.
import { type Context, narrow, note } from '../core/context.ts';
import { messageOf } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import { HOSTS_AT_ONCE } from './fleet.ts';
import { type RolloutHost, troubleOf } from './host.ts';
import { writeJournal } from './journal.ts';
import { recordIn } from './journal-changes.ts';
import type { DeployScope, Journal, ReleaseRecord } from './release.ts';
import type { SlotActs } from './slot-acts.ts';

/** How long a host that does not answer is asked again before its journal is left as it is, in milliseconds. */
const PATIENCE_MS = 10_000;

/** See the head of this file. */
export class JournalKeeper {
  readonly #scope: DeployScope;
  readonly #hosts: readonly RolloutHost[];
  readonly #checkLock: SlotActs['checkLock'];
  #journal: Journal;

  constructor(
    scope: DeployScope,
    hosts: readonly RolloutHost[],
    journal: Journal,
    checkLock: SlotActs['checkLock'],
  ) {
    this.#scope = scope;
    this.#hosts = hosts;
    this.#journal = journal;
    this.#checkLock = checkLock;
  }

  /** What is known. */
  get journal(): Journal {
    return this.#journal;
  }

  releases(): readonly ReleaseRecord[] {
    return this.#journal.releases;
  }

  /** The release that runs. */
  current(): ReleaseRecord | undefined {
    return recordIn(this.#journal, this.#journal.current);
  }

  /**
   * Changes what is known, here and on every host. While nothing has been touched (`isStrict`) a host that does not take it is a
   * failure; later it is a note: `latestOf` makes it good when the host is back.
   */
  async change(
    ctx: Context,
    change: (journal: Journal) => Journal,
    isStrict = false,
  ): Promise<void> {
    this.#journal = change(this.#journal);
    const journal = this.#journal;
    await runAll(
      this.#hosts.map((host) => () => this.#write(ctx, host, journal, isStrict)),
      HOSTS_AT_ONCE,
    );
  }

  async #write(
    ctx: Context,
    host: RolloutHost,
    journal: Journal,
    isStrict: boolean,
  ): Promise<void> {
    const inside = narrow(ctx, { host: host.name });
    const started = ctx.clock.monotonic();
    for (;;) {
      try {
        await this.#checkLock(inside, host);
        await writeJournal(inside, host.engine, this.#scope, journal);
        return;
      } catch (error) {
        const isOver = ctx.clock.monotonic() - started >= PATIENCE_MS;
        if (troubleOf(error) === 'final' || isOver) {
          if (isStrict || ctx.signal.aborted) throw error;
          note(inside, 'warn', `its journal could not be written: ${messageOf(error)}`);
          return;
        }
        await ctx.clock.sleep(1000, ctx.signal);
      }
    }
  }
}
