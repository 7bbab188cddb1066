// The contract of managers against real engines, each as a swarm of its own.
import { connectEngine } from '../../src/engine/client.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import { type SwarmSubject, swarmContract } from '../contract/swarm.contract.ts';
import { type EngineKind, startEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { freePort } from './support/registry.ts';

for (const kind of ['20.10', '26.1'] as const) {
  swarmContract(`Docker Engine ${kind}`, () => subject(kind));
}

async function subject(kind: EngineKind): Promise<SwarmSubject> {
  const running = await startEngine(kind);
  // Nobody listens at the registry of its name, so that a node takes what it has.
  const image = await busyboxImage(running, '127.0.0.1:1/shipper-contract/busybox:one');
  const port = await freePort();
  const where = ['--advertise-addr', `127.0.0.1:${port}`, '--listen-addr', `127.0.0.1:${port}`];
  await running.cli('swarm', 'init', ...where, '--data-path-port', String(await freePort()));
  const engine = connectEngine({ kind: 'unix', path: running.socket }, nodeSystem());
  const { signal } = new AbortController();
  return {
    engine,
    ctx: { report: () => undefined, signal, clock: nodeClock(), scope: {} },
    images: { idle: image, bad: image },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await running.stop();
    },
  };
}
