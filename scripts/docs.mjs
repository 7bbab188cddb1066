// Writes what of the documentation is made from the program itself: docs/reference/*.md, and the parts between marks in
// docs/architecture.md. `npm run docs` builds and runs it; `--check` writes nothing and fails when something is old.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { apiReference } from './api-reference.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href);

if (!existsSync(join(root, 'dist/bin.js')))
  throw new Error('Cannot write the documentation: run npm run build first');
const { configSchema } = await load('config/json-schema.js');
const { createProgram } = await load('cli/program.js');
const { exitCodeOf } = await load('cli/exit-code.js');
const { ERROR_CODES, ShipperError } = await load('index.js');

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map((file) => [file, readFileSync(join(root, 'src', file), 'utf8')]);

const GENERATED = '<!-- Made by `npm run docs`: do not edit. -->';

/** What a person can do about an error. Every code has a line: see `complete`. */
const MENDS = {
  USAGE: 'Read the message and its hint; `shipper help COMMAND` lists the options',
  BAD_CONFIG: 'Each line names file, line and column; `shipper schema` is what editors check with',
  BAD_REFERENCE: 'Write the name as `NAME:TAG`, `NAME@sha256:…` or with a transport in front',
  NOT_FOUND: 'Check the name or path; pull or save the image first',
  AMBIGUOUS_IMAGE:
    'Name one image (`docker-archive:x.tar:app:1`, `oci:layout:1.0`) or one `--platform`',
  BAD_ARCHIVE: 'The file is no archive or layout, or was cut short: make it again',
  BAD_IMAGE: 'The image is broken where it was made: build, save or pull it again',
  BAD_LAYER:
    'The message names layer, entry and byte offset: the layer breaks a rule of the image specification',
  BAD_COMPRESSION: 'The file is damaged: fetch it again',
  DIGEST_MISMATCH:
    'Bytes were changed or damaged on the way: fetch the image again, and do not use this one',
  UNSAFE_ENTRY: 'The layer tries to leave the root of the image: do not use it',
  UNSUPPORTED: 'The hint says what can be read instead',
  LIMIT_EXCEEDED: 'Raise the limit that the hint names, if the image really is that large',
  POLICY: 'Nothing is broken: the image does not meet what was asked for',
  SOURCE_CHANGED: 'Somebody wrote to the source meanwhile: run again',
  NO_SPACE: 'Free some space, or point TMPDIR to another disk',
  IO: 'The message names file and reason',
  OUTPUT_CONFLICT: 'Name another output, or `--in-place` to replace the source',
  PARTIAL: 'The message ends with what is written already: mend what failed and run again',
  CONFLICT: 'Look at what has the name, and rename or remove it; or use another name',
  LOCKED:
    'Wait for whoever holds the lock (`--lock-wait`); `shipper unlock ENV` takes it from one who is gone',
  UNHEALTHY: 'The last lines of the container and of its health checks are in the error',
  HOOK: 'The last lines of the program are in the error',
  TASK: 'The message and the lines below it say where in the shipfile',
  ENGINE: 'The message has the words of the engine; its own log has more',
  ENGINE_UNREACHABLE: 'Start the engine, or name it with `--context`, `--host`',
  BUILD: 'The lines below the message are the last ones of the step that failed',
  REGISTRY: 'The message has the words of the registry; its own log has more',
  REGISTRY_UNREACHABLE:
    'Check host, port and network; plain http and certificates that are not trusted need `--insecure HOST`',
  UNAUTHORIZED:
    'Log in with `docker login HOST`, or name credentials with `--creds` or `--authfile`',
  TIMEOUT:
    'The engine or registry did nothing for long: see whether it still answers, then run again',
  INTERRUPTED: 'Run again: nothing was left behind',
  BUG: 'Report it with the output of `--debug`',
};

