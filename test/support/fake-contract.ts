// A host in memory as the contract of containers wants it: with images whose containers do what real ones do there.
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../src/core/events.ts';
import type { ContainerSubject } from '../contract/containers.contract.ts';
import { FakeHost } from './fake-host.ts';

/** A clock that is `times` as fast as a real one. */
export function fastClock(times: number): Clock {
  const began = performance.now();
  const monotonic = () => (performance.now() - began) * times;
  const epoch = Date.UTC(2026, 0, 1);
  return {
    monotonic,
    now: () => epoch + monotonic(),
    sleep: async (ms, signal) => {
      await wait(Math.ceil(ms / times), undefined, signal === undefined ? {} : { signal });
    },
  };
}

/** What can be pulled there. */
export const CONTRACT_PULLS: ContainerSubject['pulls'] = {
  tag: 'registry.test/pulled/app:one',
  digest: `registry.test/pulled/app@sha256:${'a'.repeat(64)}`,
  missing: 'registry.test/pulled/app:none',
  secret: 'guarded.test/pulled/app:one',
  login: { username: 'me', password: 'secret-of-mine' },
};

/** The host. */
export function contractHost(clock: Clock): FakeHost {
  const host = new FakeHost('contract', clock);
  const kinds = ['idle', 'stubborn', 'says', 'talks', 'crashes'];
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs: { diff_ids: [] } };
  const tags = kinds.map((kind) => `shipper-contract/${kind}:one`);
  host.images.add({ tags, tar: new Uint8Array(), config });
  const exec = { exec: execute };
  host.behaviours.set('contract/idle', { stopExitCode: 0, ...exec });
  host.behaviours.set('contract/talks', { stopExitCode: 0, talksEveryMs: 100 });
  host.behaviours.set('contract/stubborn', { ignoresStop: true });
  host.behaviours.set('contract/crashes', { crashAfterMs: 200 });
  host.behaviours.set('contract/says', {
    crashAfterMs: 200,
    exitCode: 3,
    log: [
      'one',
      { afterMs: 10, stream: 'stderr', text: 'two' },
      { afterMs: 100, stream: 'stdout', text: 'three' },
      { afterMs: 100, stream: 'stdout', text: 'last' },
    ],
  });
  const { tag, digest, secret, login } = CONTRACT_PULLS;
  const app = { id: `sha256:${'b'.repeat(64)}`, digest, sizeBytes: 1000 };
  host.pullable.set(tag, app).set(digest, app);
  host.pullable.set(secret, { id: `sha256:${'c'.repeat(64)}`, login });
  return host;
}

/** The command of the contract. */
function execute(spec: { readonly environment?: Readonly<Record<string, string>> }) {
  const out = { stream: 'stdout', text: `out ${spec.environment?.['A'] ?? ''}` } as const;
  return { code: 7, lines: [out, { stream: 'stderr', text: 'bad' } as const] };
}
