// The use case: more names for an image where it is. No layer moves.
import { type Context, narrow } from '../core/context.ts';
import { isShipperError, partial, ShipperError } from '../core/errors.ts';
import type { ImageSource, RawManifest } from '../image/image.ts';
import {
  familiarReference,
  isImageId,
  parseReference,
  type Reference,
  taggedName,
  withDefaultTag,
} from '../image/reference.ts';
import type { System } from '../system/system.ts';
import { engineName } from '../transport/daemon-source.ts';
import { refuseForeignTransport } from '../transport/foreign-transports.ts';
import { formatLocation, type Location, resolvePath } from '../transport/location.ts';
import { Transports } from '../transport/open.ts';
import { copyImage } from './copy-image.ts';
import type { TaggedName, TagReport, TagRequest } from './copy-types.ts';

const TAG = /^\w[\w.-]{0,127}$/;

/**
 * Gives an image more names. What a name meant before is told and not kept. Errors: `NOT_FOUND`, `USAGE` for names of
 * another place, `UNSUPPORTED` for archives, which would have to be written anew; `PARTIAL` says which names are in place.
 */
export async function tagImage(
  system: System,
  ctx: Context,
  request: TagRequest,
): Promise<TagReport> {
  const run = new TagRun(system, narrow(ctx, { image: request.source }), request);
  try {
    return await run.run();
  } finally {
    await system.threads.close();
  }
}

/** What the names are given to, and how. */
interface Target {
  readonly resolvedSource: string;
  readonly digest: string;
  readonly names: readonly string[];
  /** What a name means now. */
  before(name: string): Promise<string | undefined>;
  give(name: string): Promise<void>;
}

class TagRun {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #request: TagRequest;

  constructor(system: System, ctx: Context, request: TagRequest) {
    this.#system = system;
    this.#ctx = ctx;
    this.#request = request;
  }

