// What is mounted into the containers of a service in a swarm. Nodes make volumes as they need them, so what a volume is stands in
// the mount. Pure.
import type { VolumeChoice } from '../../config/environment-types.ts';
import type { ContainerChoice, MountChoice } from '../../config/service-types.ts';
import { given } from '../../core/given.ts';
import { tmpfsOptions } from './refusals.ts';

/** `Mounts` of a `ContainerSpec`. */
export function serviceMounts(
  { mounts, tmpfs }: Pick<ContainerChoice, 'mounts' | 'tmpfs'>,
  volumes: ReadonlyMap<string, VolumeChoice>,
): readonly object[] {
  const inMemory = tmpfs.flatMap((text) => {
    const found = tmpfsOptions(text);
    if (found === undefined) return [];
    return tmpfsMount(found.target, false, found.sizeBytes, found.mode);
  });
  return [...mounts.map((mount) => mountOf(mount, volumes)), ...inMemory];
}

function mountOf(mount: MountChoice, volumes: ReadonlyMap<string, VolumeChoice>): object {
  const { type, source, target, readOnly } = mount;
  const common = {
    Type: type,
    Target: target,
    ...given({ ReadOnly: readOnly ? true : undefined }),
  };
  switch (type) {
    case 'bind': {
      const { propagation } = mount;
      const options = propagation === undefined ? undefined : { Propagation: propagation };
      return { ...common, Source: source, ...given({ BindOptions: options }) };
    }
    case 'volume': {
      const volume = source === undefined ? undefined : volumes.get(source);
      const options = { ...given({ NoCopy: mount.noCopy }), ...volumeOptions(volume) };
      const isPlain = Object.keys(options).length === 0;
      return {
        ...common,
        ...given({ Source: volume?.name ?? source, VolumeOptions: isPlain ? undefined : options }),
      };
    }
    case 'tmpfs':
      return tmpfsMount(target, readOnly, mount.tmpfsSizeBytes, mount.tmpfsMode);
  }
}

function tmpfsMount(target: string, readOnly: boolean, size?: number, mode?: number): object {
  const options = given({ SizeBytes: size, Mode: mode });
  return {
    Type: 'tmpfs',
    Target: target,
    ...given({
      ReadOnly: readOnly ? true : undefined,
      TmpfsOptions: Object.keys(options).length === 0 ? undefined : options,
    }),
  };
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
