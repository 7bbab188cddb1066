// One HTTP request and its answer, without retries, redirects or credentials: what those are built from.
import type { Context } from '../core/context.ts';
import type { RegistryHost } from './host.ts';

/** A request to one host. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /**
   * Whether the answer is read as slowly as our caller likes. Such requests have sockets of their own, as have those with
   * a streamed body: a layer that waits to be read must not hold back the upload that it waits for.
   */
  readonly isDownload?: boolean;
}

/** An answer whose head has arrived. Read `body` to its end or `discard` it: the connection waits for that. */
export interface HttpResponse {
  readonly status: number;
  /** Values of a header, in order; the name in lower case. */
  header(name: string): readonly string[];
  readonly body: AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

/** Sends one request; rejects with `REGISTRY_UNREACHABLE`, `TIMEOUT` or `INTERRUPTED`. */
export type Send = (
  ctx: Context,
  host: RegistryHost,
  request: HttpRequest,
) => Promise<HttpResponse>;
