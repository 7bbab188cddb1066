import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_KINDS, type EngineKind, startEngine } from './support/engines.ts';
import { busyboxImage, recipeImage } from './support/images.ts';
import { exportTree, overlayTree, umociTree } from './support/oracles.ts';
import { startPart } from './support/part.ts';
import { startRegistry } from './support/registry.ts';
import { run, tryRun } from './support/run.ts';
import { sharedEngine, sharedPodman, sharedRegistry } from './support/shared.ts';

describe.each(ENGINE_KINDS)('Docker Engine %s', (kind) => {
  it('runs a container from the busybox image', async () => {
    const engine = await sharedEngine(kind);
    await busyboxImage(engine, 'busybox:test');
    expect(await engine.cli('run', '--rm', 'busybox:test', 'echo', 'hello')).toBe('hello\n');
  });

  it('pushes to the registry, and skopeo reads it there', async () => {
    const engine = await sharedEngine(kind);
    const registry = await sharedRegistry();
    const name = `${registry.address}/busybox:${kind}`;
    await busyboxImage(engine, name);
    await engine.cli('push', '--quiet', name);
    const layout = join(engine.directory, 'layout');
    await run('skopeo', ['copy', '--src-tls-verify=false', `docker://${name}`, `oci:${layout}:a`]);
    expect(existsSync(join(layout, 'index.json'))).toBe(true);
  });
});

describe.each(ENGINE_KINDS)("the private client's buildx on %s", (kind) => {
  it("builds with the engine's own BuildKit, RUN included", async () => {
    const engine = await sharedEngine(kind);
    await busyboxImage(engine, 'busybox:test');
    writeFileSync(join(engine.directory, 'Dockerfile'), 'FROM busybox:test\nRUN echo built > /x\n');
    const args = ['buildx', 'build', '--quiet', '--tag', 'built:test', engine.directory];
    await run('docker', [...args, '--file', join(engine.directory, 'Dockerfile')], {
      env: engine.env,
    });
    expect(await engine.cli('run', '--rm', 'built:test', 'cat', '/x')).toBe('built\n');
  });
});

describe('startEngine()', () => {
  it('leaves none of the bridges that its networks had', async () => {
    const engine = await startEngine('20.10');
    const id = await engine.cli('network', 'create', 'own');
    const bridge = `br-${id.slice(0, 12)}`;
    expect(await run('ip', ['-o', 'link'])).toContain(bridge);
    await engine.stop();
    expect(await run('ip', ['-o', 'link'])).not.toContain(bridge);
  });
});

describe('startRegistry()', () => {
  it('asks for the login that it was given', async () => {
    const login = { user: 'me', password: 'correct horse' };
    await using registry = await startRegistry({ login });
    const options = ['login', '--tls-verify=false', '--authfile', join(registry.directory, 'auth')];
    const attempt = (password: string) =>
      tryRun('skopeo', [...options, '-u', login.user, '-p', password, registry.address]);
    expect(await attempt('wrong')).toMatchObject({ status: 1 });
    expect(await attempt(login.password)).toMatchObject({ status: 0 });
  });
});

describe('startPodman()', () => {
  it('answers podman and the docker client and runs a container', async () => {
    const podman = await sharedPodman();
    expect(await podman.podman('info')).toContain(podman.directory);
    await busyboxImage(podman, 'busybox:test');
    expect(await podman.cli('images', '--format', '{{.Repository}}')).toContain('busybox');
    const said = await podman.podman('run', '--rm', '--network=none', 'busybox:test', 'echo', 'hi');
    expect(said).toBe('hi\n');
  });
});

describe('startPart()', () => {
  it('ends what the part started in the background', async () => {
    const command = ['sleep', '86399.25'];
    const isRunning = async () => (await tryRun('pgrep', ['-fx', command.join(' ')])).status === 0;
    const part = await startPart({
      name: 'sleeper',
      prepare: () => ['sh', '-c', `setsid ${command.join(' ')} & wait`],
      isReady: isRunning,
    });
    await part.stop();
    expect(await isRunning()).toBe(false);
    expect(existsSync(part.directory)).toBe(false);
  });

  it('prints the last lines of a part that does not start and leaves nothing', async () => {
    let directory = '';
    const starting = startPart({
      name: 'broken',
      hasBridge: true,
      prepare: (given) => {
        directory = given;
        return ['sh', '-c', 'echo out of order; exit 3'];
      },
      isReady: () => Promise.resolve(false),
    });
    await expect(starting).rejects.toThrow(/ended by itself.*\n.*out of order/);
    expect(existsSync(directory)).toBe(false);
  });
});

// One line for each thing that an image must not lose on its way.
const SIGHTS = [
  /^dev\/disk b 0660 0:6 \d+ 8:1$/,
  /^opt\/full c 0644 0:0 \d+ 1:7$/,
  /^run\/queue p 0640/,
  /^tmp d 1777/,
  /^usr\/bin\/ping f 0755 .* security\.capability=01000002002/,
  /^usr\/bin\/sudo f 6755/,
  /^usr\/lib l 0777 0:0 \d+ -> lib64$/,
  /^usr\/lib64\/odd f 0644 70000:3000000000/,
  /^usr\/share\/precise f 0644 0:0 1700000000123456789 .* user\.note=6b657074$/,
  /^usr\/share\/copy\/file-1 f 0644 1000:1000/,
  /^var\/blobs\/hard f .* = var\/blobs\/2$/,
  /^var\/names\/latin-\\xe9 f/,
  /^var\/names\/new\\nline f/,
];

describe('recipeImage() and the oracles', () => {
  const trees = new Map<EngineKind, string[]>();

  it.each(ENGINE_KINDS)('builds on %s, where export and overlay agree', async (kind) => {
    const engine = await sharedEngine(kind);
    await recipeImage(engine, 'recipe:test');
    const exported = await exportTree(engine, 'recipe:test');
    expect(exported).toEqual(await overlayTree(engine, 'recipe:test', { detail: 'export' }));
    trees.set(kind, await exportTree(engine, 'recipe:test', { hasMtimes: false }));
    const full = await overlayTree(engine, 'recipe:test');
    for (const sight of SIGHTS) expect(full).toContainEqual(expect.stringMatching(sight));
  });

  it('gives the same tree on each engine', async () => {
    expect(trees.get('26.1')).toEqual(trees.get('20.10'));
    expect(trees.get('26.1-containerd')).toEqual(trees.get('20.10'));
  });

  it.each(ENGINE_KINDS)('umoci finds what %s built', async (kind) => {
    const engine = await sharedEngine(kind);
    const archive = join(engine.directory, 'recipe.tar');
    const layout = join(engine.directory, 'recipe-layout');
    await engine.cli('save', '--output', archive, 'recipe:test');
    await run('skopeo', ['copy', `docker-archive:${archive}`, `oci:${layout}:recipe`]);
    expect(await umociTree(layout, 'recipe', { detail: 'export' })).toEqual(
      await exportTree(engine, 'recipe:test'),
    );
  });
});
