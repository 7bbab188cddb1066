import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { digest, flattenedImage, flattenReport } from '../report/samples.ts';
import { runLine, terminal } from './terminal.ts';

/** The request that a command line makes. */
async function requestOf(...argv: string[]): Promise<unknown> {
  const { terminal: used, code, err } = await runLine(['flatten', ...argv]);
  expect([code, err]).toEqual([0, '']);
  return used.calls[0]?.[1];
}

/** A terminal whose flatten fails with `error`. */
function failing(error: unknown) {
  return {
    operations: {
      flattenImage: async () => {
        throw error;
      },
    },
  };
}

describe('main() makes requests', () => {
  it('with nothing but the source by default', async () => {
    expect(await requestOf('app')).toEqual({ source: 'app' });
  });

  it('with every option of flatten', async () => {
    const line =
      'app -t a -t b:1 -o x.tar -o oci:y --platform linux/arm64 --compression zstd:9 --verify --timestamp 0 --history keep --label k=v --label e= --annotation org.x=1=2 --implicit-parents shadow --whiteouts oci --attestations fail --allow-nondistributable --max-output 1GiB --max-entries 9 --max-size 10MB --min-saving 5% --jobs 3 --spool none --cache dir --host tcp://h';
    expect(await requestOf(...line.split(' '))).toEqual({
      source: 'app',
      tags: ['a', 'b:1'],
      outputs: ['x.tar', 'oci:y'],
      platform: 'linux/arm64',
      compression: { kind: 'zstd', level: 9 },
      verify: true,
      timestamp: '0',
      history: 'keep',
      labels: { k: 'v', e: '' },
      annotations: { 'org.x': '1=2' },
      policy: {
        implicitParents: 'shadow',
        whiteouts: 'oci',
        maxOutputBytes: 2 ** 30,
        maxEntries: 9,
      },
      attestations: 'fail',
      allowNondistributable: true,
      maxSizeBytes: 10_000_000,
      minSavingPercent: 5,
      jobs: 3,
      spool: 'none',
      cache: 'dir',
      host: 'tcp://h',
    });
  });

  it('with --in-place, --dry-run and --context', async () => {
    const request = await requestOf('app', '--in-place', '--dry-run', '--context', 'c');
    expect(request).toEqual({ source: 'app', inPlace: true, dryRun: true, context: 'c' });
  });

  it('with a label named as a property of every object', async () => {
    const request = (await requestOf('app', '--label', '__proto__=x')) as { labels: object };
    expect(Object.entries(request.labels)).toEqual([['__proto__', 'x']]);
    expect(Object.prototype).not.toHaveProperty('x');
  });

  it('from words after --', async () => {
    expect(await requestOf('-t', 'a', '--', '-odd')).toEqual({ source: '-odd', tags: ['a'] });
  });

  it('for verify and inspect', async () => {
    const verify = await runLine(['verify', 'a', 'b', '--platform', 'linux/amd64']);
    expect(verify.terminal.calls).toEqual([
      ['verifyImages', 'a', 'b', { platform: 'linux/amd64' }],
    ]);
    const inspect = await runLine(['inspect', 'a', '--whiteouts', 'overlay', '--context', 'c']);
    expect(inspect.terminal.calls).toEqual([
      ['inspectImage', 'a', { context: 'c', policy: { whiteouts: 'overlay' } }],
    ]);
  });
});

