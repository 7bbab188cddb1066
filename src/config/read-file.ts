// A configuration file from disk → a tree.
import type { System } from '../system/system.ts';
import { shownPath } from './discover.ts';
import { parseYaml } from './parse-yaml.ts';
import type { Problems } from './problems.ts';
import type { Tree } from './tree.ts';

/** The largest configuration, in bytes. */
export const CONFIG_BYTES = 1_048_576;

/** Reads and parses `path`; undefined where `problems` then says why not. Rejects where it cannot be read at all. */
export async function readTree(
  system: System,
  path: string,
  problems: Problems,
): Promise<Tree | undefined> {
  const bytes = await system.files.read(path, CONFIG_BYTES);
  const file = shownPath(system, path);
  const text = decode(bytes);
  if (typeof text === 'number') {
    problems.add({ file, line: text, column: 1 }, 'the line has bytes that are not UTF-8');
    return undefined;
  }
  const at = text.search(CONTROL);
  if (at >= 0) {
    const lines = text.slice(0, at).split('\n');
    const column = (lines.at(-1)?.length ?? 0) + 1;
    const code = text.charCodeAt(at).toString(16).padStart(4, '0').toUpperCase();
    problems.add(
      { file, line: lines.length, column },
      `the control character U+${code} is not allowed`,
    );
    return undefined;
  }
  return parseYaml(text, file, problems);
}

/** What YAML does not take. */
const CONTROL = /(?![\t\n\r\x85])\p{Cc}|[\uFFFE\uFFFF]/u;

/** The text, or the first line that is none. */
function decode(bytes: Uint8Array): string | number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    let line = 1;
    for (let from = 0; from < bytes.length; line += 1) {
      const feed = bytes.indexOf(0x0a, from);
      const end = feed < 0 ? bytes.length : feed;
      try {
        decoder.decode(bytes.subarray(from, end));
      } catch {
        return line;
      }
      from = end + 1;
    }
    return line;
  }
}
