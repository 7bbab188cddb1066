// Bad command lines: the exact line on stderr, exit code 2, nothing run.
import { describe, expect, it } from 'vitest';
import { runLine, type TerminalOptions } from './terminal.ts';

/** Words, the message, the hint if there is one, and the terminal where it matters. */
type Row = readonly [
  line: string,
  message: string,
  hint?: string | undefined,
  options?: TerminalOptions,
];

const UNITS = 'sizes are written as 500000, 10MB, 1.5GiB';
const FLATTEN_HELP = 'see "shipper flatten --help"';

const ROWS: readonly Row[] = [
  ['flaten x', 'Cannot run "flaten": there is no such command', 'did you mean flatten?'],
  ['flaten x --tag y', 'Cannot run "flaten": there is no such command', 'did you mean flatten?'],
  ['zzz', 'Cannot run "zzz": there is no such command', 'see "shipper --help"'],
  ['insp x', 'Cannot run "insp": there is no such command', 'did you mean inspect?'],
  ['help flaten', 'Cannot run "flaten": there is no such command', 'did you mean flatten?'],
  ['--foo', 'Cannot use --foo: shipper has no such option', 'see "shipper --help"'],
  ['--jsno', 'Cannot use --jsno: shipper has no such option', 'did you mean --json?'],
  [
    'flatten x --taag y',
    'Cannot use --taag: shipper flatten has no such option',
    'did you mean --tag?',
  ],
  [
    'flatten x --compresion gzip',
    'Cannot use --compresion: shipper flatten has no such option',
    'did you mean --compression?',
  ],
  [
    'flatten x --plat a/b',
    'Cannot use --plat: shipper flatten has no such option',
    'did you mean --platform?',
  ],
  [
    'flatten x --quite',
    'Cannot use --quite: shipper flatten has no such option',
    'did you mean --quiet?',
  ],
  ['flatten x -z', 'Cannot use -z: shipper flatten has no such option', FLATTEN_HELP],
  ['flatten x --spool y', 'Cannot use --spool "y": it is not one of auto, tar, compressed, none'],
  [
    'flatten x --keep-base y --from 2',
    'Cannot combine --keep-base with --from: each says which layers are kept',
  ],
  ['flatten x --from -1', 'Cannot use --from "-1": it is not a whole number'],
  ['flatten - -o y --keep-base -', 'Cannot read two images from stdin: it can be read once'],
  ['flatten x --verify=yes', 'Cannot use --verify=yes: --verify takes no value'],
  ['flatten x --json=1', 'Cannot use --json=1: --json takes no value'],
  ['flatten', 'Cannot run shipper flatten: SOURCE is missing', FLATTEN_HELP],
  ['flatten a b', 'Cannot run shipper flatten: 2 arguments were given, 1 expected', FLATTEN_HELP],
  ['verify a', 'Cannot run shipper verify: B is missing', 'see "shipper verify --help"'],
  ['verify', 'Cannot run shipper verify: A is missing', 'see "shipper verify --help"'],
  [
    'verify a b c',
    'Cannot run shipper verify: 3 arguments were given, 2 expected',
    'see "shipper verify --help"',
  ],
  ['inspect', 'Cannot run shipper inspect: IMAGE is missing', 'see "shipper inspect --help"'],
  [
    'completion',
    'Cannot run shipper completion: SHELL is missing',
    'see "shipper completion --help"',
  ],
  [
    'completion bsh',
    'Cannot use SHELL "bsh": it is not one of bash, zsh, fish',
    'did you mean bash?',
  ],
  ['completion powershell', 'Cannot use SHELL "powershell": it is not one of bash, zsh, fish'],
  ['flatten x -t', 'Cannot use --tag: NAME is missing'],
  ['flatten x --output', 'Cannot use --output: DEST is missing'],
  ['-C', 'Cannot use -C: DIR is missing'],
  ['flatten "" -o y', 'Cannot use SOURCE "": it is empty'],
  ['flatten x -t ""', 'Cannot use --tag "": it is empty'],
  ['flatten x -o ""', 'Cannot use --output "": it is empty'],
  [
    'flatten x --max-size 10M',
    'Cannot use --max-size "10M": the unit "M" is not known',
    'write 10MB for powers of 1000 or 10MiB for powers of 1024',
  ],
  ['flatten x --max-size 10XB', 'Cannot use --max-size "10XB": the unit "XB" is not known', UNITS],
  ['flatten x --max-size big', 'Cannot use --max-size "big": it is not a size', UNITS],
  ['flatten x --max-size -5', 'Cannot use --max-size "-5": it is not a size', UNITS],
  ['flatten x --max-output 0', 'Cannot use --max-output "0": it is less than one byte'],
  ['flatten x --max-output 99999TB', 'Cannot use --max-output "99999TB": it is too large'],
  [
    'flatten x --max-output 1constructor',
    'Cannot use --max-output "1constructor": the unit "constructor" is not known',
    UNITS,
  ],
  ['flatten x --max-entries many', 'Cannot use --max-entries "many": it is not a whole number'],
  ['flatten x --jobs 0', 'Cannot use --jobs "0": it is not between 1 and 1024'],
  ['flatten x --jobs 1.5', 'Cannot use --jobs "1.5": it is not a whole number'],
  ['flatten x --min-saving 120', 'Cannot use --min-saving "120": it is more than 100 percent'],
  [
    'flatten x --min-saving half',
    'Cannot use --min-saving "half": it is not a percentage',
    'for example 25 or 25%',
  ],
  [
    'flatten x --compression gzp',
    'Cannot use --compression "gzp": it is not one of none, gzip[:1-9], zstd[:1-22]',
    'did you mean gzip?',
  ],
  [
    'flatten x --compression gzip:0',
    'Cannot use --compression "gzip:0": the level of gzip is not between 1 and 9',
  ],
  [
    'flatten x --compression zstd:23',
    'Cannot use --compression "zstd:23": the level of zstd is not between 1 and 22',
  ],
  [
    'flatten x --compression zstd:',
    'Cannot use --compression "zstd:": the level of zstd is not between 1 and 22',
  ],
  [
    'flatten x --compression none:1',
    'Cannot use --compression "none:1": it is not one of none, gzip[:1-9], zstd[:1-22]',
    'did you mean none?',
  ],
  [
    'flatten x --platform linux/',
    'Cannot use --platform "linux/": it is not of the form os/architecture[/variant]',
    'for example linux/amd64 or linux/arm64/v8',
  ],
  [
    'flatten x --platform linux/amd64 --platform linux/arm64',
    'Cannot use --platform twice: it takes one value',
  ],
  [
    'flatten x.tar --iidfile x.tar',
    'Cannot write --iidfile "x.tar": that file is something else of this command',
  ],
  [
    'flatten x.tar -o docker-archive:y.tar:a:1 --digestfile ./y.tar',
    'Cannot write --digestfile "./y.tar": that file is something else of this command',
  ],
  [
    'flatten x.tar --iidfile d --digestfile d',
    'Cannot write --digestfile "d": that file is something else of this command',
  ],
  [
    'flatten x --history sumary',
    'Cannot use --history "sumary": it is not one of summary, keep, none',
    'did you mean summary?',
  ],
  [
    'flatten x --whiteouts oic',
    'Cannot use --whiteouts "oic": it is not one of auto, oci, overlay',
    'did you mean oci?',
  ],
  [
    'flatten x --implicit-parents hide',
    'Cannot use --implicit-parents "hide": it is not one of follow, shadow',
  ],
  [
    'flatten x --attestations keep',
    'Cannot use --attestations "keep": it is not one of drop, fail',
  ],
  [
    'flatten x --label novalue',
    'Cannot use --label "novalue": the value is missing',
    'write KEY=VALUE',
  ],
  [
    'flatten x --annotation =v',
    'Cannot use --annotation "=v": the key is empty',
    'write KEY=VALUE',
  ],
  [
    'flatten x --timestamp yesterday',
    'Cannot use --timestamp "yesterday": it is not a time',
    'write seconds since 1970, or for example 2026-01-31T12:00:00Z',
  ],
  [
    'flatten x --timestamp 2026-01-31',
    'Cannot use --timestamp "2026-01-31": it is not a time',
    'write seconds since 1970, or for example 2026-01-31T12:00:00Z',
  ],
  [
    'flatten x --timeout soon',
    'Cannot use --timeout "soon": it is not a duration',
    'durations are written as 30s, 5m, 1h30m',
  ],
  ['flatten x --timeout 0', 'Cannot use --timeout "0": it is no time at all'],
  ['flatten x --timeout 1000h', 'Cannot use --timeout "1000h": it is more than 24 days'],
  [
    'flatten x --progress tyt',
    'Cannot use --progress "tyt": it is not one of auto, tty, plain, json, quiet',
    'did you mean tty?',
  ],
  ['--color yes flatten x', 'Cannot use --color "yes": it is not one of auto, always, never'],
  [
    'flatten x',
    'Cannot use SHIPPER_PROGRESS "fancy": it is not one of auto, tty, plain, json, quiet',
    undefined,
    { env: { SHIPPER_PROGRESS: 'fancy' } },
  ],
  [
    'flatten x -q -v',
    'Cannot combine --quiet with --verbose: one asks for less, the other for more',
  ],
  ['flatten x --context a --host b', 'Cannot combine --context with --host: each names an engine'],
  ['verify x y --context a --host b', 'Cannot combine --context with --host: each names an engine'],
  ['flatten x --in-place -t y', 'Cannot combine --in-place with --tag: each names the result'],
  [
    'flatten x --in-place -o y',
    'Cannot combine --in-place with --output: each says where the result goes',
  ],
  [
    'flatten - --in-place',
    'Cannot use --in-place: a pipe cannot be replaced',
    'add -o - or --output FILE',
  ],
  [
    'flatten -',
    'Cannot flatten stdin: neither --tag nor --output says where the result goes',
    'add -o - for stdout, or --output FILE',
  ],
  ['flatten x -o - -o docker-archive:-', 'Cannot write to stdout: it is named twice by --output'],
  [
    'flatten x -o docker-archive:-:a:1 -o /dev/stdout',
    'Cannot write to stdout: it is named twice by --output',
  ],
  [
    'flatten x -o docker-archive:-:a:1 --json',
    'Cannot combine --json with an archive on stdout: both would be written there',
  ],
  [
    'flatten x -o oci-archive:/dev/stdout --json',
    'Cannot combine --json with an archive on stdout: both would be written there',
  ],
  [
    'flatten x -o - --json',
    'Cannot combine --json with an archive on stdout: both would be written there',
  ],
  [
    'flatten - -t y --json',
    'Cannot combine --json with an archive on stdout: both would be written there',
  ],
  [
    'flatten x -o -',
    'Cannot write an archive to a terminal: stdout is not redirected',
    'add "> flat.tar" or "| docker load", or name a file with --output',
    { stdoutIsTTY: true },
  ],
  [
    'flatten - -o y',
    'Cannot read an image from a terminal: stdin is not redirected',
    'put "docker save IMAGE |" in front, or add "< image.tar"',
    { stdinIsTTY: true },
  ],
  [
    'verify - x',
    'Cannot read an image from a terminal: stdin is not redirected',
    'put "docker save IMAGE |" in front, or add "< image.tar"',
    { stdinIsTTY: true },
  ],
  ['verify - -', 'Cannot read two images from stdin: it can be read once'],
  [
    'flatten x --dry-run --iidfile y',
    'Cannot combine --dry-run with --iidfile: nothing is written',
  ],
  ['flatten x --dry-run --verify', 'Cannot combine --dry-run with --verify: nothing is written'],
  ['-C nowhere flatten x', 'Cannot work in "nowhere": there is no such folder'],
];

describe('a bad command line', () => {
  it.each(
    ROWS.map(([line, message, hint, options]) => ({ line, message, hint, options })),
  )('shipper $line', async ({ line, message, hint, options }) => {
    const { code, out, err, terminal } = await runLine(wordsOf(line), options);
    const text = `shipper: ${message}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`;
    expect(err).toBe(text);
    expect(code).toBe(2);
    expect(terminal.calls).toEqual([]);
    if (!line.includes('--json')) expect(out).toBe('');
  });

  it('is one JSON object on stdout with --json', async () => {
    const { out, code } = await runLine(['--json', 'flatten', 'x', '--jobs', '0']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'USAGE',
        message: 'Cannot use --jobs "0": it is not between 1 and 1024',
        details: {},
      },
    });
  });

  it('never reaches the terminal raw', async () => {
    const { err } = await runLine(['flatten', 'x', '--\x1b[2Jfoo\u202e']);
    expect(err).toContain('Cannot use --\\x1b[2Jfoo\\u{202e}: shipper flatten has no such option');
  });
});

/** Words of a line; `""` is the empty one. */
function wordsOf(line: string): string[] {
  return line.split(' ').map((word) => (word === '""' ? '' : word));
}
