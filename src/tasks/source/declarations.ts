// Where the exports of a module are declared: names → nodes, through local names, objects and other modules of the user.
import type { Place } from '../../core/errors.ts';
import { type DocComment, docBefore, NO_DOC } from './doc-comment.ts';
import {
  child,
  children,
  type ModuleSource,
  nameIn,
  placeAt,
  plain,
  type SyntaxNode,
} from './syntax.ts';

/** What a name stands for: an expression or function, or all exports of a module. */
export interface Declaration {
  readonly source: ModuleSource;
  /** Undefined for a whole module. */
  readonly node: SyntaxNode | undefined;
  readonly doc: DocComment;
  readonly place: Place;
}

/** Reads the module that `specifier` names in `from`; undefined where it is none of the user's own. */
export type ReadModule = (from: string, specifier: string) => Promise<ModuleSource | undefined>;

/** How many names may lead to each other. */
const MOST_STEPS = 50;

/** Finds declarations. */
export class Declarations {
  readonly #read: ReadModule;

  constructor(read: ReadModule) {
    this.#read = read;
  }

  /** The export `name` of `source`. */
  async exported(source: ModuleSource, name: string, steps = 0): Promise<Declaration | undefined> {
    if (steps > MOST_STEPS) return undefined;
    for (const statement of source.body) {
      const found = await this.#inStatement(source, statement, name, steps + 1);
      if (found !== undefined) return found;
    }
    for (const statement of source.body) {
      if (statement.type !== 'ExportAllDeclaration' || child(statement, 'exported')) continue;
      const other = await this.#from(source, statement);
      const found = other && (await this.exported(other, name, steps + 1));
      if (found) return found;
    }
    return undefined;
  }

  /** The member `name` of what a declaration stands for. */
  async member(declaration: Declaration, name: string): Promise<Declaration | undefined> {
    const { source, node } = declaration;
    if (node === undefined) return this.exported(source, name);
    if (node.type !== 'ObjectExpression') return undefined;
    const property = children(node, 'properties').find(
      (each) => nameIn(child(each, 'key')) === name,
    );
    const value = property && child(property, 'value');
    if (property === undefined || value === undefined) return undefined;
    return this.#value(declared(source, property, value), 0);
  }

  async #inStatement(
    source: ModuleSource,
    statement: SyntaxNode,
    name: string,
    steps: number,
  ): Promise<Declaration | undefined> {
    if (statement.type === 'ExportDefaultDeclaration') {
      const value = child(statement, 'declaration');
      if (name !== 'default' || value === undefined) return undefined;
      return this.#value(declared(source, statement, value), steps);
    }
    if (statement.type === 'ExportAllDeclaration') {
      if (nameIn(child(statement, 'exported')) !== name) return undefined;
      return moduleOf(await this.#from(source, statement), source, statement);
    }
    if (statement.type !== 'ExportNamedDeclaration') return undefined;
    const inside = child(statement, 'declaration');
    if (inside !== undefined) {
      const node = declaredIn(inside, name);
      return node && this.#value(declared(source, statement, node), steps);
    }
    const specifier = children(statement, 'specifiers').find(
      (each) => nameIn(child(each, 'exported')) === name,
    );
    const local = specifier && nameIn(child(specifier, 'local'));
    if (local === undefined) return undefined;
    if (child(statement, 'source') === undefined) return this.#local(source, local, steps);
    const other = await this.#from(source, statement);
    return other && this.exported(other, local, steps);
  }

  /** What `name` stands for at the top of a module. */
  async #local(
    source: ModuleSource,
    name: string,
    steps: number,
  ): Promise<Declaration | undefined> {
    if (steps > MOST_STEPS) return undefined;
    for (const statement of source.body) {
      if (statement.type === 'ImportDeclaration') {
        const found = await this.#imported(source, statement, name, steps + 1);
        if (found !== undefined) return found;
        continue;
      }
      const inside = statement.type.startsWith('Export')
        ? child(statement, 'declaration')
        : statement;
      const node = inside && declaredIn(inside, name);
      if (node) return this.#value(declared(source, statement, node), steps + 1);
    }
    return undefined;
  }

  async #imported(
    source: ModuleSource,
    statement: SyntaxNode,
    name: string,
    steps: number,
  ): Promise<Declaration | undefined> {
    const specifier = children(statement, 'specifiers').find(
      (each) => nameIn(child(each, 'local')) === name,
    );
    if (specifier === undefined) return undefined;
    const other = await this.#from(source, statement);
    if (specifier.type === 'ImportNamespaceSpecifier') return moduleOf(other, source, statement);
    const theirs =
      specifier.type === 'ImportDefaultSpecifier'
        ? 'default'
        : nameIn(child(specifier, 'imported'));
    return other && theirs !== undefined ? this.exported(other, theirs, steps) : undefined;
  }

  /** Follows a value that is only a name. What is said where it is exported counts more than what is said where it is made. */
  async #value(declaration: Declaration, steps: number): Promise<Declaration | undefined> {
    const node = declaration.node && bare(declaration.node);
    if (node?.type !== 'Identifier') return { ...declaration, node };
    const found = await this.#local(declaration.source, nameIn(node) ?? '', steps + 1);
    if (found === undefined) return undefined;
    return declaration.doc === NO_DOC ? found : { ...found, doc: declaration.doc };
  }

  #from(source: ModuleSource, statement: SyntaxNode): Promise<ModuleSource | undefined> {
    const specifier = nameIn(child(statement, 'source')) ?? '';
    return specifier.startsWith('.')
      ? this.#read(source.file, specifier)
      : Promise.resolve(undefined);
  }
}

function declared(source: ModuleSource, statement: SyntaxNode, node: SyntaxNode): Declaration {
  return {
    source,
    node,
    doc: docBefore(source, statement),
    place: placeAt(source, statement.start),
  };
}

function moduleOf(
  other: ModuleSource | undefined,
  source: ModuleSource,
  statement: SyntaxNode,
): Declaration | undefined {
  if (other === undefined) return undefined;
  const { doc, place } = declared(source, statement, statement);
  return { source: other, node: undefined, doc, place };
}

/** The function or initial value that a declaration gives `name`. */
function declaredIn(declaration: SyntaxNode, name: string): SyntaxNode | undefined {
  if (nameIn(child(declaration, 'id')) === name) return declaration;
  if (declaration.type !== 'VariableDeclaration') return undefined;
  const found = children(declaration, 'declarations').find(
    (each) => nameIn(child(each, 'id')) === name,
  );
  return found && child(found, 'init');
}

const WRAPPERS = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'ParenthesizedExpression',
]);

/** An expression without what only the compiler reads. */
export function bare(node: SyntaxNode): SyntaxNode {
  const inside = WRAPPERS.has(node.type) ? child(node, 'expression') : undefined;
  return inside === undefined ? node : bare(inside);
}

/** Whether a key is a plain name: `{ [x]: 1 }` has none. */
export function keyOf(property: SyntaxNode): string | undefined {
  return plain(property, 'computed') === true ? undefined : nameIn(child(property, 'key'));
}
