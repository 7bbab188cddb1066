// Who may do what at a registry: answers challenges with credentials and remembers the tokens.
import type { Context } from '../core/context.ts';
import type { RegistryHost } from './host.ts';

/** What a request wants to do, as token servers spell it: `repository:library/app:pull,push`. */
export type Scope = string;

/** Gives the `Authorization` of requests. Keeps tokens for (host, scope); safe to call side by side. */
export interface Authorizer {
  /** The header to send at once, from what is known already; undefined to go without. */
  current(host: RegistryHost, scopes: readonly Scope[]): string | undefined;
  /**
   * After a 401: the header to try once more, undefined when there is nothing (else) to try. `used` is the header that was
   * refused, so that a token that another request has renewed meanwhile is not renewed again.
   */
  challenged(
    ctx: Context,
    host: RegistryHost,
    scopes: readonly Scope[],
    challenges: readonly string[],
    used: string | undefined,
  ): Promise<string | undefined>;
}
