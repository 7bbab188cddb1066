// What is mounted into a container: as `Binds` where the host's folder may have to be made, which the API's `Mounts` of
// 20.10 cannot, else as `Mounts`. Pure.
import type { ContainerChoice, MountChoice } from '../config/service-types.ts';
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';

/** The members of `HostConfig` about mounts. `volumes` are names in the engine by key. */
export function mountsOf(
  service: string,
  { mounts, tmpfs }: Pick<ContainerChoice, 'mounts' | 'tmpfs'>,
  volumes: ReadonlyMap<string, string>,
): Readonly<Record<string, unknown>> {
  const binds = mounts.filter(isBindText).map((mount) => bindText(service, mount));
  const others = mounts.filter((mount) => !isBindText(mount));
  return given({
    Binds: binds.length === 0 ? undefined : binds,
    Mounts:
      others.length === 0
        ? undefined
        : others.map((mount) => mountOf(mount, { name: nameIn(volumes, mount) })),
    Tmpfs: tmpfs.length === 0 ? undefined : Object.fromEntries(tmpfs.map(tmpfsEntry)),
  });
}

function isBindText({ type, createHostPath, selinux }: MountChoice): boolean {
  return type === 'bind' && (createHostPath !== false || selinux !== undefined);
}

/** `/host:/container:ro,z,rslave`. */
function bindText(service: string, mount: MountChoice): string {
  const { source = '', target, readOnly, selinux, propagation } = mount;
  if (source.includes(':') || target.includes(':')) {
    const path = source.includes(':') ? source : target;
    const message = `Cannot mount ${JSON.stringify(path)} in ${service}: an engine takes no colon in a path that it may have to make`;
    const hint = 'write the long form with bind: { create_host_path: false }';
    throw new ShipperError('UNSUPPORTED', message, { hint });
  }
  const options = [readOnly ? 'ro' : 'rw', selinux, propagation].filter(
    (each) => each !== undefined,
  );
  return [source, target, options.join(',')].join(':');
}

function nameIn(volumes: ReadonlyMap<string, string>, { source }: MountChoice): string | undefined {
  return source === undefined ? undefined : (volumes.get(source) ?? source);
}

/** How an engine calls a volume, and what else is said of it there. */
export interface MountedVolume {
  readonly name: string | undefined;
  readonly options?: object;
}

/** A member of `Mounts` of the API. `volume` counts where one is mounted. */
export function mountOf(mount: MountChoice, volume: MountedVolume): object {
  const { type, source, target, readOnly } = mount;
  const common = {
    Type: type,
    Target: target,
    ...given({ ReadOnly: readOnly ? true : undefined }),
  };
  switch (type) {
    case 'bind': {
      const options = given({ Propagation: mount.propagation });
      return { ...common, Source: source, ...given({ BindOptions: unlessEmpty(options) }) };
    }
    case 'volume': {
      const own = given({ NoCopy: mount.noCopy, Subpath: mount.subpath });
      const options = { ...own, ...volume.options };
      return {
        ...common,
        ...given({ Source: volume.name, VolumeOptions: unlessEmpty(options) }),
      };
    }
    case 'tmpfs': {
      const options = given({ SizeBytes: mount.tmpfsSizeBytes, Mode: mount.tmpfsMode });
      return { ...common, ...given({ TmpfsOptions: unlessEmpty(options) }) };
    }
  }
}

function unlessEmpty(options: object): object | undefined {
  return Object.keys(options).length === 0 ? undefined : options;
}

/** `/run:size=64m`. */
function tmpfsEntry(text: string): [path: string, options: string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Whether two containers at once would both write to what one has for itself: a volume, or a folder of the host. */
export function writesToHost({ mounts }: Pick<ContainerChoice, 'mounts'>): boolean {
  return mounts.some(({ type, source, readOnly }) => {
    const isShared =
      type === 'bind' ? !isSocket(source) : type === 'volume' && source !== undefined;
    return isShared && !readOnly;
  });
}

/** Somebody else listens there: any number may speak to it. */
function isSocket(source = ''): boolean {
  return source.endsWith('.sock');
}
