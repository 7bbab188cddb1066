// The parameters of a plain function as those of a command: required ones are arguments, defaults make options of their type.
import type { Problem } from '../../core/errors.ts';
import { choiceOf } from '../../core/words.ts';
import {
  type AnyParameter,
  type Completion,
  create,
  type ParameterSettings,
} from '../parameter.ts';
import type { Schema } from '../task.ts';
import { FLAG, numberType, TEXT, type WordType } from '../word-types.ts';
import type { Declaration } from './declarations.ts';
import { keyOf } from './declarations.ts';
import { child, children, nameIn, placeAt, plain, type SyntaxNode } from './syntax.ts';
import {
  type DefaultFacts,
  kindOfDoc,
  kindOfType,
  readDefault,
  type ValueKind,
} from './value-kind.ts';

/** How a function is called with the values of its schema. */
export interface Signature {
  readonly schema: Schema;
  readonly argumentsOf: (ship: object, values: Values) => readonly unknown[];
}

type Values = Readonly<Record<string, unknown>>;

/** One parameter of the function: what stands for it in the schema, and what it gets. */
interface Part {
  readonly schema: Schema;
  readonly argumentsOf: (ship: object, values: Values) => readonly unknown[];
}

/** Something in a function that no command can be made of. */
type Refuse = (node: SyntaxNode, message: string, hint?: string) => void;

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const USE_TASK = 'make it a task(), which says what it takes';

/** Reads the signature of the function that is declared there. Undefined, with what is wrong in `problems`, where it cannot. */
export function readSignature(
  declaration: Declaration,
  problems: Problem[],
): Signature | undefined {
  const { source, node } = declaration;
  if (node === undefined || !FUNCTIONS.has(node.type)) {
    const message =
      'no command can be made of it: its parameters are not written where it is exported';
    problems.push({ ...declaration.place, message, hint: USE_TASK });
    return undefined;
  }
  const before = problems.length;
  const refuse: Refuse = (at, message, hint = USE_TASK) =>
    problems.push({ ...placeAt(source, at.start), message, hint });
  const parts = children(node, 'params').map((param, at) =>
    at === 0 && isShip(param) ? SHIP : partOf(declaration, param, refuse),
  );
  if (problems.length > before) return undefined;
  return {
    schema: Object.assign({}, ...parts.map(({ schema }) => schema)),
    argumentsOf: (ship, values) => parts.flatMap((part) => part.argumentsOf(ship, values)),
  };
}

const SHIP: Part = { schema: {}, argumentsOf: (ship) => [ship] };

/** The first parameter, where it is named `ship` or of the type `Shipper`. */
function isShip(param: SyntaxNode): boolean {
  const type = annotationOf(param);
  return (
    nameIn(param) === 'ship' ||
    (type !== undefined && nameIn(child(type, 'typeName')) === 'Shipper')
  );
}

function annotationOf(node: SyntaxNode): SyntaxNode | undefined {
  const annotation = child(node, 'typeAnnotation');
  return annotation && child(annotation, 'typeAnnotation');
}

function partOf(declaration: Declaration, param: SyntaxNode, refuse: Refuse): Part {
  const left = param.type === 'AssignmentPattern' ? child(param, 'left') : undefined;
  const target = left ?? param;
  if (target.type === 'ObjectPattern') return bagPart(declaration, target, refuse);
  const isRest = target.type === 'RestElement';
  const name = nameIn(isRest ? child(target, 'argument') : target);
  if (name === undefined) {
    refuse(param, 'no command can be made of a parameter without a name');
    return { schema: {}, argumentsOf: () => [] };
  }
  const type = annotationOf(target);
  const isOptional = plain(target, 'optional') === true;
  const fallback = left === undefined ? undefined : child(param, 'right');
  const made = parameterOf(
    declaration,
    { name, at: param, type, fallback, isOptional, isRest },
    refuse,
  );
  return {
    schema: { [name]: made },
    argumentsOf: (_, values) => {
      const value = values[name];
      return isRest && Array.isArray(value) ? value : [value];
    },
  };
}

