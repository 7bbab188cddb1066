// Files into containers and out of them, as tars. They need not run.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { doingTo, namedPath } from './container-request.ts';
import type { Containers } from './containers.ts';
import { expectSuccess, type Session } from './session.ts';

/** The calls about a container's files. */
export function archiveCalls(session: Session): Pick<Containers, 'putArchive' | 'getArchive'> {
  return {
    putArchive: (ctx, container, path, tar) => putArchive(session, ctx, container, path, tar),
    getArchive: (ctx, container, path, maxBytes) =>
      getArchive(session, ctx, container, path, maxBytes),
  };
}

async function putArchive(
  session: Session,
  ctx: Context,
  container: string,
  path: string,
  tar: Uint8Array,
): Promise<void> {
  const exchange = await session.open(ctx, {
    method: 'PUT',
    path: `/containers/${namedPath('container', container)}/archive`,
    action: doingTo('write files into', container),
    query: { path },
    isUpload: true,
  });
  try {
    void exchange.send(once(tar));
    await expectSuccess(exchange);
    await exchange.readAll(0);
  } finally {
    exchange.close();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function getArchive(
  session: Session,
  ctx: Context,
  container: string,
  path: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const exchange = await session.open(ctx, {
    method: 'GET',
    path: `/containers/${namedPath('container', container)}/archive`,
    action: doingTo('read files of', container),
    query: { path },
  });
  try {
    exchange.finishRequest(session.patience.idleMs);
    await expectSuccess(exchange);
    return await exchange.readAll(maxBytes);
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  } finally {
    exchange.close();
  }
}
