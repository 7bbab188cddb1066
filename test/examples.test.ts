// The projects below examples/: each is read, planned, and has the files that it names.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadProject, nodeSystem, planShip } from '../src/index.ts';

const EXAMPLES = fileURLToPath(new URL('../examples', import.meta.url));

const projects = readdirSync(EXAMPLES).filter((name) =>
  existsSync(join(EXAMPLES, name, 'shipper.yaml')),
);

describe.each(projects)('examples/%s', (name) => {
  const system = { ...nodeSystem(), env: {}, cwd: join(EXAMPLES, name) };

  it('has a Dockerfile for every image that is built', async () => {
    const { images } = await loadProject({ system });
    expect(images.length).toBeGreaterThan(0);
    for (const { source } of images) {
      if (source.kind !== 'build') continue;
      const { context, dockerfile = join(context, 'Dockerfile') } = source.build;
      expect(existsSync(dockerfile), dockerfile).toBe(true);
    }
  });

  it('has environments whose hooks are programs', async () => {
    const file = readFileSync(join(EXAMPLES, name, 'shipper.yaml'), 'utf8');
    const [, section = ''] = file.split(/^environments:$/m);
    for (const [, environment = ''] of section.matchAll(/^ {2}(\w+):$/gm)) {
      const project = await loadProject({ system, environment });
      expect(project.environment?.services.length).toBeGreaterThan(0);
      for (const hook of Object.values(project.environment?.hooks ?? {})) {
        expect(existsSync(hook), hook).toBe(true);
      }
    }
  });

  it('has a plan in which each image stands behind those that it needs', async () => {
    const { images } = await planShip({}, { system });
    const names = images.map((image) => image.name);
    for (const [at, image] of images.entries()) {
      for (const need of image.needs) expect(names.slice(0, at)).toContain(need);
    }
  });
});

describe('the hooks of examples/shop', () => {
  const hooks = join(EXAMPLES, 'shop/hooks');
  const folder = mkdtempSync(join(tmpdir(), 'shipper-hooks-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a hook as a rollout does; returns what nginx would include. */
  function run(hook: string, addresses: string, slot = '1'): string {
    const env = {
      PATH: process.env['PATH'] ?? '',
      UPSTREAMS: folder,
      NGINX_RELOAD: 'true',
      DRAIN_SECONDS: '0',
      SHIPPER_HOST: 'ssh://deploy@s1:22',
      SHIPPER_SERVICE: 'api',
      SHIPPER_SLOT: slot,
      SHIPPER_RELEASE: '20260131-120000-1b1b',
      SHIPPER_ADDRESSES: addresses,
    };
    execFileSync(join(hooks, hook), { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const files = readdirSync(join(folder, 'api')).sort();
    return files.map((file) => readFileSync(join(folder, 'api', file), 'utf8')).join('');
  }

  it('lead nginx to a container, by its published port or its own address, and away again', () => {
    expect(run('route.sh', '172.18.0.5 0.0.0.0:32768->8080/tcp')).toBe(
      'server s1:32768 max_fails=0;\n',
    );
    expect(run('route.sh', '172.18.0.6', '2')).toBe(
      'server s1:32768 max_fails=0;\nserver 172.18.0.6:8080 max_fails=0;\n',
    );
    expect(run('drain.sh', '')).toBe('server 172.18.0.6:8080 max_fails=0;\n');
    expect(run('drain.sh', '')).toBe('server 172.18.0.6:8080 max_fails=0;\n');
  });

  it('fail where there is no way to it', () => {
    expect(() => run('route.sh', '')).toThrow(/no address of api\.1/);
  });
});
