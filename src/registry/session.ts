// One call to a registry: by which hosts, with which credentials, along which redirects, how often.
import type { Context } from '../core/context.ts';
import { bug, isShipperError, ShipperError } from '../core/errors.ts';
import { withRetries } from '../core/retry.ts';
import type { Authorizer, Scope } from './authorizer.ts';
import type { HttpRequest, HttpResponse, Send } from './exchange.ts';
import { type Doing, failure, PASSING_STATUSES, refusal } from './failures.ts';
import type { RegistryHost } from './host.ts';
import { MAX_HOPS, targetOf } from './location.ts';
import type { Repository } from './registry.ts';

/** Where registries are served, and how hosts may be spoken to. */
export interface RegistryHosts {
  /** The places that serve the registry called `domain`: its mirrors in order, then itself. */
  of(ctx: Context, domain: string): Promise<readonly RegistryHost[]>;
  /** A place that a registry sends us to. */
  at(ctx: Context, url: URL): Promise<RegistryHost>;
}

/** What calls are made with. */
export interface SessionParts {
  readonly send: Send;
  readonly authorizer: Authorizer;
  readonly hosts: RegistryHosts;
  /** Numbers from 0 to 1. */
  readonly chance: () => number;
}

/** One call, before it becomes requests. */
export interface Call {
  readonly method: HttpRequest['method'];
  /** A path at the host, with its query; or a URL that the registry named. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the body anew for each request. */
  readonly body?: () => Uint8Array | AsyncIterable<Uint8Array>;
  readonly scopes: readonly Scope[];
  /** Verb and thing for messages: `read manifest "app:1"`. */
  readonly action: string;
  /** Statuses that the caller looks at, besides those of success. */
  readonly accepts?: readonly number[];
  readonly isDownload?: boolean;
}

/** An answer that is not a failure. Read its body or discard it. */
export interface Answer {
  readonly response: HttpResponse;
  /** Where it came from at last. */
  readonly url: URL;
  readonly host: RegistryHost;
  readonly doing: Doing;
  /** The `Authorization` that was sent; never to be shown. */
  readonly secret: string | undefined;
}

/** Makes calls. */
export class Session {
  readonly chance: () => number;
  readonly #send: Send;
  readonly #authorizer: Authorizer;
  readonly #hosts: RegistryHosts;
  /** Mirrors that could not be reached: they are not asked again. */
  readonly #gone = new Set<string>();

  constructor(parts: SessionParts) {
    this.#send = parts.send;
    this.#authorizer = parts.authorizer;
    this.#hosts = parts.hosts;
    this.chance = parts.chance;
  }

