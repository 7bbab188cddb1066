// The health of a container in memory, as a function of how long it runs: moby daemon/health.go without its timers.
import type { ContainerHealth } from '../../src/engine/containers.ts';
import type { Behaviour, FakeContainer, FakeHost } from './fake-host.ts';
import { configOfImage } from './fake-host-images.ts';

/** A check with the engine's defaults. */
export interface FakeCheck {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
}

interface RawCheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
}

/** The check of a container's specification, else that of its image, as the API has it. */
export function rawCheckOf(host: FakeHost, { spec, imageId }: FakeContainer): object | undefined {
  return (spec['Healthcheck'] ?? configOfImage(host, imageId)['Healthcheck']) as object | undefined;
}

/** Undefined where there is none. */
export function checkOf(host: FakeHost, container: FakeContainer): FakeCheck | undefined {
  const raw = rawCheckOf(host, container) as RawCheck | undefined;
  const [kind, ...command] = raw?.Test ?? [];
  if (raw === undefined || kind === undefined || kind === 'NONE') return undefined;
  return {
    command,
    intervalMs: (raw.Interval || 30e9) / 1e6,
    retries: raw.Retries || 3,
    startPeriodMs: (raw.StartPeriod ?? 0) / 1e6,
  };
}

/** How a check stands so long after the start. The first look is one interval after it. */
export function healthAt(
  check: FakeCheck,
  behaviour: Behaviour,
  elapsedMs: number,
): ContainerHealth {
  const { intervalMs, retries, startPeriodMs } = check;
  const looks = Math.floor(elapsedMs / intervalMs);
  const lookAt = (ms: number) => Math.ceil(ms / intervalMs);
  const isFalse = check.command[0] === 'false';
  const firstGood = isFalse
    ? Number.POSITIVE_INFINITY
    : Math.max(1, lookAt(behaviour.healthyAfterMs ?? 0));
  const lastGood = lookAt(behaviour.unhealthyAfterMs ?? Number.POSITIVE_INFINITY) - 1;
  const wasGood = looks >= firstGood && lastGood >= firstGood;
  const failingStreak = wasGood
    ? Math.max(0, looks - lastGood)
    : Math.max(0, looks - Math.floor(startPeriodMs / intervalMs));
  const usual = wasGood ? 'healthy' : 'starting';
  return {
    status: failingStreak >= retries ? 'unhealthy' : usual,
    failingStreak,
    log: logOf(check, looks, failingStreak),
  };
}

/** The last five looks. */
function logOf({ command }: FakeCheck, looks: number, streak: number): ContainerHealth['log'] {
  const output = command[0] === 'echo' ? command.slice(1).join(' ') : '';
  return Array.from({ length: Math.min(looks, 5) }, (_, at) => {
    const isBad = Math.min(looks, 5) - at <= streak;
    return { exitCode: isBad ? 1 : 0, output: isBad ? 'the check failed' : output };
  });
}
