// A rollout over three hosts that are reached by ssh, by TLS and by a socket, each in a network of its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from './support/fleet.ts';
import { busyboxImage } from './support/images.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet();
}, 120_000);
afterAll(() => fleet?.[Symbol.asyncDispose]());

it('starts', async () => {
  const { run } = await import('./support/run.ts');
  console.log(
    await run('docker', ['-H', 'ssh://h1', 'version', '--format', '{{.Server.Version}}'], {
      env: fleet.env,
    }),
  );
  console.log(
    await run('docker', ['--context', 'h2', 'version', '--format', '{{.Server.Version}}'], {
      env: { ...fleet.env, DOCKER_HOST: undefined },
    }),
  );
  for (const { engine } of fleet.hosts)
    console.log(await engine.cli('info', '--format', '{{.ID}} {{.Name}}'));
  await busyboxImage(fleet.hosts[0].engine, `${fleet.registry.address}/a:1`);
  console.log(await fleet.hosts[0].engine.cli('push', `${fleet.registry.address}/a:1`));
  for (const { engine } of fleet.hosts)
    console.log(
      await engine.cli(
        'run',
        '--rm',
        '-d',
        '-p',
        '8080:80',
        `${fleet.registry.address}/a:1`,
        'sh',
        '-c',
        'echo hello > /index.html; httpd -f -p 80',
      ),
    );
  for (const { address } of fleet.hosts)
    console.log(await (await fetch(`http://${address}:8080/index.html`)).text());
});
