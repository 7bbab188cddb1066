// Credentials for images that an engine pulls: it asks nobody but us.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import type { EngineLogin } from '../engine/engine.ts';
import { parseReference, type Reference } from '../image/reference.ts';
import { HUB_SERVER, type Login } from '../registry/credentials.ts';
import { createKeychain } from '../registry/keychain.ts';
import type { System } from '../system/system.ts';
import type { MediaChoice } from './open.ts';

/** The logins that there are for the registries of `images`, as the engine's API wants them. */
export async function loginsFor(
  system: System,
  ctx: Context,
  media: MediaChoice,
  images: readonly string[],
): Promise<Readonly<Record<string, EngineLogin>>> {
  const keychain = createKeychain(system, media);
  const logins: Record<string, EngineLogin> = {};
  for (const { domain, path } of images.flatMap(referenceOf)) {
    const server = domain === 'docker.io' ? HUB_SERVER : domain;
    if (Object.hasOwn(logins, server)) continue;
    const found = await keychain.find(ctx, { domain, isMirror: false }, path);
    if (found !== undefined) logins[server] = engineLogin(found.login);
  }
  return logins;
}

/** What is no name, the engine refuses in its own words. */
function referenceOf(image: string): readonly Reference[] {
  try {
    return [parseReference(image)];
  } catch (error) {
    if (isShipperError(error)) return [];
    throw error;
  }
}

function engineLogin(login: Login): EngineLogin {
  switch (login.kind) {
    case 'basic':
      return { username: login.username, password: login.password };
    case 'identity':
      return {
        identitytoken: login.token,
        ...(login.username === undefined ? {} : { username: login.username }),
      };
    case 'bearer':
      return { registrytoken: login.token };
  }
}
