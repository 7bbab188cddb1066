// Secrets of a build, kept out of what is shown of it.
import type { ProjectImage } from '../../config/types.ts';
import { isShipperError, messageOf, ShipperError } from '../../core/errors.ts';
import { type Mask, masking } from '../../core/mask.ts';
import type { System } from '../../system/system.ts';

/** BuildKit takes no larger secret. */
const SECRET_BYTES = 512_000;
/**
 * A mask for the secrets of `image`: whole values and each of their lines. `USAGE` where a secret is not there: a
 * builder would find out late, or take an empty one.
 */
export async function maskSecrets(system: System, image: ProjectImage): Promise<Mask> {
  if (image.source.kind !== 'build') return (text) => text;
  const values: string[] = [];
  for (const { id, file, variable = id } of image.source.build.secrets) {
    const value =
      file === undefined ? system.env[variable] : await readSecret(system, image.name, id, file);
    if (value === undefined) {
      throw new ShipperError(
        'USAGE',
        `Cannot build image ${JSON.stringify(image.name)}: its secret ${JSON.stringify(id)} is the variable ${variable}, which is not set`,
        { image: image.name, hint: `Set ${variable}, or give the secret a file` },
      );
    }
    values.push(value);
  }
  return masking(values);
}

async function readSecret(
  system: System,
  image: string,
  id: string,
  file: string,
): Promise<string> {
  try {
    return new TextDecoder().decode(await system.files.read(file, SECRET_BYTES));
  } catch (error) {
    if (!isShipperError(error)) throw error;
    const reason = messageOf(error).replace(/^Cannot \w+ /, '');
    throw new ShipperError(
      'USAGE',
      `Cannot build image ${JSON.stringify(image)}: its secret ${JSON.stringify(id)} cannot be read: ${reason}`,
      { image, path: file, cause: error },
    );
  }
}
