// `shipper ship`, `build` and `push`: their command lines, what they print, and how they end.
import { describe, expect, it } from 'vitest';
import { failedReport, shippedImage, shipReport } from '../report/ship-samples.ts';
import { runLine } from './terminal.ts';

const D = (digit: string) => `sha256:${digit.repeat(12)}`;

describe('shipper ship', () => {
  it('prints a table and the tags that moved', async () => {
    const { out, err, code } = await runLine(['ship', '--progress=quiet']);
    expect([err, code]).toEqual(['', 0]);
    expect(out).toBe(`shop: ship of 2 images: done after 24 s
  image  status              stored                        build  flatten   push  digest
  base   unchanged (needed)  7MB                               -        -      -  ${D('c')}
  api    done                161MB -> 72.8MB (54.8% less)   12 s    3.2 s  8.0 s  ${D('a')}
  r.example.com/shop/api:1 -> ${D('a')} (was ${D('0')})
`);
  });

  it('says what failed, with its log, on stderr', async () => {
    const operations = { shipProject: async () => failedReport() };
    for (const argv of [['ship'], ['ship', '--json'], ['ship', '-q']]) {
      const { err, code } = await runLine([...argv, '--progress=quiet'], { operations });
      expect(code).toBe(1);
      expect(err).toBe(`failed: api: Cannot build api: step 3 ended with 1
  | #5 RUN make
  | #5 0.3 make: *** no rule
  hint: read the log
shipper: Cannot ship shop: it failed, and no tag has moved: api
`);
    }
  });

  it('gives names, options and registries to the pipeline', async () => {
    const words = 'ship web api --keep-going --jobs 3 --no-atomic --force --pull --no-cache';
    const more = '--config other.yaml --insecure r:5000 --creds me:secret';
    const { terminal } = await runLine([...words.split(' '), ...more.split(' ')]);
    expect(terminal.calls).toEqual([
      [
        'shipProject',
        {
          until: 'ship',
          names: ['web', 'api'],
          keepGoing: true,
          jobs: 3,
          atomic: false,
          force: true,
          pull: true,
          noCache: true,
          config: 'other.yaml',
          insecure: ['r:5000'],
          creds: 'me:secret',
        },
      ],
    ]);
    expect((await runLine(['build'])).terminal.calls).toEqual([
      ['shipProject', { until: 'build' }],
    ]);
    expect((await runLine(['push', '--cache', 'c'])).terminal.calls).toEqual([
      ['shipProject', { until: 'push', cache: 'c' }],
    ]);
  });

  it('writes its report, also of a run that failed', async () => {
    const { terminal } = await runLine(['ship', '--report', 'ship.json']);
    expect(JSON.parse(terminal.files.get('/work/ship.json') ?? '')).toEqual(shipReport());
    const operations = { shipProject: async () => failedReport() };
    const failed = await runLine(['ship', '--report', 'ship.json'], { operations });
    expect(JSON.parse(failed.terminal.files.get('/work/ship.json') ?? '')).toEqual(failedReport());
  });

  it('prints what pulls the images with -q, and the report with --json', async () => {
    expect((await runLine(['ship', '-q'])).out).toBe(
      `r.example.com/shop/api@sha256:${'a'.repeat(64)}\n`,
    );
    expect(JSON.parse((await runLine(['ship', '--json'])).out)).toEqual(shipReport());
  });

  it.each([
    ['partial', 'PARTIAL', 3],
    ['failed', 'POLICY', 4],
    ['failed', 'USAGE', 2],
    ['failed', 'REGISTRY', 1],
  ] as const)('%s with %s ends with %i', async (outcome, code, exit) => {
    const error = { code, message: 'Cannot do it: no', log: [] };
    const images = [shippedImage({ status: 'failed', error })];
    const shipProject = async () => shipReport({ outcome, images });
    expect((await runLine(['ship'], { operations: { shipProject } })).code).toBe(exit);
  });

  it('ends with 1 where failures have nothing in common', async () => {
    const failed = (code: 'POLICY' | 'IO') =>
      shippedImage({ status: 'failed', error: { code, message: 'Cannot: no', log: [] } });
    const images = [failed('POLICY'), failed('IO')];
    const shipProject = async () => shipReport({ outcome: 'failed', images });
    expect((await runLine(['ship'], { operations: { shipProject } })).code).toBe(1);
  });

  it('ends with the signal that stopped it, after its report', async () => {
    const { terminal } = await import('./terminal.ts');
    const own = terminal({
      operations: {
        shipProject: async () => {
          own.send('SIGTERM');
          return shipReport({ outcome: 'interrupted', images: [] });
        },
      },
    });
    expect(await own.run('ship', '--report', 'r.json')).toBe(143);
    expect(own.files.get('/work/r.json')).toContain('"outcome": "interrupted"');
    expect(await own.run('ship', '--json')).toBe(143);
    expect(JSON.parse(own.out().slice(own.out().indexOf('{')))).toMatchObject({
      outcome: 'interrupted',
    });
  });

  it('leaves annotations, a summary and outputs on GitHub', async () => {
    const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: '/tmp/s', GITHUB_OUTPUT: '/tmp/o' };
    const done = await runLine(['ship', '--report', 'ship.json'], { env });
    expect(done.terminal.files.get('/tmp/s')).toContain('### shipper ship `shop`: done');
    expect(done.terminal.files.get('/tmp/o')).toMatch(/outcome<<.*\ndone\n[\s\S]*ship\.json\n/);
    const operations = { shipProject: async () => failedReport() };
    const failed = await runLine(['ship'], { env, operations });
    expect(failed.err).toContain(
      '::error title=shipper%3A api::Cannot build api: step 3 ended with 1\n',
    );
    expect(failed.terminal.files.get('/tmp/s')).toContain('#5 RUN make');
  });
});

describe('shipper ship --dry-run', () => {
  it('prints the plan', async () => {
    const { out, terminal } = await runLine(['ship', '--dry-run']);
    expect(terminal.calls).toEqual([['planShip', { until: 'ship' }]]);
    expect(out).toBe(`Would ship 2 images of shop (dry run, nothing is done)
  image  from             needs  flatten
  base   example/base:1   -      as it is
  api    build /work/api  base   above base, history=none
  base is only needed: it gets no name
  api -> r.example.com/shop/api:1
at once: 4 builds, 1 flatten, 4 pushes
tags move last, and only if every image is ready
`);
  });

  it('prints the graph', async () => {
    const { out } = await runLine(['ship', '--dry-run', '--graph']);
    expect(out).toBe(`flowchart LR
  i0["base<br/>take, only needed"]
  i1["api<br/>build, flatten"]
  i0 --> i1
`);
  });

  it('refuses what contradicts itself', async () => {
    expect((await runLine(['ship', '--graph'])).code).toBe(2);
    expect((await runLine(['ship', '--dry-run', '--report', 'x'])).code).toBe(2);
    expect((await runLine(['build', '--no-atomic'])).code).toBe(2);
  });
});

describe('on GitLab', () => {
  it('progress is a section that can be folded', async () => {
    const { err } = await runLine(['ship', 'web'], { env: { GITLAB_CI: 'true', CI: 'true' } });
    expect(err).toBe(
      '\x1b[0Ksection_start:1:shipper_ship_web\r\x1b[0Kshipper ship web\n\x1b[0Ksection_end:1:shipper_ship_web\r\x1b[0K\n',
    );
  });
});
