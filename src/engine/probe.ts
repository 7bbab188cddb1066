// Where daemons listen when nobody has named one: the usual socket first, then those of rootless docker, of the
// desktop products and of podman.
import type { System } from '../system/system.ts';
import { DEFAULT_SOCKET } from './host.ts';

/** What probing found. */
export type Probed =
  | { readonly kind: 'socket'; readonly path: string }
  /** podman's own variable, heeded only when no docker socket is there. */
  | { readonly kind: 'containerHost'; readonly host: string };

/** The first socket that exists; the usual one when none does, so that the error names what people know. */
export async function probeSockets(
  system: Pick<System, 'env' | 'files' | 'homedir'>,
): Promise<Probed> {
  const docker = await firstThere(system, dockerSockets(system));
  if (docker !== undefined) return { kind: 'socket', path: docker };
  const host = system.env['CONTAINER_HOST'];
  if (host) return { kind: 'containerHost', host };
  const podman = await firstThere(system, podmanSockets(system));
  return { kind: 'socket', path: podman ?? DEFAULT_SOCKET };
}

function dockerSockets({ env, homedir }: Pick<System, 'env' | 'homedir'>): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    DEFAULT_SOCKET,
    ...(runtime ? [`${runtime}/docker.sock`] : []),
    `${homedir}/.docker/run/docker.sock`,
    `${homedir}/.docker/desktop/docker.sock`,
    `${homedir}/.colima/default/docker.sock`,
    `${homedir}/.config/colima/default/docker.sock`,
    `${homedir}/.rd/docker.sock`,
    `${homedir}/.orbstack/run/docker.sock`,
  ];
}

function podmanSockets({ env, homedir }: Pick<System, 'env' | 'homedir'>): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    ...(runtime ? [`${runtime}/podman/podman.sock`] : []),
    '/run/podman/podman.sock',
    `${homedir}/.local/share/containers/podman/machine/podman.sock`,
  ];
}

async function firstThere(
  system: Pick<System, 'files'>,
  paths: readonly string[],
): Promise<string | undefined> {
  for (const path of paths) {
    // A socket that cannot be looked at cannot be spoken to either; another may be.
    const facts = await system.files.stat(path).catch(() => undefined);
    if (facts?.kind === 'other') return path;
  }
  return undefined;
}
