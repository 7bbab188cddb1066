// Names of projects and environments as parts of names of images, which are stricter.
import { digestOf, shortDigest } from '../core/digest.ts';

/** A path component of a repository (distribution-spec). */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** The name itself where it may stand there; else what may of it, and a digest, so that no two names become one. */
export function shortName(name: string): string {
  if (COMPONENT.test(name)) return name;
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return [plain, shortDigest(digestOf(Buffer.from(name)))].filter((part) => part !== '').join('-');
}
