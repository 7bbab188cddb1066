// Parents in FROM and COPY --from, where an engine knows no named contexts.
import { describe, expect, it } from 'vitest';
import { withParents } from '../../../src/pipeline/build/dockerfile.ts';

const PARENTS = new Map([
  ['base', 'shipper-tmp:1'],
  ['team/tools', 'shipper-tmp:2'],
]);

const same = (text: string) => [text, text] as const;

describe('withParents()', () => {
  it.each<readonly [string, string]>([
    ['FROM base', 'FROM shipper-tmp:1'],
    ['from base as x\n', 'from shipper-tmp:1 as x\n'],
    [
      'FROM --platform=$BUILDPLATFORM base:latest AS x',
      'FROM --platform=$BUILDPLATFORM shipper-tmp:1 AS x',
    ],
    ['FROM docker.io/library/base', 'FROM shipper-tmp:1'],
    ['FROM docker.io/team/tools:latest', 'FROM shipper-tmp:2'],
    ['FROM \\\n  base \\\n  AS x\n', 'FROM \\\n  shipper-tmp:1 \\\n  AS x\n'],
    ['FROM \\\n# comment\n\n  base\n', 'FROM \\\n# comment\n\n  base\n'],
    ['# escape=`\nFROM `\n base\n', '# escape=`\nFROM `\n shipper-tmp:1\n'],
    ['ARG B=base\nFROM $B', 'ARG B=base\nFROM shipper-tmp:1'],
    ['ARG B="base"\r\nFROM ${B}\r\n', 'ARG B="base"\r\nFROM shipper-tmp:1\r\n'],
    ['ARG A=ba\nARG B=${A}se\nFROM ${B}', 'ARG A=ba\nARG B=${A}se\nFROM shipper-tmp:1'],
    ['FROM ${NONE:-base}', 'FROM shipper-tmp:1'],
    ['ARG X\nFROM ${X:+nothing}base', 'ARG X\nFROM shipper-tmp:1'],
    ['ARG GIVEN=other\nFROM $GIVEN', 'ARG GIVEN=other\nFROM shipper-tmp:1'],
    ['ARG GIVEN\nFROM $GIVEN', 'ARG GIVEN\nFROM shipper-tmp:1'],
    [
      'FROM x\nCOPY --chown=1 --from=base /a /b\nCOPY --from=0 /a /b\n',
      'FROM x\nCOPY --chown=1 --from=shipper-tmp:1 /a /b\nCOPY --from=0 /a /b\n',
    ],
    same('FROM base:2'),
    same('FROM $GIVEN'),
    same('FROM other/base\nRUN echo "FROM base"\n'),
    same('FROM x\nRUN echo \\\nFROM base\n'),
    same('# FROM base\nFROM x\n'),
    same('FROM x\nRUN cp --from=base\n'),
    same(''),
  ])('%j', (dockerfile, expected) => {
    expect(withParents(dockerfile, PARENTS, { GIVEN: 'base' })).toBe(expected);
  });

  it('changes nothing without parents', () => {
    const text = 'FROM base\r\n\tCOPY --from=base a b\n\n# x';
    expect(withParents(text, new Map(), {})).toBe(text);
  });
});
