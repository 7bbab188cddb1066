// A private podman service with its own storage.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers, type Endpoint, endpointOf } from './engines.ts';
import { startPart } from './part.ts';
import { requireParts } from './places.ts';
import { run } from './run.ts';

/** A started podman service; `cli` is the docker client against its Docker API. */
export interface RunningPodman extends Endpoint {
  /** Runs `podman --url HOST …` and returns stdout. */
  podman(...args: readonly string[]): Promise<string>;
}

// File events and cgroupfs, because there need not be a systemd; runc, because crun refuses hybrid control groups.
const CONTAINERS_CONF = `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`;

/** Starts podman's system service: about a second. The caller stops it. */
export async function startPodman(): Promise<RunningPodman> {
  requireParts('podman', 'podman', 'runc', 'conmon', 'unshare', 'docker');
  const part = await startPart({
    name: 'podman',
    prepare: (directory) => {
      const file = join(directory, 'containers.conf');
      writeFileSync(file, CONTAINERS_CONF);
      mkdirSync(join(directory, 'tmp'));
      return [
        ...['env', `CONTAINERS_CONF=${file}`, `TMPDIR=${join(directory, 'tmp')}`, 'podman'],
        ...['--root', join(directory, 'root'), '--runroot', join(directory, 'runroot')],
        ...['system', 'service', '--time', '0', `unix://${join(directory, 'podman.sock')}`],
      ];
    },
    isReady: (directory) => answers(join(directory, 'podman.sock'), '/_ping'),
  });
  const endpoint = endpointOf(part, join(part.directory, 'podman.sock'));
  const podman = (...args: readonly string[]): Promise<string> =>
    run('podman', ['--url', endpoint.host, ...args]);
  return { ...endpoint, podman };
}