/** Where a declared policy decided: what was seen, what was done, what changes it. */
const WARNINGS = {
  'implied-parent': [
    'A layer puts files into a directory for which it has no entry',
    'The attributes of the lower directory are kept; where there is none it is 0755 root:root, mtime 0',
    '`--implicit-parents shadow`',
  ],
  'parent-through-symlink': [
    'An entry lies below a path that is a symlink (`lib -> usr/lib`, then `lib/x`)',
    'The link is followed inside the image: `usr/lib/x`',
    '`--implicit-parents shadow`',
  ],
  'duplicate-path': ['A path stands twice in one layer', 'The last entry counts', ''],
  'device-zero': [
    'A character device 0:0',
    'It is kept, though overlay engines read it as a whiteout',
    '`--whiteouts overlay`',
  ],
  'overlay-xattr': [
    'An attribute `trusted.overlay.*` or `user.overlay.*`',
    'It is not carried; `opaque=y` hides what lies below the directory',
    '`--whiteouts oci` ignores it',
  ],
  'link-attributes': [
    'A hard link whose mode, owner or attributes differ from those of its file',
    'Those of the file count',
    '',
  ],
  'sparse-expanded': [
    'A sparse file',
    'Its holes are written as zeros',
    '`--max-output` refuses what becomes too large',
  ],
  'pax-unknown-key': [
    'A PAX record that means nothing to a file system',
    'It is not carried; one warning for each key',
    '',
  ],
  'pax-global-header': [
    'A PAX global header',
    'Its records are folded into the entries that it governs',
    '',
  ],
  'estargz-removed': [
    'A table of contents or landmark of eStargz',
    'It is left out: it describes the layers as they were',
    '',
  ],
  'aufs-metadata': ['A file of AUFS (`.wh..wh.plnk` and others)', 'It is left out', ''],
  'layer-urls-ignored': ['a layer of an ordinary type names URLs', 'they are never fetched', ''],
  'root-attributes': [
    'The root directory has other attributes than 0755 root:root',
    'Those of the topmost layer that has them are kept, in an entry `./`',
    '',
  ],
};

/** Environment variables that are read. */
const VARIABLES = {
  SHIPPER_PROGRESS: 'as `--progress`',
  SHIPPER_ENGINE_IDLE_SECONDS: 'how long a stream of the engine may stand still; 120 if not set',
  SHIPPER_ENGINE_THINK_SECONDS: 'how long the engine may work without a word; 900 if not set',
  SHIPPER_CONFIG: 'the configuration, where `--config` names none',
  SHIPPER_DOCKER_PLUGIN:
    'set by the plugin of the docker command (`shipper docker-plugin install`)',
  SOURCE_DATE_EPOCH:
    '`created` of the result, in seconds since 1970; `--timestamp` wins; also the day of `{date}`',
  TMPDIR: 'where temporary files go',
  DOCKER_HOST: 'the engine; `--host` and `--context` win',
  DOCKER_CONTEXT: 'the docker context; DOCKER_HOST wins',
  DOCKER_CONFIG:
    'the folder of `config.json`, with credentials, and of the contexts; `~/.docker` if not set',
  DOCKER_TLS: 'use TLS',
  DOCKER_TLS_VERIFY: 'use TLS and check the certificate of the engine',
  DOCKER_CERT_PATH: 'the folder of `ca.pem`, `cert.pem`, `key.pem`',
  DOCKER_API_VERSION: 'no negotiation: this version of the API',
  CONTAINER_HOST: 'the engine of podman, where no docker socket is found',
  XDG_RUNTIME_DIR: 'where sockets of rootless engines and the `auth.json` of podman are looked for',
  XDG_CONFIG_HOME:
    'where `auth.json` and `certs.d` of a user are looked for; `~/.config` if not set',
  DOCKER_AUTH_CONFIG: 'credentials as text: what would stand in `config.json`',
  REGISTRY_AUTH_FILE: 'a file of credentials, asked before those of docker and podman',
  SSL_CERT_FILE: 'authorities that registries may be certified by, besides those of Node',
  HTTPS_PROXY: 'the proxy for registries with TLS; also in lower case',
  HTTP_PROXY: 'the proxy for registries without; not heeded where REQUEST_METHOD is set',
  REQUEST_METHOD: 'says that a web server runs this, and HTTP_PROXY may come from a request',
  NO_PROXY: 'hosts, domains and ranges that are reached without a proxy; this machine always is',
  NO_COLOR: 'no colours',
  FORCE_COLOR: 'colours also without a terminal',
  CLICOLOR_FORCE: 'the same',
  TERM: '`dumb` has neither colours nor a moving progress',
  XDG_STATE_HOME: 'where it is remembered what was shipped; `~/.local/state` if not set',
  XDG_CACHE_HOME:
    'where a shipfile in TypeScript is kept as JavaScript, for a Node that cannot read it; `~/.cache` if not set',
  BUILDX_BUILDER: 'which builder builds: another one may build otherwise',
  CI: 'progress as plain lines',
  GITLAB_CI: 'progress in a section that can be folded',
  GITHUB_ACTIONS: 'annotations, step summary and outputs',
  GITHUB_HEAD_REF: '`{git.branch}` of a pull request, where no branch is checked out',
  GITHUB_REF_NAME: '`{git.branch}`, where no branch is checked out',
  CI_COMMIT_REF_NAME: 'the same for GitLab',
  GITHUB_ACTOR: 'who holds a lock and made a release, on GitHub Actions',
  GITLAB_USER_LOGIN: 'the same for GitLab',
  USER: 'the same elsewhere',
  LOGNAME: 'the same where USER is not set',
  SHIPPER_LOCK: 'the lock that a shipper which a hook runs is part of; set by shipper',
  GITHUB_STEP_SUMMARY: 'file of the step summary',
  GITHUB_OUTPUT: 'file of the outputs',
};

