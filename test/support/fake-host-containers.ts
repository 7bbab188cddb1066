// `Containers` for a host in memory. What it says is read as our own client reads it, so that both faces say the same.
import type { Context } from '../../src/core/context.ts';
import { interruption } from '../../src/core/context.ts';
import type { Clock } from '../../src/core/events.ts';
import { containerOf, listedContainerOf } from '../../src/engine/container-answers.ts';
import { statsOf } from '../../src/engine/container-watch.ts';
import type { Containers } from '../../src/engine/containers.ts';
import { listedImageOf } from '../../src/engine/image-calls.ts';
import { networkOf, volumeOf } from '../../src/engine/network-calls.ts';
import type { FakeHost } from './fake-host.ts';
import {
  connectNetwork,
  createNetwork,
  createVolume,
  execIn,
  memoryLimit,
  networkJson,
  pullImage,
  removeContainer,
  removeNetwork,
  restartContainer,
  statsJson,
  stopContainer,
  updatePolicy,
  volumeJson,
} from './fake-host-calls.ts';
import type { Perform } from './fake-host-engine.ts';
import { getFile, putFiles } from './fake-host-files.ts';
import { imageList } from './fake-host-images.ts';
import { containerJson, listedJson } from './fake-host-json.ts';
import { Refusal } from './fake-host-terms.ts';
import { readEvents, readLog, type Watcher, waitForEnd } from './fake-host-watch.ts';

/** How calls are made, and the caller's clock. */
export interface HostDoor {
  readonly perform: Perform;
  readonly clock: Clock;
  /** Throws when the connection is broken. */
  readonly check: (method: string) => void;
}

/** Between two looks at a removal. */
const REMOVAL_PAUSE_MS = 250;

/** The calls about containers. */
export function hostContainers(host: FakeHost, door: HostDoor): Containers {
  const { perform } = door;
  const watcher = (ctx: Context, method: string): Watcher => ({
    clock: door.clock,
    signal: ctx.signal,
    check: () => door.check(method),
  });
  return {
    list: (ctx, labels = []) =>
      perform(ctx, 'list', [labels], () =>
        host.list(labels).flatMap((each) => listedContainerOf(listedJson(host, each)) ?? []),
      ),
    inspect: (ctx, container) =>
      perform(ctx, 'inspect', [container], () => {
        const found = host.find(container);
        return found && containerOf(containerJson(host, found));
      }),
    create: (ctx, name, spec) =>
      perform(ctx, 'create', [name, spec], () => host.create(name, spec).id),
    start: (ctx, container) =>
      perform(ctx, 'start', [container], () => void host.start(host.need(container))),
    stop: (ctx, container, graceMs) =>
      perform(ctx, 'stop', [container, graceMs], async () => {
        const found = host.find(container);
        if (found !== undefined) await stopContainer(host, found, graceMs);
      }),
    restart: (ctx, container, graceMs) =>
      perform(ctx, 'restart', [container, graceMs], () =>
        restartContainer(host, host.need(container), graceMs),
      ),
    kill: (ctx, container, signal) =>
      perform(ctx, 'kill', [container, signal], () => host.kill(host.need(container), signal)),
    unpause: (ctx, container) =>
      perform(ctx, 'unpause', [container], () => host.pause(host.need(container), false)),
    remove: (ctx, container, options = {}) =>
      perform(ctx, 'remove', [container, options], () => removeAll(host, door.clock, container)),
    setRestartPolicy: (ctx, container, policy) =>
      perform(ctx, 'setRestartPolicy', [container, policy], () =>
        updatePolicy(host, host.need(container), policy),
      ),
    wait: (ctx, container) =>
      perform(ctx, 'wait', [container], () =>
        waitForEnd(host, host.need(container), watcher(ctx, 'wait')),
      ),
    putArchive: (ctx, container, path, tar) => {
      const bytes = tar.slice();
      return perform(ctx, 'putArchive', [container, path], () =>
        putFiles(host.need(container), path, bytes),
      );
    },
    getArchive: (ctx, container, path, maxBytes) =>
      perform(ctx, 'getArchive', [container, path], () => {
        const found = host.find(container);
        const tar = found && getFile(found, path);
        if (tar === undefined || tar.length <= maxBytes) return tar;
        throw new Refusal(200, `the answer is over ${maxBytes} bytes`);
      }),
    async *logs(ctx, container, options = {}) {
      const begin = () => readLog(host, host.need(container), options, watcher(ctx, 'logs'));
      yield* untilAborted(ctx, await perform(ctx, 'logs', [container, options], begin));
    },
    async *attach(ctx, container) {
      const options = { follow: true, tail: 0 };
      const begin = () => readLog(host, host.need(container), options, watcher(ctx, 'attach'));
      yield* untilAborted(ctx, await perform(ctx, 'attach', [container], begin));
    },
    exec: (ctx, container, spec, line) =>
      perform(ctx, 'exec', [container, spec], async () => {
        const { code, lines } = execIn(host, host.need(container), spec);
        for (const each of lines) await line(each);
        return code;
      }),
    stats: (ctx, container) =>
      perform(ctx, 'stats', [container], () => {
        const found = host.need(container);
        return statsOf(statsJson(host, found), memoryLimit(found));
      }),
    async *events(ctx, filters, since) {
      const begin = () => readEvents(host, filters, since, watcher(ctx, 'events'));
      yield* untilAborted(ctx, await perform(ctx, 'events', [filters, since], begin));
    },
    pull: (ctx, reference, options = {}) =>
      perform(ctx, 'pull', [reference], () =>
        pullImage(host, reference, options.login, watcher(ctx, 'pull')),
      ),
    listImages: (ctx, labels = []) =>
      perform(ctx, 'listImages', [labels], () =>
        imageList(host, labels).flatMap((image) => listedImageOf(image) ?? []),
      ),
    inspectNetwork: (ctx, name) =>
      perform(ctx, 'inspectNetwork', [name], () => {
        const json = networkJson(host, name);
        return json && networkOf(json);
      }),
    createNetwork: (ctx, spec) =>
      perform(ctx, 'createNetwork', [spec], () => void createNetwork(host, spec)),
    connectNetwork: (ctx, network, container, settings) =>
      perform(ctx, 'connectNetwork', [network, container, settings], () =>
        connectNetwork(host, network, container, settings),
      ),
    removeNetwork: (ctx, name) =>
      perform(ctx, 'removeNetwork', [name], () => {
        if (host.networks.has(name)) removeNetwork(host, name);
      }),
    inspectVolume: (ctx, name) =>
      perform(ctx, 'inspectVolume', [name], () => {
        const json = volumeJson(host, name);
        return json && volumeOf(json);
      }),
    createVolume: (ctx, spec) =>
      perform(ctx, 'createVolume', [spec], () => void createVolume(host, spec)),
  };
}

/** As the real client does: a removal under way is waited for. */
async function removeAll(host: FakeHost, clock: Clock, container: string): Promise<void> {
  for (;;) {
    const found = host.find(container);
    if (found === undefined) return;
    if (found.status !== 'removing') return removeContainer(host, found);
    await clock.sleep(REMOVAL_PAUSE_MS);
  }
}

async function* untilAborted<T>(
  ctx: Context,
  items: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    throw ctx.signal.aborted ? interruption(ctx.signal) : error;
  }
}
