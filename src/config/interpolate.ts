// Puts the values of variables into every text of a tree.
import type { Place } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { FACTS, type Fact, type Facts, notSet } from './facts.ts';
import type { Problems } from './problems.ts';
import { type Piece, parseTemplate } from './template.ts';
import type { Scalar, Tree } from './tree.ts';

/** What is known and how strict to be. */
export interface Interpolation {
  readonly facts: Facts;
  readonly problems: Problems;
  /** A variable that is not set is no problem: nobody needs the value now. */
  readonly isLenient: boolean;
}

/** `tree` with its variables put in; keys stay as they are. */
export async function interpolate(tree: Tree, how: Interpolation): Promise<Tree> {
  switch (tree.kind) {
    case 'scalar':
      return typeof tree.value === 'string' && tree.variables === undefined
        ? interpolateScalar(tree, tree.value, how)
        : tree;
    case 'list': {
      const items: Tree[] = [];
      for (const item of tree.items) items.push(await interpolate(item, how));
      return { ...tree, items };
    }
    case 'map': {
      const entries = new Map(tree.entries);
      for (const [key, entry] of tree.entries) {
        entries.set(key, { ...entry, value: await interpolate(entry.value, how) });
      }
      return { ...tree, entries };
    }
  }
}

async function interpolateScalar(
  scalar: Scalar,
  text: string,
  how: Interpolation,
): Promise<Scalar> {
  const pieces = parseTemplate(text);
  if (pieces === undefined) return scalar;
  if ('fault' in pieces) {
    how.problems.add(scalar.place, pieces.fault, pieces.hint);
    return { ...scalar, variables: 'missing' };
  }
  const found = await join(pieces, scalar.place, how);
  if (found === undefined) return { ...scalar, variables: 'missing' };
  return { ...scalar, value: found, text: found, variables: 'set' };
}

/** Undefined where a value is missing. */
async function join(
  pieces: readonly Piece[],
  place: Place,
  how: Interpolation,
): Promise<string | undefined> {
  let text = '';
  let isWhole = true;
  for (const piece of pieces) {
    const part = await pieceValue(piece, place, how);
    if (part === undefined) isWhole = false;
    text += part ?? '';
  }
  return isWhole ? text : undefined;
}

async function pieceValue(
  piece: Piece,
  place: Place,
  how: Interpolation,
): Promise<string | undefined> {
  if (piece.kind === 'text') return piece.text;
  if (piece.kind === 'fact') return factValue(piece.name, place, how);
  const { name, operator, emptyIsUnset, operand } = piece;
  const value = how.facts.variable(name);
  const isSet = value !== undefined && !(emptyIsUnset && value === '');
  if (operator === '+') return isSet ? join(operand, place, how) : '';
  if (isSet) return value;
  if (operator === '-') return join(operand, place, how);
  const words = operator === '?' ? await join(operand, place, how) : undefined;
  const fact = notSet(name);
  return missing(
    words === undefined || words === ''
      ? fact
      : { missing: `the variable ${name} is not set: ${words}` },
    place,
    how,
  );
}

async function factValue(
  name: string,
  place: Place,
  how: Interpolation,
): Promise<string | undefined> {
  const isKnown = FACTS.some((each) => each === name) || /^env\.[A-Za-z_]\w*$/.test(name);
  if (!isKnown) {
    const near = nearest(name, [...FACTS, 'env.']);
    const hint = near === undefined ? undefined : `did you mean {${near}}?`;
    how.problems.add(place, `there is no {${name}}`, hint);
    return undefined;
  }
  // Git need not be asked for what nobody needs.
  if (how.isLenient && !name.startsWith('env.')) return undefined;
  const fact = await how.facts.fact(name);
  return 'value' in fact ? fact.value : missing(fact, place, how, `{${name}}: `);
}

function missing(
  fact: Fact,
  place: Place,
  { problems, isLenient }: Interpolation,
  before = '',
): undefined {
  if (!isLenient && 'missing' in fact) problems.add(place, `${before}${fact.missing}`, fact.hint);
}