const EXIT_CODES = [
  ['0', 'done; `verify`: the same'],
  ['1', 'failed, nothing was changed, no tag has moved; `verify`: could not be compared'],
  ['2', 'the command line, the configuration, a reference or the environment is wrong'],
  [
    '3',
    'some of several results are in place and the rest failed: the last lines say which, and what mends it',
  ],
  [
    '4',
    '`flatten`: a gate or policy is not met (`--max-size`, `--min-saving`, `--attestations fail`), or `--verify` found a difference; `verify`: different',
  ],
  ['5', 'somebody else holds the lock of the environment, or it was lost on the way'],
  ['6', 'done, except hosts that were left out by permission (`--skip-unreachable`)'],
  ['129, 130, 143', 'interrupted by SIGHUP, SIGINT, SIGTERM; temporary files are gone'],
];

const outputs = {
  'docs/reference/cli.md': cliPage(),
  'docs/reference/errors.md': errorsPage(),
  'docs/reference/library.md': apiReference(root),
  'docs/reference/warnings.md': warningsPage(),
  'docs/reference/configuration.md': configurationPage(),
  'docs/architecture.md': architecturePage(),
  'schema/shipper.schema.json': configSchema(),
};

const isCheck = process.argv.includes('--check');
const stale = Object.entries(outputs).filter(([path, text]) => readOrEmpty(path) !== text);
if (!isCheck) for (const [path, text] of stale) writeFileSync(join(root, path), text);
for (const [path] of stale) console.log(`${isCheck ? 'old' : 'written'}: ${path}`);
if (isCheck && stale.length > 0) process.exitCode = 1;

function readOrEmpty(path) {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
}

// --- the command line

function cliPage() {
  checkVariables();
  const help = [];
  const program = createProgram({
    print: (text) => help.push(text),
    helpColumns: 100,
    start: async () => undefined,
  });
  const verbs = program.commands.filter((command) => command.name() !== 'help');
  const lines = [
    GENERATED,
    '# Command line',
    '',
    program.description(),
    '',
    '`shipper [global options] COMMAND …`; global options may also stand behind the command. `shipper help COMMAND` prints',
    'what stands here.',
    '',
    ...verbs.flatMap((command) => verbLines(command, help)),
    '## Global options',
    '',
    ...optionTable(program.options),
    '',
    '## Exit codes',
    '',
    ...table(['code', 'meaning'], EXIT_CODES),
    '',
    '## Environment',
    '',
    ...table(
      ['variable', 'meaning'],
      Object.entries(VARIABLES).map(([name, meaning]) => [`\`${name}\``, meaning]),
    ),
    '',
  ];
  return lines.join('\n');
}

function verbLines(command, help) {
  help.length = 0;
  command.outputHelp();
  const examples = /\nExamples:\n([\s\S]*)$/.exec(help.join(''))?.[1] ?? '';
  const groups = groupBy(command.options);
  return [
    `## shipper ${command.name()}`,
    '',
    '```text',
    `shipper ${command.name()} ${command.usage()}`,
    '```',
    '',
    ...command.description().split('\n'),
    '',
    ...command.registeredArguments.map(
      (argument) => `- \`${argument.name()}\`: ${argument.description}`,
    ),
    '',
    ...[...groups].flatMap(([heading, options]) => [
      `**${(heading ?? 'Options:').replace(/:$/, '')}**`,
      '',
      ...optionTable(options),
      '',
    ]),
    ...(examples === '' ? [] : ['```sh', ...exampleLines(examples), '```', '']),
  ];
}