  /** The places to read from, best first; the registry itself is the last. Never empty. */
  async places(ctx: Context, domain: string): Promise<readonly RegistryHost[]> {
    const places = await this.#hosts.of(ctx, domain);
    return places.filter(({ origin, isMirror }) => !isMirror || !this.#gone.has(origin));
  }

  /** The registry itself. */
  async home(ctx: Context, domain: string): Promise<RegistryHost> {
    const home = (await this.#hosts.of(ctx, domain)).at(-1);
    if (home !== undefined) return home;
    throw bug(`Cannot find registry ${JSON.stringify(domain)}: it has no host`);
  }

  /** Reads by mirrors, one try each, and else from the registry itself. `use` takes the answer to its end. */
  async read<T>(
    ctx: Context,
    domain: string,
    call: Call,
    use: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    for (const place of await this.places(ctx, domain)) {
      if (!place.isMirror) break;
      try {
        // What a mirror does not have, the registry may have.
        return await this.#used(ctx, place, { ...call, accepts: [] }, use);
      } catch (error) {
        this.passOver(place, error);
      }
    }
    return this.write(ctx, domain, call, use);
  }

  /** Asks the registry itself, as often as may help. `use` takes the answer to its end. */
  async write<T>(
    ctx: Context,
    domain: string,
    call: Call,
    use: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    const home = await this.home(ctx, domain);
    return this.retried(ctx, () => this.#used(ctx, home, call, use));
  }

  /** The result of `attempt`, made as often as may help. */
  retried<T>(ctx: Context, attempt: () => Promise<T>): Promise<T> {
    return withRetries(ctx, this.chance, attempt);
  }

  /** Throws what must end the run; else `place`, a mirror, failed and the next one is asked. */
  passOver(place: RegistryHost, error: unknown): void {
    if (!(error instanceof ShipperError) || error.code === 'INTERRUPTED') throw error;
    if (isShipperError(error, 'REGISTRY_UNREACHABLE') || isShipperError(error, 'TIMEOUT')) {
      this.#gone.add(place.origin);
    }
  }

  /** One try at one host, with redirects and credentials. Throws what means failure. */
  async once(ctx: Context, host: RegistryHost, call: Call): Promise<Answer> {
    const answer = await this.#follow(ctx, host, call);
    const { status } = answer.response;
    if ((status >= 200 && status < 300) || call.accepts?.includes(status) === true) return answer;
    throw await this.refused(ctx, answer);
  }

  /** The failure that an answer means. Takes the answer to its end. */
  async refused(ctx: Context, { doing, response, secret }: Answer): Promise<ShipperError> {
    return refusal(ctx, doing, response, secret);
  }

  /** Where the registry's `Location` (or a link) points, after an answer; refuses what is not safe. */
  goingTo(answer: Answer, location: string | undefined): URL {
    const target = targetOf(location, answer.url);
    if ('url' in target) return target.url;
    throw failure(answer.doing, 'REGISTRY', target.refusal);
  }

  async #used<T>(
    ctx: Context,
    host: RegistryHost,
    call: Call,
    use: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    const answer = await this.once(ctx, host, call);
    try {
      return await use(answer);
    } finally {
      await answer.response.discard();
    }
  }

  async #follow(ctx: Context, host: RegistryHost, call: Call): Promise<Answer> {
    let url = new URL(call.target, host.origin);
    let isHome = url.origin === new URL(host.origin).origin;
    for (let hop = 0; ; hop += 1) {
      const place = isHome ? host : await this.#hosts.at(ctx, url);
      const answer = isHome
        ? await this.#authorized(ctx, place, call, url)
        : await this.#plain(ctx, place, call, url, undefined);
      if (!isRedirect(answer.response.status, call.method)) return answer;
      await answer.response.discard();
      const next = this.goingTo(answer, answer.response.header('location')[0]);
      if (hop === MAX_HOPS) {
        throw failure(answer.doing, 'REGISTRY', `it redirects more than ${MAX_HOPS} times`);
      }
      // Once away from the registry, credentials stay away, even where the way leads back.
      isHome &&= next.origin === url.origin;
      url = next;
    }
  }

  /** With what is known of credentials; after a 401 with better ones. What was refused is renewed once, then it is over. */
  async #authorized(ctx: Context, host: RegistryHost, call: Call, url: URL): Promise<Answer> {
    let used = this.#authorizer.current(host, call.scopes);
    let renewals = 0;
    for (;;) {
      const answer = await this.#plain(ctx, host, call, url, used);
      if (answer.response.status !== 401) return answer;
      if (used !== undefined) renewals += 1;
      if (renewals > 1) return answer;
      const next = await this.#challenged(ctx, answer, call, used);
      if (next === undefined) return answer;
      await answer.response.discard();
      used = next;
    }
  }

  async #challenged(
    ctx: Context,
    { host, response }: Answer,
    { scopes }: Call,
    used: string | undefined,
  ): Promise<string | undefined> {
    const challenges = response.header('www-authenticate');
    try {
      return await this.#authorizer.challenged(ctx, host, scopes, challenges, used);
    } catch (error) {
      await response.discard();
      throw error;
    }
  }

  async #plain(
    ctx: Context,
    host: RegistryHost,
    call: Call,
    url: URL,
    authorization: string | undefined,
  ): Promise<Answer> {
    const { method, headers, body, isDownload, action } = call;
    const response = await this.#send(ctx, host, {
      method,
      url,
      headers: {
        'user-agent': 'shipper',
        ...headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body: body() }),
      ...(isDownload === true ? { isDownload } : {}),
    });
    const doing = { action, method, url, domain: host.domain };
    return { response, url, host, doing, secret: authorization };
  }
}

/** A body is only sent again where the status asks for the same request (RFC 9110, 15.4). */
function isRedirect(status: number, method: string): boolean {
  if (status === 307 || status === 308) return true;
  return (method === 'GET' || method === 'HEAD') && [301, 302, 303].includes(status);
}

/** Whether the answer says that the same request may go through later. */
export function isPassing(answer: Answer): boolean {
  return PASSING_STATUSES.includes(answer.response.status);
}

/** What a call wants to do in a repository. */
export function scopeOf({ path }: Repository, ...actions: readonly string[]): Scope {
  return `repository:${path}:${actions.join(',')}`;
}
