// From a place to something to read from or write to.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { ImageSink, ImageSource } from '../image/image.ts';
import type { Registry, RegistryChoice } from '../registry/registry.ts';
import type { System } from '../system/system.ts';
import { type Archive, openArchiveFile, openArchiveStream } from './archive.ts';
import { openArchiveSink } from './archive-sink.ts';
import { archiveBlobs, folderBlobs } from './blob-store.ts';
import { LayerCache } from './cache.ts';
import { dockerArchiveSource } from './docker-source.ts';
import { type LayerOpener, layerOpener } from './layer-opener.ts';
import { openLayoutSink } from './layout-sink.ts';
import {
  formatLocation,
  isStdout,
  type Location,
  parseLocation,
  resolveLink,
  resolvePath,
} from './location.ts';
import { ociSource } from './oci-source.ts';
import type { SinkOptions } from './sink.ts';
import type { SpoolMode } from './spool-mode.ts';
import { openStdoutSink } from './stdout-sink.ts';

/** Which engine is meant where none is named, and how registries are reached. */
export interface MediaChoice extends RegistryChoice {
  readonly context?: string;
  readonly host?: string;
}

/** How a run reads. */
export interface TransportOptions extends MediaChoice {
  /** Where the bytes of compressed layers lie between the passes. Default `auto`. */
  readonly spool?: SpoolMode;
  /** Folder of a cache for layers that are fetched, and for the headers of compressed ones. Default: none. */
  readonly cache?: string;
}

/**
 * Opens sources and sinks; one engine and one registry client serve them all. Dispose it last. An `engine` that is given is
 * that engine, and is not closed here.
 */
export class Transports implements AsyncDisposable {
  readonly #system: System;
  readonly #choice: MediaChoice;
  readonly #opener: LayerOpener;
  readonly #isOwn: boolean;
  #engine: Promise<Engine> | undefined;
  #registry: Promise<Registry> | undefined;

