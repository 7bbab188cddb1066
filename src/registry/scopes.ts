// Scopes of token servers, `type:name:action,action`: joined, compared and kept in order.
import type { Scope } from './authorizer.ts';

interface ScopeParts {
  /** `repository:library/app`. */
  readonly resource: string;
  readonly actions: readonly string[];
}

/** More than a mount needs; what a registry asks for beyond it is not asked for. */
const SCOPES = 32;
const SCOPE_CHARACTERS = 1024;

/** Scopes as a challenge lists them, blank between. */
export function splitScopes(text: string): readonly Scope[] {
  const found = text.split(/\s+/).filter((scope) => scope !== '');
  return found.filter((scope) => scope.length <= SCOPE_CHARACTERS).slice(0, SCOPES);
}

/**
 * All of `first`, then what `then` has beyond it; actions on one resource become one scope. Some servers read only the
 * first scope, so that of the refused request leads.
 */
export function joinScopes(first: readonly Scope[], then: readonly Scope[]): readonly Scope[] {
  const joined = new Map<string, string[]>();
  for (const { resource, actions } of [...first, ...then].map(partsOf)) {
    const kept = joined.get(resource) ?? [];
    joined.set(resource, kept.concat(actions.filter((action) => !kept.includes(action))));
  }
  return [...joined].map(([resource, actions]) => formatScope(resource, actions));
}

/** Whether every one of `wanted` is among `granted`. */
export function coversScopes(granted: readonly Scope[], wanted: readonly Scope[]): boolean {
  const held = new Map(granted.map(partsOf).map(({ resource, actions }) => [resource, actions]));
  return wanted.map(partsOf).every(({ resource, actions }) => {
    const allowed = held.get(resource);
    return (
      allowed !== undefined &&
      (allowed.includes('*') || actions.every((action) => allowed.includes(action)))
    );
  });
}

/** The repository that the first such scope is about. */
export function repositoryOf(scopes: readonly Scope[]): string | undefined {
  const { resource } = scopes.map(partsOf).find(isRepository) ?? {};
  return resource?.slice(resource.indexOf(':') + 1);
}

function isRepository({ resource }: ScopeParts): boolean {
  return /^repository(?:\([^)]*\))?:./.test(resource);
}

/** The name between the first and the last colon may hold colons itself. */
function partsOf(scope: Scope): ScopeParts {
  const last = scope.lastIndexOf(':');
  if (last <= scope.indexOf(':')) return { resource: scope, actions: [] };
  return { resource: scope.slice(0, last), actions: scope.slice(last + 1).split(',') };
}

function formatScope(resource: string, actions: readonly string[]): Scope {
  return actions.length === 0 ? resource : `${resource}:${actions.join(',')}`;
}
