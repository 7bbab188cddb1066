// The command lines of copy and tag: the requests that they make, and what they answer.
import { describe, expect, it } from 'vitest';
import { digest } from '../report/samples.ts';
import { runLine } from './terminal.ts';

async function requestOf(line: string): Promise<unknown> {
  const { terminal, code, err } = await runLine(line.split(' '));
  expect([code, err]).toEqual([0, '']);
  return terminal.calls[0]?.[1];
}

describe('shipper copy', () => {
  it('makes a request of every option', async () => {
    expect(await requestOf('copy a b')).toEqual({ source: 'a', destination: 'b' });
    const line =
      'copy docker://a oci:b:c --platform linux/arm64 --attestations drop --compression none --preserve-digests --allow-nondistributable --jobs 3 --dry-run --context x --insecure h:5000';
    expect(await requestOf(line)).toEqual({
      source: 'docker://a',
      destination: 'oci:b:c',
      platform: 'linux/arm64',
      attestations: 'drop',
      compression: { kind: 'none' },
      preserveDigests: true,
      allowNondistributable: true,
      jobs: 3,
      dryRun: true,
      context: 'x',
      insecure: ['h:5000'],
    });
  });

  it('prints the digest with --quiet, and writes it to --digestfile', async () => {
    expect((await runLine(['copy', 'a', 'b', '-q'])).out).toBe(`${digest('d')}\n`);
    const { terminal } = await runLine(['copy', 'a', 'b', '--digestfile', '/work/d']);
    expect([...terminal.files.values()]).toContain(digest('d'));
  });

  it('leaves stdout to the archive', async () => {
    const { out, err } = await runLine(['copy', 'a', '-']);
    expect([out, err.startsWith('Copied ')]).toEqual(['', true]);
  });

  it.each([
    ['copy a', 'Cannot run shipper copy: DEST is missing'],
    ['copy a b c', 'Cannot run shipper copy: 3 arguments were given, 2 expected'],
    [
      'copy a - --json',
      'Cannot combine --json with an archive on stdout: both would be written there',
    ],
    [
      'copy a b --dry-run --digestfile x',
      'Cannot combine --dry-run with --digestfile: nothing is written',
    ],
    ['tag a', 'Cannot run shipper tag: NAME is missing'],
  ])('%s is refused', async (line, message) => {
    const { code, err } = await runLine(line.split(' '));
    expect([code, err.split('\n')[0]]).toEqual([2, `shipper: ${message}`]);
  });
});

describe('shipper tag', () => {
  it('takes any number of names', async () => {
    expect(await requestOf('tag app:1 2 r/app:3 stable --dry-run')).toEqual({
      source: 'app:1',
      names: ['2', 'r/app:3', 'stable'],
      dryRun: true,
    });
  });

  it('prints the digest with --quiet, and JSON', async () => {
    expect((await runLine(['tag', 'a', 'b', '-q'])).out).toBe(`${digest('c')}\n`);
    const { out } = await runLine(['tag', 'a', 'b', '--json']);
    expect(JSON.parse(out).names[1].before).toBe(digest('e'));
  });
});