  constructor(system: System, options: TransportOptions, engine?: Engine) {
    this.#system = system;
    this.#choice = options;
    this.#isOwn = engine === undefined;
    this.#engine = engine && Promise.resolve(engine);
    this.#opener = layerOpener(system, {
      ...(options.spool === undefined ? {} : { spool: options.spool }),
      ...(options.cache === undefined ? {} : { cache: cacheIn(system, options.cache) }),
    });
  }

  /** The engine that the docker command would talk to. */
  engine(): Promise<Engine> {
    this.#engine ??= this.#connect();
    return this.#engine;
  }

  /** The client of every registry of the run. */
  registry(): Promise<Registry> {
    this.#registry ??= this.#connectRegistry();
    return this.#registry;
  }

  /** Where an image is that was named: a bare name is looked up in the engine, then in its registry. */
  async find(ctx: Context, text: string): Promise<Location> {
    const location = await parseLocation(this.#system, text);
    if (location.kind !== 'name') return location;
    const { findByName } = await import('./find-by-name.ts');
    return findByName(ctx, location.reference, {
      engine: () => this.engine(),
      registry: () => this.registry(),
      isEngineChosen: isEngineChosen(this.#system, this.#choice),
    });
  }

  /** Opens a source; its images are read by the source itself. */
  async openSource(ctx: Context, location: Location): Promise<ImageSource> {
    const name = formatLocation(location);
    switch (location.kind) {
      case 'docker-daemon':
        return this.#openDaemon(location.reference);
      case 'docker':
        return this.#openRegistry(location.reference);
      case 'stdio':
        return archiveSource(this.#opener, await this.#openStdin(ctx), undefined, 'any');
      case 'path':
        return this.#openPath(ctx, location.path, undefined, name);
      case 'docker-archive':
        return archiveSource(
          this.#opener,
          await this.#openArchive(ctx, location.path, name),
          location.reference,
          'docker',
        );
      case 'oci-archive':
        return archiveSource(
          this.#opener,
          await this.#openArchive(ctx, location.path, name),
          location.reference,
          'oci',
        );
      case 'oci':
        return this.#openFolder(location.path, location.reference, name);
    }
  }

  /** Opens a sink. */
  async openSink(ctx: Context, location: Location, options: SinkOptions): Promise<ImageSink> {
    const name = formatLocation(location);
    const system = this.#system;
    if (isStdout(location)) return openStdoutSink(system, options);
    switch (location.kind) {
      case 'docker-daemon':
        return this.#openDaemonSink(ctx, location.reference, options);
      case 'docker':
        return this.#openRegistrySink(location.reference, options);
      case 'stdio':
        return openStdoutSink(system, options);
      case 'oci':
        return openLayoutSink(system, await resolveLink(system, location.path), name, options);
      case 'oci-archive':
        return openArchiveSink(system, await this.#writable(location.path), 'oci', name, options);
      case 'path':
      case 'docker-archive':
        return openArchiveSink(
          system,
          await this.#writable(location.path),
          'docker',
          name,
          options,
        );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of [this.#isOwn ? this.#engine : undefined, this.#registry]) {
      const client = await opening?.catch(() => undefined);
      await client?.[Symbol.asyncDispose]();
    }
  }

  // What talks to engines and registries is loaded when one is needed: archives should not wait for it.

  async #openDaemon(reference: string): Promise<ImageSource> {
    const { daemonSource } = await import('./daemon-source.ts');
    return daemonSource(this.#opener, await this.engine(), reference);
  }

  async #openDaemonSink(ctx: Context, reference: string, options: SinkOptions): Promise<ImageSink> {
    const { openDaemonSink } = await import('./daemon-sink.ts');
    return openDaemonSink(this.#system, ctx, await this.engine(), reference, options);
  }

  async #connect(): Promise<Engine> {
    const { findEndpoint } = await import('../engine/endpoint.ts');
    const { connectEngine } = await import('../engine/client.ts');
    const found = await findEndpoint(this.#system, this.#choice);
    return connectEngine(found.endpoint, this.#system);
  }

  async #openRegistry(reference: string): Promise<ImageSource> {
    const { registrySource } = await import('./registry-source.ts');
    return registrySource(this.#opener, await this.registry(), reference);
  }

  async #openRegistrySink(reference: string, options: SinkOptions): Promise<ImageSink> {
    const { openRegistrySink } = await import('./registry-sink.ts');
    return openRegistrySink(this.#system, await this.registry(), reference, options);
  }

  async #connectRegistry(): Promise<Registry> {
    const { connectRegistries } = await import('../registry/connect.ts');
    return connectRegistries(this.#system, this.#choice);
  }

  async #openPath(
    ctx: Context,
    path: string,
    reference: string | undefined,
    name: string,
  ): Promise<ImageSource> {
    const facts = await this.#system.files.stat(resolvePath(this.#system, path));
    if (facts?.kind === 'directory') return this.#openFolder(path, reference, name);
    return archiveSource(this.#opener, await this.#openArchive(ctx, path, name), reference, 'any');
  }

  async #openFolder(
    path: string,
    reference: string | undefined,
    name: string,
  ): Promise<ImageSource> {
    const folder = resolvePath(this.#system, path);
    const store = folderBlobs(this.#system, folder, name);
    if ((await this.#system.files.stat(folder))?.kind !== 'directory') {
      throw new ShipperError('NOT_FOUND', `Cannot open ${name}: there is no such folder`, {
        path: folder,
      });
    }
    if ((await store.file('oci-layout')) === undefined) {
      throw new ShipperError(
        'BAD_ARCHIVE',
        `Cannot open ${name}: the folder is no OCI layout, it has no oci-layout file`,
        { path: folder },
      );
    }
    return ociSource(this.#opener, store, {
      name,
      reference,
      skipMissing: false,
      close: async () => undefined,
    });
  }

  async #openArchive(ctx: Context, path: string, name: string): Promise<Archive> {
    if (path === '-' || path === '/dev/stdin') return this.#openStdin(ctx);
    const full = resolvePath(this.#system, path);
    const facts = await this.#system.files.stat(full);
    if (facts?.kind === 'other' || facts?.kind === 'directory') {
      throw new ShipperError(
        'BAD_ARCHIVE',
        `Cannot open ${name}: it is ${facts.kind === 'other' ? 'no plain file' : 'a folder'}`,
        {
          path: full,
          hint:
            facts.kind === 'other' ? 'Give a pipe on standard input: -' : `Use oci:${path} instead`,
        },
      );
    }
    return openArchiveFile(this.#system, ctx, full, name);
  }

  #openStdin(ctx: Context): Promise<Archive> {
    return openArchiveStream(this.#system, ctx, this.#system.stdio.stdin(), 'standard input');
  }

  /** A file that may be written: a folder in its place is a mistake, and so is a name that promises compression. */
  async #writable(path: string): Promise<string> {
    const full = await resolveLink(this.#system, path);
    const facts = await this.#system.files.stat(full);
    if (facts?.kind === 'directory' || path.endsWith('/')) {
      throw new ShipperError('OUTPUT_CONFLICT', `Cannot write ${path}: it is a folder`, {
        path: full,
        hint: `Use oci:${path} to write an OCI layout`,
      });
    }
    if (facts?.kind === 'other')
      throw new ShipperError('OUTPUT_CONFLICT', `Cannot write ${path}: it is no plain file`, {
        path: full,
        hint: 'Use -o - to write to a pipe',
      });
    if (/\.(?:gz|tgz|zst|bz2|xz)$/.test(path)) {
      throw new ShipperError(
        'USAGE',
        `Cannot write ${path}: archives are not compressed as a whole`,
        { hint: 'Use --compression gzip and a name that ends in .tar' },
      );
    }
    return full;
  }
}

/** Whether the user said which engine is meant: then it must answer. */
function isEngineChosen({ env }: System, { context, host }: MediaChoice): boolean {
  return Boolean(context || host || env['DOCKER_HOST'] || env['DOCKER_CONTEXT']);
}

/** `any` prefers the layout, which knows platforms and attestations; `manifest.json` is the view of `docker-archive:`. */
function archiveSource(
  opener: LayerOpener,
  archive: Archive,
  reference: string | undefined,
  view: 'docker' | 'oci' | 'any',
): ImageSource {
  const isLayout = archive.has('index.json') && archive.has('oci-layout');
  const isSaved = archive.has('manifest.json');
  if (view === 'docker' || (view === 'any' && !isLayout)) {
    return dockerArchiveSource(opener, archive, reference);
  }
  return ociSource(opener, archiveBlobs(archive), {
    name: archive.name,
    reference,
    skipMissing: isSaved,
    close: () => archive[Symbol.asyncDispose](),
  });
}

/** The caches of a machine: runs side by side share what they fetch. */
const caches = new WeakMap<System, Map<string, LayerCache>>();

function cacheIn(system: System, folder: string): LayerCache {
  const known = caches.get(system) ?? new Map<string, LayerCache>();
  caches.set(system, known);
  const path = resolvePath(system, folder);
  const cache = known.get(path) ?? new LayerCache(system, path);
  known.set(path, cache);
  return cache;
}
