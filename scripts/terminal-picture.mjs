// Draws the session of docs/tasks.md as a terminal: `node scripts/terminal-picture.mjs`. A test compares both with what is printed.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const page = readFileSync(at('docs/tasks.md'), 'utf8');
const [, name, session] = /<!-- session: (\S+) -->\n```text\n([\s\S]*?)^```$/m.exec(page);
const lines = session.trimEnd().split('\n');

const LINE = 19;
const height = lines.length * LINE + 62;
const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const kind = (line) =>
  line.startsWith('$ ') ? 'typed' : /^(?:shipper: | {2}hint: )/.test(line) ? 'error' : 'told';
const rows = lines.flatMap((line, index) =>
  line === ''
    ? []
    : [`  <text class="${kind(line)}" x="24" y="${56 + index * LINE}">${escaped(line)}</text>`],
);
const dots = ['#ff5f56', '#ffbd2e', '#27c93f'].map(
  (colour, index) => `  <circle cx="${24 + index * 20}" cy="20" r="6" fill="${colour}"/>`,
);
writeFileSync(
  at(`docs/pictures/${name}`),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 ${height}" width="720" height="${height}" role="img" aria-labelledby="title">
  <title id="title">A session with tasks</title>
  <style>
    text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; fill: #d0d7de; white-space: pre; }
    .typed { fill: #7ee787; }
    .error { fill: #ffa198; }
  </style>
  <rect width="720" height="${height}" rx="10" fill="#161b22"/>
${[...dots, ...rows].join('\n')}
</svg>
`,
);