describe('main() answers', () => {
  it('with text on stdout', async () => {
    const { out, err } = await runLine(['flatten', 'app']);
    expect(out).toContain('Flattened docker-daemon:app:latest to docker-daemon:app:latest-flat');
    expect(err).toBe('');
  });

  it.each([
    ['after the verb', ['flatten', 'app', '--json']],
    ['before the verb', ['--json', 'flatten', 'app']],
    ['even with -q', ['flatten', 'app', '--json', '-q']],
  ])('with one JSON object, --json %s', async (_, argv) => {
    const { out } = await runLine(argv);
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(flattenReport())));
  });

  it('with only the name in the engine with --quiet', async () => {
    expect((await runLine(['-q', 'flatten', 'app'])).out).toBe('app:latest-flat\n');
  });

  it('with only the digest with --quiet, for what is not in an engine', async () => {
    const flattenImage = async () => flattenReport({ outputs: ['docker-archive:x.tar'] });
    const { out } = await runLine(['flatten', 'a', '-q'], { operations: { flattenImage } });
    expect(out).toBe(`${digest('d')}\n`);
  });

  it('with nothing from verify --quiet, and ids from inspect --quiet', async () => {
    expect((await runLine(['verify', 'a', 'b', '-q'])).out).toBe('');
    expect((await runLine(['inspect', 'a', '-q'])).out).toBe(`${digest('c')}\n`);
  });

  it.each([
    ['-o -', ['flatten', 'app', '-o', '-']],
    ['a pipe that is only named', ['flatten', '-', '-t', 'x']],
  ])('on stderr where stdout is the archive: %s', async (_, argv) => {
    const { out, err } = await runLine(argv);
    expect(out).toBe('');
    expect(err).toContain('Flattened');
  });

  it('on stdout where a pipe is loaded into an engine', async () => {
    expect((await runLine(['flatten', '-', '-t', 'docker-daemon:x'])).out).toContain('Flattened');
    expect((await runLine(['flatten', '-', '-o', '-', '--dry-run', '--json'])).code).toBe(0);
  });

  it('with colours where they are asked for', async () => {
    const coloured = (await runLine(['flatten', 'app', '--color', 'always'])).out;
    expect(coloured).toContain('\x1b[1mdocker-daemon:app:latest\x1b[22m');
    const onTTY = { stdoutIsTTY: true };
    expect((await runLine(['flatten', 'app'], onTTY)).out).toContain('\x1b[');
    const muted = { stdoutIsTTY: true, env: { NO_COLOR: '1' } };
    expect((await runLine(['flatten', 'app'], muted)).out).not.toContain('\x1b[');
  });

  it('with the version', async () => {
    expect((await runLine(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('main() works in a folder', () => {
  it('-C changes the working directory of the operation and of files', async () => {
    let cwd = '';
    const { code, terminal: used } = await runLine(
      ['flatten', 'app', '-C', 'inner', '--iidfile', 'id', '--digestfile', '/work/digest'],
      {
        operations: {
          async flattenImage(system) {
            cwd = system.cwd;
            return flattenReport();
          },
        },
      },
    );
    expect([code, cwd]).toEqual([0, '/work/inner']);
    expect(Object.fromEntries(used.files)).toEqual({
      '/work/inner/id': digest('c'),
      '/work/digest': digest('d'),
    });
  });

  it('--iidfile and --digestfile hold the index where there are several platforms', async () => {
    const images = [flattenedImage(), flattenedImage()];
    const report = flattenReport({ images, indexDigest: digest('9') });
    const { terminal: used } = await runLine(
      ['flatten', 'a', '--iidfile', 'i', '--digestfile', 'd'],
      { operations: { flattenImage: async () => report } },
    );
    expect(Object.fromEntries(used.files)).toEqual({
      '/work/i': digest('9'),
      '/work/d': digest('9'),
    });
  });

  it('--iidfile replaces an older file and refuses a folder before any work', async () => {
    const own = terminal();
    own.files.set('/work/id', 'old');
    expect(await own.run('flatten', 'a', '--iidfile', 'id')).toBe(0);
    expect([...own.files]).toEqual([['/work/id', digest('c')]]);
    expect(await own.run('flatten', 'a', '--iidfile', 'inner')).toBe(1);
    expect(await own.run('flatten', 'a', '--iidfile', 'no/id')).toBe(1);
    expect(own.calls).toHaveLength(1);
    expect(own.err()).toBe(
      'shipper: Cannot write --iidfile "inner": it is not a file\n' +
        'shipper: Cannot write --iidfile "no/id": its folder does not exist\n',
    );
  });
});

describe('main() tells failures', () => {
  const error = new ShipperError('BAD_LAYER', 'Cannot read a header: the checksum is wrong', {
    image: 'app:1',
    layer: 3,
    entry: 'etc/x',
    offset: 10240,
    hint: 'pull the image again',
  });

  it('in one line and a hint, with the place', async () => {
    const { code, out, err } = await runLine(['flatten', 'app'], failing(error));
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(
      'shipper: Cannot read a header: the checksum is wrong (image app:1, layer 4, entry "etc/x", byte 10240)\n' +
        '  hint: pull the image again\n',
    );
  });

  it('also as JSON', async () => {
    const { out, err } = await runLine(['flatten', 'app', '--json'], failing(error));
    expect(err).toContain('shipper: Cannot read a header');
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'BAD_LAYER',
        message: expect.stringContaining('Cannot read a header'),
        hint: 'pull the image again',
        details: { image: 'app:1', layer: 3, entry: 'etc/x', offset: 10240 },
      },
    });
  });

  it('with a stack only on --debug', async () => {
    const cause = new Error('the inner reason');
    const outer = new ShipperError('IO', 'Cannot read x: it is gone', { cause });
    expect((await runLine(['flatten', 'app'], failing(outer))).err).not.toMatch(/\n\s+at /);
    const { err } = await runLine(['--debug', 'flatten', 'app'], failing(outer));
    expect(err).toMatch(/\n {4}at .*\n[\s\S]*caused by: Error: the inner reason/);
  });

  it.each([
    new ShipperError('BUG', 'Cannot go on: the plan has no root'),
    new TypeError('x is not a function'),
  ])('says where to report %s', async (failure) => {
    const { code, err } = await runLine(['flatten', 'app'], failing(failure));
    expect(code).toBe(1);
    expect(err).toMatch(
      /^shipper: Cannot go on: .*\n {2}hint: this is a mistake in shipper: .*\n$/,
    );
  });

  it('without secrets and without control characters', async () => {
    const message =
      'Cannot reach https://me:hunter2@h/x?token=abc \x1b[31m401\nAuthorization: Bearer s3cr3t';
    for (const flags of [[], ['--debug'], ['--json']]) {
      const { out, err } = await runLine(
        ['flatten', 'app', ...flags],
        failing(new ShipperError('ENGINE', message)),
      );
      expect(out + err).not.toMatch(/hunter2|s3cr3t|abc/);
      expect(out + err).not.toContain('\x1b');
    }
    const { err } = await runLine(['flatten', 'app'], failing(new ShipperError('ENGINE', message)));
    expect(err).toBe(
      'shipper: Cannot reach https://***@h/x?token=*** \\x1b[31m401\\nAuthorization: Bearer ***\n',
    );
  });
});

describe('main() stops', () => {
  /** A flatten that only ends when it is told to stop, cleaning up for `cleanUpMs`. */
  function endless() {
    const states: string[] = [];
    const own = terminal({
      operations: {
        flattenImage: (_, { signal }) =>
          new Promise((_resolve, reject) => {
            states.push('working');
            signal.addEventListener('abort', () => {
              states.push('cleaned up');
              reject(new Error('something else that came of it'));
            });
          }),
      },
    });
    return { own, states };
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('on %s with %d, after cleaning up', async (signal, code) => {
    const { own, states } = endless();
    const running = own.run('flatten', 'app');
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    own.send(signal);
    expect(await running).toBe(code);
    expect(states).toEqual(['working', 'cleaned up']);
    expect(own.err()).toBe(`shipper: Cannot go on: interrupted by ${signal}\n`);
    expect(own.isListening()).toBe(false);
    expect(own.exits).toEqual([code]);
  });

  it('at once on a second SIGINT, but not on the echo of the first that npx sends', async () => {
    const own = terminal({ operations: { flattenImage: () => new Promise(() => {}) } });
    void own.run('flatten', 'app');
    await new Promise((resolve) => setImmediate(resolve));
    own.send('SIGINT');
    own.advance(10);
    own.send('SIGINT');
    own.advance(10);
    own.send('SIGTERM');
    expect(own.exits).toEqual([]);
    own.advance(100);
    own.send('SIGTERM');
    expect(own.exits).toEqual([]);
    own.send('SIGINT');
    expect(own.exits).toEqual([130]);
  });

  it('and keeps a result that was complete all the same', async () => {
    const own = terminal({
      operations: {
        async flattenImage() {
          own.send('SIGINT');
          return flattenReport();
        },
      },
    });
    expect(await own.run('flatten', 'app')).toBe(0);
    expect(own.out()).toContain('Flattened');
  });

  it('while it waits for the other end of a pipe', async () => {
    for (const wait of ['stdin', 'stdout'] as const) {
      const own = terminal({
        isStalled: true,
        operations: {
          async flattenImage(system) {
            if (wait === 'stdout') await system.stdio.writeOut('archive');
            else for await (const chunk of system.stdio.stdin()) expect(chunk).toBeUndefined();
            return flattenReport();
          },
        },
      });
      const running = own.run('flatten', '-', '-o', '-');
      await new Promise((resolve) => setImmediate(resolve));
      own.send('SIGTERM');
      expect(await running).toBe(143);
      expect(own.exits).toEqual([143]);
    }
  });

  it('after --timeout, with 1', async () => {
    const { own } = endless();
    const running = own.run('flatten', 'app', '--timeout', '90s');
    await new Promise((resolve) => setImmediate(resolve));
    own.advance(90_000);
    expect(await running).toBe(1);
    expect(own.err()).toBe('shipper: Cannot finish in time: 1 min 30 s are over\n');
  });

  it('quietly when nobody reads stdout', async () => {
    const closed = { stdoutIsClosed: true };
    for (const line of [
      ['flatten', 'app'],
      ['--help'],
      ['completion', 'bash'],
      ['verify', 'a', 'b'],
    ]) {
      const { code, err } = await runLine(line, closed);
      expect([code, err]).toEqual([1, '']);
    }
    const { code, err } = await runLine(['flatten', 'app', '-o', '-'], {
      ...closed,
      operations: {
        async flattenImage(system) {
          await system.stdio.writeOut('archive').catch((error: unknown) => {
            throw new ShipperError('IO', 'Cannot write the archive: EPIPE', { cause: error });
          });
          return flattenReport();
        },
      },
    });
    expect([code, err]).toEqual([1, '']);
  });

  it('with the failure on stderr when --json meets a closed stdout', async () => {
    const { code, err } = await runLine(['flatten', 'app', '--json', '--jobs', '0'], {
      stdoutIsClosed: true,
    });
    expect(code).toBe(2);
    expect(err).toContain('Cannot use --jobs');
  });

  it('without hooks too', async () => {
    expect(await main(['help'], terminal().system)).toBe(0);
  });
});

describe('main() shows progress', () => {
  const operations = {
    async flattenImage(_: unknown, ctx: { report: (event: never) => void }) {
      const report = ctx.report as (event: object) => void;
      report({ type: 'task.started', id: 't1', title: 'reading app', totalBytes: 1000, scope: {} });
      report({ type: 'note', level: 'warn', message: 'odd\x1b[0m', scope: {} });
      report({
        type: 'task.finished',
        id: 't1',
        outcome: 'done',
        doneBytes: 1000,
        seconds: 2,
        scope: {},
      });
      return flattenReport();
    },
  } as Parameters<typeof runLine>[1] extends { operations?: infer O } | undefined ? O : never;

  const LINES =
    'reading app (1kB)\nwarning: odd\\x1b[0m\nreading app: done, 1kB in 2.0 s, 500B/s\n';

  it.each([
    ['plain where stderr is no terminal', [], {}, LINES],
    ['plain on CI', [], { stderrIsTTY: true, env: { CI: '1' } }, LINES],
    ['plain on a dumb terminal', [], { stderrIsTTY: true, env: { TERM: 'dumb' } }, LINES],
    ['nothing with -q', ['-q'], { stderrIsTTY: true }, ''],
    ['nothing with --progress quiet', ['--progress', 'quiet'], {}, ''],
    ['nothing by environment', [], { env: { SHIPPER_PROGRESS: 'quiet' } }, ''],
    ['plain with -q --progress plain', ['-q', '--progress', 'plain'], {}, LINES],
  ])('%s', async (_, flags, options, lines) => {
    const { err } = await runLine(['flatten', 'app', ...flags], { ...options, operations });
    expect(err).toBe(lines);
  });

  it('as NDJSON', async () => {
    const { err } = await runLine(['flatten', 'app', '--progress=json'], { operations });
    const events = err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(events).toEqual(['task.started', 'note', 'task.finished']);
  });

  it('live on a terminal, and gives the cursor back', async () => {
    const { err } = await runLine(['flatten', 'app'], { stderrIsTTY: true, operations });
    expect(err).toContain('\x1b[?25l');
    expect(err.indexOf('\x1b[?25h')).toBeGreaterThan(err.indexOf('\x1b[?25l'));
    expect(err).toContain('\x1b[33mwarning:\x1b[39m odd\\x1b[0m\n');
  });

  it('with a group, annotations, summary and outputs on GitHub Actions', async () => {
    const env = {
      GITHUB_ACTIONS: 'true',
      CI: 'true',
      GITHUB_STEP_SUMMARY: '/tmp/summary',
      GITHUB_OUTPUT: '/tmp/output',
    };
    const { err, terminal: used } = await runLine(['flatten', 'app'], { env, operations });
    expect(err).toBe(
      '::group::shipper flatten app\nreading app (1kB)\n::warning::odd\\x1b[0m\n' +
        'reading app: done, 1kB in 2.0 s, 500B/s\n::endgroup::\n',
    );
    expect(used.files.get('/tmp/summary')).toContain('### shipper flatten');
    expect(used.files.get('/tmp/output')).toContain(
      `digest<<shipper-${'ab'.repeat(16)}\n${digest('d')}\n`,
    );
  });

  it('with an error annotation on GitHub Actions, and a warning where a file cannot be written', async () => {
    const env = { GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: '/nowhere/output' };
    const failed = await runLine(['flatten', 'a'], {
      env,
      ...failing(new ShipperError('IO', 'Cannot read x: 100%\nbroken')),
    });
    expect(failed.err).toContain('::error title=shipper::Cannot read x: 100%25%0Abroken\n');
    const { code, err } = await runLine(['flatten', 'app'], { env });
    expect(code).toBe(0);
    expect(err).toContain('::warning::Cannot write GITHUB_OUTPUT: ');
  });
});
