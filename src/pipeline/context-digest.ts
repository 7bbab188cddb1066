// The digest of a build context: every path that a builder would be sent, with kind, permissions and content, by the rules
// of `.dockerignore`. Times and owners do not count, as they do not for BuildKit's cache.
import { createHash } from 'node:crypto';
import { type Context, throwIfAborted } from '../core/context.ts';
import type { IgnoreRules } from '../core/dockerignore.ts';
import { gate } from '../core/pool.ts';
import type { System } from '../system/system.ts';
import { type ContextEntry, contextEntries } from './build/context-entries.ts';
import { ignoreRules } from './build/ignore-file.ts';

/** Files that are read at once. */
const READS = 8;

/** The digests of the contexts of a run: images that share a context have it read once. */
export class ContextDigests {
  readonly #system: System;
  readonly #known = new Map<string, Promise<string>>();

  constructor(system: System) {
    this.#system = system;
  }

  /** The digest of `folder`, hex. `dockerfile` is an absolute path, whose own ignore file wins over that of the folder. */
  async of(ctx: Context, folder: string, dockerfile: string | undefined): Promise<string> {
    const own = dockerfile === undefined ? undefined : `${dockerfile}.dockerignore`;
    const hasOwn = own !== undefined && (await this.#system.files.stat(own)) !== undefined;
    const key = JSON.stringify([folder, hasOwn ? own : '']);
    const digest = this.#known.get(key) ?? this.#digest(ctx, folder, dockerfile);
    this.#known.set(key, digest);
    return digest;
  }

  async #digest(ctx: Context, folder: string, dockerfile: string | undefined): Promise<string> {
    // The Dockerfile itself counts for itself, wherever it lies.
    const rules = await ignoreRules(this.#system, folder, dockerfile, undefined);
    const lines = await linesOf(this.#system, ctx, folder, rules);
    return createHash('sha256').update(lines.join('\n')).digest('hex');
  }
}

/** A line for each entry, sorted. */
async function linesOf(
  system: System,
  ctx: Context,
  folder: string,
  rules: IgnoreRules,
): Promise<readonly string[]> {
  const turn = gate(READS);
  const lines: Promise<string>[] = [];
  try {
    for await (const entry of contextEntries(system, ctx, { folder, rules })) {
      const line = turn(() => lineOf(system, ctx, entry));
      line.catch(() => undefined);
      lines.push(line);
    }
  } finally {
    // What was begun must not outlive its caller, and every failure is waited for.
    await Promise.allSettled(lines);
  }
  return (await Promise.all(lines)).sort();
}

async function lineOf(
  { files, threads }: System,
  ctx: Context,
  { path, absolute, facts }: ContextEntry,
): Promise<string> {
  throwIfAborted(ctx);
  const name = JSON.stringify(path);
  const mode = (facts.mode ?? 0).toString(8);
  if (facts.kind === 'directory') return `${name} d ${mode}`;
  if (facts.kind === 'symlink') {
    return `${name} l ${JSON.stringify(await files.readLink(absolute))}`;
  }
  await using file = await files.openRead(absolute);
  const { fd, size: length } = file;
  const job = { fd, offset: 0, length, algorithm: 'sha256', signal: ctx.signal } as const;
  return `${name} f ${mode} ${await threads.hashFile(job)}`;
}
