// The syntax tree of a module, read with care: the parser's types do not know TypeScript, and a tree is only data. The only file
// that runs the parser (docs/decisions/0034).
import { tsPlugin } from '@sveltejs/acorn-typescript';
import { Parser } from 'acorn';
import type { Place } from '../../core/errors.ts';

/** A node of a syntax tree, as ESTree and typescript-estree name them. */
export interface SyntaxNode {
  readonly type: string;
  /** Where it begins and ends in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** A comment. */
export interface Comment {
  readonly isBlock: boolean;
  /** Without its marks. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A module as text and tree. */
export interface ModuleSource {
  readonly file: string;
  readonly text: string;
  readonly body: readonly SyntaxNode[];
  readonly comments: readonly Comment[];
}

const TypeScript = Parser.extend(tsPlugin());

/** Parses a module. Undefined where the parser cannot read it: what runs it is the judge of its syntax. */
export function parseModule(file: string, text: string): ModuleSource | undefined {
  const comments: Comment[] = [];
  try {
    const program = TypeScript.parse(text, {
      ecmaVersion: 'latest',
      sourceType: 'module',
      locations: true,
      allowHashBang: true,
      allowAwaitOutsideFunction: true,
      onComment: (isBlock, comment, start, end) => {
        comments.push({ isBlock, text: comment, start, end });
      },
    });
    return { file, text, body: program.body, comments };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The child `name` of a node, where it has one. */
export function child(node: SyntaxNode, name: string): SyntaxNode | undefined {
  const value = member(node, name);
  return isNode(value) ? value : undefined;
}

/** The children in the list `name`; holes are left out. */
export function children(node: SyntaxNode, name: string): readonly SyntaxNode[] {
  const value = member(node, name);
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The text or other plain value `name` of a node. */
export function plain(node: SyntaxNode, name: string): unknown {
  const value = member(node, name);
  return typeof value === 'object' ? undefined : value;
}

/** The name of an identifier or the value of a string key; undefined for anything else, such as a computed key. */
export function nameIn(node: SyntaxNode | undefined): string | undefined {
  if (node === undefined) return undefined;
  const name = node.type === 'Identifier' ? plain(node, 'name') : plain(node, 'value');
  return typeof name === 'string' ? name : undefined;
}

/** The place of an offset. */
export function placeAt({ file, text }: ModuleSource, offset: number): Place {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { file, line, column: offset - before.lastIndexOf('\n') };
}

function member(node: SyntaxNode, name: string): unknown {
  return Reflect.get(node, name);
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
