// Where the names of an image live: in a registry, or in the engine of this machine. Pure.
import type { Project } from '../config/types.ts';
import { namesHost, parseReference, type Reference } from '../image/reference.ts';
import type { ShipStage } from './ship-types.ts';

/** One name to give. */
export interface PlannedTag {
  /** As the configuration has it. */
  readonly reference: string;
  readonly place: 'registry' | 'engine';
}

/**
 * Where `references` go. `build` stays on this machine. Else a name goes to a registry where the project has one, or where
 * the name itself begins with a host: `api:1` alone is a name of the engine, never Docker Hub's.
 */
export function placesOf(
  { registry }: Pick<Project, 'registry'>,
  references: readonly string[],
  until: ShipStage,
): readonly PlannedTag[] {
  return references.map((reference) => {
    const isRemote = until !== 'build' && (registry !== undefined || namesHost(reference));
    return { reference, place: isRemote ? 'registry' : 'engine' };
  });
}

/** A repository, and how people write it. */
export interface Home {
  /** Its first name's domain and path. */
  readonly repository: Pick<Reference, 'domain' | 'path'>;
  /** `registry.example.com/shop/api`. */
  readonly name: string;
}

/** The repositories of the tags that go to registries, each once, in the order of the tags. */
export function homesOf(tags: readonly PlannedTag[]): readonly Home[] {
  const homes = new Map<string, Home>();
  for (const { reference, place } of tags) {
    if (place !== 'registry') continue;
    const { domain, path } = parseReference(reference);
    const name = `${domain}/${path}`;
    homes.set(name, { repository: { domain, path }, name });
  }
  return [...homes.values()];
}
