// Sources and destinations of every kind for tests of copy, and what a copy is compared by: digests of stored bytes.
import { readFileSync } from 'node:fs';
import type { System } from '../../src/system/system.ts';
import {
  archive,
  attestation,
  Blobs,
  type DescriptorSpec,
  type ImageSpec,
  type Members,
  writeMembers,
} from '../support/archives.ts';
import { type FakeRegistry, startFakeRegistry } from '../support/registry-server.ts';
import { bytesOf } from '../support/tar-builder.ts';
import { type Workplace, workplace } from './workplace.ts';

/** Kinds of places that keep a manifest as it is. */
export const KINDS = ['oci', 'oci-archive', 'docker-archive', 'docker', 'stdio'] as const;
export type Kind = (typeof KINDS)[number];

/** A test's own machine and registry. */
export interface CopyPlace extends AsyncDisposable {
  readonly place: Workplace;
  readonly registry: FakeRegistry;
  /** What went to standard output. */
  out(): Buffer;
  /** Puts what stands in `members` there; returns how it is named. */
  source(kind: Kind, content: Content): string;
  /** A new place of that kind. */
  target(kind: Kind, name?: string): string;
  /** Reads back what a copy wrote: as a source, standard output from a file. */
  readable(kind: Kind, name?: string): string;
}

/** A layout, and what its one entry points at. */
export interface Content {
  readonly members: Members;
  readonly top: DescriptorSpec;
  /** All manifests, children first. */
  readonly manifests: readonly DescriptorSpec[];
}

function spec(architecture: string, layers: string, wrap: ImageSpec['wrap']): ImageSpec {
  return { layers, platform: { os: 'linux', architecture }, wrap: wrap ?? 'gzip' };
}

function named(top: DescriptorSpec): DescriptorSpec {
  return { ...top, annotations: { 'org.opencontainers.image.ref.name': 'app:1' } };
}

/** An index of three platforms and the attestation of one. */
export function indexContent(): Content {
  const blobs = new Blobs();
  const images = [
    blobs.image(spec('amd64', 'a=1 | b=2', 'gzip')),
    blobs.image(spec('arm64', 'a=1 | b=2 | -a', 'gzip')),
    blobs.image(spec('riscv64', 'r=1 | r=2', 'zstd')),
  ];
  const [first] = images;
  if (first === undefined) throw new Error('no image');
  const proof = attestation(blobs, first);
  const top = blobs.index([...images, proof], { annotations: { own: 'kept' }, unknown: [1, 2] });
  return { members: blobs.members([named(top)]), top, manifests: [...images, proof, top] };
}

/** One image. */
export function imageContent(
  wrap: ImageSpec['wrap'] = 'gzip',
  changes: Readonly<Record<string, unknown>> = {},
): Content {
  const blobs = new Blobs();
  const top = blobs.image(
    { layers: 'a=1 | b=2 | -a', ...(wrap === undefined ? {} : { wrap }) },
    changes,
  );
  return { members: blobs.members([named(top)]), top, manifests: [top] };
}

/** Bytes of a member by digest. */
export function blobOf({ members }: Content, digest: string): Buffer {
  const name = `blobs/${digest.replace(':', '/')}`;
  const body = members.find(([each]) => each === name)?.[1];
  if (body === undefined || !(typeof body === 'string' || body instanceof Uint8Array))
    throw new Error(`no ${digest}`);
  return Buffer.from(bytesOf(body));
}

/** Starts both. */
export async function copyPlace(changes: Partial<System> = {}): Promise<CopyPlace> {
  const registry = await startFakeRegistry();
  const written: Uint8Array[] = [];
  let stdin: Uint8Array = new Uint8Array();
  const bare = workplace();
  const stdio = {
    ...bare.system.stdio,
    async *stdin() {
      yield stdin;
    },
    writeOut: async (bytes: string | Uint8Array) => void written.push(Buffer.from(bytes)),
  };
  bare[Symbol.dispose]();
  const place = workplace({ stdio, ...changes });
  const out = () => Buffer.concat(written);
  const target = (kind: Kind, name = 'copy'): string => {
    switch (kind) {
      case 'oci':
        return `oci:${name}:app:1`;
      case 'oci-archive':
        return `oci-archive:${name}.tar:app:1`;
      case 'docker-archive':
        return `./${name}-saved.tar`;
      case 'stdio':
        return '-';
      case 'docker':
        return `docker://${registry.address}/other/${name}:1`;
    }
  };
  return {
    place,
    registry,
    out,
    source(kind, content) {
      switch (kind) {
        case 'oci':
          writeMembers(place.path('source'), content.members);
          return 'oci:source:app:1';
        case 'oci-archive':
        case 'docker-archive':
          place.write('source.tar', archive(content.members));
          return kind === 'oci-archive' ? 'oci-archive:source.tar' : 'source.tar';
        case 'stdio':
          stdin = archive(content.members);
          return '-';
        case 'docker':
          seed(registry, 'team/app', content, '1');
          return `docker://${registry.address}/team/app:1`;
      }
    },
    target,
    readable(kind, name = 'copy') {
      if (kind !== 'stdio') return target(kind, name);
      place.write(`${name}-out.tar`, out());
      return `./${name}-out.tar`;
    },
    async [Symbol.asyncDispose]() {
      await registry.stop();
      place[Symbol.dispose]();
    },
  };
}

/** Puts a layout's content into a repository, the top under `tag`. */
export function seed(registry: FakeRegistry, path: string, content: Content, tag: string): void {
  const repository = registry.repository(path);
  const manifests = new Set(content.manifests.map(({ digest }) => digest));
  for (const [name, body] of content.members) {
    const isBlob = name.startsWith('blobs/');
    if (!isBlob || !(typeof body === 'string' || body instanceof Uint8Array)) continue;
    const digest = name.slice('blobs/'.length).replace('/', ':');
    if (!manifests.has(digest)) repository.putBlob(Buffer.from(bytesOf(body)));
  }
  for (const { digest, mediaType } of content.manifests)
    repository.putManifest(mediaType, blobOf(content, digest));
  repository.tags.set(tag, content.top.digest);
}

/** The blobs of a layout folder by digest. */
export function layoutBlob(place: Workplace, folder: string, digest: string): Buffer {
  return readFileSync(place.path(`${folder}/blobs/${digest.replace(':', '/')}`));
}
