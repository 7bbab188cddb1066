// `docker shipper …` by the real docker command.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryRun } from './support/run.ts';
import { CLI } from './support/shipper.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shipper-plugin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const docker = (...args: readonly string[]) =>
  tryRun('/usr/bin/docker', args, { env: { ...process.env, DOCKER_CONFIG: folder } });
const shipper = (...args: readonly string[]) =>
  tryRun(process.execPath, [CLI, ...args], { env: { ...process.env, DOCKER_CONFIG: folder } });

describe('the plugin of the docker command', () => {
  it('is installed, found, run and removed', async () => {
    const file = join(folder, 'cli-plugins/docker-shipper');
    expect(await shipper('docker-plugin', 'install', '-q')).toMatchObject({
      status: 0,
      stdout: `${file}\n`,
    });
    expect((await docker('--help')).stdout).toMatch(/shipper\*\s+Flatten images exactly/);
    expect((await docker('shipper', '--version')).stdout).toBe((await shipper('--version')).stdout);
    const host = `unix://${folder}/none.sock`;
    const failed = await docker('--host', host, 'shipper', 'flatten', 'docker-daemon:a');
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining('none.sock')]);
    expect((await docker('shipper', 'flaten')).status).toBe(2);
    expect((await shipper('docker-plugin', 'uninstall')).status).toBe(0);
    expect((await docker('--help')).stdout).not.toMatch(/shipper\*/);
  });

  it('leaves a file of somebody else alone', async () => {
    const file = join(folder, 'cli-plugins/docker-shipper');
    writeFileSync(file, '#!/bin/sh\n');
    for (const action of ['install', 'uninstall']) {
      expect(await shipper('docker-plugin', action)).toMatchObject({ status: 1 });
    }
    expect(readFileSync(file, 'utf8')).toBe('#!/bin/sh\n');
  });
});
