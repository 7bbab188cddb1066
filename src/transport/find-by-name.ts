// A bare name: the engine's image if it has one of that name, else the registry's (`product.md`).
import { type Context, note } from '../core/context.ts';
import { isShipperError, messageOf, ShipperError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { isImageId } from '../image/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { engineName } from './daemon-source.ts';
import { foreignHint } from './foreign-transports.ts';
import type { Location } from './location.ts';
import { registryReference } from './registry-source.ts';

/** Where a name is looked for. */
export interface NameServices {
  engine(): Promise<Engine>;
  registry(): Promise<Registry>;
  /** Whether the user named an engine: one that does not answer is then a failure. */
  readonly isEngineChosen: boolean;
}

/** Finds `name`; reports where. `NOT_FOUND` when neither has it. */
export async function findByName(
  ctx: Context,
  name: string,
  services: NameServices,
): Promise<Location> {
  const known = engineName(name);
  const missing = await askEngine(ctx, known, services);
  if (missing === undefined) {
    note(ctx, 'info', `${name} is taken for docker-daemon:${known}`);
    return { kind: 'docker-daemon', reference: name };
  }
  if (isImageId(name)) throw nowhere(name, missing, 'an id names no image of a registry');
  await askRegistry(ctx, name, missing, services);
  note(ctx, 'info', `${name} is taken for docker://${known}: ${missing}`);
  return { kind: 'docker', reference: name };
}

/** Why the engine does not have it; undefined when it does. */
async function askEngine(
  ctx: Context,
  name: string,
  { engine, isEngineChosen }: NameServices,
): Promise<string | undefined> {
  try {
    const found = await engine();
    if ((await found.inspectImage(ctx, name)) !== undefined) return undefined;
    return `the engine at ${(await found.facts(ctx)).endpoint} does not have it`;
  } catch (error) {
    if (isEngineChosen || !isShipperError(error, 'ENGINE_UNREACHABLE')) throw error;
    return 'no Docker Engine answers';
  }
}

async function askRegistry(
  ctx: Context,
  name: string,
  missing: string,
  { registry }: NameServices,
): Promise<void> {
  const reference = registryReference(name);
  const client = await registry();
  try {
    const found = await client.resolve(ctx, reference, reference.digest ?? reference.tag ?? '');
    if (found !== undefined) return;
  } catch (error) {
    // The name may be a typing error as well: both are told.
    if (!isShipperError(error) || error.code === 'INTERRUPTED') throw error;
    throw nowhere(name, missing, messageOf(error), error);
  }
  throw nowhere(name, missing, `nor does the registry ${reference.domain}`);
}

function nowhere(name: string, missing: string, more: string, cause?: unknown): ShipperError {
  return new ShipperError(
    'NOT_FOUND',
    `Cannot find image ${JSON.stringify(name)}: ${missing}, and ${more}`,
    {
      cause,
      image: name,
      hint:
        foreignHint(name) ??
        'Check the name; another engine is named with --context or --host, a registry by docker://REGISTRY/NAME, a file with its folder, as ./app.tar',
    },
  );
}
