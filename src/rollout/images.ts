// Which image a service runs: found once, by digest, so that a tag that moves during a rollout makes no difference.
import type { ServiceChoice } from '../config/service-types.ts';
import type { Project } from '../config/types.ts';
import { type Context, note } from '../core/context.ts';
import { bug, isShipperError, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import {
  familiarReference,
  namesHost,
  parseReference,
  withDefaultTag,
} from '../image/reference.ts';
import type { Transports } from '../transport/open.ts';
import type { ReleasedImage } from './release.ts';
import type { ShippedDigests } from './ship-report-file.ts';

/** Where images are looked for. */
export interface ImageSources {
  readonly project: Pick<Project, 'images' | 'registry'>;
  /** Registries, and the engine of this machine. */
  readonly transports: Pick<Transports, 'registry' | 'engine'>;
  /** Of `--report FILE`. */
  readonly shipped: ShippedDigests | undefined;
}

/** Finds the image of a service. `NOT_FOUND` names both, and what would make it. */
export type ImageResolver = (ctx: Context, service: ServiceChoice) => Promise<ReleasedImage>;

/** A finder for one run: services of one reference get one digest. */
export function imageResolver(sources: ImageSources): ImageResolver {
  const known = new Map<string, Promise<ReleasedImage | undefined>>();
  const look: Look = (ctx, place, reference) => {
    const key = `${place} ${reference}`;
    const looking =
      known.get(key) ??
      (place === 'registry' ? inRegistry : inEngine)(ctx, sources.transports, reference);
    known.set(key, looking);
    return looking;
  };
  return async (ctx, service) => {
    const image = await resolve(ctx, sources, service, look);
    return { ...image, ...given({ platform: service.container.platform }) };
  };
}

type Look = (
  ctx: Context,
  place: 'registry' | 'engine',
  reference: string,
) => Promise<ReleasedImage | undefined>;

async function resolve(
  ctx: Context,
  { project, shipped }: ImageSources,
  service: ServiceChoice,
  look: Look,
): Promise<ReleasedImage> {
  const { image } = service;
  if (image.kind === 'image') return existing(ctx, service, image.reference, look);
  if (shipped !== undefined) return shipped.imageOf(image.image, service.name);
  const declared = project.images.find(({ name }) => name === image.image);
  const [reference] = declared?.references ?? [];
  if (reference === undefined) throw bug(`Cannot find image ${image.image} of ${service.name}`);
  // As `shipper ship` has it: a name without a registry is one of the engine of this machine.
  const isRemote = project.registry !== undefined || namesHost(reference);
  const found = await look(ctx, isRemote ? 'registry' : 'engine', reference);
  const where = isRemote ? 'its registry' : 'the engine of this machine';
  return found ?? missing(service, reference, `${where} does not have it`);
}

/** An image that is not of this file: of its registry, else of the engine of this machine, which is told. */
async function existing(
  ctx: Context,
  service: ServiceChoice,
  reference: string,
  look: Look,
): Promise<ReleasedImage> {
  const found = await look(ctx, 'registry', reference);
  if (found !== undefined) return found;
  const own = await look(ctx, 'engine', reference).catch((error: unknown) => {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
    // Without an engine here the registry's answer counts.
    return undefined;
  });
  if (own === undefined) return missing(service, reference, 'its registry does not have it');
  const text = `${service.name}: ${reference} is in no registry, it is sent from the engine of this machine`;
  note(ctx, 'info', text);
  return own;
}

async function inRegistry(
  ctx: Context,
  transports: ImageSources['transports'],
  text: string,
): Promise<ReleasedImage | undefined> {
  const reference = withDefaultTag(parseReference(text));
  const { domain, path, tag = '', digest = tag } = reference;
  const registry = await transports.registry();
  try {
    const found = await registry.resolve(ctx, reference, digest);
    if (found === undefined) return undefined;
    const name = familiarReference(reference);
    return { name, pinned: `${domain}/${path}@${found.digest}`, digest: found.digest };
  } catch (error) {
    // Docker Hub does not say of what it does not have that it is not there.
    if (isShipperError(error, 'UNAUTHORIZED') && !namesHost(text)) return undefined;
    throw error;
  }
}

async function inEngine(
  ctx: Context,
  transports: ImageSources['transports'],
  name: string,
): Promise<ReleasedImage | undefined> {
  const engine = await transports.engine();
  const image = await engine.inspectImage(ctx, name);
  return image && { name, digest: image.id };
}

function missing({ name, image }: ServiceChoice, reference: string, state: string): never {
  const message = `Cannot find image ${reference} of service ${name}: ${state}`;
  const hint =
    image.kind === 'project'
      ? `shipper ship ${image.image} makes it`
      : 'check its name, and log in with `docker login` where it is private';
  throw new ShipperError('NOT_FOUND', message, { image: reference, hint });
}
