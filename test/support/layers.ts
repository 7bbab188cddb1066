// The notation of merge tests: layers and flat trees as one line.
//
//   a/            directory                 a/f=text     file
//   b=>a/f        hard link                 c->b         symlink
//   -a/f          whiteout of a/f           a/!          opaque marker in a
//   p=fifo:       fifo                      d=char:1,3   device (also block:)
//   |             next layer
//   …[attributes] behind any of them, separated by commas: octal mode, `uid:gid`, `@seconds[.fraction]`,
//                 `name=value` for an xattr: `a/f=text[4755,1:2,@-1.5,user.a=b]`
//   \xNN          any byte; needed for white space, `[`, `]`, `|`, `,`, `\` and where a mark would be misread
//
// Names go into the tar as written (`./a`, `/a`, `a//b`). Not written: mode 0644, 0755 for directories, 0777 for
// symlinks, owner 0:0, mtime 0, no xattrs. `./` is the root, `./!` its opaque marker.
import type { EntrySpec, TarFormat } from './tar-builder.ts';
import { entry, paxTime, tar } from './tar-builder.ts';
import type { FlatNode, FlatTree } from './tar-oracle.ts';

/** Layers of a stack in the notation, base first. */
export function layers(notation: string, format: TarFormat = 'ustar'): Uint8Array[] {
  return parseLayers(notation).map((specs) => tar(specs.map((spec) => entry({ ...spec, format }))));
}

/** The entries of each layer of a stack in the notation. */
export function parseLayers(notation: string): EntrySpec[][] {
  return notation.split('|').map((layer) => {
    const words = layer.split(/\s+/).filter((word) => word !== '');
    return words.map(parseWord);
  });
}

/** The flat tree in the notation, in the order of the tar. */
export function notationOf(tree: FlatTree): string {
  return [...tree].map(([path, node]) => wordOf(path, node)).join(' ');
}

/** Escapes what the notation would misread. */
export function escapeText(text: string): string {
  return text.replace(/[^!-~]|[[\]|,\\]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

function unescapeText(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function parseWord(word: string): EntrySpec {
  const match = /^([^[\]]+?)(?:\[([^[\]]*)\])?$/.exec(word);
  if (match === null) throw new SyntaxError(`not in the notation of layers: ${word}`);
  const [, head = '', attributes = ''] = match;
  return { ...parseHead(head), ...parseAttributes(attributes) };
}

/** The part of a word before its attributes. */
function parseHead(head: string): EntrySpec {
  if (head.startsWith('-')) return { type: 'file', name: unescapeText(whiteout(head.slice(1))) };
  if (head.endsWith('/!')) {
    return { type: 'file', name: unescapeText(`${head.slice(0, -1)}.wh..wh..opq`) };
  }
  const mark = /=>|->|=/.exec(head);
  if (mark === null) {
    if (!head.endsWith('/')) throw new SyntaxError(`not in the notation of layers: ${head}`);
    return { type: 'dir', name: unescapeText(head) };
  }
  const name = unescapeText(head.slice(0, mark.index));
  const rest = head.slice(mark.index + mark[0].length);
  if (mark[0] === '=>') return { type: 'link', name, linkname: unescapeText(rest) };
  if (mark[0] === '->') return { type: 'symlink', name, linkname: unescapeText(rest) };
  return { name, ...parseContent(rest) };
}

function parseContent(text: string): Omit<EntrySpec, 'name'> {
  if (text === 'fifo:') return { type: 'fifo' };
  const device = /^(char|block):(\d+),(\d+)$/.exec(text);
  if (device === null) return { type: 'file', body: unescapeText(text) };
  const type = device[1] === 'char' ? 'char' : 'block';
  return { type, major: Number(device[2]), minor: Number(device[3]) };
}

function whiteout(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
}

function parseAttributes(text: string): Partial<EntrySpec> {
  let attributes: Partial<EntrySpec> = {};
  const xattrs: [string, string][] = [];
  for (const word of text.split(',').filter((part) => part !== '')) {
    const owner = /^(\d+):(\d+)$/.exec(word);
    const equals = word.indexOf('=');
    if (/^[0-7]{1,4}$/.test(word)) attributes = { ...attributes, mode: Number.parseInt(word, 8) };
    else if (owner !== null) {
      attributes = { ...attributes, uid: Number(owner[1]), gid: Number(owner[2]) };
    } else if (word.startsWith('@')) attributes = { ...attributes, mtimeNs: parseTime(word) };
    else if (equals > 0) {
      xattrs.push([unescapeText(word.slice(0, equals)), unescapeText(word.slice(equals + 1))]);
    } else throw new SyntaxError(`not an attribute in the notation of layers: ${word}`);
  }
  return xattrs.length === 0 ? attributes : { ...attributes, xattrs };
}

function parseTime(word: string): bigint {
  const match = /^@(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(word);
  if (match === null) throw new SyntaxError(`not a time in the notation of layers: ${word}`);
  const ns = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt((match[3] ?? '').padEnd(9, '0'));
  return match[1] === '-' ? -ns : ns;
}

function wordOf(path: string, node: FlatNode): string {
  const name = path === '.' ? '.' : escapeText(path);
  const carrier = node.names[0];
  if (carrier !== undefined && carrier !== path) return `${name}=>${escapeText(carrier)}`;
  return `${name}${contentOf(node)}${attributesOf(node)}`;
}

function contentOf(node: FlatNode): string {
  switch (node.type) {
    case 'dir':
      return '/';
    case 'file':
      return `=${escapeText(node.body.toString('latin1'))}`;
    case 'symlink':
      return `->${escapeText(node.target)}`;
    case 'fifo':
      return '=fifo:';
    case 'char':
    case 'block':
      return `=${node.type}:${node.major},${node.minor}`;
  }
}

const DEFAULT_MODES: ReadonlyMap<string, number> = new Map([
  ['dir', 0o755],
  ['symlink', 0o777],
]);

function attributesOf(node: FlatNode): string {
  const words: string[] = [];
  const mode = DEFAULT_MODES.get(node.type) ?? 0o644;
  if (node.mode !== mode) words.push(node.mode.toString(8));
  if (node.uid !== 0 || node.gid !== 0) words.push(`${node.uid}:${node.gid}`);
  if (node.mtimeNs !== 0n) words.push(`@${paxTime(node.mtimeNs)}`);
  for (const name of [...node.xattrs.keys()].sort()) {
    words.push(`${escapeText(name)}=${escapeText(node.xattrs.get(name) ?? '')}`);
  }
  return words.length === 0 ? '' : `[${words.join(',')}]`;
}
