import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_KINDS } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
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

  it('pushes to the registry, and skopeo and podman read it there', async () => {
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
