import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { tidy } from '../../src/core/tidy.ts';
import { connectionFailure, reasonOf } from '../../src/engine/failures.ts';

const DOING = { action: 'read image "a" from the engine', endpoint: 'tcp://h:1', path: '/x' };

function coded(code: string, message: string = code): Error {
  return Object.assign(new Error(message), { code });
}

describe('connectionFailure()', () => {
  const UNREACHABLE: readonly (readonly [unknown, RegExp, RegExp])[] = [
    [coded('ECONNREFUSED'), /connection refused$/, /Is the daemon running/],
    [coded('ENOENT'), /the socket is not there$/, /Is the daemon running/],
    [coded('EACCES'), /permission denied$/, /"docker" group/],
    [coded('ENOTFOUND'), /host name is unknown$/, /network/],
    [new AggregateError([coded('ECONNREFUSED')]), /connection refused$/, /running/],
    [coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed'), /certificate is not accepted/, /ca\.pem/],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), /certificate is not accepted/, /ca\.pem/],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), /TLS failed/, /speaks TLS/],
    [coded('HPE_INVALID_CONSTANT'), /does not speak HTTP$/, /DOCKER_TLS_VERIFY/],
    [new ShipperError('IO', 'Cannot run ssh: no'), /Cannot run ssh: no$/, /dial-stdio/],
  ];
  it.each(UNREACHABLE)('makes %s ENGINE_UNREACHABLE', (thrown, message, hint) => {
    const error = connectionFailure(thrown, DOING);
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toMatch(/^Cannot reach the engine at tcp:\/\/h:1: /);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(error.details).toMatchObject({ host: 'tcp://h:1', path: '/x' });
  });

  it.each([
    coded('ECONNRESET', 'aborted'),
    coded('EPIPE'),
    new Error('socket hang up'),
  ])('makes %s a cut connection that may be tried again', (thrown) => {
    const error = connectionFailure(thrown, DOING);
    expect(error.code).toBe('ENGINE');
    expect(error.retryable).toBe(true);
    expect(error.message).toBe(
      'Cannot read image "a" from the engine at tcp://h:1: the connection was closed before the answer was complete',
    );
  });

  it('passes a ShipperError of ours on, and survives what is no error', () => {
    const mine = new ShipperError('INTERRUPTED', 'stop');
    expect(connectionFailure(mine, DOING)).toBe(mine);
    expect(connectionFailure('text.', DOING).message).toMatch(/: text$/);
  });
});

describe('reasonOf()', () => {
  it.each([
    ['{"message":"No such image: a."}', 'No such image: a'],
    ['{"error":"old"}', 'old'],
    ['{"message":7}', '{"message":7}'],
    ['plain\ttext\u001b[31m\u202e', 'plain text [31m'],
    ['', 'the engine gave no reason'],
    [' \n', 'the engine gave no reason'],
  ])('of %j is %j', (body, reason) => {
    expect(reasonOf({ status: 500, body })).toBe(reason);
  });

  it('is short', () => {
    expect(tidy('x'.repeat(100_000)).length).toBe(501);
  });
});
