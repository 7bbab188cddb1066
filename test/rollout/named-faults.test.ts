// The faults D1 to D24 of rollouts each have tests that carry their mark in the title, and a row in docs/rollout.md that names them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FAULTS = Array.from({ length: 24 }, (_, index) => `D${index + 1}`);

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Marks in the titles of tests: the last words of a text. */
function marksOf(path: string): readonly string[] {
  return [...read(path).matchAll(/ \((D\d+)\)['"`]/g)].map(([, mark = '']) => mark);
}

describe('the faults of rollouts', () => {
  const files = readdirSync(join(ROOT, 'test/rollout'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/rollout/${name}`);

  it('each have a test that needs no engine', () => {
    const marks = new Set(files.flatMap(marksOf));
    expect(FAULTS.filter((fault) => !marks.has(fault))).toEqual([]);
    expect([...marks].filter((mark) => !FAULTS.includes(mark))).toEqual([]);
  });

  it('each have a row in docs/rollout.md whose tests are there and carry its mark', () => {
    const rows = [...read('docs/rollout.md').matchAll(/^\| (D\d+) \|.*\| (.*) \|$/gm)];
    expect(rows.map(([, fault]) => fault)).toEqual(FAULTS);
    const missing = rows.flatMap(([, fault = '', cell = '']) =>
      cell.split('; ').filter((citation) => {
        const [file = '', words = ''] = citation.replaceAll('`', '').split(/: (.*)/);
        const titles = read(`test/${file}`)
          .split('\n')
          .filter((line) => line.includes(`(${fault})`));
        return words === '' || !titles.some((title) => title.includes(words));
      }),
    );
    expect(missing).toEqual([]);
  });
});
