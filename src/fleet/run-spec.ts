// What `run` is asked, and the container that it means: pure.
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { ContainerSpec } from '../engine/containers.ts';
import { specHash } from '../rollout/spec-hash.ts';
import { RUN_LABEL } from './fleet-container.ts';

/** What a container is run with; what is absent is the image's or the engine's own. */
export interface RunOptions {
  /** Default: made up by the engine's rules, with the image's name in front. */
  readonly name?: string;
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** `HOST:CONTAINER[/udp]`, `ADDRESS:HOST:CONTAINER`, or `CONTAINER` for a port that the engine chooses. */
  readonly ports?: readonly string[];
  /** `SOURCE:TARGET[:ro]`, a path or the name of a volume; `TARGET` alone for an anonymous one. */
  readonly volumes?: readonly string[];
  /** Names of containers whose volumes it gets, `:ro` behind them or not. */
  readonly volumesFrom?: readonly string[];
  /** `CONTAINER[:ALIAS]`, of the default network. */
  readonly links?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly user?: string;
  readonly workingDir?: string;
  readonly memoryBytes?: number;
  /** Addresses of name servers. */
  readonly dns?: readonly string[];
  /** The network that it joins: a name, `host`, `none`, `container:NAME`. */
  readonly network?: string;
  readonly tty?: boolean;
  readonly privileged?: boolean;
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** Removed by its engine when it ends. Default false. */
  readonly autoRemove?: boolean;
  /** Members of the Engine's API for all else; they win over those above. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/**
 * The specification of a container of `image` that runs `command` (none: the image's own). It carries a label with its hash,
 * by which a second run of the same is told. `USAGE` for a port or volume that does not parse.
 */
export function runSpec(
  image: string,
  command: readonly string[],
  options: RunOptions,
): ContainerSpec {
  const { environment = {}, ports = [], volumes = [], labels = {}, spec = {} } = options;
  const { HostConfig: moreHost, Labels: moreLabels, ...more } = spec;
  const bindings = ports.map(portOf);
  const mounts = volumes.map(volumeOf);
  const exposed = Object.fromEntries(bindings.map(({ key }) => [key, {}]));
  const anonymous = mounts.flatMap(({ target, bind }) => (bind === undefined ? [target] : []));
  const host = given({
    PortBindings: ports.length === 0 ? undefined : portMap(bindings),
    Binds: listOf(mounts.flatMap(({ bind }) => bind ?? [])),
    VolumesFrom: listOf(options.volumesFrom),
    Links: listOf(options.links),
    Memory: options.memoryBytes,
    Dns: listOf(options.dns),
    NetworkMode: options.network,
    Privileged: options.privileged,
    AutoRemove: options.autoRemove,
    RestartPolicy: options.restart === undefined ? undefined : { Name: options.restart },
  });
  const whole = {
    Image: image,
    ...given({
      Cmd: listOf(command),
      Entrypoint: options.entrypoint,
      Env: listOf(Object.entries(environment).map(([name, value]) => `${name}=${value}`)),
      Hostname: options.hostname,
      User: options.user,
      WorkingDir: options.workingDir,
      Tty: options.tty,
      ExposedPorts: ports.length === 0 ? undefined : exposed,
      Volumes:
        anonymous.length === 0
          ? undefined
          : Object.fromEntries(anonymous.map((target) => [target, {}])),
    }),
    ...more,
    HostConfig: { ...host, ...(moreHost as object | undefined) },
    Labels: { ...labels, ...(moreLabels as Readonly<Record<string, string>> | undefined) },
  };
  return { ...whole, Labels: { ...whole.Labels, [RUN_LABEL]: specHash(whole) } };
}

/** Empty ones are left out: the engine knows what that means. */
function listOf<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

interface Port {
  /** `80/tcp`. */
  readonly key: string;
  readonly HostIp: string;
  readonly HostPort: string;
}

function portOf(text: string): Port {
  const [, address = '', published = '', target = '', protocol = 'tcp'] =
    /^(?:(?:(\[[\da-f:]+\]|[\d.]+):)?(\d*):)?(\d+)(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const isPort = (digits: string) =>
    digits === '' || (Number(digits) > 0 && Number(digits) < 65536);
  if (target === '' || !isPort(target) || !isPort(published)) {
    const message = `Cannot publish port ${JSON.stringify(text)}: it is not one`;
    throw new ShipperError('USAGE', message, {
      hint: 'write 8080:80, 127.0.0.1:8080:80/udp or 80',
    });
  }
  return {
    key: `${target}/${protocol.toLowerCase()}`,
    HostIp: address.replace(/^\[|\]$/g, ''),
    HostPort: published,
  };
}

function portMap(ports: readonly Port[]): Readonly<Record<string, readonly object[]>> {
  const map: Record<string, object[]> = {};
  for (const { key, ...binding } of ports) map[key] = [...(map[key] ?? []), binding];
  return map;
}

interface Volume {
  readonly target: string;
  /** Absent for an anonymous one. */
  readonly bind?: string;
}

function volumeOf(text: string): Volume {
  const [source = '', target, mode, more] = text.split(':');
  const isAnonymous = target === undefined;
  const inside = isAnonymous ? source : target;
  if (source === '' || !inside.startsWith('/') || mode === '' || more !== undefined) {
    const message = `Cannot mount volume ${JSON.stringify(text)}: it is none`;
    throw new ShipperError('USAGE', message, { hint: 'write /data:/data, name:/data:ro or /data' });
  }
  return isAnonymous ? { target: inside } : { target: inside, bind: text };
}
