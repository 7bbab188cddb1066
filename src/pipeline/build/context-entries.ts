// What of a folder a builder is sent, by the rules of `.dockerignore`: what is sent and what is remembered of it are one walk.
import { type Context, throwIfAborted } from '../../core/context.ts';
import type { FolderMatch, IgnoreRules } from '../../core/dockerignore.ts';
import { ShipperError } from '../../core/errors.ts';
import type { FileFacts, System } from '../../system/system.ts';

/** A file, folder or symbolic link of a context. */
export interface ContextEntry {
  /** In the context, without a leading slash. */
  readonly path: string;
  readonly absolute: string;
  readonly facts: FileFacts;
}

/** Which entries. */
export interface ContextChoice {
  /** Absolute. */
  readonly folder: string;
  readonly rules: IgnoreRules;
  /** Paths that are left out because something else takes their place. Default none. */
  readonly without?: Pick<ReadonlySet<string>, 'has'>;
}

/**
 * The entries by name, folders in front of what is in them; an ignored folder only where something in it is not.
 * `SOURCE_CHANGED` for one that is gone when it is looked at.
 */
export function contextEntries(
  system: Pick<System, 'files'>,
  ctx: Context,
  choice: ContextChoice,
): AsyncGenerator<ContextEntry, void, undefined> {
  return entriesIn(system, ctx, choice, '', undefined, []);
}

/** `pending` are folders above that are ignored themselves: they come when something in them does not. */
async function* entriesIn(
  system: Pick<System, 'files'>,
  ctx: Context,
  choice: ContextChoice,
  folder: string,
  match: FolderMatch | undefined,
  pending: ContextEntry[],
): AsyncGenerator<ContextEntry, void, undefined> {
  throwIfAborted(ctx);
  const { rules, without } = choice;
  const root = folder === '' ? choice.folder : `${choice.folder}/${folder}`;
  for (const name of [...(await system.files.list(root))].sort()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (without?.has(path) === true) continue;
    const { isIgnored, below } = rules.match(path, match);
    const absolute = `${choice.folder}/${path}`;
    const facts = await system.files.lstat(absolute);
    if (facts === undefined) throw gone(absolute, name);
    const entry = { path, absolute, facts };
    const isFolder = facts.kind === 'directory';
    if (isIgnored && isFolder && rules.takesBack) {
      const inside = [...pending, entry];
      yield* entriesIn(system, ctx, choice, path, below, inside);
      // It took ours with it.
      if (inside.length === 0) pending.length = 0;
      // Sockets are nothing that a build could use, and devices and pipes have no content.
    } else if (!isIgnored && facts.kind !== 'other') {
      yield* pending.splice(0);
      yield entry;
      if (isFolder) yield* entriesIn(system, ctx, choice, path, below, pending);
    }
  }
}

function gone(path: string, name: string): ShipperError {
  // Node gives such a name with other characters in it.
  const state = name.includes('\ufffd')
    ? 'its name is not UTF-8'
    : 'it was removed while the folder was read';
  return new ShipperError('SOURCE_CHANGED', `Cannot send ${path} to the engine: ${state}`, {
    path,
    hint: 'Name it in .dockerignore where the build does not need it',
  });
}
