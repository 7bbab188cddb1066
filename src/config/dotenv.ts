// A `.env` file as docker compose reads it: `KEY=VALUE` lines, quotes, comments, `export`. Values are not expanded.

const LINE =
  /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.]*)[ \t]*[=:][ \t]*(?:'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|([^\n]*))/gm;

/** Variables by name; of two with one name the later one counts. Lines that are none are passed over. */
export function parseDotenv(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, key = '', single, double, bare = ''] of text
    .replaceAll('\r\n', '\n')
    .matchAll(LINE)) {
    found.set(key, single ?? (double === undefined ? plain(bare) : unescaped(double)));
  }
  return found;
}

/** Without a comment, which begins after a blank. */
function plain(text: string): string {
  return text.replace(/(?:^|[ \t])#.*$/, '').trim();
}

function unescaped(text: string): string {
  return text.replace(/\\([nrt"\\$])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
