// Images by name: pulled from registries by the engine, and listed.
import type { Context } from '../core/context.ts';
import { type ErrorCode, isShipperError, ShipperError } from '../core/errors.ts';
import { tidy } from '../core/tidy.ts';
import { labelFilter, requestList } from './container-request.ts';
import type { Containers, ListedImage } from './containers.ts';
import type { EngineLogin } from './engine.ts';
import { failure } from './failures.ts';
import { expectSuccess, type Session } from './session.ts';
import { arrayOf, type Json, numberOf, readProgress, recordOf, textOf } from './wire.ts';

/** The calls about images that rollouts need. */
export function imageCalls(session: Session): Pick<Containers, 'pull' | 'listImages'> {
  return {
    pull: (ctx, reference, options = {}) => pull(session, ctx, reference, options),
    listImages: (ctx, labels = []) =>
      requestList(
        session,
        ctx,
        {
          method: 'GET',
          path: '/images/json',
          action: 'list the images',
          query: labelFilter(labels),
        },
        listedImageOf,
      ),
  };
}

async function pull(
  session: Session,
  ctx: Context,
  reference: string,
  options: { readonly platform?: string; readonly login?: EngineLogin },
): Promise<void> {
  const { platform, login } = options;
  const call = {
    method: 'POST',
    path: '/images/create',
    action: `pull ${JSON.stringify(reference)}`,
    image: reference,
    query: { ...pullName(reference), ...(platform === undefined ? {} : { platform }) },
    headers: login === undefined ? {} : { 'X-Registry-Auth': authHeader(login) },
  } as const;
  const exchange = await session.open(ctx, call);
  try {
    exchange.finishRequest(session.patience.thinkMs);
    await expectSuccess(exchange);
    const { thinkMs } = session.patience;
    for await (const progress of readProgress(exchange.chunks(thinkMs, thinkMs))) {
      if (progress.kind === 'error') throw failure(exchange.doing, tidy(progress.message));
    }
  } catch (error) {
    throw pullFailure(error);
  } finally {
    exchange.close();
  }
}

/** Without a tag an engine would take all there are (20.10). A digest counts more than a tag beside it. */
export function pullName(reference: string): { readonly fromImage: string; readonly tag: string } {
  const at = reference.indexOf('@');
  const named = at < 0 ? reference : reference.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const fromImage = hasTag ? named.slice(0, colon) : named;
  if (at >= 0) return { fromImage, tag: reference.slice(at + 1) };
  return { fromImage, tag: hasTag ? named.slice(colon + 1) : 'latest' };
}

/** `X-Registry-Auth`: the alphabet of URLs, with padding. */
export function authHeader(login: EngineLogin): string {
  const base64 = Buffer.from(JSON.stringify(login), 'utf8').toString('base64');
  return base64.replaceAll('+', '-').replaceAll('/', '_');
}

/** What engines say of registries and disks, whichever status they say it with. */
const PULL_FAILURES: readonly (readonly [ErrorCode, RegExp])[] = [
  ['NO_SPACE', /no space left on device|disk quota exceeded/i],
  [
    'UNAUTHORIZED',
    /unauthorized|authentication required|no basic auth|access .*denied|denied:|403 forbidden|\b401\b/i,
  ],
  [
    'NOT_FOUND',
    /manifest unknown|manifest for .* not found|: not found|name unknown|no matching manifest|does not exist/i,
  ],
];
const PASSING =
  /timeout|timed out|connection re(?:set|fused)|unexpected EOF|: EOF|temporary failure|server misbehaving|toomanyrequests|\b(?:429|50[0234])\b|no route to host|TLS handshake/i;

/** The failure of a pull under the code of its cause. */
function pullFailure(error: unknown): unknown {
  if (!isShipperError(error) || (error.code !== 'ENGINE' && error.code !== 'NOT_FOUND')) {
    return error;
  }
  const [code = error.code] = PULL_FAILURES.find(([, words]) => words.test(error.message)) ?? [];
  const retryable = error.retryable || (code === 'ENGINE' && PASSING.test(error.message));
  const hint = PULL_HINTS[code];
  return new ShipperError(code, error.message, {
    ...error.details,
    cause: error.cause,
    retryable,
    ...(hint === undefined ? {} : { hint }),
  });
}

const PULL_HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  UNAUTHORIZED: 'Log in to the registry with `docker login`, and check the name of the image.',
  NO_SPACE: 'Free space where the engine keeps its data: `docker system df` says what takes it.',
};

/** An item of `GET /images/json`; undefined when it has no id. */
export function listedImageOf(json: Json): ListedImage | undefined {
  const id = textOf(json['Id']);
  if (!id) return undefined;
  const names = namesOf(json['RepoTags']);
  // 26.1 with containerd's store lists names with a digest among the tags, and leaves most of them out where they belong.
  const digests = [...namesOf(json['RepoDigests']), ...names.filter((name) => name.includes('@'))];
  return {
    id: /^[0-9a-f]{64}$/.test(id) ? `sha256:${id}` : id,
    tags: names.filter((name) => !name.includes('@')),
    digests: [...new Set(digests)],
    labels: recordOf(json['Labels']),
    sizeBytes: numberOf(json['Size']) ?? 0,
    createdAt: numberOf(json['Created']) ?? 0,
  };
}

/** `<none>:<none>` is how older engines say that there is none. */
function namesOf(value: unknown): readonly string[] {
  return arrayOf(value)
    .filter((name) => typeof name === 'string')
    .filter((name) => !name.includes('<none>'));
}
