// Which image a service runs: found once, by digest, so that a tag that moves during a rollout makes no difference.
import type { ServiceChoice } from '../config/service-types.ts';
import type { Project } from '../config/types.ts';
import type { Context } from '../core/context.ts';
import { bug, ShipperError } from '../core/errors.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { Transports } from '../transport/open.ts';
import type { ReleasedImage } from './release.ts';
import type { ShippedDigests } from './ship-report-file.ts';

/** Where images are looked for. */
export interface ImageSources {
  readonly project: Project;
  readonly transports: Transports;
  /** Of `--report FILE`. */
  readonly shipped: ShippedDigests | undefined;
}

/** The image of `service`. `NOT_FOUND` names it, and what would make it. */
export async function resolveImage(
  ctx: Context,
  { project, transports, shipped }: ImageSources,
  service: ServiceChoice,
): Promise<ReleasedImage> {
  const { image } = service;
  if (image.kind === 'image') {
    const found = await inRegistry(ctx, transports, image.reference);
    return found ?? missing(service, image.reference, 'its registry does not have it');
  }
  if (shipped !== undefined) return shipped.imageOf(image.image, service.name);
  const declared = project.images.find(({ name }) => name === image.image);
  const [reference] = declared?.references ?? [];
  if (reference === undefined) throw bug(`Cannot find image ${image.image} of ${service.name}`);
  // As `shipper ship` has it: a name without a registry is one of the engine of this machine.
  const isRemote = project.registry !== undefined || namesHost(reference);
  const found = isRemote
    ? await inRegistry(ctx, transports, reference)
    : await inEngine(ctx, transports, reference);
  const where = isRemote ? 'its registry' : 'the engine of this machine';
  return found ?? missing(service, reference, `${where} does not have it`);
}

async function inRegistry(
  ctx: Context,
  transports: Transports,
  text: string,
): Promise<ReleasedImage | undefined> {
  const reference = withDefaultTag(parseReference(text));
  const { domain, path, tag = '', digest = tag } = reference;
  const registry = await transports.registry();
  const found = await registry.resolve(ctx, reference, digest);
  if (found === undefined) return undefined;
  const name = familiarReference(reference);
  return { name, pinned: `${domain}/${path}@${found.digest}`, digest: found.digest };
}

async function inEngine(
  ctx: Context,
  transports: Transports,
  name: string,
): Promise<ReleasedImage | undefined> {
  const engine = await transports.engine();
  const image = await engine.inspectImage(ctx, name);
  return image && { name, digest: image.id };
}

function namesHost(reference: string): boolean {
  return reference.startsWith(`${parseReference(reference).domain}/`);
}

function missing({ name, image }: ServiceChoice, reference: string, state: string): never {
  const message = `Cannot find image ${reference} of service ${name}: ${state}`;
  const hint = image.kind === 'project' ? `shipper ship ${image.image} makes it` : undefined;
  throw new ShipperError('NOT_FOUND', message, {
    image: reference,
    ...(hint === undefined ? {} : { hint }),
  });
}
