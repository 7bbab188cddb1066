// Transports of skopeo that shipper does not speak (containers-transports(5)): said, and not taken for image names.
import { ShipperError } from '../core/errors.ts';
import { parseReference } from '../image/reference.ts';

const FOREIGN = /^(atomic|containers-storage|dir|ostree|sif|tarball):/;

/**
 * Refuses `dir:/x` and the like. What is a proper name all the same stays one, as docker has it: `dir:latest` is the
 * image `dir`, `dir:5000/app` is of the registry `dir`.
 */
export function refuseForeignTransport(text: string): void {
  const transport = FOREIGN.exec(text)?.[1];
  if (transport === undefined || isReference(text)) return;
  throw new ShipperError(
    'BAD_REFERENCE',
    `Cannot use ${JSON.stringify(text)}: the transport ${transport}: is not one of shipper`,
    { hint: skopeoHint(text) },
  );
}

/** What to say where an image of such a name was looked for and not found; undefined for other names. */
export function foreignHint(reference: string): string | undefined {
  const transport = FOREIGN.exec(reference)?.[1];
  if (transport === undefined) return undefined;
  return `It was taken for an image with a tag; if the transport ${transport}: is meant: ${skopeoHint(reference)}`;
}

function skopeoHint(text: string): string {
  return `shipper reads and writes OCI layouts, which skopeo converts: skopeo copy ${text} oci:FOLDER:NAME, or the other way round`;
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
