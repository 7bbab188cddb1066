// Which files of a context are left out: `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the
// context (moby/patternmatcher, ignorefile; docker/cli, TrimBuildFilesFromExcludes).
import { IgnoreRules } from '../../core/dockerignore.ts';
import { isShipperError, messageOf, ShipperError } from '../../core/errors.ts';
import type { System } from '../../system/system.ts';

/** A file of patterns is no larger. */
const IGNORE_BYTES = 1_048_576;

/** The rules of a context; `dockerfile` is absolute, `inside` its path in the context, if it has one there. */
export async function ignoreRules(
  { files }: Pick<System, 'files'>,
  folder: string,
  dockerfile: string | undefined,
  inside: string | undefined,
): Promise<IgnoreRules> {
  const candidates = [
    ...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]),
    `${folder}/.dockerignore`,
  ];
  for (const path of candidates) {
    if ((await files.stat(path))?.kind !== 'file') continue;
    const text = new TextDecoder().decode(await files.read(path, IGNORE_BYTES));
    return withBuildFiles(ignorePatterns(text), inside, path);
  }
  return new IgnoreRules([]);
}

/** The patterns of a file: comments begin in the first column, empty lines say nothing. */
export function ignorePatterns(text: string): readonly string[] {
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The engine needs the Dockerfile and `.dockerignore` itself, and takes them out of the context again. */
function withBuildFiles(
  patterns: readonly string[],
  inside: string | undefined,
  path: string,
): IgnoreRules {
  const rules = rulesOf(patterns, path);
  const needed = ['.dockerignore', ...(inside === undefined ? [] : [inside])];
  const back = needed.filter((name) => rules.ignores(name)).map((name) => `!${name}`);
  return back.length === 0 ? rules : rulesOf([...patterns, ...back], path);
}

function rulesOf(patterns: readonly string[], path: string): IgnoreRules {
  try {
    return new IgnoreRules(patterns);
  } catch (error) {
    if (!isShipperError(error)) throw error;
    const reason = messageOf(error).replace(/^Cannot use /, '');
    throw new ShipperError('USAGE', `Cannot read ${path}: ${reason}`, { path, cause: error });
  }
}
