// The few things of a Dockerfile that have to be known where named contexts are not: which images FROM and COPY --from
// name, so that parents can be put there (Dockerfile reference; moby builder/dockerfile/parser).

/** Puts other images where `FROM` and `COPY --from` name one of `parents`; everything else stays, byte for byte. */
export function withParents(
  dockerfile: string,
  parents: ReadonlyMap<string, string>,
  args: Readonly<Record<string, string>>,
): string {
  const places = new Map([...parents].map(([name, place]) => [normalized(name), place] as const));
  const variables = new Map<string, string>();
  let isGlobal = true;
  return instructionsOf(dockerfile)
    .map((text) => {
      const keyword = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase();
      if (keyword === 'ARG' && isGlobal) declare(text, args, variables);
      if (keyword === 'FROM') {
        isGlobal = false;
        return fromOther(text, places, variables);
      }
      return keyword === 'COPY' ? copyFromOther(text, places) : text;
    })
    .join('');
}

/** Images that a Dockerfile names and that are none of its own stages, as an engine will look for them. */
export function baseImages(
  dockerfile: string,
  args: Readonly<Record<string, string>>,
): readonly string[] {
  const variables = new Map<string, string>();
  const stages = new Set(['scratch']);
  const found = new Set<string>();
  const add = (name: string | undefined) => {
    if (name !== undefined && !/^\d*$/.test(name) && !stages.has(name.toLowerCase()))
      found.add(name);
  };
  for (const text of instructionsOf(dockerfile)) {
    const keyword = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase();
    if (keyword === 'ARG' && stages.size === 1) declare(text, args, variables);
    if (keyword === 'COPY') add(COPIED.exec(text)?.[2]);
    if (keyword !== 'FROM') continue;
    const image = FROM.exec(text)?.[2];
    add(image && expanded(unquoted(image), variables));
    const stage = /\sAS\s+(\S+)\s*$/i.exec(text)?.[1];
    if (stage !== undefined) stages.add(stage.toLowerCase());
  }
  return [...found];
}

/** FROM, flags, then the image; what is between them may be a continued line. */
const FROM = /^(\s*FROM(?:(?:\s|[\\`]\r?\n)+--\S+)*(?:\s|[\\`]\r?\n)+)([^\s\\`]+)/i;
const COPIED = /(\s--from=)([^\s\\`]+)/;

/** Instructions with their continuation lines, and comments and empty lines, each with its line end. */
function instructionsOf(dockerfile: string): readonly string[] {
  const mark = /^\s*#\s*escape\s*=\s*`/im.test(directives(dockerfile)) ? '`' : '\\';
  const continues = new RegExp(`\\${mark}[ \\t]*\\r?\\n?$`);
  const found: string[] = [];
  let current = '';
  for (const line of dockerfile.split(/(?<=\n)/)) {
    const isComment = /^\s*#/.test(line);
    if (current === '' && isComment) {
      found.push(line);
      continue;
    }
    current += line;
    // Comments and empty lines inside an instruction do not end it.
    const isInside = current !== line && (isComment || line.trim() === '');
    if (isInside || continues.test(line)) continue;
    found.push(current);
    current = '';
  }
  return current === '' ? found : [...found, current];
}

/** The lines at the top that may say how the rest is to be read. */
function directives(dockerfile: string): string {
  return /^(?:\s*#[^\n]*\n)*/.exec(dockerfile.replace(/^\ufeff/, ''))?.[0] ?? '';
}

/** `ARG A=b C="d"` in front of the first stage. */
function declare(
  text: string,
  args: Readonly<Record<string, string>>,
  variables: Map<string, string>,
): void {
  for (const [, name = '', value] of text
    .replace(/^\s*\w+\s+/, '')
    .matchAll(/(\w+)(?:=("[^"]*"|'[^']*'|\S*))?/g)) {
    const own = value === undefined ? undefined : expanded(unquoted(value), variables);
    const given = Object.hasOwn(args, name) ? args[name] : own;
    if (given !== undefined) variables.set(name, given);
  }
}

function fromOther(
  text: string,
  places: ReadonlyMap<string, string>,
  variables: ReadonlyMap<string, string>,
): string {
  const found = FROM.exec(text);
  const [all = '', before = '', image = ''] = found ?? [];
  const place = places.get(normalized(expanded(unquoted(image), variables)));
  return place === undefined ? text : `${before}${place}${text.slice(all.length)}`;
}

function copyFromOther(text: string, places: ReadonlyMap<string, string>): string {
  return text.replace(COPIED, (all, flag: string, image: string) => {
    const place = places.get(normalized(unquoted(image)));
    return place === undefined ? all : `${flag}${place}`;
  });
}

/** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`. */
function expanded(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(
    /\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g,
    (_, plain: string | undefined, braced: string | undefined, sign, other) => {
      const value = variables.get(plain ?? braced ?? '') ?? '';
      if (sign === '-') return value === '' ? other : value;
      if (sign === '+') return value === '' ? '' : other;
      return value;
    },
  );
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;
}

/** Stages, contexts and images have one namespace, without regard to case and to the defaults of image names. */
function normalized(name: string): string {
  return name
    .toLowerCase()
    .replace(/^docker\.io\//, '')
    .replace(/^library\//, '')
    .replace(/:latest$/, '');
}