function groupBy(options) {
  const groups = new Map();
  for (const option of options) {
    const list = groups.get(option.helpGroupHeading) ?? [];
    groups.set(option.helpGroupHeading, [...list, option]);
  }
  return groups;
}

/** `  command  what it does` as a command with a comment. */
function exampleLines(text) {
  const rows = text
    .trim()
    .split('\n')
    .map((line) => /^\s*(.*?)\s{2,}(\S.*)$/.exec(line) ?? [line, line.trim(), '']);
  const width = Math.max(...rows.map(([, command]) => command.length));
  return rows.map(([, command, what]) => `${command.padEnd(width)}  # ${what}`);
}

function optionTable(options) {
  return table(
    ['option', 'meaning'],
    options.map((option) => [`\`${option.flags}\``, option.description]),
  );
}

/** Fails when the program reads a variable that has no row, or a row has no reader. */
function checkVariables() {
  const read = new Set();
  for (const [, text] of sources) {
    for (const [, name] of text.matchAll(/\benv(?:ironment)?(?:\.|\?\.)?\['([A-Z_]+)'\]/g))
      read.add(name);
    for (const [, name] of text.matchAll(/'((?:SHIPPER|GITHUB|DOCKER)_[A-Z_]+)'/g)) read.add(name);
  }
  const unknown = [...read].filter((name) => !(name in VARIABLES));
  const unread = Object.keys(VARIABLES).filter((name) => name !== 'TMPDIR' && !read.has(name));
  if (unknown.length + unread.length > 0) {
    throw new Error(`Cannot write the environment: no row for ${unknown}; nothing reads ${unread}`);
  }
}

// --- the configuration

function configurationPage() {
  const schema = JSON.parse(configSchema());
  const lines = [
    GENERATED,
    '# Keys of shipper.yaml',
    '',
    'What each key takes. How they work together says [the guide](../configuration.md).',
    '',
    ...keyTable('The file', schema),
    ...keyTable('images.NAME', member(schema, 'images')),
    ...keyTable('images.NAME.flatten', option(member(schema, 'images').properties.flatten)),
    ...keyTable('environments.NAME', member(schema, 'environments')),
  ];
  const environment = member(schema, 'environments');
  const service = member(environment, 'services');
  lines.push(
    ...keyTable('environments.NAME.hooks', environment.properties.hooks),
    ...keyTable('environments.NAME.networks.NAME', option(member(environment, 'networks'))),
    ...keyTable('environments.NAME.volumes.NAME', option(member(environment, 'volumes'))),
    ...keyTable('services.NAME', service),
    ...keyTable('services.NAME.healthcheck', service.properties.healthcheck),
    ...keyTable('services.NAME.deploy', service.properties.deploy),
    ...keyTable(
      'services.NAME.deploy.update_config',
      service.properties.deploy.properties.update_config,
    ),
    ...keyTable(
      'services.NAME.deploy.restart_policy',
      service.properties.deploy.properties.restart_policy,
    ),
  );
  return lines.join('\n');
}

/** The schema of the members of a mapping of names. */
function member(schema, key) {
  return schema.properties[key].additionalProperties;
}

/** The mapping among the forms that a value may have. */
function option(schema) {
  return schema.anyOf.find(({ properties }) => properties !== undefined);
}

function keyTable(title, schema) {
  const rows = Object.entries(schema.properties).map(([key, value]) => [
    `\`${key}\``,
    typeText(value),
    value.description ?? '',
  ]);
  return [`## ${title}`, '', ...table(['key', 'takes', 'meaning'], rows), ''];
}

function typeText(schema) {
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(' or ');
  if (schema.type === 'array') return `list of ${typeText(schema.items)}`;
  const names = { string: 'text', boolean: 'true or false', object: 'mapping', null: 'nothing' };
  const words = { ...names, integer: 'whole number' };
  return [schema.type]
    .flat()
    .map((type) => words[type] ?? type)
    .join(' or ');
}

