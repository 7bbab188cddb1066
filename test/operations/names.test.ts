// Where a result goes and what it is called when the user says less than everything (`product.md`, Commands).
import { symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-code.ts';
import { flatName, flatPath, recordedName } from '../../src/operations/names.ts';
import {
  type BareName,
  type Location,
  parseDestination,
  parseLocation,
} from '../../src/transport/location.ts';
import {
  type ImageSpec,
  legacyArchive,
  namedLayout,
  ociArchive,
  ociMembers,
  writeMembers,
} from '../support/archives.ts';
import { refusalOf, workplace } from './workplace.ts';

describe('names', () => {
  it.each([
    ['app', 'app-flat'],
    ['app:1', 'app:1-flat'],
    ['reg.example:5000/x/app:1', 'reg.example:5000/x/app:1-flat'],
    ['reg.example:5000/x/app', 'reg.example:5000/x/app:latest-flat'],
    ['docker.io/library/app:1', 'app:1-flat'],
  ])('flatName(%s) is %s', (name, flat) => {
    expect(flatName(name)).toBe(flat);
  });

  it('refuses to extend a digest, and a tag that has no room', () => {
    expect(() => flatName(`app@sha256:${'0'.repeat(64)}`)).toThrow(
      'has no tag that could be extended',
    );
    expect(() => flatName(`app:${'t'.repeat(124)}`)).toThrow('has no tag that could be extended');
    expect(flatName(`app:${'t'.repeat(123)}`)).toHaveLength(4 + 128);
  });

  it('recordedName() extends a name once', () => {
    expect([recordedName('app:1'), recordedName('app:1-flat')]).toEqual([
      'app:1-flat',
      'app:1-flat',
    ]);
  });

  it('recordedName() takes any text that others have recorded', () => {
    const names = ['My App:1', '../../etc/passwd', 'v1 (final)', `app@sha256:${'0'.repeat(64)}`];
    expect(names.map(recordedName)).toEqual(names.map((name) => `${name}-flat`));
  });

  it.each([
    ['x.tar', 'x-flat.tar'],
    ['a/b.c/x.tar.gz', 'a/b.c/x-flat.tar'],
    ['x.tgz', 'x-flat.tar'],
    ['x.tar.zst', 'x-flat.tar'],
    ['./x', './x-flat.tar'],
  ])('flatPath(%s) is %s', (path, flat) => {
    expect(flatPath(path)).toBe(flat);
  });
});

describe('parseLocation()', () => {
  const none = undefined;
  const LOCATIONS: readonly (readonly [text: string, location: Location | BareName])[] = [
    ['-', { kind: 'stdio' }],
    ['docker-daemon:app:1', { kind: 'docker-daemon', reference: 'app:1' }],
    ['docker://reg.example/app:1', { kind: 'docker', reference: 'reg.example/app:1' }],
    ['docker-archive:x.tar', { kind: 'docker-archive', path: 'x.tar', reference: none }],
    [
      'docker-archive:/a/x.tar:app:1',
      { kind: 'docker-archive', path: '/a/x.tar', reference: 'app:1' },
    ],
    ['docker-archive:x.tar:@2', { kind: 'docker-archive', path: 'x.tar', reference: '@2' }],
    ['docker-archive:x.tar:', { kind: 'docker-archive', path: 'x.tar', reference: none }],
    ['oci:dir:reg:5000/app:1', { kind: 'oci', path: 'dir', reference: 'reg:5000/app:1' }],
    ['oci-archive:x.tar', { kind: 'oci-archive', path: 'x.tar', reference: none }],
    ['x.tar', { kind: 'path', path: 'x.tar' }],
    ['x.tar.gz', { kind: 'path', path: 'x.tar.gz' }],
    ['x.tgz', { kind: 'path', path: 'x.tgz' }],
    ['x.tar.zst', { kind: 'path', path: 'x.tar.zst' }],
    ['./app', { kind: 'path', path: './app' }],
    ['../app', { kind: 'path', path: '../app' }],
    ['/no/such', { kind: 'path', path: '/no/such' }],
    ['layouts/app', { kind: 'path', path: 'layouts/app' }],
    ['layouts/other', { kind: 'name', reference: 'layouts/other' }],
    // A folder of that name stands there, and does not hide the image.
    ['layouts', { kind: 'name', reference: 'layouts' }],
    ['app', { kind: 'name', reference: 'app' }],
    ['reg.example/app:1', { kind: 'name', reference: 'reg.example/app:1' }],
  ];
  it.each(LOCATIONS)('%s', async (text, location) => {
    using place = workplace();
    writeMembers(place.folder, [['layouts/app/x', '']]);
    expect(await parseLocation(place.system, text)).toEqual(location);
  });

  it.each([
    '',
    'docker-daemon:',
    'docker://',
    'docker-archive:',
    'docker-archive::app',
    'oci:',
  ])('%j names nothing', async (text) => {
    using place = workplace();
    await expect(parseLocation(place.system, text)).rejects.toMatchObject({
      code: 'BAD_REFERENCE',
    });
  });

  it('parseDestination() takes a bare name for one of the engine', async () => {
    using place = workplace();
    const engine = { kind: 'docker-daemon', reference: 'app:1' };
    expect(await parseDestination(place.system, 'app:1')).toEqual(engine);
  });
});

describe('destinations', () => {
  type Row = readonly [
    what: string,
    request: Parameters<ReturnType<typeof workplace>['flatten']>[0],
    outputs: readonly string[],
    tags: readonly string[],
  ];
  const ROWS: readonly Row[] = [
    ['an archive goes beside itself', { source: 'x.tar' }, ['x-flat.tar'], ['app:1-flat']],
    ['-o says where', { source: 'x.tar', outputs: ['y.tar'] }, ['y.tar'], ['app:1-flat']],
    ['-t records a name', { source: 'x.tar', tags: ['new:2'] }, ['x-flat.tar'], ['new:2']],
    [
      '-t and -o',
      { source: 'x.tar', tags: ['a', 'b:2'], outputs: ['y.tar'] },
      ['y.tar'],
      ['a:latest', 'b:2'],
    ],
    [
      '-t with a prefix is a place',
      { source: 'x.tar', tags: ['oci:out:app'] },
      ['oci:out:app'],
      ['app'],
    ],
    [
      'several copies',
      { source: 'x.tar', outputs: ['y.tar', 'oci:out', 'oci-archive:z.tar:zed'] },
      ['y.tar', 'oci:out', 'oci-archive:z.tar:zed'],
      ['app:1-flat', 'zed'],
    ],
    ['in place', { source: 'x.tar', inPlace: true }, ['x.tar'], ['app:1']],
    ['a layout path goes beside itself', { source: './lay' }, ['oci:./lay-flat'], ['app:1-flat']],
    [
      'an image of a layout stays in it',
      { source: 'oci:lay:app:1' },
      ['oci:lay:app:1-flat'],
      ['app:1-flat'],
    ],
    [
      'a tag of a layout stays in it',
      { source: 'oci:lay:app:1', tags: ['two'] },
      ['oci:lay:two'],
      ['two'],
    ],
    [
      'an explicit kind stays',
      { source: 'docker-archive:x.tar' },
      ['docker-archive:x-flat.tar'],
      ['app:1-flat'],
    ],
  ];
  it.each(ROWS)('%s', async (_what, request, outputs, tags) => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    writeMembers(place.path('lay'), ociMembers([{}]));
    const report = await place.flatten(request);
    expect([report.outputs, report.tags]).toEqual([outputs, tags]);
    const [first = ''] = outputs;
    const { same } = await place.verify(first, 'oci:lay:app:1');
    expect([same, place.leftovers()]).toEqual([true, []]);
  });

  const CONFLICTS: readonly (readonly [
    what: string,
    request: Row[1],
    code: string,
    line: string,
  ])[] = [
    [
      'the source itself',
      { source: 'x.tar', outputs: ['./x.tar'] },
      'OUTPUT_CONFLICT',
      'Cannot write ./x.tar: it is the source itself',
    ],
    [
      'the source by another name',
      { source: 'x.tar', outputs: ['docker-archive:y/../x.tar'] },
      'OUTPUT_CONFLICT',
      'Cannot write docker-archive:y/../x.tar: it is the source itself',
    ],
    [
      'the source through a link',
      { source: 'x.tar', outputs: ['link.tar'] },
      'OUTPUT_CONFLICT',
      'Cannot write link.tar: it is the source itself',
    ],
    [
      'the own tag in a layout',
      { source: 'oci:lay:app:1', outputs: ['oci:./lay/:app:1'] },
      'OUTPUT_CONFLICT',
      'Cannot write oci:./lay/:app:1: it is the source itself',
    ],
    [
      'one place twice',
      { source: 'x.tar', outputs: ['y.tar', 'y.tar'] },
      'USAGE',
      'Cannot write y.tar twice',
    ],
    [
      'a folder',
      { source: 'x.tar', outputs: ['./lay'] },
      'OUTPUT_CONFLICT',
      'Cannot write ./lay: it is a folder',
    ],
    [
      'a folder that is no layout',
      { source: 'x.tar', outputs: ['oci:y'] },
      'OUTPUT_CONFLICT',
      'Cannot write oci:y: the folder is not empty and no OCI layout',
    ],
    [
      'a file where a layout should be',
      { source: 'x.tar', outputs: ['oci:y/z'] },
      'OUTPUT_CONFLICT',
      'Cannot write oci:y/z: there is a file of that name',
    ],
    [
      'a device',
      { source: 'x.tar', outputs: ['/dev/null'] },
      'OUTPUT_CONFLICT',
      'Cannot write /dev/null: it is no plain file',
    ],
    [
      'a name that promises compression',
      { source: 'x.tar', outputs: ['y.tar.gz'] },
      'USAGE',
      'Cannot write y.tar.gz: archives are not compressed as a whole',
    ],
    [
      'a folder that is not there',
      { source: 'x.tar', outputs: ['no/y.tar'] },
      'NOT_FOUND',
      'Cannot write no/y.tar: there is no folder /',
    ],
    [
      'to replace an archive of two by one',
      { source: 'docker-archive:two.tar:a:1', inPlace: true },
      'OUTPUT_CONFLICT',
      'Cannot replace docker-archive:two.tar: it holds 2 images, of which the result is one',
    ],
    [
      'to replace an OCI archive of two by one',
      { source: 'oci-archive:oci-two.tar:a:1', inPlace: true },
      'OUTPUT_CONFLICT',
      'Cannot replace oci-archive:oci-two.tar: it holds 2 images, of which the result is one',
    ],
    [
      'to replace an archive of two by its path',
      { source: 'oci-archive:oci-two.tar:@1', outputs: ['oci-two.tar'], inPlace: true },
      'OUTPUT_CONFLICT',
      'Cannot replace oci-two.tar: it holds 2 images',
    ],
    [
      'the own name in a layout, when a part of it chose the image',
      { source: 'oci:full:1', outputs: ['oci:full:docker.io/library/app:1'] },
      'OUTPUT_CONFLICT',
      'Cannot write oci:full:docker.io/library/app:1: it is the source itself',
    ],
    [
      'to name the result of a folder that is named by its place',
      { source: '.' },
      'USAGE',
      'Cannot name the result: "." has no name that could be extended',
    ],
    [
      'the same one folder up',
      { source: 'lay/../' },
      'USAGE',
      'Cannot name the result: "lay/../" has no name that could be extended',
    ],
    [
      'a layout in a folder that is not there',
      { source: 'x.tar', outputs: ['oci:no/y'] },
      'NOT_FOUND',
      'Cannot write oci:no/y: there is no folder',
    ],
    [
      'stdin without a name',
      { source: '-' },
      'BAD_ARCHIVE',
      'Cannot open standard input: it is empty',
    ],
    [
      'a name that docker would not load',
      { source: 'x.tar', tags: ['APP:1'], outputs: ['y.tar'] },
      'BAD_REFERENCE',
      'Cannot use reference "APP:1": the repository name must be lowercase',
    ],
    [
      'a folder that is none yet',
      { source: 'x.tar', outputs: ['new.tar/'] },
      'OUTPUT_CONFLICT',
      'Cannot write new.tar/: it is a folder',
    ],
    [
      'a day that there is not',
      { source: 'x.tar', timestamp: '2026-02-31T00:00:00Z' },
      'USAGE',
      'Cannot use --timestamp "2026-02-31T00:00:00Z"',
    ],
    [
      'verify of stdout',
      { source: 'x.tar', outputs: ['-'], verify: true },
      'USAGE',
      'Cannot verify standard output',
    ],
    [
      'verify of stdout by its other name',
      { source: 'x.tar', outputs: ['docker-archive:-'], verify: true },
      'USAGE',
      'Cannot verify standard output',
    ],
    [
      'stdout twice',
      { source: 'x.tar', outputs: ['-', 'docker-archive:-'] },
      'USAGE',
      'Cannot write - twice',
    ],
    ['a source that is not there', { source: 'no.tar' }, 'NOT_FOUND', 'Cannot open'],
  ];
  it.each(CONFLICTS)('refuses %s', async (_what, request, code, line) => {
    using place = workplace({ stdio: noStdio() });
    place.write('x.tar', legacyArchive([{}]));
    symlinkSync('x.tar', place.path('link.tar'));
    writeMembers(place.folder, [['y/z', 'something']]);
    writeMembers(place.path('lay'), ociMembers([{}]));
    writeMembers(place.path('full'), namedLayout([{ full: 'docker.io/library/app:1', ref: '1' }]));
    if (request.source.startsWith('.') || request.source.endsWith('/'))
      writeMembers(place.folder, ociMembers([{}]));
    const two: ImageSpec[] = [{ tags: ['a:1'] }, { tags: ['b:1'], layers: 'c=3' }];
    place.write('two.tar', legacyArchive(two));
    place.write('oci-two.tar', ociArchive(two));
    const before = place.read('x.tar');
    const error = await place.refusal(request);
    expect(error.code).toBe(code);
    expect(error.message).toContain(line);
    expect(place.read('x.tar').equals(before)).toBe(true);
  });

  it('a folder that is not there shows before the layers are read', async () => {
    using place = workplace();
    const diffIds = [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`];
    place.write('x.tar', legacyArchive([{ diffIds }]));
    const error = await place.refusal({ source: 'x.tar', outputs: ['no/x.tar'] });
    expect([error.code, error.details.path]).toEqual(['NOT_FOUND', place.path('no')]);
  });

  it('an archive of one image under several names is replaced in place', async () => {
    using place = workplace();
    place.write('x.tar', ociArchive([{ tags: ['a:1', 'b:1'] }]));
    await place.flatten({ source: 'x.tar', inPlace: true });
    expect((await place.inspect('x.tar')).platforms[0]?.layers).toHaveLength(1);
  });

  it('what fails after the first result says what is written already', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    writeMembers(place.path('lay'), [...ociMembers([{}]), ['index.json', 'broken']]);
    const outputs = ['y.tar', 'oci-archive:z.tar:a', 'oci:lay:app'];
    const error = await refusalOf(() => place.flatten({ source: 'x.tar', outputs }));
    expect([error.code, exitCodeOf(error)]).toEqual(['PARTIAL', 3]);
    expect(error.message).toMatch(/^Cannot .*; already written: y\.tar, oci-archive:z\.tar:a$/);
    expect(place.names()).toEqual(expect.arrayContaining(['y.tar', 'z.tar']));
    expect(place.leftovers()).toEqual([]);
  });

  it('an existing output is as it was after a failure, whatever it is', async () => {
    using place = workplace();
    place.write(
      'x.tar',
      ociArchive([{ diffIds: [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`] }]),
    );
    place.write('y.tar', 'the old one');
    writeMembers(place.path('lay'), ociMembers([{}]));
    const before = place.names().filter((name) => name.startsWith('lay/b') && name.length > 20);
    await place.refusal({ source: 'x.tar', outputs: ['y.tar', 'oci:lay:app:1', 'oci:new'] });
    expect(place.read('y.tar').toString()).toBe('the old one');
    expect(place.names().filter((name) => name.startsWith('lay/b') && name.length > 20)).toEqual(
      before,
    );
  });
});

function noStdio(): ReturnType<typeof workplace>['system']['stdio'] {
  return {
    async *stdin() {},
    writeOut: async () => undefined,
    writeErr: () => undefined,
    stdinIsTTY: false,
    stdoutIsTTY: false,
    stderrIsTTY: false,
    columns: () => 80,
  };
}
