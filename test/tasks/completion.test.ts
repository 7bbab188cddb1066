// Completion of tasks in the real shells that are here: what Tab offers, in a folder with a shipfile and a shipper.yaml.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isAll } from '../support/amount.ts';
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
  ['shipper bounce --ba', ['--batch']],
  ['shipper bounce --no-f', ['--no-force']],
  ['shipper bounce --mode ', ['fast', 'slow']],
  ['shipper bounce --env production ', ['api', 'front']],
  ['shipper bounce --env s', ['staging']],
  ['shipper db ', ['migrate']],
  ['shipper db migrate ', ['up', 'down']],
  ['shipper rollout ', ['staging', 'production']],
  ['shipper status pro', ['production']],
];

/** Each takes a zsh of its own. */
const ZSH_CASES = CASES.filter(([line]) =>
  ['shipper bou', 'shipper bounce --mode ', 'shipper bounce --env s', 'shipper rollout '].includes(
    line,
  ),
);

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

/** Presses Tab in a zsh at a terminal of its own and prints what would be added to the line. */
const ZSH = `zmodload zsh/zpty
zpty z zsh -f -i
line() { zpty -w z "$1" }
line 'PROMPT= ; autoload -Uz compinit && compinit -u -D; source ./script.zsh'
line 'compadd() { if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi; local -a hits; builtin compadd -A hits "$@"; local hit; for hit in $hits; do print -r -- "HIT<$hit>" >> $OUT; done }'
line 'finish() { print done >> $OUT; exit }; comppostfuncs=(finish); bindkey "^I" complete-word; print ready >> $OUT'
for i in {1..400}; do [[ -s $OUT ]] && break; sleep 0.05; done
zpty -w -n z "$LINE"$'\\t'
for i in {1..400}; do grep -q done $OUT && break; sleep 0.05; done
zpty -d z
cat $OUT`;

const MARK = '--- next';

/** Of each line what the shell answered, sorted; words that are no candidates for it are left out. */
function answers(out: string): string[][] {
  const parts = out.split(`${MARK}\n`).slice(1);
  return parts.map((part) =>
    [...new Set(part.split('\n').map((each) => each.split('\t')[0] ?? ''))]
      .filter((word) => word !== '')
      .sort(),
  );
}

function sorted(cases: readonly (readonly [string, readonly string[]])[]): string[][] {
  return cases.map(([, offers]) => [...offers].sort());
}

describe('what Tab offers', () => {
  it.runIf(isHere('bash'))('in bash', async () => {
    const all = [
      ...CASES,
      ['shipper bounce --mode=s', ['slow']],
      ['shipper bounce --env=st', ['staging']],
      ['shipper bounce --hosts ssh://deploy@s', ['s1', 's2']],
    ] as const;
    // A process for each.
    const cases = all.filter((_, at) => isAll() || at % 10 === 0);
    const asks = cases.map(([line]) => {
      const words = line.split(/ +|(?<=[=:@])|(?=[=:@])/);
      return `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_shipper
echo '${MARK}'
printf '%s\\n' "\${COMPREPLY[@]}"`;
    });
    const input = [await script('bash'), 'compopt() { :; }', ...asks].join('\n');
    const options = { input, encoding: 'utf8', cwd: FOLDER, env } as const;
    const out = execFileSync('bash', ['--norc', '-u'], options);
    expect(answers(out)).toEqual(sorted(cases));
  });

  it.runIf(isAll() && isHere('fish'))('in fish', async () => {
    const cases = [...CASES, ['shipper bounce --mode=s', ['--mode=slow']]] as const;
    const file = join(BINARIES, 'script.fish');
    writeFileSync(file, await script('fish'));
    const asks = cases.map(([line]) => `echo '${MARK}'; complete -C '${line}'`);
    const code = [`source ${file}`, ...asks].join('\n');
    const options = { encoding: 'utf8', cwd: FOLDER, env } as const;
    const out = execFileSync('fish', ['--no-config', '-c', code], options);
    expect(answers(out)).toEqual(sorted(cases));
  });

  it.runIf(isAll() && isHere('zsh')).each(ZSH_CASES)(
    'in zsh after %j: %j',
    async (line, offers) => {
      writeFileSync(join(FOLDER, 'script.zsh'), await script('zsh'));
      const OUT = join(folderWith({}), 'out');
      const out = execFileSync('zsh', ['-f', '-c', ZSH], {
        encoding: 'utf8',
        cwd: FOLDER,
        env: { ...env, LINE: line, OUT, TERM: 'xterm' },
        timeout: 50_000,
      });
      const current = line.split(' ').at(-1) ?? '';
      const found = [...out.matchAll(/HIT<(.*)>/g)].map(([, hit = '']) => hit);
      const fitting = [...new Set(found)].filter((hit) => hit.startsWith(current));
      expect(fitting.sort()).toEqual([...offers].sort());
    },
  );
});
