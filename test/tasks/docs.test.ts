// docs/tasks.md: its shipfile loads, its session is what is printed, and the picture shows that session.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { folderWith, runIn } from './folder.ts';

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const page = read('docs/tasks.md');
const [, shipfile = ''] =
  /<!-- shipfile: shipfile\.ts -->\n```typescript\n([\s\S]*?)^```$/m.exec(page) ?? [];
const [, session = ''] = /<!-- session: tasks\.svg -->\n```text\n([\s\S]*?)^```$/m.exec(page) ?? [];

it('has a session that is what is printed', async () => {
  const folder = folderWith({ 'shipfile.ts': shipfile });
  const ship = { exec: async () => undefined };
  for (const part of session.split(/^\$ /m).slice(1)) {
    const [line = '', ...told] = part.split('\n');
    const { out, err } = await runIn(folder, line.split(' ').slice(1), { ship });
    const printed = `${out}${err}`;
    const expected = told.join('\n');
    if (!expected.endsWith('…\n')) expect(printed).toBe(expected);
    else expect(printed.startsWith(expected.slice(0, -2))).toBe(true);
  }
});

it('has a picture of it', () => {
  const shown = [...read('docs/pictures/tasks.svg').matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(
    ([, text = '']) =>
      text
        .replace(/<[^>]*>/g, '')
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&amp;', '&'),
  );
  expect(shown).toEqual(
    session
      .trimEnd()
      .split('\n')
      .filter((line) => line !== ''),
  );
});
