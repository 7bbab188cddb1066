// Three hosts on one machine: Docker Engines in network namespaces of their own, on a bridge that nobody else uses. One is
// reached by ssh, one by TLS, one by its socket; each can be cut off. Root only.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from '../../support/certificates.ts';
import { type EngineKind, type RunningEngine, startEngine } from './engines.ts';
import { requireParts } from './places.ts';
import { type RunningRegistry, startRegistry } from './registry.ts';
import { run } from './run.ts';

/** One host. */
export interface FleetHost {
  /** `h1`. */
  readonly name: string;
  /** In the fleet's network. */
  readonly address: string;
  readonly engine: RunningEngine;
  /** As `hosts:` of shipper.yaml has it: an address, or `{ context: NAME }`. */
  readonly choice: string;
  /** Its cable is pulled, and put back. */
  cut(): Promise<void>;
  join(): Promise<void>;
}

/** A started fleet. */
export interface Fleet extends AsyncDisposable {
  /** `h1` by ssh (20.10), `h2` by TLS (26.1), `h3` by its socket (26.1 with containerd's store). */
  readonly hosts: readonly [FleetHost, FleetHost, FleetHost];
  /** Reached by all hosts, and from here, over plain http. */
  readonly registry: RunningRegistry;
  /** The environment of whoever reaches them all: docker's contexts, and an ssh that knows the host. */
  readonly env: NodeJS.ProcessEnv;
  /** Private, deleted with the fleet. */
  readonly directory: string;
}

const KINDS: readonly EngineKind[] = ['20.10', '26.1', '26.1-containerd'];
const SSH_PORT = 2222;
const TLS_PORT = 2376;

