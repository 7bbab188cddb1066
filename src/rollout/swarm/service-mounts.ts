// What is mounted into the containers of a service in a swarm. Nodes make volumes as they need them, so what a volume is stands in
// the mount. Pure.
import type { VolumeChoice } from '../../config/environment-types.ts';
import type { ContainerChoice, MountChoice } from '../../config/service-types.ts';
import { given } from '../../core/given.ts';
import { mountOf } from '../mounts.ts';
import { tmpfsOptions } from './refusals.ts';

/** `Mounts` of a `ContainerSpec`. */
export function serviceMounts(
  { mounts, tmpfs }: Pick<ContainerChoice, 'mounts' | 'tmpfs'>,
  volumes: ReadonlyMap<string, VolumeChoice>,
): readonly object[] {
  const inMemory = tmpfs.flatMap((text) => {
    const found = tmpfsOptions(text);
    if (found === undefined) return [];
    const { target, sizeBytes, mode } = found;
    const options = given({ tmpfsSizeBytes: sizeBytes, tmpfsMode: mode });
    return mountOf({ type: 'tmpfs', target, readOnly: false, ...options }, { name: undefined });
  });
  return [...mounts.map((mount) => ofService(mount, volumes)), ...inMemory];
}

function ofService(mount: MountChoice, volumes: ReadonlyMap<string, VolumeChoice>): object {
  const { source } = mount;
  const volume = source === undefined ? undefined : volumes.get(source);
  return mountOf(mount, { name: volume?.name ?? source, options: volumeOptions(volume) });
}

/** External volumes are as they are. */
function volumeOptions(volume: VolumeChoice | undefined): object {
  if (volume === undefined || volume.external) return {};
  const { driver, driverOptions, labels } = volume;
  const hasDriver = driver !== undefined || Object.keys(driverOptions).length > 0;
  return given({
    Labels: Object.keys(labels).length === 0 ? undefined : labels,
    DriverConfig: hasDriver ? { Name: driver ?? 'local', Options: driverOptions } : undefined,
  });
}
