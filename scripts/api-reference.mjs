// The reference of the library, made from src/index.ts and the doc comments of what it exports.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** A page with every exported name: its comment, and how it is declared. */
export function apiReference(root) {
  const index = readFileSync(join(root, 'src/index.ts'), 'utf8');
  const entries = [...index.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)].flatMap(
    ([, names, from]) =>
      names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '')
        .map((name) => entryOf(root, name, posix.join('src', from))),
  );
  const sorted = entries.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  const sections = ['Functions, classes and values', 'Types'].map((heading, at) => {
    const own = sorted.filter((entry) => rank(entry) === at);
    return `## ${heading}\n\n${own.map(entryText).join('\n\n')}`;
  });
  return `# Library: every name\n\n<!-- Made by \`npm run docs\`: do not edit. -->\n\nWhat \`import { … } from 'shipper'\` offers; [examples](../library.md), [tasks](../tasks.md).\n\n${sections.join('\n\n')}\n`;
}

function rank({ code }) {
  return /^(?:interface|type) /.test(code) ? 1 : 0;
}

function entryOf(root, name, file) {
  const text = readFileSync(join(root, file), 'utf8');
  const declaration = new RegExp(
    `(?:/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n)?^export (?:async |const )?(?:function|class|interface|type|const)? ?${name}\\b`,
    'gm',
  );
  const found = [...text.matchAll(declaration)];
  const [first] = found;
  if (first === undefined) throw new Error(`Cannot find ${name} in ${file}`);
  const starts = found.map((each) => each.index + each[0].lastIndexOf('export '));
  const heads = starts.map((start) => headOf(text.slice(start)));
  // Behind overloads stands the function itself, which nobody sees.
  const code = (heads.length > 1 ? heads.slice(0, -1) : heads).join('\n');
  const base = baseOf(root, text, code, file);
  return { name, about: commentText(first[1] ?? ''), code: base === undefined ? code : base };
}

/** A class with the members of the one of ours that it extends. */
function baseOf(root, text, code, file) {
  const [, parent] = /^class \w+ extends (\w+)/.exec(code) ?? [];
  const [, from] = new RegExp(`import .*\\b${parent}\\b.* from '([^']+)'`).exec(text) ?? [];
  if (parent === undefined || from === undefined) return undefined;
  const { code: inherited } = entryOf(root, parent, posix.join(posix.dirname(file), from));
  const members = inherited.slice(inherited.indexOf('{\n') + 2);
  return `${code.slice(0, code.lastIndexOf('\n}'))}\n\n${members}`;
}

/** A declaration without bodies: all of an interface or type, the members of a class, the head of a function. */
function headOf(text) {
  const plain = text.replace(/^export /, '');
  if (/^(?:interface|type|const|class) /.test(plain)) {
    const isBlock = /^(?:interface|class) /.test(plain);
    const end = isBlock ? /^\}/m.exec(plain) : /;$/m.exec(plain.replaceAll(/;$(?=\n {2})/gm, ','));
    const whole = plain.slice(0, end === null ? plain.length : end.index + end[0].length).trimEnd();
    return /^class /.test(plain) ? classHead(whole) : whole;
  }
  const end = /(?:;| \{)\n/.exec(plain);
  return plain.slice(0, end === null ? undefined : end.index);
}

/** Comments and heads of public members. */
function classHead(text) {
  const [head] = text.split(' {\n', 1);
  const members = text.matchAll(
    /^ {2}(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\n {2}((?:static |override |async |get |readonly )*(?:\[?[a-z][\w.]*\]?)[\s\S]*?)(?: \{\n|;\n)/gm,
  );
  const lines = [...members].map(([, comment, member]) => `  ${comment}\n  ${member};`);
  return `${head} {\n${lines.join('\n\n')}\n}`;
}

function commentText(comment) {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .join('\n')
    .replace(/\{@link (\S+?)\}/g, '`$1`')
    .trim();
}

function entryText({ name, about, code }) {
  return `### ${name}\n\n${about}${about === '' ? '' : '\n\n'}\`\`\`typescript\n${code}\n\`\`\``;
}
