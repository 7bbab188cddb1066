// Answers challenges: with Basic, or with a token of the server that the challenge names. Keeps what it got, so that
// most requests carry it from the start, and many that are refused at once make one new token.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { Clock } from '../core/events.ts';
import type { Authorizer, Scope } from './authorizer.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import type { Send } from './exchange.ts';
import { Flights } from './flights.ts';
import type { RegistryHost } from './host.ts';
import type { Hosts } from './hosts.ts';
import type { Keychain } from './keychain.ts';
import { checkCredentialsTo, checkRealm, isSameHost } from './realm.ts';
import { coversScopes, joinScopes, repositoryOf, splitScopes } from './scopes.ts';
import {
  type AskingLogin,
  basicHeader,
  fetchToken,
  type Token,
  type TokenQuestion,
} from './tokens.ts';

/** What an authorizer works with. */
export interface AuthorizerParts {
  readonly send: Send;
  readonly keychain: Keychain;
  /** Says how token servers are spoken to. */
  readonly hosts: Pick<Hosts, 'at'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/**
 * The authorizer of a run. `challenged` fails with `UNAUTHORIZED` where a challenge cannot or must not be answered, and as
 * `Keychain.find` and `fetchToken` do.
 */
export function createAuthorizer(parts: AuthorizerParts): Authorizer {
  return new TokenKeeper(parts);
}

/** A token refused this soon never worked. */
const YOUNG_MS = 500;

/** A token that was got for one host. */
interface Entry {
  readonly scopes: readonly Scope[];
  readonly header: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Came in place of one that was refused though it should have been good. */
  readonly isRenewed: boolean;
  /** Came in place of one that allowed too little. */
  readonly isWidened: boolean;
}

type Flags = Pick<Entry, 'isRenewed' | 'isWidened'>;

/** What a request wants, of whom. */
interface Wish {
  readonly host: RegistryHost;
  readonly scopes: readonly Scope[];
  /** What was refused. */
  readonly used: string | undefined;
}

class TokenKeeper implements Authorizer {
  readonly #parts: AuthorizerParts;
  /** By origin. */
  readonly #entries = new Map<string, readonly Entry[]>();
  /** By origin and repository. */
  readonly #basic = new Map<string, string>();
  /** Identity tokens that a server has replaced, by its origin and what it was sent. */
  readonly #replaced = new Map<string, string>();
  readonly #fetching = new Flights<string | undefined>();

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  current(host: RegistryHost, scopes: readonly Scope[]): string | undefined {
    const nowMs = this.#parts.clock.monotonic();
    const entry = this.#entriesOf(host).find(
      (each) => each.expiresAtMs > nowMs && coversScopes(each.scopes, scopes),
    );
    return entry?.header ?? this.#basic.get(basicKey(host, scopes));
  }

  async challenged(
    ctx: Context,
    host: RegistryHost,
    scopes: readonly Scope[],
    challenges: readonly string[],
    used: string | undefined,
  ): Promise<string | undefined> {
    const known = this.current(host, scopes);
    // Somebody else has renewed it meanwhile.
    if (known !== undefined && known !== used) return known;
    const challenge = chooseChallenge(host, challenges);
    if (challenge === undefined) return undefined;
    const wish = { host, scopes, used };
    if (challenge.scheme === 'basic') return this.#answerBasic(ctx, wish);
    const key = JSON.stringify([host.origin, joinScopes(scopes, [])]);
    return this.#fetching.join(ctx, key, () => this.#answerBearer(ctx, wish, challenge));
  }

  async #answerBasic(ctx: Context, { host, scopes, used }: Wish): Promise<string | undefined> {
    const login = (await this.#find(ctx, host, scopes))?.login;
    if (login?.kind !== 'basic') return undefined;
    const header = basicHeader(login.username, login.password);
    if (header === used) return undefined;
    this.#basic.set(basicKey(host, scopes), header);
    return header;
  }

