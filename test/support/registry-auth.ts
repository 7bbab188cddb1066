// How the fake registry knows who asks: not at all, by Basic, or by tokens of its own token server.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Who may use a fake registry. */
export type FakeAuth =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | {
      readonly kind: 'token';
      /** Without one, tokens are for everybody. */
      readonly login?: { readonly user: string; readonly password: string };
      /** `expires_in` of the tokens. Default 300. */
      readonly expiresInSeconds?: number;
    };

/** The door of a fake registry. */
export class FakeDoor {
  readonly #auth: FakeAuth | undefined;
  readonly #realm: () => string;
  readonly #tokens = new Map<string, ReadonlySet<string>>();

  constructor(auth: FakeAuth | undefined, realm: () => string) {
    this.#auth = auth;
    this.#realm = realm;
  }

  /** Makes all tokens invalid. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** The challenge for a request that may not pass: `action` of the repository `path`. Undefined lets it in. */
  challenge(request: IncomingMessage, path: string, action: string): string | undefined {
    const auth = this.#auth;
    const given = request.headers.authorization;
    if (auth === undefined) return undefined;
    if (auth.kind === 'basic') {
      return given === basic(auth) ? undefined : 'Basic realm="fake"';
    }
    const scope = `repository:${path}:${action}`;
    const allowed = this.#tokens.get(given?.replace(/^Bearer /, '') ?? '');
    if (allowed !== undefined && (path === '' || allowed.has(scope))) return undefined;
    const error = given === undefined ? '' : ',error="invalid_token"';
    const wanted = path === '' ? '' : `,scope="${scope}"`;
    return `Bearer realm="${this.#realm()}",service="fake"${wanted}${error}`;
  }

  /** Answers the token server: a token, or undefined to refuse. */
  token(request: IncomingMessage, query: URLSearchParams): object | undefined {
    const auth = this.#auth;
    if (auth?.kind !== 'token') return undefined;
    const { login, expiresInSeconds = 300 } = auth;
    if (login !== undefined && request.headers.authorization !== basic(login)) return undefined;
    const token = randomUUID();
    this.#tokens.set(token, new Set(query.getAll('scope').flatMap(scopesIn)));
    return { token, expires_in: expiresInSeconds };
  }
}

/** `repository:a:pull,push` as one scope for each action; several may stand in one parameter. */
function scopesIn(text: string): readonly string[] {
  return text.split(' ').flatMap((scope) => {
    const at = scope.lastIndexOf(':');
    const actions = scope.slice(at + 1).split(',');
    return actions.map((action) => `${scope.slice(0, at)}:${action}`);
  });
}

function basic({ user, password }: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
