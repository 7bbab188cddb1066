// Symbolic links where a result goes: the file that is meant is written, and the link stays.
import { linkSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { legacyArchive, ociMembers, writeMembers } from '../support/archives.ts';
import { refusalOf, type Workplace, workplace } from './workplace.ts';

/** A workplace with an image in `x.tar` and a folder beside. */
function prepared(): Workplace {
  const place = workplace();
  place.write('x.tar', legacyArchive([{ tags: ['app:1'] }]));
  mkdirSync(place.path('far'));
  return place;
}

describe('a link as the output', () => {
  const TARGETS: readonly (readonly [what: string, target: string])[] = [
    ['relative', 'far/y.tar'],
    ['through two links', 'second.tar'],
    ['absolute', '/'],
  ];

  it.each(TARGETS)('%s: its target is written', async (_what, target) => {
    using place = prepared();
    place.write('far/y.tar', 'the old one');
    symlinkSync('far/y.tar', place.path('second.tar'));
    symlinkSync(target === '/' ? place.path('far/y.tar') : target, place.path('link.tar'));
    await place.flatten({ source: 'x.tar', outputs: ['link.tar'] });
    expect(lstatSync(place.path('link.tar')).isSymbolicLink()).toBe(true);
    expect((await place.inspect('far/y.tar')).platforms[0]?.layers).toHaveLength(1);
    expect(place.leftovers()).toEqual([]);
  });

  it('to nothing: its target is made', async () => {
    using place = prepared();
    symlinkSync('far/new.tar', place.path('link.tar'));
    await place.flatten({ source: 'x.tar', outputs: ['oci-archive:link.tar:app'] });
    expect(readlinkSync(place.path('link.tar'))).toBe('far/new.tar');
    expect(place.names()).toContain('far/new.tar');
  });

  it('to no folder: a layout is made there', async () => {
    using place = prepared();
    symlinkSync('far/lay', place.path('lay'));
    await place.flatten({ source: 'x.tar', outputs: ['oci:lay:app'] });
    expect(lstatSync(place.path('lay')).isSymbolicLink()).toBe(true);
    expect(place.names()).toContain('far/lay/index.json');
  });

  it('into a folder that is not there is refused', async () => {
    using place = prepared();
    symlinkSync('no/y.tar', place.path('link.tar'));
    const error = await place.refusal({ source: 'x.tar', outputs: ['link.tar'] });
    expect([error.code, error.details.path]).toEqual(['NOT_FOUND', place.path('no')]);
  });

  it('in a loop is refused', async () => {
    using place = prepared();
    symlinkSync('b.tar', place.path('a.tar'));
    symlinkSync('a.tar', place.path('b.tar'));
    const error = await place.refusal({ source: 'x.tar', outputs: ['a.tar'] });
    expect(error.code).toBe('IO');
    expect(error.message).toMatch(/a\.tar: its symbolic links form a loop \(ELOOP\)$/);
  });

  it('to the source is the source', async () => {
    using place = prepared();
    symlinkSync('x.tar', place.path('link.tar'));
    const error = await place.refusal({ source: 'x.tar', outputs: ['link.tar'] });
    expect([error.code, error.message]).toEqual([
      'OUTPUT_CONFLICT',
      'Cannot write link.tar: it is the source itself',
    ]);
  });

  it('as the source of --in-place stays a link', async () => {
    using place = prepared();
    symlinkSync('../x.tar', place.path('far/link.tar'));
    await place.flatten({ source: 'far/link.tar', inPlace: true });
    expect(readlinkSync(place.path('far/link.tar'))).toBe('../x.tar');
    expect((await place.inspect('x.tar')).platforms[0]?.layers).toHaveLength(1);
  });

  it('and its target are the same place, named twice', async () => {
    using place = prepared();
    symlinkSync('far', place.path('near'));
    symlinkSync('far/y.tar', place.path('link.tar'));
    for (const other of ['far/y.tar', './far/y.tar', 'near/y.tar', 'docker-archive:far/y.tar']) {
      const error = await place.refusal({ source: 'x.tar', outputs: ['link.tar', other] });
      expect([error.code, error.message]).toEqual(['USAGE', `Cannot write ${other} twice`]);
    }
  });

  it('two names in one layout are two places', async () => {
    using place = prepared();
    writeMembers(place.path('lay'), ociMembers([{}]));
    await place.flatten({ source: 'x.tar', outputs: ['oci:lay:a', 'oci:lay:b'] });
    expect((await place.inspect('oci:lay:b')).platforms).toHaveLength(1);
  });

  it('a hard link is only another name: the other one keeps the old file', async () => {
    using place = prepared();
    place.write('y.tar', 'the old one');
    linkSync(place.path('y.tar'), place.path('z.tar'));
    await place.flatten({ source: 'x.tar', outputs: ['y.tar'] });
    expect(readFileSync(place.path('z.tar'), 'utf8')).toBe('the old one');
  });

  it('a loop as the source is named as one', async () => {
    using place = prepared();
    symlinkSync('b.tar', place.path('a.tar'));
    symlinkSync('a.tar', place.path('b.tar'));
    const error = await refusalOf(() => place.inspect('a.tar'));
    expect(error.message).toMatch(/a\.tar: its symbolic links form a loop \(ELOOP\)$/);
  });
});
