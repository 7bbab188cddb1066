// The engine contract against real engines.
import { connectEngine } from '../../src/engine/client.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import { engineContract } from '../contract/engine.contract.ts';
import { ENGINE_KINDS, startEngine } from './support/engines.ts';
import { startPodman } from './support/podman.ts';

for (const kind of ENGINE_KINDS) {
  engineContract(`Docker Engine ${kind}`, async () => subject(await startEngine(kind)));
}

engineContract('podman', async () => subject(await startPodman()));

function subject(running: { readonly socket: string; stop(): Promise<void> }) {
  const engine = connectEngine({ kind: 'unix', path: running.socket }, nodeSystem());
  const signal = new AbortController().signal;
  return {
    engine,
    ctx: { report: () => undefined, signal, clock: nodeClock(), scope: {} },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await running.stop();
    },
  };
}
