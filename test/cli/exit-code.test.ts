import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodeOfSignal } from '../../src/cli/exit-code.ts';
import { ERROR_CODES, type ErrorCode, ShipperError } from '../../src/core/errors.ts';
import { differingReport, flattenReport } from '../report/samples.ts';
import { runLine } from './terminal.ts';

const NOT_ONE: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: 2,
  BAD_CONFIG: 2,
  BAD_REFERENCE: 2,
  PARTIAL: 3,
  POLICY: 4,
  LOCKED: 5,
};
const NOT_ONE_IN_VERIFY: Readonly<Partial<Record<ErrorCode, number>>> = { USAGE: 2 };
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

describe('exitCodeOf()', () => {
  it.each(CODES)('gives %s its row', (code) => {
    const error = new ShipperError(code, 'Cannot go on: a test');
    expect(exitCodeOf(error, 'flatten')).toBe(NOT_ONE[code] ?? 1);
    expect(exitCodeOf(error, 'inspect')).toBe(NOT_ONE[code] ?? 1);
    expect(exitCodeOf(error, 'verify')).toBe(NOT_ONE_IN_VERIFY[code] ?? 1);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGNONSENSE', 1],
    [undefined, 1],
  ])('gives an interruption by %s %d', (signal, code) => {
    expect(exitCodeOfSignal(signal)).toBe(code);
    const details = signal === undefined ? {} : { interruptedBy: signal };
    expect(exitCodeOf(new ShipperError('INTERRUPTED', 'x', details))).toBe(code);
  });

  it('gives anything else 1', () => {
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
    expect(exitCodeOf('x')).toBe(1);
  });
});

describe('the exit code of a command', () => {
  it('is 4 where verify finds a difference, with the report on stdout', async () => {
    const { code, out, err } = await runLine(['verify', 'a', 'b'], {
      operations: { verifyImages: async () => differingReport() },
    });
    expect(code).toBe(4);
    expect(out).toContain('/etc/passwd');
    expect(err).toBe('');
  });

  it('is 4 where --verify finds that the output is not the source', async () => {
    const { code, out } = await runLine(['flatten', 'a', '--verify'], {
      operations: { flattenImage: async () => flattenReport({ verified: false }) },
    });
    expect(code).toBe(4);
    expect(out).toContain('NOT the same');
  });

  it('is 1 where verify cannot open an image', async () => {
    const error = new ShipperError('BAD_REFERENCE', 'Cannot use reference "A:B": no');
    const fails = async () => {
      throw error;
    };
    const failing = { operations: { verifyImages: fails, flattenImage: fails } };
    expect((await runLine(['verify', 'A:B', 'b'], failing)).code).toBe(1);
    expect((await runLine(['flatten', 'A:B'], failing)).code).toBe(2);
  });
});
