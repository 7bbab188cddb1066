// The names under which hosts keep the images of releases (decision 26): what pulled them, and a tag of ours, by which garbage
// is found and without which `docker image prune` takes what was pulled by its digest. Pure.
import type { DeployScope, ReleasedService } from './release.ts';
import { shortName } from './short-name.ts';

/** What stands behind it is an environment's: journals and locks have other names. */
const ROOT = 'shipper.local/images';

/** Every name of a service's image on a host; ours is the last. */
export function keptNames(scope: DeployScope, service: ReleasedService): readonly string[] {
  const { pinned } = service.image;
  const kept = keptName(scope, service);
  return pinned === undefined ? [kept] : [pinned, kept];
}

/** Our own: `shipper.local/images/shop/staging/api:` and 12 digits of the digest. */
export function keptName(scope: DeployScope, { name, image }: ReleasedService): string {
  const digits = image.digest.slice(image.digest.indexOf(':') + 1, image.digest.indexOf(':') + 13);
  return `${rootOf(scope)}${shortName(name)}:${digits}`;
}

/** Whether a name is one that an environment's images are kept under, whatever releases say. */
export function isKeptName(scope: DeployScope, name: string): boolean {
  const root = rootOf(scope);
  return name.startsWith(root) && /^[^/:]+:[0-9a-f]{12}$/.test(name.slice(root.length));
}

function rootOf({ project, environment }: DeployScope): string {
  return `${ROOT}/${shortName(project)}/${shortName(environment)}/`;
}
