// Content into the repositories of a registry, by digest: no tag moves.
import { type Context, note } from '../core/context.ts';
import { messageOf } from '../core/errors.ts';
import { chanceOf, withRetries } from '../core/retry.ts';
import { copyImage } from '../operations/copy-image.ts';
import type { CopyReport } from '../operations/copy-types.ts';
import type { Content, StepTools } from './flatten-step.ts';
import type { Home } from './places.ts';

/** What had to be sent. */
export interface Pushed {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Pushes `content` to `homes` under its digest. What is there already is not sent again, so that a push that was cut
 * short goes on where it was; it is tried again where the registry's failure may pass.
 */
export async function pushContent(
  tools: StepTools,
  ctx: Context,
  content: Content,
  homes: readonly Home[],
): Promise<Pushed> {
  const pushed = { blobs: 0, bytes: 0 };
  const firsts = new Map<string, Home>();
  for (const home of homes) {
    const { domain } = home.repository;
    const near = firsts.get(domain);
    // A second repository of a registry takes the blobs over from the first without their being sent.
    const source = near === undefined ? content.source : pinned(near, content);
    const { blobsRead, bytesRead } = await copyTo(tools, ctx, source, pinned(home, content));
    pushed.blobs += blobsRead;
    pushed.bytes += bytesRead;
    if (near === undefined) firsts.set(domain, home);
  }
  return pushed;
}

/** An image in a registry by its digest. */
export function pinned(home: Home, { facts }: Pick<Content, 'facts'>): string {
  return `docker://${home.name}@${facts.digest}`;
}

async function copyTo(
  { system, media }: StepTools,
  ctx: Context,
  source: string,
  destination: string,
): Promise<CopyReport> {
  const copy = () => copyImage(system, ctx, { ...media, source, destination });
  return withRetries(ctx, chanceOf(system), copy, (error) =>
    note(ctx, 'warn', `The push is tried again: ${messageOf(error)}`),
  );
}
