// A session with one engine: the API version that both speak, what the engine is, and the start of every exchange.
import type { IncomingHttpHeaders } from 'node:http';
import { type Context, throwIfAborted } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type Gate, gate } from '../core/pool.ts';
import type { System } from '../system/system.ts';
import { type Connections, connectionsTo } from './agents.ts';
import { infoOf, versionOf } from './answers.ts';
import { BareGet } from './bare-get.ts';
import type { SshSystem } from './dial-stdio.ts';
import { describeEndpoint, type Endpoint } from './endpoint.ts';
import type { EngineFacts } from './engine.ts';
import { Exchange, type Patience } from './exchange.ts';
import { type Doing, failure, refused, unreachable } from './failures.ts';
import { type Modem, openModem, type RequestLine } from './modem.ts';
import { apiHas, apiNumber } from './terms.ts';
import { parseObject } from './wire.ts';

/** The newest API whose answers are known here. */
const OUR_API_VERSION = '1.52';
/** Calls to one engine at once, without those that take long. */
const ORDINARY_CALLS = 4;
const PATIENCE: Patience = { idleMs: 120_000, thinkMs: 900_000 };

/** Options of `connectEngine`. Default of the limits: SHIPPER_ENGINE_IDLE_SECONDS and SHIPPER_ENGINE_THINK_SECONDS. */
export interface EngineOptions extends Partial<Patience> {
  /** Switches negotiation off. Default: DOCKER_API_VERSION. */
  readonly apiVersion?: string;
}

/** What an engine needs of the machine; over ssh there is one log-in for all connections where it is a whole `System`. */
export type EngineSystem = Pick<System, 'env'> & SshSystem;

/** One call, before it becomes a request. */
export interface Call extends RequestLine {
  /** Verb and thing for messages, for example `load images into the engine`. */
  readonly action: string;
  /** The image as the caller named it. */
  readonly image?: string;
  /** False leaves the version prefix out. */
  readonly versioned?: boolean;
  /** The body, of {@link Session.request}. */
  readonly json?: object;
  /** Statuses besides 2xx that are no failure, of {@link Session.request}. */
  readonly accepts?: readonly number[];
  /** The body of the answer tells its end by itself, so that it need not be framed. A GET without headers of its own. */
  readonly isBare?: boolean;
  /** It may take long because of what it does: it does not count among those that wait for their turn. */
  readonly isLong?: boolean;
}

/** A complete answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A session; connects on the first call. */
export class Session {
  readonly patience: Patience;
  /** The API version to speak: the lower of theirs and ours. */
  readonly api: Once<string>;
  readonly facts: Once<EngineFacts>;
  readonly #endpoint: Endpoint;
  readonly #text: string;
  readonly #connections: Connections;
  readonly #wantedApi: string | undefined;
  readonly #gate: Gate = gate(ORDINARY_CALLS);
  #modem: Promise<Modem> | undefined;

