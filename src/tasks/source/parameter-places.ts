// Where each parameter of a task or function is written, for messages.
import type { Place } from '../../core/errors.ts';
import { type Declaration, keyOf } from './declarations.ts';
import { child, children, nameIn, placeAt, type SyntaxNode } from './syntax.ts';

/** The places of parameters by name, as far as they are written where the function is. */
export function parameterPlaces(declaration: Declaration | undefined): ReadonlyMap<string, Place> {
  const { source, node } = declaration ?? {};
  if (source === undefined || node === undefined) return new Map();
  const [schema] = node.type === 'CallExpression' ? children(node, 'arguments') : [];
  const named =
    schema === undefined
      ? children(node, 'params').flatMap(namesIn)
      : children(schema, 'properties').map((each) => [keyOf(each), each] as const);
  return new Map(
    named.flatMap(([name, at]) => (name === undefined ? [] : [[name, placeAt(source, at.start)]])),
  );
}

function namesIn(param: SyntaxNode): readonly (readonly [string | undefined, SyntaxNode])[] {
  const target = (param.type === 'AssignmentPattern' ? child(param, 'left') : undefined) ?? param;
  if (target.type === 'ObjectPattern') {
    return children(target, 'properties').map((each) => [keyOf(each), each] as const);
  }
  const name = target.type === 'RestElement' ? child(target, 'argument') : target;
  return [[nameIn(name), param]];
}
