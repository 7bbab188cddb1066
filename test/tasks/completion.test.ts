// Completion of tasks in the real shells that are here: what Tab offers, in a folder with a shipfile and a shipper.yaml.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { folderWith, runIn } from './folder.ts';

const BIN = fileURLToPath(new URL('../../dist/bin.js', import.meta.url));

const FOLDER = folderWith({
  'shipper.yaml': `project: shop
images: { api: { image: example/api:1 }, web: { image: example/web:1 } }
groups: { front: [web] }
environments:
  staging: { hosts: [ssh://deploy@s1, ssh://deploy@s2], services: { api: { image: api }, web: { image: web } } }
  production: { hosts: [ssh://deploy@p1], services: { api: { image: api } } }
`,
  'shipfile.ts': `import { task, positional, option, flag, choice, list } from 'shipper';
/** Restart a service. */
export const bounce = task(
  { service: positional({ complete: 'service' }), batch: option(2, { help: 'how many' }), force: flag(), mode: choice(['fast', 'slow']), others: positional(list()) },
  () => {},
);
/** The data base. */
export const db = {
  /** Moves it: up or down. */
  migrate: (ship: object, how: 'up' | 'down') => how,
};
`,
});

/** Lines, and what is offered after each. */
const CASES: readonly (readonly [line: string, offers: readonly string[]])[] = [
  ['shipper bou', ['bounce']],
  ['shipper d', ['db', 'docker-plugin', 'doctor']],
  ['shipper bounce --ba', ['--batch']],
  ['shipper bounce --fo', ['--force']],
  ['shipper bounce --no-f', ['--no-force']],
  ['shipper bounce --mode ', ['fast', 'slow']],
  ['shipper bounce --mode s', ['slow']],
  ['shipper bounce ', ['api', 'web', 'front']],
  ['shipper bounce --env production ', ['api', 'front']],
  ['shipper bounce --env s', ['staging']],
  ['shipper bounce --group f', ['front']],
  ['shipper db ', ['migrate']],
  ['shipper db migrate ', ['up', 'down']],
  ['shipper rollout ', ['staging', 'production']],
  ['shipper rollout production ', ['api', 'front']],
  ['shipper status pro', ['production']],
];

async function script(shell: string): Promise<string> {
  return (await runIn(FOLDER, ['completion', shell])).out;
}

function isHere(shell: string): boolean {
  return existsSync(BIN) && spawnSync(shell, ['-c', 'true']).status === 0;
}

/** A folder for PATH with the program in it. */
const BINARIES = folderWith({ shipper: `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n` });
chmodSync(join(BINARIES, 'shipper'), 0o755);
const env = { ...process.env, PATH: `${BINARIES}:${process.env['PATH']}`, HOME: FOLDER };

/** \`doctor\` may not be a command yet. */
function expected(offers: readonly string[], known: string): string[] {
  return offers.filter((word) => word !== 'doctor' || known.includes('doctor')).sort();
}

describe.runIf(isHere('bash'))('in bash', () => {
  it.each([
    ...CASES,
    ['shipper bounce --mode=s', ['slow']],
    ['shipper bounce --env=st', ['staging']],
    ['shipper bounce --hosts ssh://deploy@s', ['s1', 's2']],
  ] as const)('Tab after %j offers %j', async (line, offers) => {
    const words = line.split(/ +|(?<=[=:@])|(?=[=:@])/);
    const text = await script('bash');
    const input = `${text}
compopt() { :; }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_shipper
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const out = execFileSync('bash', ['--norc', '-u'], {
      input,
      encoding: 'utf8',
      cwd: FOLDER,
      env,
    });
    const found = out.split('\n').filter((word) => word !== '');
    expect(found.sort()).toEqual(expected(offers, text));
  });
});

describe.runIf(isHere('fish'))('in fish', () => {
  it.each([
    ...CASES,
    ['shipper bounce --mode=s', ['--mode=slow']],
  ] as const)('Tab after %j offers %j', async (line, offers) => {
    const text = await script('fish');
    const file = join(BINARIES, 'script.fish');
    writeFileSync(file, text);
    const ask = `source ${file}; complete -C '${line}'`;
    const out = execFileSync('fish', ['--no-config', '-c', ask], {
      encoding: 'utf8',
      cwd: FOLDER,
      env,
    });
    const found = out.split('\n').map((each) => each.split('\t')[0] ?? '');
    expect(found.filter((word) => word !== '').sort()).toEqual(expected(offers, text));
  });
});

/** Presses Tab in a zsh at a terminal of its own and prints what would be added to the line. */
const ZSH = `zmodload zsh/zpty
zpty z zsh -f -i
line() { zpty -w z "$1" }
line 'PROMPT= ; autoload -Uz compinit && compinit -u -D; source ./script.zsh'
line 'compadd() { if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi; local -a hits; builtin compadd -A hits "$@"; local hit; for hit in $hits; do print -r -- "HIT<$hit>" >> $OUT; done }'
line 'finish() { print done >> $OUT; exit }; comppostfuncs=(finish); bindkey "^I" complete-word; stty -echo; print ready >> $OUT'
until [[ -s $OUT ]]; do sleep 0.05; done
zpty -w -n z "$LINE"$'\\t'
for i in {1..200}; do grep -q done $OUT && break; sleep 0.05; done
zpty -d z
cat $OUT`;

describe.runIf(isHere('zsh'))('in zsh', () => {
  it.each(CASES)('Tab after %j offers %j', async (line, offers) => {
    const text = await script('zsh');
    writeFileSync(join(FOLDER, 'script.zsh'), text);
    const OUT = join(folderWith({}), 'out');
    const out = execFileSync('zsh', ['-f', '-c', ZSH], {
      encoding: 'utf8',
      cwd: FOLDER,
      env: { ...env, LINE: line, OUT, TERM: 'xterm' },
    });
    const current = line.split(' ').at(-1) ?? '';
    const found = [...out.matchAll(/HIT<(.*)>/g)].map(([, hit = '']) => hit);
    const fitting = [...new Set(found)].filter((hit) => hit.startsWith(current));
    expect(fitting.sort()).toEqual(expected(offers, text));
  });
});