  async run(): Promise<TagReport> {
    const { source, names: wanted, dryRun = false } = this.#request;
    if (wanted.length === 0)
      throw new ShipperError('USAGE', `Cannot name ${JSON.stringify(source)}: no name is given`);
    await using transports = new Transports(this.#system, this.#request);
    const location = await transports.find(this.#ctx, source);
    const target = await this.#target(transports, location);
    const names: TaggedName[] = [];
    for (const name of target.names) names.push({ name, before: await target.before(name) });
    if (!dryRun) await this.#giveAll(target);
    const { resolvedSource, digest } = target;
    return { source, resolvedSource, digest, names, dryRun };
  }

  async #giveAll(target: Target): Promise<void> {
    const given: string[] = [];
    for (const name of target.names) {
      try {
        await target.give(name);
      } catch (error) {
        throw partial(error, given);
      }
      given.push(name);
    }
  }

  async #target(transports: Transports, location: Location): Promise<Target> {
    switch (location.kind) {
      case 'docker':
        return this.#inRegistry(transports, location.reference);
      case 'docker-daemon':
        return this.#inEngine(transports, location.reference);
      case 'oci':
        return this.#inLayout(transports, location);
      case 'path': {
        const facts = await this.#system.files.stat(resolvePath(this.#system, location.path));
        if (facts?.kind === 'directory')
          return this.#inLayout(transports, {
            kind: 'oci',
            path: location.path,
            reference: undefined,
          });
        throw refuseArchive(formatLocation(location));
      }
      default:
        throw refuseArchive(formatLocation(location));
    }
  }

  async #inRegistry(transports: Transports, text: string): Promise<Target> {
    const own = withDefaultTag(parseReference(text));
    const names = namesBeside(this.#request.names, own, 'docker://');
    for (const name of names) requireDomain(name, own);
    const registry = await transports.registry();
    const { descriptor, bytes } = await registry.manifest(
      this.#ctx,
      own,
      own.digest ?? own.tag ?? '',
    );
    const { mediaType, digest } = descriptor;
    return {
      resolvedSource: `docker://${familiarReference(own)}`,
      digest,
      names,
      before: async (name) => {
        const reference = parseReference(name);
        return (await registry.resolve(this.#ctx, reference, reference.tag ?? ''))?.digest;
      },
      give: async (name) => {
        const reference = parseReference(name);
        if (reference.path !== own.path) return this.#toRepository(own, digest, name);
        const manifest = { mediaType, bytes };
        await registry.putManifest(this.#ctx, reference, reference.tag ?? '', manifest);
      },
    };
  }

  /** Another repository of the registry needs the blobs: it takes them over without their being moved. */
  async #toRepository(own: Reference, digest: string, name: string): Promise<void> {
    const { names: _, source: __, ...media } = this.#request;
    const { domain, path } = own;
    await copyImage(this.#system, this.#ctx, {
      ...media,
      source: `docker://${domain}/${path}@${digest}`,
      destination: `docker://${name}`,
      preserveDigests: true,
    });
  }

  async #inEngine(transports: Transports, text: string): Promise<Target> {
    const engine = await transports.engine();
    const known = engineName(text);
    const names = isImageId(text)
      ? this.#request.names.map((name) => wholeName(name, 'docker-daemon:'))
      : namesBeside(this.#request.names, parseReference(known), 'docker-daemon:');
    const image = await engine.inspectImage(this.#ctx, known);
    if (image === undefined) {
      const { endpoint } = await engine.facts(this.#ctx);
      throw new ShipperError(
        'NOT_FOUND',
        `Cannot find image ${JSON.stringify(known)}: the engine at ${endpoint} does not have it`,
      );
    }
    return {
      resolvedSource: `docker-daemon:${known}`,
      digest: image.id,
      names,
      before: async (name) => (await engine.inspectImage(this.#ctx, name))?.id,
      give: (name) => engine.tagImage(this.#ctx, known, name),
    };
  }

  async #inLayout(
    transports: Transports,
    location: Extract<Location, { kind: 'oci' }>,
  ): Promise<Target> {
    const root = await this.#rootOf(transports, location);
    if (root === undefined) {
      throw new ShipperError(
        'AMBIGUOUS_IMAGE',
        `Cannot name ${formatLocation(location)}: it lists several platforms without an index of their own`,
        { hint: 'shipper copy makes one' },
      );
    }
    const options = { jobs: 1, family: 'oci', isCopy: true } as const;
    return {
      resolvedSource: formatLocation(location),
      digest: root.descriptor.digest,
      names: [...new Set(this.#request.names)],
      before: (name) => this.#namedInLayout(transports, { ...location, reference: name }),
      give: async (name) => {
        await using sink = await transports.openSink(this.#ctx, location, options);
        await sink.commit(this.#ctx, { images: [], index: root, tags: [name] });
      },
    };
  }

  async #namedInLayout(
    transports: Transports,
    location: Extract<Location, { kind: 'oci' }>,
  ): Promise<string | undefined> {
    try {
      return (await this.#rootOf(transports, location))?.descriptor.digest;
    } catch (error) {
      if (isShipperError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async #rootOf(transports: Transports, location: Location): Promise<RawManifest | undefined> {
    await using source: ImageSource = await transports.openSource(this.#ctx, location);
    return (await source.read(this.#ctx)).root;
  }
}

/** A word is a tag in the repository of `own`; everything else a whole name. */
function namesBeside(
  names: readonly string[],
  own: Reference,
  prefix: 'docker://' | 'docker-daemon:',
): string[] {
  const all = names.map((name) =>
    TAG.test(name)
      ? familiarReference({ ...own, tag: name, digest: undefined })
      : wholeName(name, prefix),
  );
  return [...new Set(all)];
}

function wholeName(text: string, prefix: 'docker://' | 'docker-daemon:'): string {
  const name = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (/^(?:docker-daemon|docker-archive|oci-archive|oci|docker):/.test(name)) {
    throw new ShipperError(
      'USAGE',
      `Cannot use the name ${JSON.stringify(text)}: the image is elsewhere, and a name moves nothing`,
      { hint: 'shipper copy takes an image from one place to another' },
    );
  }
  refuseForeignTransport(name);
  const tagged = taggedName(name);
  if (tagged !== undefined) return tagged;
  throw new ShipperError(
    'USAGE',
    `Cannot use the name ${JSON.stringify(text)}: a digest or id is not a name`,
    { hint: 'Give a tag or NAME:TAG' },
  );
}

function requireDomain(name: string, { domain }: Reference): void {
  const other = parseReference(name).domain;
  if (other === domain) return;
  throw new ShipperError(
    'USAGE',
    `Cannot use the name ${JSON.stringify(name)}: that is a name of ${other}, and the image is in ${domain}`,
    { hint: 'shipper copy takes an image from one registry to another' },
  );
}

function refuseArchive(name: string): ShipperError {
  return new ShipperError(
    'UNSUPPORTED',
    `Cannot name the image of ${name}: an archive would have to be written anew for it`,
    { hint: 'shipper copy writes another one with the name: docker-archive:PATH:NAME' },
  );
}