  async #answerBearer(ctx: Context, wish: Wish, challenge: Challenge): Promise<string | undefined> {
    const scopes = joinScopes(splitScopes(challenge.parameters.get('scope') ?? ''), wish.scopes);
    const flags = this.#flagsOf(wish, scopes);
    if (flags === undefined) return undefined;
    const { login, source } = (await this.#find(ctx, wish.host, wish.scopes)) ?? NOBODY;
    if (login?.kind === 'bearer') {
      const header = `Bearer ${login.token}`;
      return header === wish.used ? undefined : this.#keep(wish, { ...FOREVER, scopes, header });
    }
    const { token, expiresAtMs } = await this.#fetch(ctx, wish.host, challenge, {
      scopes,
      login,
      source,
    });
    const issuedAtMs = this.#parts.clock.monotonic();
    const entry = { scopes, header: `Bearer ${token}`, issuedAtMs, expiresAtMs, ...flags };
    return this.#keep(wish, entry);
  }

  /** How the next token comes about; undefined when the last one had its chance (`faults.md` R7, R10). */
  #flagsOf({ host, used }: Wish, scopes: readonly Scope[]): Flags | undefined {
    const refused = this.#entriesOf(host).find(({ header }) => header === used);
    if (refused === undefined) return { isRenewed: false, isWidened: false };
    const isYoung = this.#parts.clock.monotonic() - refused.issuedAtMs < YOUNG_MS;
    const isWider = !coversScopes(refused.scopes, scopes);
    if (isYoung && (isWider ? refused.isWidened : refused.isRenewed)) return undefined;
    return {
      isRenewed: !isWider || (isYoung && refused.isRenewed),
      isWidened: isWider || (isYoung && refused.isWidened),
    };
  }

  async #fetch(
    ctx: Context,
    host: RegistryHost,
    { parameters }: Challenge,
    asking: Pick<TokenQuestion, 'scopes' | 'login' | 'source'>,
  ): Promise<Token> {
    const realm = checkRealm(host, parameters.get('realm'));
    const server = await this.#serverOf(ctx, host, realm);
    if (asking.login !== undefined) checkCredentialsTo(host, server);
    const login = this.#latest(realm, asking.login);
    const service = parameters.get('service');
    const question = { ...asking, domain: host.domain, server, realm, service, login };
    const token = await fetchToken(ctx, this.#parts.send, question);
    if (asking.login?.kind === 'identity' && token.identity !== undefined) {
      this.#replaced.set(replacedKey(realm, asking.login.token), token.identity);
    }
    return token;
  }

  /** The token server's own settings; as part of the registry's host, or signed by its authority, it has those too. */
  async #serverOf(ctx: Context, host: RegistryHost, realm: URL): Promise<RegistryHost> {
    const server = await this.#parts.hosts.at(ctx, realm);
    if (isSameHost(new URL(host.origin), realm)) {
      const isInsecure = host.isInsecure || server.isInsecure;
      return { ...server, isInsecure, tls: { ...host.tls, ...server.tls } };
    }
    const { ca } = host.tls;
    return { ...server, tls: { ...(ca === undefined ? {} : { ca }), ...server.tls } };
  }

  /** With the identity token that the server has given last. */
  #latest(realm: URL, login: AskingLogin | undefined): AskingLogin | undefined {
    if (login?.kind !== 'identity') return login;
    return { ...login, token: this.#replaced.get(replacedKey(realm, login.token)) ?? login.token };
  }

  #keep({ host, used }: Wish, entry: Entry): string {
    const nowMs = this.#parts.clock.monotonic();
    const others = this.#entriesOf(host).filter(
      ({ header, expiresAtMs, scopes }) =>
        header !== used && expiresAtMs > nowMs && !coversScopes(entry.scopes, scopes),
    );
    this.#entries.set(host.origin, [entry, ...others]);
    return entry.header;
  }

  #entriesOf({ origin }: RegistryHost): readonly Entry[] {
    return this.#entries.get(origin) ?? [];
  }

  #find(
    ctx: Context,
    host: RegistryHost,
    scopes: readonly Scope[],
  ): Promise<Credentials | undefined> {
    return this.#parts.keychain.find(ctx, host, repositoryOf(scopes));
  }
}

const NOBODY = { login: undefined, source: undefined } as const;

const FOREVER = {
  issuedAtMs: Number.NEGATIVE_INFINITY,
  expiresAtMs: Number.POSITIVE_INFINITY,
  isRenewed: false,
  isWidened: false,
} as const;

function basicKey({ origin }: RegistryHost, scopes: readonly Scope[]): string {
  return `${origin} ${repositoryOf(scopes) ?? ''}`;
}

function replacedKey(realm: URL, token: string): string {
  return `${realm.origin} ${token}`;
}

/**
 * The challenge to answer: a token before a password. Undefined where there is none at all; `UNAUTHORIZED` where there is
 * none that can be answered.
 */
function chooseChallenge(host: RegistryHost, headers: readonly string[]): Challenge | undefined {
  if (headers.length === 0) return undefined;
  const challenges = parseChallenges(headers);
  const of = (wanted: string) => challenges.find(({ scheme }) => scheme === wanted);
  const bearer = of('bearer');
  const basic = of('basic');
  const chosen = bearer?.parameters.has('realm') === true ? bearer : (basic ?? bearer);
  if (chosen !== undefined) return chosen;
  const [first] = challenges;
  const state =
    first === undefined
      ? 'its challenge cannot be understood'
      : `it asks for ${JSON.stringify(first.scheme.slice(0, 40))}, which is neither Basic nor Bearer`;
  throw new ShipperError('UNAUTHORIZED', `Cannot log in to ${host.domain}: ${state}`, {
    host: host.domain,
  });
}
