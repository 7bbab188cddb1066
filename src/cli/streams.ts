// Which words of the command line mean stdin and stdout.
import type { System } from '../system/system.ts';
import { usage } from './values.ts';

const PIPE =
  /^(?:-|\/dev\/std(?:in|out)|(?:docker|oci)-archive:(?:-|\/dev\/std(?:in|out))(?::.*)?)$/;
const MEDIA = ['docker-daemon:', 'docker:', 'docker-archive:', 'oci:', 'oci-archive:'] as const;

/** Whether an image name means stdin or stdout. */
export function isPipe(name: string): boolean {
  return PIPE.test(name);
}

/** Whether a name says itself where it lives. */
export function namesMedium(name: string): boolean {
  return MEDIA.some((prefix) => name.startsWith(prefix));
}

/** Refuses to read an archive from a keyboard, and to read stdin twice. */
export function checkStdin(system: System, images: readonly string[]): void {
  const pipes = images.filter(isPipe);
  if (pipes.length > 1) throw usage('Cannot read two images from stdin: it can be read once');
  if (pipes.length === 0 || !system.stdio.stdinIsTTY) return;
  throw usage(
    'Cannot read an image from a terminal: stdin is not redirected',
    'put "docker save IMAGE |" in front, or add "< image.tar"',
  );
}
