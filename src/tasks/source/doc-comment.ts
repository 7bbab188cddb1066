// Doc comments as help: the text, and what it says of each parameter.
import type { ModuleSource, SyntaxNode } from './syntax.ts';

/** What a doc comment says. */
export interface DocComment {
  /** Paragraphs, without tags. */
  readonly text: string;
  /** By name. */
  readonly params: ReadonlyMap<string, DocParam>;
  /** Whether `@internal` stands there: no command is made of it. */
  readonly isInternal: boolean;
}

/** What a doc comment says of a parameter. */
export interface DocParam {
  readonly about: string;
  /** `number`, where it stands in braces, as JavaScript has it. */
  readonly type: string | undefined;
}

export const NO_DOC: DocComment = { text: '', params: new Map(), isInternal: false };

/** The doc comment that ends where `node` begins. */
export function docBefore({ text, comments }: ModuleSource, node: SyntaxNode): DocComment {
  const found = comments.findLast(
    ({ isBlock, text: words, end }) => isBlock && words.startsWith('*') && end <= node.start,
  );
  const isBeside = found !== undefined && /^\s*$/.test(text.slice(found.end, node.start));
  return isBeside ? parseDoc(found.text) : NO_DOC;
}

/** What the comment at the head of a module says of it; empty where there is none that is about the module as a whole. */
export function headOf({ text, comments, body }: ModuleSource): string {
  const [first] = comments;
  const begin = body[0]?.start ?? text.length;
  if (first === undefined || first.end > begin) return '';
  if (!/^(?:#!.*\n)?\s*$/.test(text.slice(0, first.start))) return '';
  if (first.isBlock) {
    const isOfNext =
      !/\n\s*\n/.test(text.slice(first.end, begin)) && body[0]?.type !== 'ImportDeclaration';
    return first.text.startsWith('*') && !isOfNext ? parseDoc(first.text).text : '';
  }
  const lines: string[] = [];
  let end = first.start;
  for (const comment of comments) {
    if (comment.isBlock || comment.end > begin || /\n\s*\n/.test(text.slice(end, comment.start)))
      break;
    lines.push(comment.text.trim());
    end = comment.end;
  }
  return lines.some((line) => /^(?:@ts-|eslint|biome-|prettier)/.test(line))
    ? ''
    : lines.join('\n');
}

/** Reads the inside of a comment. */
export function parseDoc(comment: string): DocComment {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trimEnd());
  const text: string[] = [];
  const tags: string[] = [];
  for (const line of lines) {
    if (line.startsWith('@')) tags.push(line);
    else if (tags.length === 0) text.push(line);
    else tags.push(`${tags.pop()} ${line}`);
  }
  return {
    text: unlinked(text.join('\n').trim()),
    params: new Map(tags.flatMap(paramOf)),
    isInternal: tags.some((tag) => /^@(?:internal|private|hidden)\b/.test(tag)),
  };
}

function paramOf(tag: string): readonly (readonly [string, DocParam])[] {
  const match = /^@param\s+(?:\{([^}]*)\}\s*)?\[?([\w$.]+)[^\s\]]*\]?\s*(?:[-–:]\s*)?(.*)$/s.exec(
    tag,
  );
  const [, type, name = '', about = ''] = match ?? [];
  if (match === null) return [];
  const last = name.split('.').at(-1) ?? name;
  return [[last, { about: unlinked(about.replace(/\s+/g, ' ').trim()), type }]];
}

/** `{@link x}` → `x`. */
function unlinked(text: string): string {
  return text.replace(/\{@link(?:code|plain)?\s+([^}|]+)(?:\|([^}]*))?\}/g, (_, target, words) =>
    String(words ?? target).trim(),
  );
}
