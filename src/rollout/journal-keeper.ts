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
import { within } from './within.ts';

/** How long a host that does not answer is asked again before its journal is left as it is, in milliseconds. */
const PATIENCE_MS = 10_000;
/** One that was waited for already is asked once more, for so long. */
const SHORT_MS = 3000;

/** How a change is written. */
export interface JournalChange {
  /** Default false. */
  readonly isStrict?: boolean;
  /** Hosts that did not answer for their time-out. Default none. */
  readonly lost?: readonly RolloutHost[];
}

/** See the head of this file. */
export class JournalKeeper {
  readonly #scope: DeployScope;
  readonly #hosts: readonly RolloutHost[];
  readonly #checkLock: SlotActs['checkLock'];
  /** Hosts that did not take the last change. */
  readonly #silent = new Set<RolloutHost>();
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
   * failure; later it is a note: `latestOf` makes it good when the host is back. For `lost` hosts the run has waited already.
   */
  async change(
    ctx: Context,
    change: (journal: Journal) => Journal,
    { isStrict = false, lost = [] }: JournalChange = {},
  ): Promise<void> {
    this.#journal = change(this.#journal);
    const journal = this.#journal;
    await runAll(
      this.#hosts.map((host) => () => {
        const isLost = lost.includes(host) || this.#silent.has(host);
        return this.#write(ctx, host, journal, { isStrict, isLost });
      }),
      HOSTS_AT_ONCE,
    );
  }

  async #write(
    ctx: Context,
    host: RolloutHost,
    journal: Journal,
    { isStrict, isLost }: { readonly isStrict: boolean; readonly isLost: boolean },
  ): Promise<void> {
    const inside = narrow(ctx, { host: host.name });
    const started = ctx.clock.monotonic();
    const write = async (own: Context) => {
      await this.#checkLock(own, host);
      await writeJournal(own, host.engine, this.#scope, journal);
    };
    for (;;) {
      try {
        await (isLost ? within(inside, SHORT_MS, 'write its journal', write) : write(inside));
        this.#silent.delete(host);
        return;
      } catch (error) {
        const isOver = isLost || ctx.clock.monotonic() - started >= PATIENCE_MS;
        if (troubleOf(error) === 'final' || isOver) {
          this.#silent.add(host);
          if (isStrict || ctx.signal.aborted) throw error;
          note(inside, 'warn', `its journal could not be written: ${messageOf(error)}`);
          return;
        }
        await ctx.clock.sleep(1000, ctx.signal);
      }
    }
  }
}
