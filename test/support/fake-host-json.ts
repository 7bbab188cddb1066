// What a host in memory says of its containers, in the words of the API: our own client reads them.
import { type FakeContainer, type FakeHost, hostConfigOf } from './fake-host.ts';
import { rawCheckOf } from './fake-host-health.ts';

type Json = Readonly<Record<string, unknown>>;

/** `GET /containers/{id}/json`. */
export function containerJson(host: FakeHost, container: FakeContainer): Json {
  const { spec, status, policy } = container;
  const { HostConfig: _, NetworkingConfig: __, ...config } = spec as Json;
  const health = host.healthOf(container);
  return {
    Id: container.id,
    Name: `/${container.name}`,
    Created: timeOf(container.createdMs),
    Image: container.imageId,
    RestartCount: container.restartCount,
    State: {
      Status: status,
      Running: status === 'running' || status === 'paused' || status === 'restarting',
      Paused: status === 'paused',
      Restarting: status === 'restarting',
      OOMKilled: false,
      Dead: status === 'dead',
      ExitCode: container.exitCode,
      Error: container.error,
      StartedAt: timeOf(container.startedMs),
      FinishedAt: timeOf(container.finishedMs),
      ...(health === undefined
        ? {}
        : {
            Health: {
              Status: health.status,
              FailingStreak: health.failingStreak,
              Log: health.log.map(({ exitCode, output }) => ({
                ExitCode: exitCode,
                Output: output,
              })),
            },
          }),
    },
    Config: {
      ...config,
      Labels: host.labelsOf(container),
      Healthcheck: rawCheckOf(host, container),
    },
    HostConfig: {
      ...hostConfigOf(spec),
      RestartPolicy: { Name: policy.name, MaximumRetryCount: policy.maximumRetryCount },
    },
    NetworkSettings: { Ports: boundPorts(container), Networks: joined(container) },
  };
}

/** An item of `GET /containers/json`. */
export function listedJson(host: FakeHost, container: FakeContainer): Json {
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.spec.Image,
    ImageID: container.imageId,
    Command: commandOf(container),
    State: container.status,
    Status: aboutOf(host, container),
    Labels: host.labelsOf(container),
    Created: Math.floor(container.createdMs / 1000),
    Ports: bindings(container).map(({ target, protocol, ip, port }) => ({
      IP: ip,
      PrivatePort: target,
      PublicPort: port,
      Type: protocol,
    })),
  };
}

/** As moby's container/view.go writes it. */
function commandOf({ spec }: FakeContainer): string {
  const { Entrypoint = [], Cmd = [] } = spec as {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
  };
  const [program = '', ...args] = [...Entrypoint, ...Cmd];
  return [program, ...args.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ');
}

function aboutOf(host: FakeHost, container: FakeContainer): string {
  const { status, exitCode } = container;
  const health = host.healthOf(container)?.status;
  const check =
    health === undefined ? '' : ` (${health === 'starting' ? 'health: starting' : health})`;
  if (status === 'running') return `Up 5 seconds${check}`;
  if (status === 'paused') return 'Up 5 seconds (Paused)';
  return status === 'created' ? 'Created' : `Exited (${exitCode}) 5 seconds ago`;
}

function boundPorts(container: FakeContainer): Json {
  const ports: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { target, protocol, ip, port } of bindings(container)) {
    const key = `${target}/${protocol}`;
    ports[key] = [...(ports[key] ?? []), { HostIp: ip, HostPort: String(port) }];
  }
  return ports;
}

interface Binding {
  readonly target: number;
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

/** Known while it runs. */
function bindings({ spec, status }: FakeContainer): readonly Binding[] {
  if (status !== 'running') return [];
  const wanted = Object.entries(hostConfigOf(spec).PortBindings ?? {});
  return wanted.flatMap(([key, list]) => {
    const [target, protocol = 'tcp'] = key.split('/');
    return list.map(({ HostIp, HostPort }) => ({
      target: Number(target),
      protocol,
      ip: HostIp || '0.0.0.0',
      port: Number(HostPort),
    }));
  });
}

function joined({ networks, status, id }: FakeContainer): Json {
  const ends = [...networks].map(([name, settings], at) => {
    const address = `172.${18 + at}.0.${2 + (Number.parseInt(id.slice(0, 2), 16) % 250)}`;
    const isAddressed = status === 'running' && name !== 'host' && name !== 'none';
    return [name, { ...settings, IPAddress: isAddressed ? address : '' }];
  });
  return Object.fromEntries(ends);
}

/** RFC 3339, as engines write it. */
export function timeOf(ms: number): string {
  return ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString();
}
