// The http agents that connect to each kind of endpoint.
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { inspect } from 'node:util';
import { DialStdioAgent, type SshSystem } from './dial-stdio.ts';
import type { Endpoint, TlsMaterial } from './endpoint.ts';

/** Idle connections that are kept: as many as there are calls at once. One that rests for `timeout` is closed. */
const KEEP = { keepAlive: true, maxFreeSockets: 4, timeout: 30_000 } as const;

/** An agent, and how to end all that it keeps. */
export interface Connections {
  readonly agent: Agent;
  close(): Promise<void>;
}

/** The agent for `endpoint`. Close it when done: it keeps connections open. */
export function connectionsTo(endpoint: Endpoint, system: SshSystem): Connections {
  if (endpoint.kind === 'ssh') {
    const agent = quiet(new DialStdioAgent(endpoint, system));
    return { agent, close: () => agent.close() };
  }
  const tls = endpoint.kind === 'tcp' ? endpoint.tls : undefined;
  const agent = quiet(
    tls === undefined ? new Agent(KEEP) : new TlsAgent({ ...KEEP, ...tlsOptions(tls) }),
  );
  return { agent, close: async () => agent.destroy() };
}

function tlsOptions(tls: TlsMaterial): Readonly<Record<string, string | boolean>> {
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

/** docker-modem runs `util.inspect` over every request's options, to any depth: sockets, buffers, keys. */
function quiet<T extends Agent>(agent: T): T {
  return Object.assign(agent, { [inspect.custom]: () => 'Agent' });
}