/** Starts it: about five seconds. The caller stops it (`await using` does). */
export async function startFleet(): Promise<Fleet> {
  requireParts('a fleet', 'ip', 'nsenter', 'sshd', 'ssh', 'ssh-keygen');
  const net = await makeNetwork();
  const started: AsyncDisposable[] = [];
  const dispose = async () => {
    await Promise.all(started.map((each) => each[Symbol.asyncDispose]()));
    net.remove();
  };
  try {
    const registry = await startRegistry({ host: net.gateway });
    started.push(registry);
    const engines = await Promise.all(
      KINDS.map(async (kind, index) => {
        const engine = await startEngine(kind, engineOptions(net, index));
        started.push(engine);
        return engine;
      }),
    );
    const [first, second, third] = engines.map((engine, index) => hostOf(net, engine, index));
    const [main] = engines;
    if (main === undefined || first === undefined || second === undefined || third === undefined) {
      throw new Error('a fleet has three hosts');
    }
    const env = sshEnvironment(main.env, join(main.directory, 'ssh'));
    await addContext(env, engines[1] ?? main, net.address(1));
    return {
      hosts: [first, second, third],
      registry,
      env,
      directory: main.directory,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Network {
  /** Of this machine in it. */
  readonly gateway: string;
  readonly subnet: string;
  address(index: number): string;
  namespace(index: number): string;
  cable(index: number): string;
  remove(): void;
}

async function makeNetwork(): Promise<Network> {
  for (let number = 1; number < 250; number += 1) {
    const bridge = `shipfl${number}`;
    // The kernel refuses a name that is taken, so two test runs at once do not share one.
    const add = () =>
      spawnSync('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']).status === 0;
    if (!add()) {
      if (!isLeftover(bridge)) continue;
      removeNetwork(bridge, number);
      if (!add()) continue;
    }
    const net: Network = {
      gateway: `10.214.${number}.254`,
      subnet: `10.214.${number}.0/24`,
      address: (index) => `10.214.${number}.${index + 1}`,
      namespace: (index) => `${bridge}-h${index + 1}`,
      cable: (index) => `sf${number}v${index + 1}`,
      remove: () => removeNetwork(bridge, number),
    };
    try {
      await run('ip', ['address', 'add', `${net.gateway}/24`, 'dev', bridge]);
      await run('ip', ['link', 'set', bridge, 'up']);
      for (const index of KINDS.keys()) await addHost(net, bridge, index);
      return net;
    } catch (error) {
      net.remove();
      throw error;
    }
  }
  throw new Error('Cannot add a bridge: 250 are there');
}

async function addHost(net: Network, bridge: string, index: number): Promise<void> {
  const namespace = net.namespace(index);
  const cable = net.cable(index);
  const inside = (...args: readonly string[]) => run('ip', ['-n', namespace, ...args]);
  await run('ip', ['netns', 'add', namespace]);
  await run('ip', [
    'link',
    'add',
    cable,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    namespace,
  ]);
  await run('ip', ['link', 'set', cable, 'master', bridge, 'up']);
  await inside('address', 'add', `${net.address(index)}/24`, 'dev', 'eth0');
  await inside('link', 'set', 'lo', 'up');
  await inside('link', 'set', 'eth0', 'up');
  await inside('route', 'add', 'default', 'via', net.gateway);
  // What containers are on.
  await inside('link', 'add', 'name', 'cbr0', 'type', 'bridge');
  await inside('address', 'add', '172.30.0.1/24', 'dev', 'cbr0');
  await inside('link', 'set', 'cbr0', 'up');
}

/** Nobody is in it any more: whoever made it was killed. */
function isLeftover(bridge: string): boolean {
  return [...KINDS.keys()].every((index) => {
    const pids = spawnSync('ip', ['netns', 'pids', `${bridge}-h${index + 1}`]);
    return pids.status === 0 && pids.stdout.toString().trim() === '';
  });
}

function removeNetwork(bridge: string, number: number): void {
  for (const index of KINDS.keys()) {
    spawnSync('ip', ['link', 'del', `sf${number}v${index + 1}`]);
    spawnSync('ip', ['netns', 'del', `${bridge}-h${index + 1}`]);
  }
  spawnSync('ip', ['link', 'del', bridge]);
}

function engineOptions(net: Network, index: number): Parameters<typeof startEngine>[1] {
  const config = { 'insecure-registries': [net.subnet] };
  const network = { namespace: net.namespace(index), bridge: 'cbr0' };
  const common = { config, network, isRestarted: true };
  const address = net.address(index);
  switch (index) {
    case 0:
      return {
        ...common,
        args: ['--host', 'unix:///var/run/docker.sock'],
        beside: (directory) => prepareSshd(directory, address),
      };
    case 1:
      return {
        ...common,
        args: ['--host', `tcp://${address}:${TLS_PORT}`, '--tlsverify'],
        files: (directory) => prepareTls(directory, address),
      };
    default:
      return common;
  }
}

/** Writes the keys of an sshd and resolves with its command. */
function prepareSshd(directory: string, address: string): readonly string[] {
  const folder = join(directory, 'ssh');
  mkdirSync(folder, { mode: 0o700 });
  for (const key of ['host', 'user']) {
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
  }
  const authorized = join(folder, 'authorized_keys');
  spawnSync('cp', [join(folder, 'user.pub'), authorized]);
  chmodSync(authorized, 0o600);
  writeFileSync(
    join(folder, 'sshd_config'),
    [
      `ListenAddress ${address}:${SSH_PORT}`,
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${authorized}`,
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      // Else bash reads the .bashrc of whoever runs the tests, which may take seconds.
      'SetEnv SHLVL=2',
    ].join('\n'),
  );
  writeFileSync(
    join(folder, 'ssh_config'),
    [
      'Host h1',
      `  HostName ${address}`,
      `  Port ${SSH_PORT}`,
      '  User root',
      `  IdentityFile ${join(folder, 'user')}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${join(folder, 'known_hosts')}`,
      '  StrictHostKeyChecking accept-new',
    ].join('\n'),
  );
  return ['/usr/sbin/sshd', '-D', '-e', '-f', join(folder, 'sshd_config')];
}

function prepareTls(directory: string, address: string): readonly string[] {
  // One certificate for both sides: it says nothing of what it is for.
  const files = Object.entries(makeCertificates(address));
  for (const [name, text] of files) writeFileSync(join(directory, `${name}.pem`), text);
  const words: Readonly<Record<string, string>> = {
    ca: 'tlscacert',
    cert: 'tlscert',
    key: 'tlskey',
  };
  return files.map(([name]) => `--${words[name]}=${join(directory, `${name}.pem`)}`);
}

async function addContext(
  env: NodeJS.ProcessEnv,
  engine: RunningEngine,
  address: string,
): Promise<void> {
  const pem = (name: string) => join(engine.directory, `${name}.pem`);
  const docker = [
    `host=tcp://${address}:${TLS_PORT}`,
    `ca=${pem('ca')}`,
    `cert=${pem('cert')}`,
    `key=${pem('key')}`,
  ].join(',');
  await run('docker', ['context', 'create', 'h2', '--docker', docker], { env });
}

/** An `ssh` first in PATH that reads the fleet's configuration, and nothing else. */
function sshEnvironment(env: NodeJS.ProcessEnv, folder: string): NodeJS.ProcessEnv {
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  const script = `#!/bin/sh\nexec /usr/bin/ssh -F ${join(folder, 'ssh_config')} "$@"\n`;
  writeFileSync(join(programs, 'ssh'), script, { mode: 0o755 });
  return { ...env, PATH: `${programs}:${env['PATH'] ?? ''}` };
}

function hostOf(net: Network, engine: RunningEngine, index: number): FleetHost {
  const choices = ['ssh://h1', '{ context: h2 }', engine.host];
  const cable = (state: string) =>
    run('ip', ['link', 'set', net.cable(index), state]).then(() => undefined);
  return {
    name: `h${index + 1}`,
    address: net.address(index),
    engine,
    choice: choices[index] ?? engine.host,
    cut: () => cable('down'),
    join: () => cable('up'),
  };
}
