// `shipper ship` with builds on real engines: a base, an image on its flat form, everything pushed.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShipReport } from '../../src/pipeline/ship-types.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import type { RunningRegistry } from './support/registry.ts';
import { run, tryRun } from './support/run.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';
import { imageNames, shipper, startShipper } from './support/shipper.ts';

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await sharedRegistry();
});

describe.each(ENGINE_KINDS)('shipper ship on Docker Engine %s', (kind) => {
  let engine: RunningEngine;
  let folder: string;
  let before: readonly string[];

  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };

  beforeAll(async () => {
    engine = await sharedEngine(kind);
    await busyboxImage(engine, 'busybox:base');
    before = (await imageNames(engine)).filter((name) => !name.startsWith('<none>'));
    folder = mkdtempSync(join(engine.directory, 'ship-'));
    write(
      'shipper.yaml',
      `project: shop
registry: ${registry.address}/shop-${kind}
images:
  base: { context: base }
  api:
    context: api
    needs: [base]
    args: { WHAT: it }
    flatten: { keep_base: base }
    tags: ["1"]
`,
    );
    write(
      'base/Dockerfile',
      'FROM busybox:base\nRUN echo one > /one\nRUN rm /one && echo two > /two\n',
    );
    write('api/Dockerfile', 'FROM base\nARG WHAT\nRUN test ! -e /one && echo got $WHAT > /got\n');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const ship = async (...args: readonly string[]) => {
    const result = await shipper(engine, ['ship', '--json', ...args], { cwd: folder });
    return { ...result, report: () => JSON.parse(result.stdout) as ShipReport };
  };

  it('builds, flattens and pushes, children on what is pushed', async () => {
    const result = await ship();
    expect([result.status, result.leftovers]).toEqual([0, []]);
    expect(result.report()).toMatchObject({ outcome: 'done' });
    const layers = async (name: string): Promise<readonly { digest: string }[]> => {
      const image = `docker://${registry.address}/shop-${kind}/${name}`;
      const raw = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', image]);
      return JSON.parse(raw).layers;
    };
    const [base, api] = [await layers('base:latest'), await layers('api:1')];
    expect([base.length, api.length]).toEqual([1, 2]);
    expect(api[0]).toEqual(base[0]);
    const names = (await imageNames(engine)).filter((name) => !name.startsWith('<none>'));
    expect(names).toEqual(before);
    const name = `${registry.address}/shop-${kind}/api:1`;
    expect(await engine.cli('run', '--rm', '--network=none', name, 'cat', '/two', '/got')).toBe(
      'two\ngot it\n',
    );
    await engine.cli('rmi', name);
  });

  it('shows the end of the log of a step that fails', async () => {
    write('api/Dockerfile', 'FROM base\nRUN echo no rule to make target; exit 3\n');
    const result = await ship();
    expect([result.status, result.leftovers]).toEqual([1, []]);
    expect(`${result.stdout}${result.stderr}`).toMatch(/no rule to make target/);
    expect(result.stderr).toMatch(/Cannot build image "api": .*\b3\b/);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends its builds on %s', async (signal) => {
    write('base/Dockerfile', 'FROM busybox:base\nRUN sleep 301\n');
    const { child, tmpdir, ended } = startShipper(engine, ['ship', '-C', folder]);
    const bake = () => tryRun('pgrep', ['-f', `metadata-file=${tmpdir}`]);
    await expect.poll(async () => (await bake()).status, { timeout: 30_000 }).toBe(0);
    await sleep(1000);
    child.kill(signal);
    expect(await ended).toBe(signal === 'SIGINT' ? 130 : 143);
    expect((await bake()).status).toBe(1);
    expect(readdirSync(tmpdir)).toEqual([]);
    const names = (await imageNames(engine)).filter((name) => !name.startsWith('<none>'));
    expect(names).toEqual(before);
    await expect
      .poll(async () => (await tryRun('pgrep', ['-f', '^sleep 301$'])).status, { timeout: 20_000 })
      .toBe(1);
  });
});