/** `{ force = false, tag }: { tag?: string }`: every property is an option. */
function bagPart(declaration: Declaration, pattern: SyntaxNode, refuse: Refuse): Part {
  const types = new Map(
    children(annotationOf(pattern) ?? pattern, 'members').map(
      (each) => [keyOf(each), each] as const,
    ),
  );
  const schema: Record<string, AnyParameter> = {};
  for (const property of children(pattern, 'properties')) {
    const name = keyOf(property);
    const value = child(property, 'value');
    if (name === undefined || value === undefined || property.type === 'RestElement') {
      refuse(property, 'no option can be made of a property without a name');
      continue;
    }
    const member = types.get(name);
    const type = member && annotationOf(member);
    const fallback = value.type === 'AssignmentPattern' ? child(value, 'right') : undefined;
    const isOptional = member === undefined || plain(member, 'optional') === true;
    const made = parameterOf(
      declaration,
      { name, at: property, type, fallback, isOptional, isRest: false },
      refuse,
    );
    schema[name] = made.role === 'positional' ? { ...made, role: 'option' } : made;
  }
  return {
    schema,
    argumentsOf: (_, values) => [
      Object.fromEntries(Object.keys(schema).map((name) => [name, values[name]])),
    ],
  };
}

/** A parameter as it is written. */
interface Written {
  readonly name: string;
  readonly at: SyntaxNode;
  readonly type: SyntaxNode | undefined;
  readonly fallback: SyntaxNode | undefined;
  readonly isOptional: boolean;
  readonly isRest: boolean;
}

function parameterOf({ source, doc }: Declaration, written: Written, refuse: Refuse): AnyParameter {
  const { name, at, type, fallback, isOptional, isRest } = written;
  const said = doc.params.get(name);
  const facts: DefaultFacts = fallback
    ? readDefault(fallback)
    : { kind: undefined, value: undefined };
  const kind = type
    ? kindOfType(source, type)
    : (said?.type && kindOfDoc(said.type)) ||
      facts.kind ||
      (fallback ? undefined : restKind(isRest));
  if (kind === undefined) refuse(at, unreadable(source.text, written));
  const settings = {
    ...(said?.about ? { help: said.about } : {}),
    ...completionOf(name),
    ...(facts.value === undefined ? {} : { default: facts.value }),
  };
  const isNeeded = !isOptional && fallback === undefined;
  return withKind(kind ?? { kind: 'text' }, settings, isNeeded, isRest);
}

function restKind(isRest: boolean): ValueKind {
  return isRest ? { kind: 'list', of: { kind: 'text' } } : { kind: 'text' };
}

function unreadable(text: string, { name, type, fallback }: Written): string {
  const shown = (node: SyntaxNode) =>
    text.slice(node.start, node.end).replace(/\s+/g, ' ').slice(0, 80);
  if (type) return `no word can be read as ${name}: its type is ${shown(type)}`;
  return `no word can be read as ${name}: the type of its default is not plain${fallback ? ` (${shown(fallback)})` : ''}`;
}

function withKind(
  kind: ValueKind,
  settings: ParameterSettings<unknown>,
  isNeeded: boolean,
  isRest: boolean,
): AnyParameter {
  if (kind.kind === 'boolean')
    return create('flag', FLAG, isNeeded ? { default: false, ...settings } : settings);
  const { default: fallback, ...others } = settings;
  if (kind.kind === 'list') {
    const isPlaced = isNeeded || isRest;
    return {
      ...create(isPlaced ? 'positional' : 'option', wordType(kind.of), others),
      isList: true,
      separator: isPlaced ? '' : ',',
      isRequired: isNeeded && !isRest,
      fallback: fallback ?? (isRest ? [] : undefined),
    };
  }
  const made = create(isNeeded ? 'positional' : 'option', wordType(kind), settings);
  return { ...made, isRequired: isNeeded };
}

function wordType(kind: ValueKind): WordType {
  if (kind.kind === 'number') return numberType({});
  if (kind.kind !== 'choice') return TEXT;
  return { choices: kind.choices, read: choiceOf(kind.choices), show: String };
}

const COMPLETIONS: Readonly<Record<string, Completion>> = {
  service: 'service',
  services: 'service',
  host: 'host',
  hosts: 'host',
  environment: 'environment',
  group: 'group',
  image: 'image',
  file: 'file',
  folder: 'folder',
};

/** A parameter that is named like a thing that shipper knows is completed with the names of these. */
function completionOf(name: string): { readonly complete?: Completion } {
  const complete = Object.hasOwn(COMPLETIONS, name) ? COMPLETIONS[name] : undefined;
  return complete === undefined ? {} : { complete };
}
