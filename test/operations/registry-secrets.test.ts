// Logins never show: not in what is printed, whatever goes wrong, not with --debug or --json, and no other origin gets them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { putImage } from '../support/registry-images.ts';
import type { FakeAuth, RegistryFault, RegistryOperation } from '../support/registry-server.ts';
import { type RegistryPlace, registryPlace } from './registry-place.ts';

const USER = 'planted-user';
const PASSWORD = 'planted-pass:word';
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
const SIGNATURE = 'planted-signature';

const AUTHS: readonly FakeAuth[] = [
  { kind: 'basic', user: USER, password: PASSWORD },
  { kind: 'token', login: { user: USER, password: PASSWORD } },
];

/** Every secret of the run: the login, and the tokens that were sent. */
function secretsOf(its: RegistryPlace): string[] {
  const sent = its.fake.requests.map(({ headers }) => headers.authorization ?? '');
  const tokens = sent.map((value) => value.replace(/^\w+ /, '')).filter((value) => value !== '');
  return [...new Set([PASSWORD, BASIC, SIGNATURE, ...tokens])];
}

type Row = readonly [RegistryOperation, RegistryFault];

/** The registry says the login back. */
const ECHOES: readonly Row[] = [
  ['manifest.put', { kind: 'status', status: 403, body: `you sent Basic ${BASIC}, ${PASSWORD}` }],
  ['upload.start', { kind: 'status', status: 500, body: `{"errors":[{"message":"${PASSWORD}"}]}` }],
];

const FAULTS: readonly Row[] = [
  ['blob.get', { kind: 'redirect', to: `http://127.0.0.1:1/x?sig=${SIGNATURE}` }],
  ['blob.get', { kind: 'cut', afterBytes: 3 }],
];

describe.each(AUTHS)('with $kind', (auth) => {
  // What was not sent cannot be told from other words: a registry behind tokens never sees the login.
  const faults = auth.kind === 'basic' ? [...ECHOES, ...FAULTS] : FAULTS;
  it.each(faults)('nothing shows when %s fails', async (operation, fault) => {
    await using its = await registryPlace({ auth });
    putImage(its.repository('app'), '1', { layers: 'a=1 | b=2', wrap: 'gzip' });
    its.fake.fault(operation, fault, 50);
    for (const more of [[], ['--debug'], ['--json']]) {
      const call = ['flatten', its.at('app:1'), '--creds', `${USER}:${PASSWORD}`, ...more];
      const ran = await its.run(...call);
      expect(ran.code).toBe(1);
      for (const secret of secretsOf(its)) expect(ran.out + ran.err).not.toContain(secret);
      its.fake.clearFaults();
      its.fake.fault(operation, fault, 50);
    }
  });

  it('a store elsewhere gets the request without the login', async () => {
    await using its = await registryPlace({ auth });
    putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
    its.fake.fault('blob.get', { kind: 'redirect', to: 'elsewhere' }, 9);
    const ran = await its.run('flatten', its.at('app:1'), '--creds', `${USER}:${PASSWORD}`);
    expect(ran).toMatchObject({ code: 0 });
    const there = its.fake.requests.filter(({ origin }) => origin === 'elsewhere');
    expect(there.length).toBeGreaterThan(0);
    for (const { headers } of there) expect(headers.authorization).toBeUndefined();
  });

  it('config.json is read, and its login shows nowhere', async () => {
    await using its = await registryPlace({ auth });
    putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
    const config = its.place.path('config');
    mkdirSync(config);
    const auths = { [its.fake.address]: { auth: BASIC } };
    writeFileSync(`${config}/config.json`, JSON.stringify({ auths }));
    const env = { DOCKER_CONFIG: config };
    const system = { ...its.place.system, env };
    const { flatten } = await import('../../src/library.ts');
    const events: unknown[] = [];
    const report = await flatten(
      { source: its.at('app:1') },
      { system, report: (event) => void events.push(event) },
    );
    const shown = JSON.stringify([report, events]);
    for (const secret of secretsOf(its)) expect(shown).not.toContain(secret);
    expect(its.repository('app').tags.has('1-flat')).toBe(true);
  });

  it('a wrong login: exit code 1, one line, nothing pushed', async () => {
    await using its = await registryPlace({ auth });
    putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
    const ran = await its.failing('flatten', its.at('app:1'), '--creds', `${USER}:planted-wrong`);
    expect(ran.code).toBe(1);
    expect(ran.line).toContain(its.fake.address);
    expect(ran.err).not.toContain('planted-wrong');
    expect(its.fake.count('upload.start')).toBe(0);
    expect(its.fake.requests.length).toBeLessThan(12);
  });
});

it('a token that ends in the middle of an upload is renewed, and the upload goes on (R8)', async () => {
  const login = { user: USER, password: PASSWORD };
  await using its = await registryPlace({ auth: { kind: 'token', login } });
  putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
  its.fake.fault('upload.patch', { kind: 'expireTokens' });
  const ran = await its.run('flatten', its.at('app:1'), '--creds', `${USER}:${PASSWORD}`);
  expect(ran).toMatchObject({ code: 0, err: '' });
});
