// Without a failed request: a client asks nginx every 20 ms while a rollout replaces every container behind it, start-first. The
// hooks of examples/nginx write nginx's upstreams.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RolloutReport } from '../../src/rollout/rollout-types.ts';
import type { RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { requireParts } from './support/places.ts';
import { freePort } from './support/registry.ts';
import { tryRun } from './support/run.ts';
import { sharedEngine } from './support/shared.ts';
import { CLI } from './support/shipper.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/nginx', import.meta.url));

let engine: RunningEngine;
let folder: string;
let port: number;
let nginx: ChildProcess;

beforeAll(async () => {
  requireParts('nginx', 'nginx');
  engine = await sharedEngine('26.1');
  await busyboxImage(engine, 'web:1');
  folder = mkdtempSync(join(engine.directory, 'proxy-'));
  cpSync(EXAMPLE, folder, { recursive: true });
  mkdirSync(join(folder, 'upstreams'));
  mkdirSync(join(folder, 'logs'));
  port = await freePort();
}, 60_000);

afterAll(async () => {
  if (nginx !== undefined) {
    nginx.kill('SIGTERM');
    await once(nginx, 'close');
  }
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function configure(version: string): void {
  const command = `mkdir -p /www; echo ${version} > /www/index.html; trap 'exit 0' TERM; httpd -p 80 -h /www; sleep 100000 & wait`;
  writeFileSync(
    join(folder, 'shipper.yaml'),
    `project: shop
images:
  web: { image: "web:1", tags: ["1"] }
environments:
  staging:
    hosts: [${engine.host}]
    transfer: direct
    hooks: { route: ./route.sh, drain: ./drain.sh }
    services:
      web:
        image: web
        command: ["sh", "-c", ${JSON.stringify(command)}]
        healthcheck: { test: ["CMD", "wget", "-qO-", "http://127.0.0.1/"], interval: 1s, timeout: 2s, retries: 3 }
        stop_grace_period: 3s
        deploy: { replicas: 3, update_config: { parallelism: 1, monitor: 1s } }
`,
  );
}

async function rollout(): Promise<RolloutReport> {
  const env = { ...engine.env, SHIPPER_PROGRESS: 'plain' };
  const call = [CLI, 'rollout', 'staging', '--json'];
  const { stdout, stderr } = await tryRun(process.execPath, call, { cwd: folder, env });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as RolloutReport;
}

function startNginx(): ChildProcess {
  const text = `
worker_processes 2;
pid ${folder}/nginx.pid;
error_log ${folder}/logs/error.log;
events {}
http {
  access_log off;
  upstream web { include ${folder}/upstreams/*.conf; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://web; proxy_next_upstream off; proxy_connect_timeout 2s; }
  }
}
`;
  writeFileSync(join(folder, 'nginx.conf'), text);
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
  return spawn('nginx', args, { stdio: 'ignore' });
}

function ask(): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, agent: false, timeout: 5000 };
    const request = get(options, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () =>
        resolve(response.statusCode === 200 ? text.trim() : `status ${response.statusCode}`),
      );
      response.on('error', (error) => resolve(`failed: ${error.message}`));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error) => resolve(`failed: ${error.message}`));
  });
}

it('no request fails while every container behind nginx is replaced', async () => {
  configure('v1');
  const first = await rollout();
  expect(first.error).toBeUndefined();
  expect(first.outcome).toBe('done');
  nginx = startNginx();
  const deadline = performance.now() + 10_000;
  while ((await ask()) !== 'v1' && performance.now() < deadline) await sleep(100);
  configure('v2');
  const answers = new Map<string, number>();
  let isOver = false;
  const asking: Promise<void>[] = [];
  const client = (async () => {
    while (!isOver) {
      asking.push(ask().then((text) => void answers.set(text, (answers.get(text) ?? 0) + 1)));
      await sleep(20);
    }
  })();
  const second = await rollout();
  await sleep(500);
  isOver = true;
  await client;
  await Promise.all(asking);
  expect(second.error).toBeUndefined();
  expect(second.outcome).toBe('done');
  expect([...answers.keys()].sort()).toEqual(['v1', 'v2']);
  expect([...answers.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
  expect(await ask()).toBe('v2');
}, 180_000);
