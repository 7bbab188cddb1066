// `shipper logs -f` on many containers that write much: that no line is lost, doubled or out of order, and how much memory and
// CPU that takes. The engines are small servers of our own, in a process of theirs; lines carry a number.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { megabytes, seconds } from './measure.mjs';

const HOSTS = 3;
const CONTAINERS = 10;
const LINES_A_SECOND = 1000;
const SECONDS = 20;
const TICK_MS = 20;
/** Of a line without its number: what services write mostly is 100 bytes and more. */
const PADDING = 'x'.repeat(90);

/** Prints a line for the figures; throws where a line was lost or the memory is over its limit. */
export async function benchLogs({ work, bin, say }) {
  const folder = join(work, 'logs');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sockets = Array.from({ length: HOSTS }, (_, at) => join(folder, `h${at}.sock`));
  writeFileSync(
    join(folder, 'shipper.yaml'),
    `project: bench\nenvironments:\n  load:\n    hosts: [${sockets.map((path) => `"unix://${path}"`).join(', ')}]\n    services: { talker: { image: "talker:1" } }\n`,
  );
  const engines = spawn(process.execPath, [fileURLToPath(import.meta.url), ...sockets], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => engines.stdout.once('data', resolve));
  try {
    const { wrong, count, bytes, cpu, took } = await follow(folder, bin);
    const all = HOSTS * CONTAINERS * LINES_A_SECOND * SECONDS;
    const names = `${HOSTS * CONTAINERS} containers, ${LINES_A_SECOND} lines/s each, ${SECONDS} s`;
    say(
      `logs -f: ${names}: ${count} of ${all} lines, ${wrong} out of place, ${seconds(took)} (${seconds(cpu)} of CPU), peak ${megabytes(bytes)} (limit 150 MB)`,
    );
    if (count !== all || wrong > 0) throw new Error('lines were lost or doubled');
    if (bytes > 150e6) throw new Error('it took too much memory');
  } finally {
    engines.kill();
  }
}

/** Runs it to its end, and checks what it prints as it comes. */
async function follow(folder, bin) {
  const figures = join(folder, 'time');
  const words = ['logs', 'load', '-f', '--progress', 'quiet'];
  const started = performance.now();
  const child = spawn(
    '/usr/bin/time',
    ['-q', '-f', '%U %S %M', '-o', figures, process.execPath, bin, ...words],
    { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const next = new Map();
  let count = 0;
  let wrong = 0;
  let rest = '';
  for await (const chunk of child.stdout.setEncoding('latin1')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const [, name, number] = /(c\d+) (\d+) x/.exec(line) ?? [];
      if (Number(number) !== (next.get(name) ?? 0)) wrong += 1;
      next.set(name, Number(number) + 1);
      count += 1;
    }
  }
  const took = (performance.now() - started) / 1000;
  const { readFileSync } = await import('node:fs');
  const [user, system, kilobytes] = readFileSync(figures, 'utf8')
    .trim()
    .split('\n')
    .at(-1)
    .split(' ')
    .map(Number);
  return { wrong, count, bytes: kilobytes * 1024, cpu: user + system, took };
}

/** The engines: all containers begin to write when the first log is asked for. */
function serve(paths) {
  let startedMs;
  const elapsedMs = () => (startedMs === undefined ? 0 : performance.now() - startedMs);
  const isOver = () => elapsedMs() >= SECONDS * 1000;
  for (const [host, path] of paths.entries()) {
    const containers = Array.from({ length: CONTAINERS }, (_, at) => {
      const number = host * CONTAINERS + at;
      return { id: String(number).padStart(64, '0'), name: `c${number}`, number };
    });
    const server = createServer((request, answer) => {
      const url = new URL(request.url, 'http://engine');
      const [, , id, verb] = url.pathname.replace(/^\/v[\d.]+/, '').split('/');
      const found = containers.find((each) => each.id === id);
      const json = (value) =>
        answer.writeHead(200, { 'api-version': '1.45' }).end(JSON.stringify(value));
      if (url.pathname === '/_ping')
        return answer.writeHead(200, { 'api-version': '1.45' }).end('OK');
      if (url.pathname.endsWith('/version'))
        return json({
          Version: '26.1',
          ApiVersion: '1.45',
          MinAPIVersion: '1.24',
          Os: 'linux',
          Arch: 'amd64',
        });
      if (url.pathname.endsWith('/info'))
        return json({ ID: `E${host}`, Name: `h${host}`, Driver: 'overlay2' });
      if (url.pathname.endsWith('/events')) return answer.writeHead(200).flushHeaders();
      if (url.pathname.endsWith('/containers/json')) return json(containers.map(listed));
      if (verb === 'json')
        return json({
          Id: id,
          Name: `/${found.name}`,
          Config: { Tty: false, Labels: {} },
          State: {},
        });
      if (verb === 'logs') return write(found, answer);
      return answer.writeHead(404).end('{}');
    });
    server.listen(path);
  }
  const listed = ({ id, name, number }) => ({
    Id: id,
    Names: [`/${name}`],
    Image: 'talker:1',
    ImageID: 'sha256:0',
    Command: 'talk',
    State: isOver() ? 'exited' : 'running',
    Status: '',
    Labels: {
      'shipper.managed': '1',
      'shipper.project': 'bench',
      'shipper.env': 'load',
      'shipper.service': 'talker',
      'shipper.slot': String(number + 1),
      'shipper.release': '20260101-000000-0000',
      'shipper.spec-hash': '0',
    },
    Ports: [],
    Created: 0,
  });
  const write = ({ name }, answer) => {
    startedMs ??= performance.now();
    answer.writeHead(200);
    let sent = 0;
    const tick = () => {
      const due = Math.min(
        SECONDS * LINES_A_SECOND,
        Math.floor((elapsedMs() * LINES_A_SECOND) / 1000),
      );
      const frames = [];
      for (; sent < due; sent += 1) frames.push(frame(name, sent));
      if (frames.length > 0) answer.write(Buffer.concat(frames));
      if (sent >= SECONDS * LINES_A_SECOND) answer.end();
      else setTimeout(tick, TICK_MS);
    };
    tick();
  };
  process.stdout.write('ready\n');
}

const EPOCH_MS = Date.UTC(2026, 0, 1);

function frame(name, number) {
  const ms = (number * 1000) / LINES_A_SECOND;
  const time = `${new Date(EPOCH_MS + Math.floor(ms)).toISOString().slice(0, -1)}000000Z`;
  const line = Buffer.from(`${time} ${name} ${number} ${PADDING}\n`);
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(line.length, 4);
  return Buffer.concat([head, line]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(process.argv.slice(2));
