// The programs of an environment (product.md, "Hooks"): run inside the lock, in the folder of the configuration, with what they
// may know in their environment and nothing secret in it.
import type { Environment, Hooks } from '../config/environment-types.ts';
import { type Context, narrow, startTask } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { masking } from '../core/mask.ts';
import { ownAbort } from '../core/own-abort.ts';
import type { System } from '../system/system.ts';
import { slotName } from './labels.ts';
import type { HookRunner, SlotFacts } from './parts.ts';
import type { DeployScope } from './release.ts';

/** How long a hook may take. */
const HOOK_MS = 300_000;
const TOO_LONG = `it took longer than ${HOOK_MS / 60_000} minutes`;
/** Variables that a hook sees as every program here does, and whose values are not for a log. */
const SECRET =
  /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_CONFIG)$/i;
/** Lines of its output that its failure brings along. */
const LAST_LINES = 20;

/** What hooks are run with. */
export interface HookPlace {
  readonly system: Pick<System, 'follow' | 'clock' | 'env'>;
  readonly environment: Pick<Environment, 'hooks'>;
  readonly scope: DeployScope;
  /** The folder of the configuration. */
  readonly folder: string;
  /** By which a shipper that a hook runs knows the lock that is held for it. */
  readonly lockEnv: Readonly<Record<string, string>>;
}

/** Runs the hooks of an environment. */
export function hookRunner(place: HookPlace): HookRunner {
  const run = (ctx: Context, moment: keyof Hooks, env: Readonly<Record<string, string>>) =>
    runHook(ctx, place, moment, env);
  const ofSlot = (moment: 'route' | 'drain') => (ctx: Context, facts: SlotFacts) =>
    run(ctx, moment, slotEnv(facts));
  return {
    preRollout: (ctx, release) => run(ctx, 'preRollout', { SHIPPER_RELEASE: release }),
    postRollout: (ctx, release) => run(ctx, 'postRollout', { SHIPPER_RELEASE: release }),
    route: ofSlot('route'),
    drain: ofSlot('drain'),
  };
}

/** `SHIPPER_ADDRESSES` has the container's own addresses and published ports, with blanks between: `10.0.0.5 :32768->80/tcp`. */
function slotEnv(facts: SlotFacts): Readonly<Record<string, string>> {
  const { host, service, slot, release, container } = facts;
  const addresses = Object.values(container.addresses).filter((address) => address !== '');
  const ports = container.ports.map(
    ({ hostIp, published, target, protocol }) => `${hostIp}:${published}->${target}/${protocol}`,
  );
  return {
    SHIPPER_HOST: host.name,
    SHIPPER_SERVICE: service,
    SHIPPER_SLOT: String(slot),
    SHIPPER_RELEASE: release,
    SHIPPER_CONTAINER: container.name,
    SHIPPER_ADDRESSES: [...new Set([...addresses, ...ports])].join(' '),
  };
}

const NAMES: Readonly<Record<keyof Hooks, string>> = {
  preRollout: 'pre-rollout',
  route: 'route',
  drain: 'drain',
  postRollout: 'post-rollout',
};

async function runHook(
  ctx: Context,
  { system, environment, scope, folder, lockEnv }: HookPlace,
  moment: keyof Hooks,
  own: Readonly<Record<string, string>>,
): Promise<void> {
  const program = environment.hooks[moment];
  if (program === undefined) return;
  const inside = narrow(ctx, { stage: NAMES[moment] });
  const last: string[] = [];
  const mask = masking(secretsIn({ ...system.env, ...lockEnv }));
  const take = (words: string) => {
    const line = mask(words);
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    inside.report({ type: 'log', line, scope: inside.scope });
  };
  const env = {
    ...lockEnv,
    SHIPPER_PROJECT: scope.project,
    SHIPPER_ENV: scope.environment,
    ...own,
  };
  const stop = ownAbort(ctx.signal);
  const done = new AbortController();
  const limit = new ShipperError('TIMEOUT', 'Cannot wait for the hook any longer');
  system.clock.sleep(HOOK_MS, done.signal).then(
    () => stop.abort(limit),
    () => {
      // It ended in time.
    },
  );
  const what = slotOf(own) ?? scope.environment;
  const task = startTask(inside, `hook ${NAMES[moment]}`);
  let isDone = false;
  try {
    const options = { env, cwd: folder, signal: stop.signal, onOut: take, onError: take };
    const code = await system.follow(program, [], options);
    isDone = code === 0;
    if (isDone) return;
    const state = code === undefined ? 'it was killed' : `it ended with exit code ${code}`;
    throw failed(NAMES[moment], what, state, last);
  } catch (error) {
    if (error instanceof ShipperError && error.code === 'HOOK') throw error;
    if (stop.signal.reason === limit) throw failed(NAMES[moment], what, TOO_LONG, last);
    if (isShipperError(error, 'INTERRUPTED') || !isShipperError(error)) throw error;
    throw failed(NAMES[moment], what, error.message, last, error);
  } finally {
    task.finish(isDone ? 'done' : 'failed');
    done.abort();
    stop.release();
  }
}

function secretsIn(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    SECRET.test(name) && value ? [value] : [],
  );
}

function slotOf({ SHIPPER_SERVICE, SHIPPER_SLOT }: Readonly<Record<string, string>>) {
  if (SHIPPER_SERVICE === undefined) return undefined;
  return slotName({ service: SHIPPER_SERVICE, slot: Number(SHIPPER_SLOT) });
}

function failed(
  hook: string,
  what: string,
  state: string,
  log: readonly string[],
  cause?: unknown,
): ShipperError {
  const message = `Cannot go on with ${what}: the hook ${hook} failed: ${state}`;
  return new ShipperError('HOOK', message, {
    log: [...log],
    ...(cause === undefined ? {} : { cause }),
  });
}
