// What variables mean: the environment, git and the day. Git is only asked where something wants to know.
import { isShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';

/** A value, or why there is none. */
export type Fact =
  | { readonly value: string }
  | { readonly missing: string; readonly hint?: string };

/** Names of what stands in braces, besides `env.X`. */
export const FACTS = [
  'git.sha',
  'git.short',
  'git.branch',
  'git.tag',
  'git.dirty',
  'date',
  'project',
] as const;

/** Answers what variables mean. */
export interface Facts {
  variable(name: string): string | undefined;
  fact(name: string): Promise<Fact>;
}

const GIT_MS = 30_000;

/** The facts of a project in `folder`. Each is found out once. */
export function factsOf(
  system: System,
  folder: string,
  project: string,
  signal?: AbortSignal,
): Facts {
  const known = new Map<string, Promise<Fact>>();
  const variable = (name: string) =>
    Object.hasOwn(system.env, name) ? system.env[name] : undefined;
  const find = async (name: string): Promise<Fact> => {
    if (name.startsWith('env.')) return fromEnvironment(variable, name.slice('env.'.length));
    if (name === 'project') return { value: project };
    if (name === 'date') return { value: day(system) };
    return gitFact(system, folder, name, signal);
  };
  return {
    variable,
    fact(name) {
      const found = known.get(name) ?? find(name);
      known.set(name, found);
      return found;
    },
  };
}

function fromEnvironment(variable: Facts['variable'], name: string): Fact {
  const value = variable(name);
  return value === undefined ? notSet(name) : { value };
}

/** A variable that is not set. */
export function notSet(name: string): Fact {
  return {
    missing: `the variable ${name} is not set`,
    hint: `set it, or write \${${name}:-default}`,
  };
}

/** The day in UTC; that of SOURCE_DATE_EPOCH where it is set. */
function day({ env, clock }: System): string {
  const epoch = env['SOURCE_DATE_EPOCH'];
  const isSet = epoch !== undefined && /^\d{1,11}$/.test(epoch);
  return new Date(isSet ? Number(epoch) * 1000 : clock.now()).toISOString().slice(0, 10);
}

async function gitFact(
  system: System,
  folder: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Fact> {
  const git = async (...args: readonly string[]): Promise<Fact> => {
    const env = { GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' };
    try {
      const ran = await system.run('git', ['-C', folder, ...args], {
        timeoutMs: GIT_MS,
        env,
        ...(signal === undefined ? {} : { signal }),
      });
      if (ran.code === 0) return { value: ran.stdout.trim() };
      const [line = ''] = ran.stderr.trim().split('\n');
      return { missing: `git says: ${line.slice(0, 200)}` };
    } catch (error) {
      if (isShipperError(error, 'INTERRUPTED')) throw error;
      return {
        missing: 'git cannot be run',
        hint: 'install git, or take the value from a variable: {env.X}',
      };
    }
  };
  switch (name) {
    case 'git.sha':
      return git('rev-parse', '--verify', 'HEAD');
    case 'git.short':
      return git('rev-parse', '--short=12', '--verify', 'HEAD');
    case 'git.tag':
      return forTags(await git('describe', '--tags', '--exact-match', 'HEAD'));
    case 'git.branch':
      return branch(system, await git('symbolic-ref', '--short', '-q', 'HEAD'));
    case 'git.dirty': {
      const status = await git('status', '--porcelain', '--untracked-files=normal');
      return 'value' in status ? { value: status.value === '' ? '' : '-dirty' } : status;
    }
    default:
      return { missing: `there is no ${name}` };
  }
}

/** Where a continuous integration has checked out a commit, the branch is only known to its variables. */
function branch({ env }: System, head: Fact): Fact {
  if ('value' in head && head.value !== '') return forTags(head);
  const known = [env['GITHUB_HEAD_REF'], env['GITHUB_REF_NAME'], env['CI_COMMIT_REF_NAME']];
  for (const value of known) {
    if (value !== undefined && value !== '') return forTags({ value });
  }
  return { missing: 'git has no branch checked out', hint: 'check one out, or write {env.BRANCH}' };
}

/** What a tag of an image may hold: `feature/x` becomes `feature-x`. */
function forTags(fact: Fact): Fact {
  if (!('value' in fact)) return fact;
  return {
    value: fact.value
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 128),
  };
}
