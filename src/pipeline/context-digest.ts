// The digest of a build context: every path that a builder would be sent, with kind, permissions and content, by the rules
// of `.dockerignore`. Times and owners do not count, as they do not for BuildKit's cache.
import { createHash } from 'node:crypto';
import { type Context, throwIfAborted } from '../core/context.ts';
import type { IgnoreRules } from '../core/dockerignore.ts';
import { gate } from '../core/pool.ts';
import type { System } from '../system/system.ts';
import { ignoreRules } from './build/ignore-file.ts';

/** A file up to this size is read at once; a larger one is hashed on a thread. */
const SMALL_BYTES = 262_144;
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
    const lines = await new Walk(this.#system, ctx, folder, rules).run();
    return createHash('sha256').update(lines.join('\n')).digest('hex');
  }
}

class Walk {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #root: string;
  readonly #rules: IgnoreRules;
  readonly #turn = gate(READS);
  readonly #lines: Promise<string>[] = [];

  constructor(system: System, ctx: Context, root: string, rules: IgnoreRules) {
    this.#system = system;
    this.#ctx = ctx;
    this.#root = root;
    this.#rules = rules;
  }

  async run(): Promise<readonly string[]> {
    try {
      await this.#folder('');
    } finally {
      // What was begun must not outlive its caller, and every failure is waited for.
      await Promise.allSettled(this.#lines);
    }
    return (await Promise.all(this.#lines)).sort();
  }

  async #folder(path: string): Promise<void> {
    throwIfAborted(this.#ctx);
    const names = await this.#system.files.list(`${this.#root}/${path}`);
    for (const name of names) {
      await this.#entry(path === '' ? name : `${path}/${name}`);
    }
  }

  async #entry(path: string): Promise<void> {
    const { files } = this.#system;
    const facts = await files.lstat(`${this.#root}/${path}`);
    if (facts === undefined) return;
    const isIgnored = this.#rules.ignores(path);
    const isFolder = facts.kind === 'directory';
    if (isIgnored && !(isFolder && this.#rules.takesBack)) return;
    const line = (rest: string) => `${JSON.stringify(path)} ${rest}`;
    const mode = (facts.mode ?? 0).toString(8);
    if (isFolder) {
      if (!isIgnored) this.#lines.push(Promise.resolve(line(`d ${mode}`)));
      await this.#folder(path);
    } else if (facts.kind === 'symlink') {
      const target = await files.readLink(`${this.#root}/${path}`);
      this.#lines.push(Promise.resolve(line(`l ${JSON.stringify(target)}`)));
    } else if (facts.kind === 'file') {
      const hashed = this.#turn(async () => line(`f ${mode} ${await this.#content(path)}`));
      hashed.catch(() => undefined);
      this.#lines.push(hashed);
    }
  }

  async #content(path: string): Promise<string> {
    throwIfAborted(this.#ctx);
    await using file = await this.#system.files.openRead(`${this.#root}/${path}`);
    const { fd, size: length } = file;
    if (length <= SMALL_BYTES) {
      const bytes = new Uint8Array(length);
      file.readSync(bytes, 0);
      return createHash('sha256').update(bytes).digest('hex');
    }
    const { signal } = this.#ctx;
    return this.#system.threads.hashFile({ fd, offset: 0, length, algorithm: 'sha256', signal });
  }
}
