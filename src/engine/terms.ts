// Names, versions and platforms as the engine's URLs want them.
import { ShipperError } from '../core/errors.ts';
import type { EngineImage } from './engine.ts';

/**
 * An image name or id as a part of a URL's path. Slashes, colons and `@` stay, as the docker command leaves them;
 * `BAD_REFERENCE` for a name that would become another path.
 */
export function inPath(name: string): string {
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    const message = `Cannot ask the engine for image ${JSON.stringify(name)}: it is not a name or id`;
    throw new ShipperError('BAD_REFERENCE', message);
  }
  const escaped = parts.map((part) => encodeURIComponent(wellFormed(part)));
  return escaped.join('/').replaceAll('%3A', ':').replaceAll('%40', '@');
}

/** A full name as the `repo` and `tag` parameters. */
export function splitName(name: string): { readonly repo: string; readonly tag: string } {
  const colon = name.lastIndexOf(':');
  if (colon <= name.lastIndexOf('/')) return { repo: name, tag: '' };
  return { repo: name.slice(0, colon), tag: name.slice(colon + 1) };
}

/** `1.41` as a number that compares: 1041; undefined when it is not a version. */
export function apiNumber(version: string): number | undefined {
  const parts = /^v?(\d{1,3})\.(\d{1,3})$/.exec(version.trim());
  return parts === null ? undefined : Number(parts[1]) * 1000 + Number(parts[2]);
}

/** Whether API version `version` has what came with `since`. */
export function apiHas(version: string, since: string): boolean {
  return (apiNumber(version) ?? 0) >= (apiNumber(since) ?? 0);
}

/** `os/architecture[/variant]` as the API wants it in a `platform` parameter; undefined when it does not parse. */
export function platformJson(platform: string): string | undefined {
  const [os, architecture, variant, ...rest] = platform.split('/');
  if (!os || !architecture || variant === '' || rest.length > 0) return undefined;
  return JSON.stringify({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

/** Whether `image` is for `platform`; a variant counts only when both have one. */
export function isFor(image: EngineImage, platform: string): boolean {
  const [os, architecture, variant] = platform.split('/');
  if (image.os !== os || image.architecture !== architecture) return false;
  return variant === undefined || image.variant === undefined || variant === image.variant;
}

/** `encodeURIComponent` throws on half a surrogate pair. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
