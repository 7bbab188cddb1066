// `shipper init`: what it writes for which folder. Whatever it writes can be loaded.
import { describe, expect, it } from 'vitest';
import { writeConfig } from '../../src/config/init.ts';
import { loadProject } from '../../src/config/load.ts';
import type { Ran } from '../../src/system/system.ts';
import { git, machine } from './machine.ts';

const said = (stdout: string): Ran => ({ code: 0, stdout, stderr: '' });
const NO_GIT: Ran = { code: 128, stdout: '', stderr: 'fatal: not a git repository' };

/** The text that is written in /work/shop, and what it loads as. */
async function init(files: Readonly<Record<string, string>>, run: () => Ran = () => NO_GIT) {
  const all = Object.fromEntries(
    Object.entries({ x: '', ...files }).map(([path, text]) => [`/work/shop/${path}`, text]),
  );
  const made = machine({
    files: all,
    cwd: '/work/shop',
    run: (_, args) => (args.includes('get-url') ? run() : run() === NO_GIT ? NO_GIT : git(args)),
  });
  const report = await writeConfig(made.system);
  const text = Buffer.from(made.files.get('/work/shop/shipper.yaml') ?? '').toString('utf8');
  return { report, text, project: await loadProject(made.system) };
}

describe('writeConfig()', () => {
  it('declares an image for each Dockerfile here and one folder down', async () => {
    const { report, text, project } = await init({
      Dockerfile: 'FROM debian\n',
      'Dockerfile.worker': 'FROM shop\n',
      'Dockerfile.dockerignore': 'x',
      'jobs.Dockerfile': 'FROM debian AS build\nFROM build\n',
      'API Server/Dockerfile': 'FROM --platform=linux/amd64 base AS x\nFROM x\n',
      'base/Dockerfile': 'FROM debian\n',
      'node_modules/Dockerfile': '',
      '.git/Dockerfile': '',
      'deep/er/Dockerfile': '',
    });
    expect(report).toEqual({
      file: '/work/shop/shipper.yaml',
      images: ['api-server', 'shop', 'worker', 'base', 'jobs'],
      included: [],
    });
    expect(project.images).toMatchObject([
      {
        name: 'api-server',
        source: { build: { context: '/work/shop/API Server' } },
        needs: [{ image: 'base' }],
        references: ['api-server:latest'],
      },
      { name: 'shop', source: { build: { context: '/work/shop' } }, needs: [] },
      {
        name: 'worker',
        source: { build: { dockerfile: '/work/shop/Dockerfile.worker' } },
        needs: [{ image: 'shop' }],
      },
      { name: 'base' },
      { name: 'jobs', source: { build: { dockerfile: '/work/shop/jobs.Dockerfile' } }, needs: [] },
    ]);
    expect(text).toMatch(/^# yaml-language-server: \$schema=/);
    expect(text).toContain('# registry: registry.example.com/shop\n');
  });

  it('takes what git knows: the commit as a tag, the registry of the remote', async () => {
    const { text, project } = await init({ Dockerfile: 'FROM x' }, () =>
      said('git@github.com:Acme/Shop.git\n'),
    );
    expect(text).toContain('tags: ["{git.sha}", latest]');
    expect(project.registry).toBe('ghcr.io/acme/shop');
    const lab = await init({ Dockerfile: '' }, () => said('https://gitlab.com/a/b/c.git\n'));
    expect(lab.project.registry).toBe('registry.gitlab.com/a/b/c');
    const own = await init({ Dockerfile: '' }, () =>
      said('ssh://git@git.example.com:22/a/b.git\n'),
    );
    expect(own.project.registry).toBeUndefined();
  });

  it('includes a Compose file that builds, and declares only what that does not', async () => {
    const { report, project } = await init({
      'compose.yaml': 'services: { api: { build: ./api }, db: { image: "db:1" } }',
      'api/Dockerfile': '',
      'other/Dockerfile': '',
    });
    expect(report).toMatchObject({ images: ['other'], included: ['compose.yaml'] });
    expect(project.images.map(({ name }) => name)).toEqual(['other', 'api']);
  });

  it('passes over a Compose file that builds nothing, and one that is broken', async () => {
    for (const compose of ['services: { db: { image: "db:1" } }', 'services: [', '']) {
      const { report } = await init({ 'compose.yml': compose, 'api/Dockerfile': '' });
      expect(report).toMatchObject({ images: ['api'], included: [] });
    }
  });

  it('includes a bake file', async () => {
    const { report } = await init({ 'docker-bake.json': '{"target": {"a": {}}}' });
    expect(report).toMatchObject({ images: [], included: ['docker-bake.json'] });
  });

  it('leaves comments where nothing is found', async () => {
    const { report, text, project } = await init({});
    expect(report.images).toEqual([]);
    expect(project).toMatchObject({ name: 'shop', images: [], environmentNames: [] });
    expect(text).toContain('# images:\n#   api:\n');
  });

  it('does not make circles of images that begin from each other', async () => {
    const { project } = await init({
      'a/Dockerfile': 'FROM b',
      'b/Dockerfile': 'FROM c',
      'c/Dockerfile': 'FROM a',
    });
    expect(project.images).toHaveLength(3);
  });

  it.each(['shipper.yaml', 'shipper.yml', 'shipper.json'])('never overwrites %s', async (name) => {
    const { system, files } = machine({ files: { [`/work/${name}`]: 'mine' } });
    await expect(writeConfig(system)).rejects.toMatchObject({
      code: 'OUTPUT_CONFLICT',
      message: `Cannot write shipper.yaml: there is a ${name} already`,
    });
    expect([...files.keys()]).toEqual([`/work/${name}`]);
  });

  it('writes comments that are right when they are no comments any more', async () => {
    const { text } = await init({ 'api/Dockerfile': '', 'db/Dockerfile': '' });
    const opened = text
      .replace(/^# (registry:|groups:|environments:)/gm, '$1')
      .replace(/^# {3}/gm, '  ');
    const { system } = machine({ files: { '/work/shipper.yaml': opened } });
    const project = await loadProject(system, { environment: 'production' });
    expect(project.groups).toMatchObject([{ name: 'web', images: ['api', 'db'] }]);
    expect(project.environment).toMatchObject({ hosts: [{ address: 'ssh://deploy@host-3' }] });
  });
});
