// The contract of containers against real engines, with a real registry for the pulls.
import { connectEngine } from '../../src/engine/client.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import {
  CONTRACT_COMMANDS,
  type ContainerSubject,
  containersContract,
} from '../contract/containers.contract.ts';
import { ENGINE_KINDS, type Endpoint, startEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { startPodman } from './support/podman.ts';
import { freePort, type RunningRegistry, startRegistry } from './support/registry.ts';

const LOGIN = { username: 'me', password: 'secret-of-mine' };

const NO_PULLS = { tag: '', digest: '', missing: '', secret: '', login: LOGIN };

for (const kind of ENGINE_KINDS) {
  containersContract(`Docker Engine ${kind}`, async () => subject(await startEngine(kind)));
}

containersContract('podman', async () => ({
  // 4.3: checks wait for systemd, a policy cannot be changed, a port without its firewall is not shown, a last line without
  // an end joins the one before, and a registry is insecure only where its configuration says so.
  ...(await subject(await startPodman(), ['health', 'update', 'ports', 'lines', 'since', 'pulls'])),
}));

async function subject(
  running: Endpoint,
  lacks: NonNullable<ContainerSubject['lacks']> = [],
): Promise<ContainerSubject> {
  const registry = await startRegistry();
  const guarded = await startRegistry({
    login: { user: LOGIN.username, password: LOGIN.password },
  });
  await busyboxImage(running, 'shipper-contract/idle:one');
  for (const kind of Object.keys(CONTRACT_COMMANDS)) {
    if (kind === 'idle') continue;
    await running.cli('tag', 'shipper-contract/idle:one', `shipper-contract/${kind}:one`);
  }
  const pulls = lacks.includes('pulls') ? NO_PULLS : await push(running, registry, guarded);
  const engine = connectEngine({ kind: 'unix', path: running.socket }, nodeSystem());
  const signal = new AbortController().signal;
  return {
    engine,
    ctx: { report: () => undefined, signal, clock: nodeClock(), scope: {} },
    port: await freePort(),
    pulls,
    lacks,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await running.stop();
      await registry.stop();
      await guarded.stop();
    },
  };
}

/** An image of its own in both registries, which the engine forgets. */
async function push(
  running: Endpoint,
  registry: RunningRegistry,
  guarded: RunningRegistry,
): Promise<ContainerSubject['pulls']> {
  const tag = `${registry.address}/pulled/app:one`;
  const secret = `${guarded.address}/pulled/app:one`;
  const { username, password } = LOGIN;
  await running.cli('login', '--username', username, '--password', password, guarded.address);
  await running.cli('tag', 'shipper-contract/idle:one', tag);
  await running.cli('tag', tag, secret);
  await running.cli('push', secret);
  const said = await running.cli('push', tag);
  const digest = /sha256:[0-9a-f]{64}/.exec(said.slice(said.lastIndexOf('digest:')))?.[0];
  await running.cli('rmi', tag, secret);
  await running.cli('logout', guarded.address);
  return {
    tag,
    digest: `${registry.address}/pulled/app@${digest}`,
    missing: `${registry.address}/pulled/app:none`,
    secret,
    login: LOGIN,
  };
}
