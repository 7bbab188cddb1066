// The three hosts of a fleet as managers of one swarm.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, type FleetHost, startFleet } from './fleet.ts';

/** Starts a fleet, and the swarm on it: about half a minute. The caller stops it (`await using` does). */
export async function startSwarm(): Promise<Fleet> {
  const fleet = await startFleet();
  try {
    const [first, ...others] = fleet.hosts;
    await first.engine.cli('swarm', 'init', '--advertise-addr', first.address);
    const token = (await first.engine.cli('swarm', 'join-token', '-q', 'manager')).trim();
    const join = ({ engine, address }: FleetHost) =>
      engine.cli('swarm', 'join', '--advertise-addr', address, '--token', token, first.address);
    await Promise.all(others.map(join));
    await waitForNodes(first);
    return fleet;
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until every node of the swarm is ready, and as a manager within reach. */
export async function waitForNodes({ engine }: FleetHost): Promise<void> {
  for (let round = 0; round < 300; round += 1) {
    const format = '{{.Status}} {{.ManagerStatus}}';
    const text = await engine.cli('node', 'ls', '--format', format).catch(() => '');
    const lines = text.trim().split('\n');
    if (lines.length === 3 && lines.every((line) => /^Ready (?:Leader|Reachable)$/.test(line)))
      return;
    await sleep(200);
  }
  throw new Error('the nodes of the swarm are not ready');
}
