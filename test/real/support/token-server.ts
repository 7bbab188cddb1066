// A token server for the registry of Debian (distribution, "Token Authentication Specification"): JWTs signed by a
// certificate whose authority the registry trusts.
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeCertificates } from '../../support/certificates.ts';

/** A started token server. */
export interface RunningTokenServer extends AsyncDisposable {
  /** The `auth` part of a registry's configuration. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** How many tokens it gave. */
  given(): number;
}

const SERVICE = 'shipper-registry';
const ISSUER = 'shipper-tokens';

/** Starts one that knows one user. `lifeSeconds` is for how long its tokens are good. */
export async function startTokenServer(
  login: { readonly user: string; readonly password: string },
  lifeSeconds: number,
): Promise<RunningTokenServer> {
  const { ca, cert, key } = makeCertificates();
  // Not in /tmp: parts have one of their own.
  const folder = mkdtempSync('/var/tmp/shipper-tokens-');
  const bundle = join(folder, 'ca.pem');
  writeFileSync(bundle, ca);
  const x5c = [new X509Certificate(cert).raw.toString('base64')];
  const wanted = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  let given = 0;
  const tokenFor = (request: IncomingMessage): string => {
    given += 1;
    const { searchParams } = new URL(request.url ?? '/', 'http://x');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: ISSUER,
      sub: login.user,
      aud: SERVICE,
      exp: now + lifeSeconds,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access: searchParams.getAll('scope').flatMap(accessOf),
    };
    const text = `${encode({ typ: 'JWT', alg: 'ES256', x5c })}.${encode(claims)}`;
    const options = { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' } as const;
    return `${text}.${sign('sha256', Buffer.from(text), options).toString('base64url')}`;
  };
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === wanted;
    response.writeHead(isKnown ? 200 : 401, { 'Content-Type': 'application/json' });
    const answer = isKnown ? { token: tokenFor(request), expires_in: lifeSeconds } : {};
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return {
    auth: { token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle: bundle } },
    given: () => given,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      rmSync(folder, { recursive: true });
    },
  };
}

function accessOf(scopes: string): readonly object[] {
  return scopes.split(' ').map((scope) => {
    const [type, name, actions = ''] = scope.split(':');
    return { type, name, actions: actions.split(',') };
  });
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
