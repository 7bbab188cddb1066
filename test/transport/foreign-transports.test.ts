// Transports of skopeo that are not ours, and image names that look like them.
import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-code.ts';
import { foreignHint } from '../../src/transport/foreign-transports.ts';
import { parseLocation } from '../../src/transport/location.ts';
import { refusalOf, workplace } from '../operations/workplace.ts';
import { legacyArchive } from '../support/archives.ts';

describe('a transport of skopeo that shipper does not speak', () => {
  it.each([
    ['dir:/var/tmp/x', 'dir'],
    ['dir:./x', 'dir'],
    ['dir:~/x', 'dir'],
    ['dir:x/y', 'dir'],
    ['dir:', 'dir'],
    ['containers-storage:app:1', 'containers-storage'],
    ['containers-storage:[overlay@/var/lib/containers]app:1', 'containers-storage'],
    ['containers-storage:docker.io/library/app:1', 'containers-storage'],
    ['ostree:app@/repo', 'ostree'],
    ['sif:/x.sif', 'sif'],
    ['tarball:/x.tar', 'tarball'],
    ['atomic:host/ns/app:1', 'atomic'],
  ])('%s is refused, with what to do', async (text, transport) => {
    using place = workplace();
    mkdirSync(place.path('dir:x'));
    const error = await refusalOf(() => parseLocation(place.system, text));
    expect([error.code, exitCodeOf(error), error.message]).toEqual([
      'BAD_REFERENCE',
      2,
      `Cannot use ${JSON.stringify(text)}: the transport ${transport}: is not one of shipper`,
    ]);
    expect(error.hint).toContain(`skopeo copy ${text} oci:FOLDER:NAME`);
  });

  it('is refused as an output and as a name', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    for (const request of [{ outputs: ['dir:/x'] }, { outputs: ['y.tar'], tags: ['dir:/x'] }]) {
      const error = await place.refusal({ source: 'x.tar', ...request });
      expect(error.message).toContain('the transport dir: is not one of shipper');
    }
  });
});

describe('a proper image name', () => {
  it.each([
    'dir:latest',
    'dir',
    'dir:5000/app',
    'sif:1.0',
    `tarball:x@sha256:${'a'.repeat(64)}`,
  ])('%s stays one', async (text) => {
    using place = workplace();
    expect(await parseLocation(place.system, text)).toEqual({
      kind: 'name',
      reference: text,
    });
  });

  it('that no engine has gets both readings told', () => {
    expect(foreignHint('dir:latest')).toMatch(
      /^It was taken for an image .* skopeo copy dir:latest/,
    );
    expect(foreignHint('app:latest')).toBeUndefined();
  });
});
