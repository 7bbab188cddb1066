// Names that are not UTF-8: never another file than the one that is meant.
import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { legacyArchive } from '../support/archives.ts';
import { processPlace } from './cli.ts';

const isLinux = process.platform === 'linux';

describe.runIf(isLinux)('bytes that are not UTF-8', () => {
  it.each([
    '-o ./$X.tar',
    '-o oci:$X',
    '-t "$X"',
    '-o y.tar --iidfile $X',
  ])('in an argument are refused: %s', async (options) => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), legacyArchive([{}]));
    const script = `X=$(printf 'o\\377'); "$0" "$@" flatten x.tar ${options}`;
    const { code, stderr } = await place.run([], { under: ['sh', '-c', script] });
    expect([code, stderr]).toEqual([2, expect.stringContaining('bytes that are not UTF-8')]);
    expect(place.names()).toEqual(['x.tar']);
  });

  it('in the working folder do not matter', async () => {
    using place = processPlace();
    writeFileSync(place.path('x.tar'), legacyArchive([{}]));
    const script = `mkdir "$(printf 'f\\377')"; cd "$(printf 'f\\377')"; mv ../x.tar .;
      "$0" "$@" flatten x.tar -o y.tar --iidfile id -q && "$0" "$@" flatten y.tar -o oci:lay -q; mv * ..`;
    const { code, stderr } = await place.run([], { under: ['sh', '-c', script] });
    expect([code, stderr.includes('Cannot')], stderr).toEqual([0, false]);
    expect(readdirSync(place.folder)).toEqual(
      expect.arrayContaining(['id', 'lay', 'x.tar', 'y.tar']),
    );
  });
});
