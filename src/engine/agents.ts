// The http agents that connect to each kind of endpoint.
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { inspect } from 'node:util';
import { DialStdioAgent, type SshSystem } from './dial-stdio.ts';
import type { Endpoint, TlsMaterial } from './endpoint.ts';

/** The agent for `endpoint`. Destroy it when done: only the one for ssh keeps connections open. */
export function agentFor(endpoint: Endpoint, system: SshSystem): Agent {
  return quiet(makeAgent(endpoint, system));
}

function makeAgent(endpoint: Endpoint, system: SshSystem): Agent {
  switch (endpoint.kind) {
    case 'unix':
    case 'npipe':
      return new Agent({ keepAlive: false });
    case 'ssh':
      return new DialStdioAgent(endpoint, system);
    case 'tcp':
      return endpoint.tls === undefined
        ? new Agent({ keepAlive: false })
        : new TlsAgent({ keepAlive: false, ...tlsOptions(endpoint.tls) });
  }
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
function quiet(agent: Agent): Agent {
  return Object.assign(agent, { [inspect.custom]: () => 'Agent' });
}
