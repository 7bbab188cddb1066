// TLS with certificates made here, where openssl is there to make them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/engine/client.ts';
import type { Endpoint, TlsMaterial } from '../../src/engine/endpoint.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { nodeClock } from '../../src/system/node.ts';
import { type FakeEngine, startFakeEngine } from '../support/engine-server.ts';
import { failureOf, pieces, testContext } from './support.ts';

const ctx = testContext();

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasOpenssl())('an engine behind TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'engine-tls-'));
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  let fake: FakeEngine;
  let good: TlsMaterial;

  beforeAll(async () => {
    const openssl = (...args: readonly string[]) =>
      execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca');
    for (const name of ['server', 'client']) {
      openssl(
        'req',
        ...newKey,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      );
      writeFileSync(join(directory, 'ext'), 'subjectAltName=IP:127.0.0.1\n');
      const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'ext'];
      openssl('x509', '-req', '-in', `${name}.csr`, ...ca, '-out', `${name}.pem`);
    }
    fake = await startFakeEngine({
      tls: { key: read('server.key'), cert: read('server.pem'), ca: read('ca.pem') },
    });
    good = { ca: read('ca.pem'), cert: read('client.pem'), key: read('client.key'), verify: true };
  });
  afterAll(async () => {
    await fake?.stop();
    rmSync(directory, { recursive: true });
  });

  function engineWith(tls: TlsMaterial | undefined): Engine {
    const endpoint: Endpoint = {
      kind: 'tcp',
      host: '127.0.0.1',
      port: fake.port,
      basePath: '',
      tls,
    };
    const spawnDuplex = () => {
      throw new Error('no ssh here');
    };
    return connectEngine(endpoint, { env: {}, clock: nodeClock(), spawnDuplex });
  }

  it('is spoken to with the right certificates', async () => {
    await using engine = engineWith(good);
    expect((await engine.facts(ctx)).endpoint).toBe(`tcp://127.0.0.1:${fake.port}`);
    const layer = Buffer.alloc(2_048_000);
    const id = await engine.importLayer(ctx, pieces(layer), { name: 'tls:1' });
    expect((await engine.inspectImage(ctx, 'tls:1'))?.id).toBe(id);
  });

  it('is spoken to without verifying, when that is wanted', async () => {
    await using engine = engineWith({ ...good, ca: undefined, verify: false });
    expect((await engine.facts(ctx)).product).toBe('docker');
  });

  it('is refused when its certificate is not of the CA', async () => {
    await using engine = engineWith({ ...good, ca: undefined });
    const error = await failureOf(engine.facts(ctx));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toContain('certificate is not accepted');
    expect(error.hint).toContain('ca.pem');
  });

  it('refuses us without a client certificate', async () => {
    await using engine = engineWith({ ...good, cert: undefined, key: undefined });
    expect((await failureOf(engine.facts(ctx))).code).toMatch(/^ENGINE/);
  });

  it('is not taken for one that speaks plain HTTP', async () => {
    await using engine = engineWith(undefined);
    expect((await failureOf(engine.facts(ctx))).code).toMatch(/^ENGINE/);
  });

  it('refuses a broken key as ENGINE_UNREACHABLE', async () => {
    await using engine = engineWith({ ...good, key: 'no PEM' });
    expect((await failureOf(engine.facts(ctx))).code).toMatch(/^ENGINE/);
  });
});