  constructor(endpoint: Endpoint, system: EngineSystem, options: EngineOptions) {
    this.#endpoint = endpoint;
    this.#text = describeEndpoint(endpoint);
    this.#connections = connectionsTo(endpoint, system);
    this.patience = {
      idleMs: options.idleMs ?? seconds(system, 'SHIPPER_ENGINE_IDLE_SECONDS') ?? PATIENCE.idleMs,
      thinkMs:
        options.thinkMs ?? seconds(system, 'SHIPPER_ENGINE_THINK_SECONDS') ?? PATIENCE.thinkMs,
    };
    this.#wantedApi = options.apiVersion ?? (system.env['DOCKER_API_VERSION'] || undefined);
    this.api = once((ctx) => this.#negotiate(ctx));
    this.facts = once((ctx) => this.#ask(ctx));
  }

  /** Starts a request; its body, or the end of it, is the caller's next step. */
  async open(ctx: Context, call: Call): Promise<Exchange> {
    throwIfAborted(ctx);
    const prefix = call.versioned === false ? '' : `/v${await this.api(ctx)}`;
    const basePath = this.#endpoint.kind === 'tcp' ? this.#endpoint.basePath : '';
    const path = `${basePath}${prefix}${call.path}`;
    const exchange = new Exchange(ctx, this.doing(call, path), this.patience);
    try {
      if (call.isBare === true && this.#endpoint.kind === 'unix') {
        exchange.attach(new BareGet(this.#endpoint.path, path, call.query));
        return exchange;
      }
      this.#modem ??= openModem(this.#endpoint, this.#connections.agent);
      const modem = await this.#modem;
      await modem.start({ ...call, path }, (request) => exchange.attach(request));
      return exchange;
    } catch (error) {
      exchange.fail(error);
      throw exchange.reason;
    }
  }

  /** What `call` does, for messages. */
  doing(call: Pick<Call, 'action' | 'image'>, path: string): Doing {
    const { action, image } = call;
    return { action, endpoint: this.#text, path, ...(image === undefined ? {} : { image }) };
  }

  /**
   * A whole call: the text of its answer, at most `capBytes` (default 4 MiB). `limitMs` is for the answer to begin. Only a
   * few are under way at once, so that an engine has a few connections; what takes long does not count among them.
   */
  async request(
    ctx: Context,
    call: Call,
    limitMs: number = this.patience.idleMs,
    capBytes: number = LIMITS.metadataBytes,
  ): Promise<Answer> {
    const run = () => this.#request(ctx, call, limitMs, capBytes);
    // Before its turn: finding out the version is a call too.
    if (call.versioned !== false) await this.api(ctx);
    return call.isLong === true ? run() : this.#gate(run);
  }

  async #request(
    ctx: Context,
    call: Call,
    limitMs: number,
    capBytes: number,
    isRetry = false,
  ): Promise<Answer> {
    const { json, accepts } = call;
    const line = json === undefined ? call : { ...call, isJson: true };
    const exchange = await this.open(ctx, line);
    try {
      exchange.finishRequest(limitMs, json === undefined ? undefined : JSON.stringify(json));
      const answer = await expectSuccess(exchange, accepts);
      const text = (await exchange.readAll(capBytes, limitMs)).toString('utf8');
      return { status: answer.statusCode ?? 0, headers: answer.headers, text };
    } catch (error) {
      if (isRetry || call.method !== 'GET' || !exchange.isStale) throw error;
    } finally {
      exchange.close();
    }
    return this.#request(ctx, call, limitMs, capBytes, true);
  }

  /** Like {@link request}, for an answer that is a JSON object. */
  async requestJson(ctx: Context, call: Call): Promise<Readonly<Record<string, unknown>>> {
    const value = parseObject((await this.request(ctx, call)).text);
    if (value !== undefined) return value;
    throw failure(this.doing(call, call.path), 'the answer is not a JSON object');
  }

  /** Ends all connections. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  async #negotiate(ctx: Context): Promise<string> {
    if (this.#wantedApi !== undefined) return wantedApi(this.#wantedApi);
    const action = 'negotiate with the engine';
    const call = { method: 'GET', path: '/_ping', versioned: false, action } as const;
    const { headers } = await this.request(ctx, call);
    const theirs = headers['api-version'];
    if (typeof theirs !== 'string' || apiNumber(theirs) === undefined) {
      const state = 'what answers there is not a Docker Engine';
      throw unreachable(this.doing(call, call.path), state, 'Check the endpoint.');
    }
    return apiHas(theirs, OUR_API_VERSION) ? OUR_API_VERSION : theirs;
  }

  async #ask(ctx: Context): Promise<EngineFacts> {
    const apiVersion = await this.api(ctx);
    const version = versionOf(await this.#getJson(ctx, '/version'));
    const least = version.minApiVersion;
    if (least !== undefined && !apiHas(apiVersion, least)) {
      const state = `it wants API ${least} or newer, and API ${apiVersion} is spoken here`;
      const hint = `Set DOCKER_API_VERSION=${least} to try all the same.`;
      throw failure(this.doing({ action: 'use the engine' }, '/version'), state, { hint });
    }
    const info = infoOf(await this.#getJson(ctx, '/info'), version.product);
    const { product, os, architecture } = version;
    const names = { endpoint: this.#text, product, version: version.version, apiVersion };
    return { ...names, ...info, os, architecture };
  }

  #getJson(ctx: Context, path: string): Promise<Readonly<Record<string, unknown>>> {
    return this.requestJson(ctx, { method: 'GET', path, action: 'ask the engine about itself' });
  }
}

/** The answer when its status is 2xx, or one of `accepts`; else the failure that it is. */
export async function expectSuccess(
  exchange: Exchange,
  accepts: readonly number[] = [],
): Promise<Awaited<Exchange['response']>> {
  const answer = await exchange.response;
  const status = answer.statusCode ?? 0;
  if ((status >= 200 && status < 300) || accepts.includes(status)) return answer;
  throw refused(exchange.doing, await exchange.readRefusal());
}

/** A limit of the environment, in milliseconds: an engine on a slow disk may need more than the default. */
function seconds({ env }: EngineSystem, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const value = /^\d{1,6}(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value * 1000;
  const message = `Cannot use ${name} ${JSON.stringify(text)}: it is not a number of seconds`;
  throw new ShipperError('USAGE', message, { hint: 'Write it as 300.' });
}

function wantedApi(text: string): string {
  if (apiNumber(text) !== undefined) return text.trim().replace(/^v/, '');
  const message = `Cannot use DOCKER_API_VERSION ${JSON.stringify(text)}: it is not a version`;
  throw new ShipperError('USAGE', message, { hint: 'Write it as 1.41.' });
}

/** A question that is asked once. */
export type Once<T> = (ctx: Context) => Promise<T>;

/** Asks once for all callers and remembers the answer, never a failure. */
function once<T>(ask: (ctx: Context) => Promise<T>): Once<T> {
  let running: Promise<T> | undefined;
  const again: Once<T> = async (ctx) => {
    const mine = running === undefined;
    running ??= ask(ctx);
    const asked = running;
    try {
      return await asked;
    } catch (error) {
      if (running === asked) running = undefined;
      // The caller whose context it ran under was cancelled, not this one.
      const another = !mine && isShipperError(error, 'INTERRUPTED') && !ctx.signal.aborted;
      if (another) return again(ctx);
      throw error;
    }
  };
  return again;
}
