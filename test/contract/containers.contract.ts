// What every engine must do with containers, networks, volumes and pulls. The fake host passes it in test/support, as an
// object and over HTTP, real engines in test/real.
import { setTimeout as sleep } from 'node:timers/promises';
import { extract, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type {
  ContainerSpec,
  Containers,
  EngineContainer,
  EngineEvent,
  LogLine,
} from '../../src/engine/containers.ts';
import type { Engine, EngineLogin } from '../../src/engine/engine.ts';

/** What containers of this contract do. Each is an image `shipper-contract/KIND:one`; real ones run a command in busybox. */
export const CONTRACT_COMMANDS = {
  /** Runs until it is asked to end. */
  idle: 'trap "exit 0" TERM; while :; do sleep 0.05; done',
  /** Does not hear of being asked. */
  stubborn: 'trap "" TERM; while :; do sleep 0.05; done',
  /** Writes to both streams and ends with 3. */
  says: 'echo one; echo two >&2; sleep 0.1; echo three; printf last; exit 3',
  /** Writes a line each 0.1 s. */
  talks: 'trap "exit 0" TERM; n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.1; done',
  /** Ends with 1 soon after each start. */
  crashes: 'sleep 0.2; exit 1',
} as const;

/** One of {@link CONTRACT_COMMANDS}. */
export type ContractKind = keyof typeof CONTRACT_COMMANDS;

/** What the command that is run in a container does: the contract's only one. */
export const CONTRACT_EXEC = ['sh', '-c', 'echo "out $A"; echo bad >&2; exit 7'] as const;

/** An engine under the contract, without containers. Disposed at the end. */
export interface ContainerSubject extends AsyncDisposable {
  readonly engine: Engine;
  readonly ctx: Context;
  /** Nothing listens there. */
  readonly port: number;
  readonly pulls: {
    readonly tag: string;
    /** The same image. */
    readonly digest: string;
    /** Its repository is there. */
    readonly missing: string;
    /** Needs `login`. */
    readonly secret: string;
    readonly login: EngineLogin;
  };
  /** What it cannot do, as its maker says. */
  readonly lacks?: readonly ('health' | 'update' | 'ports' | 'lines' | 'since' | 'pulls')[];
}

const LABELS = { 'contract.test': '1' };

/** Runs the contract against what `makeSubject` gives. */
export function containersContract(
  name: string,
  makeSubject: () => Promise<ContainerSubject>,
): void {
  describe(`${name} keeps the contract of containers`, () => {
    let subject: ContainerSubject;
    let containers: Containers;
    let ctx: Context;
    beforeAll(async () => {
      subject = await makeSubject();
      ({ ctx } = subject);
      ({ containers } = subject.engine);
    }, 60_000);
    afterAll(() => subject?.[Symbol.asyncDispose]());

    const made = async (id: string, kind: ContractKind, more: object = {}) =>
      containers.create(ctx, id, specOf(kind, more));
    const ran = async (id: string, kind: ContractKind, more: object = {}) => {
      const made = await containers.create(ctx, id, specOf(kind, more));
      await containers.start(ctx, id);
      return made;
    };
    const gone = async (id: string) => {
      await containers.stop(ctx, id, 0);
      await containers.remove(ctx, id);
    };
    const seen = async (id: string): Promise<EngineContainer> => {
      const found = await containers.inspect(ctx, id);
      if (found === undefined) throw new Error(`there is no ${id}`);
      return found;
    };

    it('facts() says which engine it is', async () => {
      const facts = await subject.engine.facts(ctx);
      if (facts.product === 'docker') expect(facts.id).toMatch(/^[\w:-]{4,}$/);
      expect(facts.hostname).toBeTruthy();
    });

    it('create() reserves the name, and a second is CONFLICT', async () => {
      const id = await made('c-name', 'idle');
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await codeOf(made('c-name', 'idle'))).toBe('CONFLICT');
      const found = await seen('c-name');
      expect(found).toMatchObject({ id, name: 'c-name', labels: LABELS });
      expect(found.state.status).toBe('created');
      expect(found.image).toContain('shipper-contract/idle:one');
      expect((await seen(id)).name).toBe('c-name');
      await containers.remove(ctx, 'c-name');
      expect(await containers.inspect(ctx, 'c-name')).toBeUndefined();
      await made('c-name', 'idle');
      await containers.remove(ctx, 'c-name');
    });

    it('create() of an image that is not there is NOT_FOUND', async () => {
      const spec = { Image: 'shipper-contract/none:one', Labels: LABELS };
      expect(await codeOf(containers.create(ctx, 'c-none', spec))).toBe('NOT_FOUND');
      expect(await containers.inspect(ctx, 'c-none')).toBeUndefined();
    });

    it('of eight that create one name at once, one does', async () => {
      const tries = Array.from({ length: 8 }, () => codeOf(made('c-race', 'idle')));
      const codes = await Promise.all(tries);
      expect(codes.filter((code) => code === 'no failure')).toHaveLength(1);
      expect(codes.filter((code) => code === 'CONFLICT')).toHaveLength(7);
      await containers.remove(ctx, 'c-race');
    });

    it('list() has all states, by label', async () => {
      await made('c-list-a', 'idle', { Labels: { ...LABELS, color: 'red' } });
      await ran('c-list-b', 'idle', { Labels: { ...LABELS, color: 'blue', extra: '' } });
      const names = async (labels?: readonly string[]) =>
        (await containers.list(ctx, labels)).map((each) => each.name).toSorted();
      expect(await names(['contract.test=1'])).toEqual(['c-list-a', 'c-list-b']);
      expect(await names(['contract.test', 'color=red'])).toEqual(['c-list-a']);
      expect(await names(['extra'])).toEqual(['c-list-b']);
      expect(await names(['color=green'])).toEqual([]);
      expect(await names()).toEqual(expect.arrayContaining(['c-list-a', 'c-list-b']));
      const [b] = await containers.list(ctx, ['color=blue']);
      expect(b).toMatchObject({ name: 'c-list-b', status: 'running' });
      expect(b?.labels).toMatchObject({ color: 'blue', extra: '' });
      expect(b?.image).toContain('shipper-contract/idle:one');
      expect(b?.imageId).toBe((await seen('c-list-b')).imageId);
      expect(b?.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(b?.createdAt).toBeGreaterThan(0);
      await Promise.all([gone('c-list-a'), gone('c-list-b')]);
    });

    it('start() twice is no error, and of nothing is NOT_FOUND', async () => {
      await ran('c-start', 'idle');
      const before = await seen('c-start');
      expect(before.state).toMatchObject({ status: 'running', restartCount: 0, oomKilled: false });
      await containers.start(ctx, 'c-start');
      expect((await seen('c-start')).state.startedAt).toBe(before.state.startedAt);
      expect(await codeOf(containers.start(ctx, 'c-nothing'))).toBe('NOT_FOUND');
      await gone('c-start');
    });

    it('stop() ends it, again is no error, and of nothing is none', async () => {
      await ran('c-stop', 'idle');
      await containers.stop(ctx, 'c-stop', 5000);
      expect((await seen('c-stop')).state).toMatchObject({ status: 'exited', exitCode: 0 });
      await containers.stop(ctx, 'c-stop', 5000);
      await containers.stop(ctx, 'c-nothing', 5000);
      await containers.remove(ctx, 'c-stop');
      await made('c-stop', 'idle');
      await containers.stop(ctx, 'c-stop', 1000);
      expect((await seen('c-stop')).state.status).toBe('created');
      await containers.remove(ctx, 'c-stop');
    });

    it('stop() of what ignores its signal waits for the grace, then kills', async () => {
      await ran('c-stubborn', 'stubborn');
      await sleep(300);
      const began = ctx.clock.monotonic();
      await containers.stop(ctx, 'c-stubborn', 1000);
      expect(ctx.clock.monotonic() - began).toBeGreaterThan(900);
      expect((await seen('c-stubborn')).state).toMatchObject({ status: 'exited', exitCode: 137 });
      await containers.remove(ctx, 'c-stubborn');
    });

    it('a stopped container starts again, as it was', async () => {
      await ran('c-again', 'idle');
      const first = (await seen('c-again')).state.startedAt;
      await containers.stop(ctx, 'c-again', 2000);
      await containers.start(ctx, 'c-again');
      const { state } = await seen('c-again');
      expect(state.status).toBe('running');
      expect(state.startedAt).not.toBe(first);
      await gone('c-again');
    });

    it('restart() begins anew, kill() ends, and of what does not run is ENGINE', async () => {
      await ran('c-restart', 'idle');
      const first = (await seen('c-restart')).state.startedAt;
      await containers.restart(ctx, 'c-restart', 2000);
      const { state } = await seen('c-restart');
      expect(state.status).toBe('running');
      expect(state.startedAt).not.toBe(first);
      expect(state.restartCount).toBe(0);
      await containers.kill(ctx, 'c-restart', 'SIGKILL');
      expect(await containers.wait(ctx, 'c-restart')).toBe(137);
      expect(await codeOf(containers.kill(ctx, 'c-restart', 'SIGKILL'))).toBe('ENGINE');
      expect(await codeOf(containers.kill(ctx, 'c-nothing', 'SIGKILL'))).toBe('NOT_FOUND');
      expect(await codeOf(containers.unpause(ctx, 'c-restart'))).toBe('ENGINE');
      await containers.remove(ctx, 'c-restart');
    });

    it('remove() of what runs is refused, again is no error, and of nothing is none', async () => {
      await ran('c-remove', 'idle');
      expect(await codeOf(containers.remove(ctx, 'c-remove'))).toBe('ENGINE');
      expect((await seen('c-remove')).state.status).toBe('running');
      await containers.stop(ctx, 'c-remove', 2000);
      await Promise.all([1, 2, 3].map(() => containers.remove(ctx, 'c-remove')));
      await containers.remove(ctx, 'c-remove');
      await containers.remove(ctx, 'c-nothing', { volumes: true });
      expect(await containers.inspect(ctx, 'c-remove')).toBeUndefined();
    });

    it('a published port is seen, and one in use is an ENGINE error of start()', async () => {
      if (subject.lacks?.includes('ports')) return;
      const ports = portOf(subject.port);
      await ran('c-port-a', 'idle', ports);
      const wanted = { published: subject.port, target: 80, protocol: 'tcp' };
      expect((await seen('c-port-a')).ports).toContainEqual(expect.objectContaining(wanted));
      const [listed] = await containers.list(ctx, ['contract.test=1']);
      expect(listed?.ports).toContainEqual(expect.objectContaining(wanted));
      await made('c-port-b', 'idle', ports);
      const error = await failureOf(containers.start(ctx, 'c-port-b'));
      expect(error.code).toBe('ENGINE');
      expect(error.retryable).toBe(false);
      expect(error.message).toMatch(/already allocated|address already in use/);
      const { state } = await seen('c-port-b');
      expect(state.status).toMatch(/^(?:created|exited)$/);
      await gone('c-port-a');
      await containers.start(ctx, 'c-port-b');
      expect((await seen('c-port-b')).state.status).toBe('running');
      await gone('c-port-b');
    });

    it('a running container has an address in each network that it joins', async () => {
      await containers.createNetwork(ctx, { name: 'c-joined', labels: LABELS });
      await made('c-address', 'idle', { HostConfig: { NetworkMode: 'c-joined' } });
      expect((await seen('c-address')).addresses).toEqual({});
      await containers.start(ctx, 'c-address');
      const { addresses } = await seen('c-address');
      expect(addresses['c-joined']).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(await codeOf(containers.removeNetwork(ctx, 'c-joined'))).toBe('ENGINE');
      await containers.stop(ctx, 'c-address', 2000);
      expect((await seen('c-address')).addresses).toEqual({});
      await containers.remove(ctx, 'c-address');
      await containers.removeNetwork(ctx, 'c-joined');
    });

    it('connectNetwork() adds one, again is no error, and of nothing is NOT_FOUND', async () => {
      const names = ['c-first', 'c-second'];
      for (const each of names) await containers.createNetwork(ctx, { name: each, labels: LABELS });
      await made('c-connect', 'idle', { HostConfig: { NetworkMode: 'c-first' } });
      const settings = { Aliases: ['api'] };
      await containers.connectNetwork(ctx, 'c-second', 'c-connect', settings);
      await containers.connectNetwork(ctx, 'c-second', 'c-connect', settings);
      await containers.start(ctx, 'c-connect');
      expect(Object.keys((await seen('c-connect')).addresses).toSorted()).toEqual(names);
      await containers.connectNetwork(ctx, 'c-second', 'c-connect', settings);
      const nowhere = containers.connectNetwork(ctx, 'c-none', 'c-connect', settings);
      expect(await codeOf(nowhere)).toBe('NOT_FOUND');
      const nothing = containers.connectNetwork(ctx, 'c-first', 'c-nothing', settings);
      expect(await codeOf(nothing)).toBe('NOT_FOUND');
      await gone('c-connect');
      for (const each of names) await containers.removeNetwork(ctx, each);
    });

    it('setRestartPolicy() changes it', async () => {
      if (subject.lacks?.includes('update')) return;
      const HostConfig = { RestartPolicy: { Name: 'unless-stopped' } };
      await ran('c-policy', 'idle', { HostConfig });
      expect((await seen('c-policy')).restartPolicy.name).toBe('unless-stopped');
      const policy = { name: 'on-failure', maximumRetryCount: 3 } as const;
      await containers.setRestartPolicy(ctx, 'c-policy', policy);
      expect((await seen('c-policy')).restartPolicy).toEqual(policy);
      await containers.stop(ctx, 'c-policy', 2000);
      const none = { name: 'no', maximumRetryCount: 0 } as const;
      await containers.setRestartPolicy(ctx, 'c-policy', none);
      expect((await seen('c-policy')).restartPolicy).toEqual(none);
      expect(await codeOf(containers.setRestartPolicy(ctx, 'c-nothing', none))).toBe('NOT_FOUND');
      await containers.remove(ctx, 'c-policy');
    });

    it('one that crashes is started again, and that is counted', async () => {
      const HostConfig = { RestartPolicy: { Name: 'always' } };
      await ran('c-crash', 'crashes', { HostConfig });
      const first = (await seen('c-crash')).state.startedAt;
      const count = async () => (await seen('c-crash')).state.restartCount;
      await expect.poll(count, { timeout: 10_000, interval: 100 }).toBeGreaterThan(0);
      // It is counted when the container ends; that it has begun again is seen later.
      const startedAt = async () => (await seen('c-crash')).state.startedAt;
      await expect.poll(startedAt, { timeout: 10_000, interval: 50 }).not.toBe(first);
      await containers.stop(ctx, 'c-crash', 1000);
      const { state } = await seen('c-crash');
      expect(state.status).toBe('exited');
      await containers.remove(ctx, 'c-crash');
    });

    it('wait() gives the exit code', async () => {
      await ran('c-wait', 'says');
      expect(await containers.wait(ctx, 'c-wait')).toBe(3);
      expect((await seen('c-wait')).state).toMatchObject({ status: 'exited', exitCode: 3 });
      expect(await containers.wait(ctx, 'c-wait')).toBe(3);
      expect(await codeOf(containers.wait(ctx, 'c-nothing'))).toBe('NOT_FOUND');
      await containers.remove(ctx, 'c-wait');
    });

    it('wait() can be given up', async () => {
      await ran('c-patient', 'idle');
      const abort = new AbortController();
      const waiting = codeOf(containers.wait({ ...ctx, signal: abort.signal }, 'c-patient'));
      setTimeout(() => abort.abort(), 100);
      expect(await waiting).toBe('INTERRUPTED');
      await gone('c-patient');
    });

    it('files go into one that never ran, and come out', async () => {
      await made('c-files', 'idle');
      const tar = await tarOf({ lease: 'mine' });
      await containers.putArchive(ctx, 'c-files', '/', tar);
      expect(await fileIn(containers, ctx, 'c-files', '/lease')).toBe('mine');
      await containers.putArchive(ctx, 'c-files', '/', await tarOf({ lease: 'yours' }));
      expect(await fileIn(containers, ctx, 'c-files', '/lease')).toBe('yours');
      expect(await containers.getArchive(ctx, 'c-files', '/none', 10_000)).toBeUndefined();
      expect(await containers.getArchive(ctx, 'c-nothing', '/lease', 10_000)).toBeUndefined();
      const large = await tarOf({ large: 'x'.repeat(30_000) });
      await containers.putArchive(ctx, 'c-files', '/', large);
      const reading = containers.getArchive(ctx, 'c-files', '/large', 10_000);
      expect(await codeOf(reading)).toBe('ENGINE');
      const missing = containers.putArchive(ctx, 'c-nothing', '/', tar);
      expect(await codeOf(missing)).toBe('NOT_FOUND');
      expect((await seen('c-files')).state.status).toBe('created');
      await containers.remove(ctx, 'c-files');
      await made('c-files', 'idle');
      expect(await containers.getArchive(ctx, 'c-files', '/lease', 10_000)).toBeUndefined();
      await containers.remove(ctx, 'c-files');
    });

    it('logs() has both streams, the last lines, and times', async () => {
      if (subject.lacks?.includes('lines')) return;
      await ran('c-logs', 'says');
      await containers.wait(ctx, 'c-logs');
      const all = await linesOf(containers.logs(ctx, 'c-logs'));
      expect(textsOf(all, 'stdout')).toEqual(['one', 'three', 'last']);
      expect(textsOf(all, 'stderr')).toEqual(['two']);
      const tail = await linesOf(containers.logs(ctx, 'c-logs', { tail: 2 }));
      expect(tail.map(({ text }) => text)).toEqual(['three', 'last']);
      const [timed] = await linesOf(containers.logs(ctx, 'c-logs', { timestamps: true, tail: 1 }));
      expect(timed?.text).toMatch(/^\d{4}-\d\d-\d\dT\S+(?:Z|[+-]\d\d:\d\d) last$/);
      expect(await codeOf(linesOf(containers.logs(ctx, 'c-nothing')))).toBe('NOT_FOUND');
      await containers.remove(ctx, 'c-logs');
    });

    it('logs() that follow end with the container, and may be left early', async () => {
      await ran('c-follow', 'talks');
      const begun: string[] = [];
      for await (const { text } of containers.logs(ctx, 'c-follow', { follow: true })) {
        begun.push(text);
        if (begun.length === 3) break;
      }
      expect(begun).toEqual(['line 1', 'line 2', 'line 3']);
      const following = linesOf(containers.logs(ctx, 'c-follow', { follow: true, tail: 0 }));
      await sleep(400);
      await containers.stop(ctx, 'c-follow', 2000);
      const texts = (await following).map(({ text }) => text);
      expect(texts.length).toBeGreaterThan(0);
      expect(texts).not.toContain('line 1');
      await containers.remove(ctx, 'c-follow');
    });

    it('attach() gives what is written from now on', async () => {
      await ran('c-attach', 'talks');
      await sleep(300);
      const texts: string[] = [];
      for await (const { text, stream } of containers.attach(ctx, 'c-attach')) {
        expect(stream).toBe('stdout');
        texts.push(text);
        if (texts.length === 2) break;
      }
      expect(texts).not.toContain('line 1');
      await gone('c-attach');
    });

    it('exec() runs a command to its end', async () => {
      await ran('c-exec', 'idle');
      const lines: LogLine[] = [];
      const command = { command: [...CONTRACT_EXEC], environment: { A: 'b c' } };
      const code = await containers.exec(ctx, 'c-exec', command, (line) => void lines.push(line));
      expect(code).toBe(7);
      expect(textsOf(lines, 'stdout')).toEqual(['out b c']);
      expect(textsOf(lines, 'stderr')).toEqual(['bad']);
      await containers.stop(ctx, 'c-exec', 2000);
      const ignore = () => undefined;
      expect(await codeOf(containers.exec(ctx, 'c-exec', command, ignore))).toBe('ENGINE');
      expect(await codeOf(containers.exec(ctx, 'c-nothing', command, ignore))).toBe('NOT_FOUND');
      await containers.remove(ctx, 'c-exec');
    });

    it('stats() of a running container', async () => {
      const HostConfig = { Memory: 64 * 1024 * 1024 };
      await ran('c-stats', 'idle', { HostConfig });
      const stats = await containers.stats(ctx, 'c-stats');
      expect(stats.cpus ?? 0).toBeGreaterThanOrEqual(0);
      expect(stats.memoryBytes).toBeGreaterThanOrEqual(0);
      expect(stats.memoryLimitBytes).toBe(HostConfig.Memory);
      expect(await codeOf(containers.stats(ctx, 'c-nothing'))).toBe('NOT_FOUND');
      await gone('c-stats');
    });

    it('a health check begins as starting, becomes healthy, and says what it saw', async () => {
      if (subject.lacks?.includes('health')) return;
      const check = { Interval: 2e8, Timeout: 2e9, Retries: 2, Test: ['CMD', 'echo', 'fine'] };
      await ran('c-healthy', 'idle', { Healthcheck: check });
      const found = await seen('c-healthy');
      expect(found.healthcheck).toEqual({
        intervalMs: 200,
        timeoutMs: 2000,
        retries: 2,
        startPeriodMs: 0,
      });
      const health = async () => (await seen('c-healthy')).state.health?.status;
      await expect.poll(health, { timeout: 10_000, interval: 50 }).toBe('healthy');
      const last = (await seen('c-healthy')).state.health?.log.at(-1);
      expect(last).toMatchObject({ exitCode: 0, output: expect.stringContaining('fine') });
      await gone('c-healthy');
    });

    it('a health check that fails often enough is unhealthy, and NONE is none', async () => {
      if (subject.lacks?.includes('health')) return;
      const check = { Interval: 2e8, Retries: 2, Test: ['CMD', 'false'] };
      await ran('c-sick', 'idle', { Healthcheck: check });
      expect((await seen('c-sick')).healthcheck).toMatchObject({ timeoutMs: 30_000, retries: 2 });
      const status = async () => (await seen('c-sick')).state.health?.status;
      await expect.poll(status, { timeout: 10_000, interval: 50 }).toBe('unhealthy');
      const { health } = (await seen('c-sick')).state;
      expect(health?.failingStreak).toBeGreaterThanOrEqual(2);
      expect(health?.log.at(-1)?.exitCode).toBe(1);
      await made('c-none', 'idle', { Healthcheck: { Test: ['NONE'] } });
      expect((await seen('c-none')).healthcheck).toBeUndefined();
      expect((await seen('c-none')).state.health).toBeUndefined();
      await Promise.all([gone('c-sick'), gone('c-none')]);
    });

    it('events() tells what happens, and what has happened since', async () => {
      await made('c-events', 'idle');
      const events: EngineEvent[] = [];
      const filters = { type: ['container'], label: ['contract.test=1'] };
      const watching = (async () => {
        for await (const event of containers.events(ctx, filters)) {
          events.push(event);
          if (event.action === 'die') break;
        }
      })();
      await sleep(300);
      await containers.start(ctx, 'c-events');
      await containers.stop(ctx, 'c-events', 2000);
      await watching;
      const own = events.filter(({ attributes }) => attributes['name'] === 'c-events');
      expect(own.map(({ action }) => action)).toEqual(expect.arrayContaining(['start', 'die']));
      const started = own.find(({ action }) => action === 'start');
      expect(started).toMatchObject({ type: 'container', id: (await seen('c-events')).id });
      expect(started?.timeNano).toMatch(/^\d{19}$/);
      if (subject.lacks?.includes('since')) return containers.remove(ctx, 'c-events');
      const again: string[] = [];
      for await (const event of containers.events(ctx, filters, started?.timeNano)) {
        again.push(event.action);
        if (event.action === 'die') break;
      }
      expect(again[0]).toBe('start');
      await containers.remove(ctx, 'c-events');
    });

    it('a network is made once, found by name, and removed once', async () => {
      const spec = { name: 'c-net', labels: LABELS, internal: true };
      await containers.createNetwork(ctx, spec);
      const found = await containers.inspectNetwork(ctx, 'c-net');
      expect(found).toMatchObject({ name: 'c-net', driver: 'bridge', labels: LABELS });
      await containers.createNetwork(ctx, spec);
      expect((await containers.inspectNetwork(ctx, 'c-net'))?.id).toBe(found?.id);
      expect(await containers.inspectNetwork(ctx, found?.id ?? '')).toBeUndefined();
      await containers.removeNetwork(ctx, 'c-net');
      await containers.removeNetwork(ctx, 'c-net');
      expect(await containers.inspectNetwork(ctx, 'c-net')).toBeUndefined();
    });

    it('a volume is made once, and found by name', async () => {
      const spec = { name: 'c-volume', labels: LABELS };
      expect(await containers.inspectVolume(ctx, 'c-volume')).toBeUndefined();
      await containers.createVolume(ctx, spec);
      await containers.createVolume(ctx, spec);
      const found = await containers.inspectVolume(ctx, 'c-volume');
      expect(found).toEqual({ name: 'c-volume', driver: 'local', labels: LABELS });
    });

    it('pull() by tag and by digest, and again', async () => {
      if (subject.lacks?.includes('pulls')) return;
      const { tag, digest } = subject.pulls;
      await containers.pull(ctx, tag);
      const image = await subject.engine.inspectImage(ctx, tag);
      expect(image).toBeDefined();
      await containers.pull(ctx, digest);
      await containers.pull(ctx, digest);
      expect((await subject.engine.inspectImage(ctx, digest))?.id).toBe(image?.id);
      const listed = (await containers.listImages(ctx)).find(({ id }) => id === image?.id);
      expect(listed?.digests).toContain(digest);
      expect(listed?.tags.filter((each) => each.includes('@'))).toEqual([]);
      expect(listed?.sizeBytes).toBeGreaterThan(0);
      const id = await containers.create(ctx, 'c-pulled', { Image: digest, Labels: LABELS });
      expect((await seen(id)).image).toBe(digest);
      await containers.remove(ctx, id);
    });

    it('pull() of what is not there is NOT_FOUND, and without a login UNAUTHORIZED', async () => {
      if (subject.lacks?.includes('pulls')) return;
      const { missing, secret, login } = subject.pulls;
      expect(await codeOf(containers.pull(ctx, missing))).toBe('NOT_FOUND');
      expect(await codeOf(containers.pull(ctx, secret))).toBe('UNAUTHORIZED');
      const wrong = { ...login, password: 'not-the-one' };
      const error = await failureOf(containers.pull(ctx, secret, { login: wrong }));
      expect(error.code).toBe('UNAUTHORIZED');
      expect(error.message).not.toContain('not-the-one');
      await containers.pull(ctx, secret, { login });
      expect(await subject.engine.inspectImage(ctx, secret)).toBeDefined();
    });

    it('listImages() by label', async () => {
      expect(await containers.listImages(ctx, ['contract.image=none'])).toEqual([]);
      const all = await containers.listImages(ctx);
      const tags = all.flatMap((image) => image.tags);
      expect(tags.some((tag) => tag.endsWith('shipper-contract/idle:one'))).toBe(true);
      const [first] = all;
      expect(first?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    });
  });
}

function specOf(kind: ContractKind, more: object): ContainerSpec {
  return {
    Image: `shipper-contract/${kind}:one`,
    Cmd: ['sh', '-c', CONTRACT_COMMANDS[kind]],
    Labels: LABELS,
    ...more,
  };
}

function portOf(port: number): object {
  return {
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
  };
}

async function linesOf(lines: AsyncIterable<LogLine>): Promise<readonly LogLine[]> {
  const all: LogLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

function textsOf(lines: readonly LogLine[], stream: LogLine['stream']): readonly string[] {
  return lines.filter((line) => line.stream === stream).map(({ text }) => text);
}

async function tarOf(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const archive = pack();
  for (const [name, body] of Object.entries(files)) archive.entry({ name }, body);
  archive.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of archive as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts);
}

/** The text of the only file of a tar. */
async function fileIn(
  containers: Containers,
  ctx: Context,
  container: string,
  path: string,
): Promise<string> {
  const tar = await containers.getArchive(ctx, container, path, 10_000);
  if (tar === undefined) throw new Error(`there is no ${path}`);
  const reader = extract();
  reader.end(Buffer.from(tar));
  const parts: Uint8Array[] = [];
  for await (const entry of reader) {
    for await (const part of entry as AsyncIterable<Uint8Array>) parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof ShipperError ? error.code : String(error)),
  );
}

async function failureOf(promise: Promise<unknown>): Promise<ShipperError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ShipperError) return error;
  throw new Error(`it did not fail as it should: ${String(error)}`);
}
