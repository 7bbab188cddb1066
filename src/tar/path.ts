// Canonical entry paths on bytes: `./a`, `/a`, `a/`, `a//b`, `a/../b` by text, as engines clean names before they use
// them. The one normaliser for names and link names (`flatten.md` 1).
import { printable } from '../core/bytes.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** Components joined by `/`, without leading or trailing slash; the root is the empty string. */
export type CleanPath = string;

/** Cleans a name as stored. A name that leaves the root is `UNSAFE_ENTRY`, one too long for any file system `LIMIT_EXCEEDED`. */
export function cleanPath(raw: string): CleanPath {
  const path = isClean(raw) ? raw : rebuild(raw);
  if (path.length > LIMITS.pathBytes) refuse(raw, `is longer than ${LIMITS.pathBytes} bytes`);
  if (path.length > LIMITS.pathComponentBytes) checkComponents(path, raw);
  return path;
}

/** Whether nothing has to change; most names of most layers, so it is worth asking first. */
function isClean(raw: string): boolean {
  let start = 0;
  for (;;) {
    const slash = raw.indexOf('/', start);
    const end = slash < 0 ? raw.length : slash;
    if (end === start) return false;
    if (raw.charCodeAt(start) === 0x2e) {
      const length = end - start;
      if (length === 1 || (length === 2 && raw.charCodeAt(start + 1) === 0x2e)) return false;
    }
    if (slash < 0) return true;
    start = slash + 1;
  }
}

function rebuild(raw: string): CleanPath {
  const parts: string[] = [];
  for (const part of raw.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) {
      throw new ShipperError(
        'UNSAFE_ENTRY',
        `Cannot place entry ${quote(raw)}: it leaves the root of the image`,
        { entry: printable(raw) },
      );
    }
  }
  return parts.join('/');
}

function checkComponents(path: CleanPath, raw: string): void {
  for (const part of path.split('/')) {
    // The mark in front of a name that is hidden is not part of the name.
    const bytes = part.startsWith('.wh.') ? part.length - 4 : part.length;
    if (bytes > LIMITS.pathComponentBytes) {
      refuse(raw, `has a component longer than ${LIMITS.pathComponentBytes} bytes`);
    }
  }
}

function refuse(raw: string, reason: string): never {
  const shown = quote(raw.length > 80 ? `${raw.slice(0, 77)}...` : raw);
  throw new ShipperError('LIMIT_EXCEEDED', `Cannot place entry ${shown}: its name ${reason}`, {
    entry: printable(raw.slice(0, 200)),
  });
}

/** A name in quotes for messages. */
export function quote(name: string): string {
  return `"${printable(name)}"`;
}
