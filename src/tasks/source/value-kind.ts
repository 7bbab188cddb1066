// What kind of value a parameter of a plain function takes, from its type, its default or its doc comment.
import { child, children, type ModuleSource, nameIn, plain, type SyntaxNode } from './syntax.ts';

/** What a word is read as. */
export type ValueKind =
  | { readonly kind: 'text' }
  | { readonly kind: 'number' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'list'; readonly of: ValueKind };

const TEXT: ValueKind = { kind: 'text' };
const NUMBER: ValueKind = { kind: 'number' };
const BOOLEAN: ValueKind = { kind: 'boolean' };

/** More names would not lead to each other. */
const MOST_STEPS = 20;

/** The kind of a type in TypeScript; undefined for one that no word can be read as. */
export function kindOfType(
  source: ModuleSource,
  type: SyntaxNode,
  steps = 0,
): ValueKind | undefined {
  if (steps > MOST_STEPS) return undefined;
  const inside = (node: SyntaxNode | undefined) => node && kindOfType(source, node, steps + 1);
  switch (type.type) {
    case 'TSStringKeyword':
      return TEXT;
    case 'TSNumberKeyword':
      return NUMBER;
    case 'TSBooleanKeyword':
      return BOOLEAN;
    case 'TSParenthesizedType':
    case 'TSTypeOperator':
      return inside(child(type, 'typeAnnotation'));
    case 'TSLiteralType':
      return kindOfChoices([type]);
    case 'TSArrayType':
      return listOf(inside(child(type, 'elementType')));
    case 'TSUnionType':
      return kindOfUnion(source, type, steps);
    case 'TSTypeReference':
      return kindOfReference(source, type, steps);
    default:
      return undefined;
  }
}

function listOf(of: ValueKind | undefined): ValueKind | undefined {
  return of === undefined || of.kind === 'list' || of.kind === 'boolean'
    ? undefined
    : { kind: 'list', of };
}

const EMPTY_TYPES = new Set(['TSUndefinedKeyword', 'TSNullKeyword', 'TSVoidKeyword']);

function kindOfUnion(source: ModuleSource, type: SyntaxNode, steps: number): ValueKind | undefined {
  const members = children(type, 'types').filter((each) => !EMPTY_TYPES.has(each.type));
  const [only] = members;
  if (members.length === 1 && only !== undefined) return kindOfType(source, only, steps + 1);
  return kindOfChoices(members);
}

function kindOfChoices(members: readonly SyntaxNode[]): ValueKind | undefined {
  const choices = members.map((each) => nameIn(child(each, 'literal')));
  if (choices.length === 0 || choices.includes(undefined)) return undefined;
  return { kind: 'choice', choices: choices.filter((each) => each !== undefined) };
}

function kindOfReference(
  source: ModuleSource,
  type: SyntaxNode,
  steps: number,
): ValueKind | undefined {
  const name = nameIn(child(type, 'typeName'));
  const given = child(type, 'typeArguments') ?? child(type, 'typeParameters');
  const [of] = given === undefined ? [] : children(given, 'params');
  if ((name === 'Array' || name === 'ReadonlyArray') && of !== undefined) {
    return listOf(kindOfType(source, of, steps + 1));
  }
  const alias = source.body
    .map((each) => (each.type.startsWith('Export') ? child(each, 'declaration') : each))
    .find((each) => each?.type === 'TSTypeAliasDeclaration' && nameIn(child(each, 'id')) === name);
  const meant = alias && child(alias, 'typeAnnotation');
  return meant && kindOfType(source, meant, steps + 1);
}

/** The kind that a doc comment names: `number`, `string[]`, `'a'|'b'`. */
export function kindOfDoc(type: string): ValueKind | undefined {
  const word = type.trim().replace(/[?=]$/, '');
  const list = /^(?:readonly )?(\w+)\[\]$|^(?:Readonly)?Array<(\w+)>$/.exec(word);
  if (list !== null) return listOf(kindOfDoc(list[1] ?? list[2] ?? ''));
  if (word === 'string') return TEXT;
  if (word === 'number') return NUMBER;
  if (word === 'boolean') return BOOLEAN;
  const choices = word.split('|').map((each) => /^\s*(['"])(.*)\1\s*$/.exec(each)?.[2]);
  if (choices.includes(undefined)) return undefined;
  return { kind: 'choice', choices: choices.filter((each) => each !== undefined) };
}

/** What a default says: the kind of its value, and the value where it is written out. */
export interface DefaultFacts {
  readonly kind: ValueKind | undefined;
  /** Undefined where it is computed: the function itself fills it in then. */
  readonly value: unknown;
}

/** Reads the default of a parameter. */
export function readDefault(node: SyntaxNode): DefaultFacts {
  const value = literalOf(node);
  switch (typeof value) {
    case 'string':
      return { kind: TEXT, value };
    case 'number':
      return { kind: NUMBER, value };
    case 'boolean':
      return { kind: BOOLEAN, value };
    default:
      return Array.isArray(value)
        ? listFacts(value)
        : { kind: computedKind(node), value: undefined };
  }
}

function listFacts(value: readonly unknown[]): DefaultFacts {
  const isNumbers = value.length > 0 && value.every((each) => typeof each === 'number');
  const isTexts = value.every((each) => typeof each === 'string');
  const of = isNumbers ? NUMBER : isTexts ? TEXT : undefined;
  return { kind: of && { kind: 'list', of }, value };
}

/** The value of a literal, of one with a sign, and of a list of them. */
function literalOf(node: SyntaxNode): unknown {
  switch (node.type) {
    case 'Literal':
      return plain(node, 'value');
    case 'TemplateLiteral':
      return children(node, 'expressions').length === 0 ? templateText(node) : undefined;
    case 'UnaryExpression': {
      const inside = child(node, 'argument');
      const value = inside && literalOf(inside);
      return plain(node, 'operator') === '-' && typeof value === 'number' ? -value : undefined;
    }
    case 'ArrayExpression': {
      const values = children(node, 'elements').map(literalOf);
      return values.includes(undefined) ? undefined : values;
    }
    default:
      return undefined;
  }
}

function templateText(node: SyntaxNode): string | undefined {
  const [quasi] = children(node, 'quasis');
  const value: unknown = quasi && Reflect.get(quasi, 'value');
  if (typeof value !== 'object' || value === null || !('cooked' in value)) return undefined;
  return typeof value.cooked === 'string' ? value.cooked : undefined;
}

/** What an expression surely is, whatever its value: a template is text, a product a number. */
function computedKind(node: SyntaxNode): ValueKind | undefined {
  if (node.type === 'TemplateLiteral') return TEXT;
  const operator = plain(node, 'operator');
  const sides = [child(node, 'left'), child(node, 'right')].filter((each) => each !== undefined);
  if (node.type === 'BinaryExpression') {
    if (['-', '*', '/', '%', '**'].includes(String(operator))) return NUMBER;
    return operator === '+' ? sides.map((each) => readDefault(each).kind).find(Boolean) : undefined;
  }
  if (node.type === 'LogicalExpression') {
    return sides.map((each) => readDefault(each).kind).find(Boolean);
  }
  return undefined;
}
