// What a socket, TLS or HTTP threw, as a ShipperError that says how to mend it. URLs are named by host and path only:
// their queries hold signatures.
import { messageOf, ShipperError } from '../core/errors.ts';
import { tidy } from '../core/tidy.ts';

/** The failure of a request to `url`, from whatever was thrown. */
export function connectionFailure(error: unknown, url: URL): ShipperError {
  if (error instanceof ShipperError) return error;
  const { state, hint, isFinal } = stateOf(error);
  return new ShipperError('REGISTRY_UNREACHABLE', `Cannot reach ${shown(url)}: ${state}`, {
    host: url.host,
    path: url.pathname,
    cause: error,
    retryable: isFinal !== true,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A request to `url` on which too little happened; `state` says what. */
export function connectionTimeout(state: string, url: URL): ShipperError {
  const options = { host: url.host, path: url.pathname, retryable: true };
  return new ShipperError('TIMEOUT', `Cannot go on with ${shown(url)}: ${state}`, options);
}

function shown(url: URL): string {
  return `registry ${JSON.stringify(url.host)}`;
}

interface State {
  readonly state: string;
  readonly hint?: string;
  /** Whether another try cannot help. */
  readonly isFinal?: boolean;
}

const NETWORK = 'Check the host name, the network, the firewall and HTTPS_PROXY.';
const TRUST =
  'Put its CA into /etc/docker/certs.d/HOST/ca.crt, or pass `--insecure HOST` if you know the host.';
const PLAIN = 'A registry that speaks plain http must be named by `--insecure HOST`.';
const NOT_HTTP = { state: 'what answers there does not speak HTTP', isFinal: true };
const CUT = { state: 'the connection was closed before the answer was complete' };

const STATES: Readonly<Record<string, State>> = {
  ECONNREFUSED: { state: 'connection refused', hint: NETWORK },
  // A resolver's final word; where it cannot tell now it says EAI_AGAIN.
  ENOTFOUND: { state: 'the host name is not known', hint: NETWORK, isFinal: true },
  EAI_AGAIN: { state: 'the host name cannot be looked up now', hint: NETWORK },
  EHOSTUNREACH: { state: 'there is no route to the host', hint: NETWORK },
  ENETUNREACH: { state: 'there is no route to its network', hint: NETWORK },
  ETIMEDOUT: { state: 'no connection in time', hint: NETWORK },
  UND_ERR_CONNECT_TIMEOUT: { state: 'no connection in time', hint: NETWORK },
  ECONNRESET: CUT,
  EPIPE: CUT,
  UND_ERR_SOCKET: CUT,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: CUT,
  UND_ERR_HEADERS_OVERFLOW: { state: 'the head of its answer is too long', isFinal: true },
  CERT_HAS_EXPIRED: { state: 'its certificate has expired', isFinal: true },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    state: 'its certificate is for another host name',
    isFinal: true,
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted('its certificate is self-signed'),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted('its certificate is signed by a CA that is not trusted'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted('its certificate is signed by an unknown CA'),
  UNABLE_TO_GET_ISSUER_CERT: untrusted('its certificate is signed by an unknown CA'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted('its certificate is signed by an unknown CA'),
  ERR_SSL_WRONG_VERSION_NUMBER: { state: 'it does not speak TLS', hint: PLAIN, isFinal: true },
  ERR_SSL_PACKET_LENGTH_TOO_LONG: { state: 'it does not speak TLS', hint: PLAIN, isFinal: true },
};

function untrusted(state: string): State {
  return { state, hint: TRUST, isFinal: true };
}

function stateOf(error: unknown): State {
  const code = codeOf(error);
  const known = STATES[code];
  if (known !== undefined) return known;
  if (error instanceof Error && error.name === 'HTTPParserError') return stateOfParser(error);
  const said = messageOf(error);
  const status = /^Proxy response \((\d+)\)/.exec(said)?.[1];
  if (status !== undefined) return proxyState(status);
  // Alerts of the other side, and everything else about TLS.
  const isTls = code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO';
  return { state: tidy(said) || code || 'the connection failed', isFinal: isTls };
}

/** What a proxy answered when it was asked for a tunnel. */
function proxyState(status: string): State {
  const hint =
    status === '407'
      ? 'The proxy asks for a login: put it into HTTPS_PROXY.'
      : 'Check HTTPS_PROXY and NO_PROXY.';
  return { state: `the proxy answered with ${status}`, hint, isFinal: status.startsWith('4') };
}

/** Undici's parser tells an end that came too early from bytes that make no sense only by having none of these. */
function stateOfParser(error: Error): State {
  if ('data' in error && error.data === '') return CUT;
  if (error.message.includes('Expected HTTP/')) return NOT_HTTP;
  return { state: 'the answer is not what HTTP allows' };
}

/** The code of an error, or of the first of those that it stands for. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return '';
}
