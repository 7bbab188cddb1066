// Waits until a container that was just started works, by the rule that rollouts go by.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { type GateView, judge } from '../rollout/health.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { lastWords } from '../rollout/last-words.ts';
import { timedLook } from '../rollout/look-time.ts';

const LOOK_EVERY_MS = 250;
/** One without a health check has proved itself when it has run so long. */
const STEADY_MS = 2000;

/** Resolves once it works. `UNHEALTHY`, with its last lines, where it does not. */
export async function settle(ctx: Context, host: RolloutHost, id: string): Promise<void> {
  const { containers } = host.engine;
  let view: GateView | undefined;
  for (;;) {
    const [seen, time] = await timedLook(ctx.clock, () => containers.inspect(ctx, id));
    if (seen === undefined) {
      throw new ShipperError('UNHEALTHY', `Cannot go on: container ${id.slice(0, 12)} is gone`);
    }
    const { healthcheck, state, name } = seen;
    const monitorMs = healthcheck === undefined ? STEADY_MS : 0;
    const verdict = judge(state, { healthcheck, monitorMs, isFresh: true }, view, time);
    if (verdict.kind === 'passed') return;
    if (verdict.kind === 'failed') {
      const log = await lastWords(ctx, containers, seen);
      const message = `Cannot rely on ${name} on ${host.name}: ${verdict.why}`;
      throw new ShipperError('UNHEALTHY', message, { host: host.name, log });
    }
    view = verdict.view;
    await ctx.clock.sleep(LOOK_EVERY_MS, ctx.signal);
  }
}
