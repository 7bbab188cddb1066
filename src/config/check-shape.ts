// Does a file have the form that the schema wants? Every complaint of the schema becomes a problem with its place.
import type { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import type { Problems } from './problems.ts';
import { HELPS } from './schema/helps.ts';
import { KEY_SEPARATOR } from './schema/words.ts';
import {
  keyPlaceAt,
  placeAt,
  plainOf,
  type Scalar,
  type Tree,
  type TreePath,
  treeAt,
  withEntries,
} from './tree.ts';

type Issue = z.core.$ZodIssue;

/**
 * Tells `problems` where `root` is not as `schema` says, and gives the tree in which text that came from variables is a
 * number or truth value where one is wanted: `replicas: ${N:-2}`.
 */
export function checkShape(schema: z.ZodType, root: Tree, problems: Problems): Tree {
  let tree = root;
  let issues = issuesOf(schema, tree);
  const typed = issues.reduce((kept, { path }) => retyped(kept, path, 0), tree);
  if (typed !== tree) {
    tree = typed;
    issues = issuesOf(schema, tree);
  }
  for (const issue of issues) tell(issue, tree, problems);
  return tree;
}

/** A complaint with its path from the root. */
interface Found {
  readonly path: TreePath;
  readonly issue: Issue;
}

function issuesOf(schema: z.ZodType, tree: Tree): readonly Found[] {
  const { error } = schema.safeParse(plainOf(tree));
  return (error?.issues ?? []).flatMap((issue) => leaves(issue, [], tree));
}

/** Of several forms the one is meant that has the right type; where none has it, the choice itself is the complaint. */
function leaves(issue: Issue, base: TreePath, tree: Tree): readonly Found[] {
  const path = [
    ...base,
    ...issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
  ];
  if (issue.code !== 'invalid_union') return [{ path, issue }];
  const meant = issue.errors.filter((form) => !form.some((each) => isAboutItself(each)));
  const [form] = meant;
  if (form === undefined || meant.length > 1) return [{ path, issue }];
  return form.flatMap((each) => leaves(each, path, tree));
}

/** The value has another type or is none of the words; not something within it, nor its text. */
function isAboutItself({ path, code }: Issue): boolean {
  return path.length === 0 && code !== 'unrecognized_keys' && code !== 'too_small';
}

function retyped(tree: Tree, path: TreePath, at: number): Tree {
  if (at === path.length) return tree.kind === 'scalar' ? retypedScalar(tree) : tree;
  const step = path[at];
  if (tree.kind === 'list' && typeof step === 'number') {
    const item = tree.items[step];
    const next = item === undefined ? undefined : retyped(item, path, at + 1);
    return next === undefined || next === item
      ? tree
      : { ...tree, items: tree.items.with(step, next) };
  }
  if (tree.kind !== 'map' || typeof step !== 'string') return tree;
  const entry = tree.entries.get(step);
  if (entry === undefined) return tree;
  const next = retyped(entry.value, path, at + 1);
  return next === entry.value ? tree : withEntries(tree, [[step, { ...entry, value: next }]]);
}

function retypedScalar(scalar: Scalar): Scalar {
  const { value, variables } = scalar;
  if (variables !== 'set' || typeof value !== 'string') return scalar;
  if (value === 'true' || value === 'false') return { ...scalar, value: value === 'true' };
  if (!/^-?\d+(?:\.\d+)?$/.test(value)) return scalar;
  return { ...scalar, value: Number(value) };
}

function tell({ path, issue }: Found, root: Tree, problems: Problems): void {
  const tree = treeAt(root, path);
  // What it comes to is not known here, so neither is whether it is right.
  if (tree?.kind === 'scalar' && tree.variables === 'missing') return;
  if (issue.code === 'unrecognized_keys') tellKeys(issue, tree, problems);
  else if (issue.code === 'invalid_key') {
    const why = issue.issues[0]?.message ?? issue.message;
    const state = `the name ${JSON.stringify(path.at(-1))} cannot be used: ${why}`;
    problems.add(keyPlaceAt(root, path), state);
  } else if (tree === undefined) {
    problems.add(placeAt(root, path), `the key ${JSON.stringify(path.at(-1))} is missing`);
  } else {
    const { message, hint } = complaint(issue, tree);
    problems.add(placeAt(root, path), `${nameOf(path)} ${message}, not ${shown(tree)}`, hint);
  }
}

/** What a value must be, and how to mend it. */
function complaint(issue: Issue, tree: Tree): { message: string; hint: string | undefined } {
  if (issue.code === 'invalid_value') {
    const words = issue.values.map(String);
    const near = tree.kind === 'scalar' ? nearest(tree.text, words) : undefined;
    return {
      message: `must be ${words.join(', ').replace(/, ([^,]*)$/, ' or $1')}`,
      hint: meant(near),
    };
  }
  const message =
    issue.code === 'invalid_type' && !issue.message.startsWith('must')
      ? `must be ${TYPES[issue.expected] ?? issue.expected}`
      : issue.message;
  return { message, hint: message.includes('true') ? truth(tree) : asList(message, tree) };
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function tellKeys(
  issue: Extract<Issue, { code: 'unrecognized_keys' }>,
  tree: Tree | undefined,
  problems: Problems,
): void {
  if (tree?.kind !== 'map') return;
  const known = issue.message.split(KEY_SEPARATOR);
  for (const key of issue.keys) {
    const entry = tree.entries.get(key);
    if (entry === undefined || key.startsWith('x-')) continue;
    const near = nearest(key.replaceAll('-', '_'), known);
    const help = Object.hasOwn(HELPS, key) ? HELPS[key] : meant(near);
    problems.add(entry.keyPlace, `the key ${JSON.stringify(key)} is not known`, help);
  }
}

function meant(word: string | undefined): string | undefined {
  return word === undefined ? undefined : `did you mean ${word}?`;
}

/** YAML 1.2 has no other words for it; YAML 1.1 had. */
function truth(tree: Tree): string | undefined {
  if (tree.kind !== 'scalar') return undefined;
  if (/^(?:yes|on|y|true)$/i.test(tree.text)) return 'write true';
  return /^(?:no|off|n|false)$/i.test(tree.text) ? 'write false' : undefined;
}

function asList(message: string, tree: Tree): string | undefined {
  if (message !== 'must be a list' || tree.kind !== 'scalar' || tree.value === null)
    return undefined;
  return `write [${tree.text.slice(0, 60)}]`;
}

/** `deploy.replicas`: the last keys of a path, as a person would say. */
function nameOf(path: TreePath): string {
  const last = path.findLast((step) => typeof step === 'string');
  return last === undefined ? 'the file' : String(last);
}

/** What stands there, in short; texts may be secrets that came from variables, so those are not told. */
function shown(tree: Tree): string {
  if (tree.kind === 'list') return 'a list';
  if (tree.kind === 'map') return 'a mapping';
  if (tree.value === null) return 'nothing';
  if (tree.variables === 'set') return 'what the variables make of it';
  if (typeof tree.value !== 'string') return tree.text;
  const text = tree.text.replace(/(:\/\/[^/@:\s]*):[^/@\s]*@/, '$1:***@');
  return JSON.stringify(text.slice(0, 60));
}
