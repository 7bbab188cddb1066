// What the tests of src/registry share: a context that keeps events, a home folder of the test's own, a `Send` over
// node:http without anything around it, servers that end with the test.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Context } from '../../src/core/context.ts';
import { interruption } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Clock, ShipperEvent } from '../../src/core/events.ts';
import type { HttpRequest, HttpResponse, Send } from '../../src/registry/exchange.ts';
import type { RegistryHost } from '../../src/registry/host.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';

/** A context whose events are kept. */
export function testContext(
  changes: { readonly signal?: AbortSignal; readonly clock?: Clock } = {},
): Context & { readonly events: ShipperEvent[] } {
  const events: ShipperEvent[] = [];
  const report = (event: ShipperEvent) => void events.push(event);
  const signal = changes.signal ?? new AbortController().signal;
  return { report, signal, clock: changes.clock ?? nodeClock(), scope: {}, events };
}

/** The ShipperError that `promise` rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<ShipperError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ShipperError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** All that is ever shown of an error: with `--debug` also stacks and causes, with `--json` the details. */
export function everythingOf(error: unknown): string {
  const parts: string[] = [];
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; depth++) {
    parts.push(cause.message, String(cause.stack), JSON.stringify(cause));
    cause = cause.cause;
  }
  return parts.join('\n');
}

/** A machine with a home of the test's own. */
export interface Home extends Disposable {
  readonly folder: string;
  readonly system: System;
  /** Writes a file below the home; an object as JSON. */
  write(name: string, content: string | object): string;
  /** Makes `docker-credential-NAME`, a shell script. */
  helper(name: string, script: string): void;
}

/** Makes a home; `env` is the whole environment but for PATH. Paths in it that begin with `~/` lie in the home. */
export function home(env: Readonly<Record<string, string>> = {}): Home {
  const folder = mkdtempSync(join(tmpdir(), 'shipper-home-'));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const values = Object.entries(env).map(([name, value]) => [
    name,
    value.replace(/^~\//, `${folder}/`),
  ]);
  const PATH = `${bin}:${process.env['PATH'] ?? ''}`;
  const write = (name: string, content: string | object): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  return {
    folder,
    system: {
      ...nodeSystem(),
      env: { ...Object.fromEntries(values), PATH },
      homedir: folder,
      cwd: folder,
    },
    write,
    helper(name, script) {
      chmodSync(write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`), 0o755);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A host as `hosts.ts` gives it. */
export function hostAt(origin: string, changes: Partial<RegistryHost> = {}): RegistryHost {
  const isInsecure = origin.startsWith('http:');
  return { origin, domain: new URL(origin).host, isMirror: false, isInsecure, tls: {}, ...changes };
}

/** Sends with node:http: no retries, no redirects, no time-outs. Sees `requests` pass by. */
export function plainSend(requests: HttpRequest[] = []): Send {
  return (ctx, host, request) =>
    new Promise((resolve, reject) => {
      requests.push(request);
      const start = request.url.protocol === 'https:' ? httpsRequest : httpRequest;
      const { method, headers, url } = request;
      const trust = { ca: host.tls.ca, rejectUnauthorized: !host.isInsecure };
      const sent = start(url, { method, headers, agent: false, signal: ctx.signal, ...trust });
      sent.on('response', (message) => resolve(responseOf(message)));
      sent.on('error', (cause) => reject(unreachable(ctx, url, cause)));
      sent.end(request.body instanceof Uint8Array ? request.body : undefined);
    });
}

function responseOf(message: IncomingMessage): HttpResponse {
  return {
    status: message.statusCode ?? 0,
    header: (name) => message.headersDistinct[name] ?? [],
    body: message,
    async discard() {
      message.destroy();
    },
  };
}

function unreachable(ctx: Context, url: URL, cause: Error): ShipperError {
  if (ctx.signal.aborted) return interruption(ctx.signal);
  const message = `Cannot reach ${url.host}: ${cause.message}`;
  return new ShipperError('REGISTRY_UNREACHABLE', message, { cause, retryable: true });
}
