// Certificates for tests, made by openssl where it is there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether certificates can be made. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** PEM texts: an authority, and what a server shows that it has signed. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes an authority and a certificate for 127.0.0.1, localhost and `hosts`. */
export function makeCertificates(...hosts: readonly string[]): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'shipper-certs-'));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const request = ['-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server'];
  try {
    openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca');
    openssl('req', ...newKey, ...request);
    const names = ['127.0.0.1', 'localhost', ...hosts].map((host) =>
      /^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`,
    );
    writeFileSync(join(folder, 'ext'), `subjectAltName=${names.join(',')}\n`);
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'ext'];
    openssl('x509', '-req', '-in', 'server.csr', ...ca, '-out', 'server.pem');
    return { ca: read('ca.pem'), cert: read('server.pem'), key: read('server.key') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