// --- errors and warnings

function errorsPage() {
  complete(Object.keys(ERROR_CODES), MENDS, 'MENDS');
  const rows = Object.entries(ERROR_CODES).map(([code, meaning]) => [
    `\`${code}\``,
    `${meaning}`,
    exitText(code),
    MENDS[code],
  ]);
  return [
    GENERATED,
    '# Errors',
    '',
    'Every failure is a `ShipperError` with one of these codes, a message that says what could not be done and why, and where',
    'it helps a hint. The command line prints `shipper: MESSAGE` and `hint: …` on stderr; with `--json` there is also',
    '`{"error": {"code", "message", "hint", "details"}}` on stdout. `details` has image, layer (from 0, base first), entry,',
    'byte offset, path, host and HTTP status as far as they are known. Misuse of the library is a `TypeError` or `RangeError`.',
    '',
    ...table(['code', 'meaning', 'exit code', 'what to do'], rows),
    '',
    'In `shipper verify` the exit code 4 says that the images differ, so every failure but `USAGE` and a signal is 1 there.',
    '',
  ].join('\n');
}

function exitText(code) {
  if (code === 'INTERRUPTED') return '129, 130, 143';
  return String(exitCodeOf(new ShipperError(code, 'Cannot be')));
}

function warningsPage() {
  const policy = sources.find(([file]) => file === 'flatten/policy.ts')[1];
  const union = /export type WarningCode =([^;]*);/.exec(policy)[1];
  const declared = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  const given = declared.filter((code) =>
    sources.some(([file, text]) => file !== 'flatten/policy.ts' && text.includes(`'${code}'`)),
  );
  complete(given, WARNINGS, 'WARNINGS');
  const rows = given.map((code) => [`\`${code}\``, ...WARNINGS[code]]);
  return [
    GENERATED,
    '# Warnings',
    '',
    'A warning says that a layer did something on which the image specification is silent or engines differ, and what was',
    'done about it ([fidelity](../fidelity.md#policies)). `images[].warnings` of the report has the first hundred of each code, with',
    'path and layer (from 0, base first; texts for people count from 1); `images[].warningCounts` counts all of them. They never change the exit code.',
    '',
    ...table(['code', 'what was seen', 'what was done', 'option'], rows),
    '',
  ].join('\n');
}

function complete(codes, rows, name) {
  const missing = codes.filter((code) => !(code in rows));
  const extra = Object.keys(rows).filter((code) => !codes.includes(code));
  if (missing.length + extra.length > 0) {
    throw new Error(
      `Cannot write the reference: ${name} lacks ${missing} and has ${extra} too many`,
    );
  }
}

// --- architecture

function architecturePage() {
  const page = readOrEmpty('docs/architecture.md');
  return page.replace(
    /(<!-- modules: made by `npm run docs` -->\n)[\s\S]*?(<!-- \/modules -->)/,
    (_, begin, end) => `${begin}\n${modulesPicture()}\n${end}`,
  );
}

/** Imports between folders. `system` is its interface; what the real machine does is wired by `bin.ts` and `library.ts`. */
function folderImports() {
  const edges = new Map();
  for (const [file, text] of sources) {
    if (!file.includes('/')) continue;
    const from = file.split('/')[0];
    for (const [, a, b] of text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g)) {
      const to = posix.join(posix.dirname(file), a ?? b).split('/')[0];
      if (to !== from) edges.set(from, (edges.get(from) ?? new Set()).add(to));
    }
  }
  return edges;
}

/** Arrows that follow from others are left out, so that the picture can be read. */
function modulesPicture() {
  const edges = folderImports();
  const reaches = (from, to, seen = new Set()) => {
    for (const next of edges.get(from) ?? []) {
      if (next === to) return true;
      if (!seen.has(next) && reaches(next, to, seen.add(next))) return true;
    }
    return false;
  };
  const arrows = [];
  for (const [from, targets] of edges) {
    for (const to of targets) {
      const isImplied = [...targets].some((other) => other !== to && reaches(other, to));
      if (!isImplied) arrows.push(`  ${from} --> ${to}`);
    }
  }
  return ['```mermaid', 'graph TD', ...arrows.sort(), '```', ''].join('\n');
}

// --- Markdown

function table(head, rows) {
  const line = (cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}
