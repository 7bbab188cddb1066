// Releases for tests.
import type { ReleaseRecord } from '../../src/rollout/release.ts';

/** The digest of an image that a word names. */
export function digestFor(word: string): string {
  return `sha256:${Buffer.from(word).toString('hex').padEnd(64, '0').slice(0, 64)}`;
}

/** A release of one service, `api`, that runs the image of `word`. */
export function recordOf(id: string, word: string = id, more: object = {}): ReleaseRecord {
  const digest = digestFor(word);
  const name = `registry.example.com/api:${word}`;
  const pinned = `registry.example.com/api@${digest}`;
  return {
    id,
    at: '2026-11-26T22:45:10.000Z',
    by: 'ann@laptop',
    status: 'unfinished',
    services: [
      {
        name: 'api',
        image: { name, pinned, digest },
        spec: { Image: pinned, Labels: { a: 'b' }, Env: ['A=1'], ...more },
        moreNetworks: [['back', { Aliases: ['api'] }]],
        specHash: `hash-${word}`,
        stopGraceMs: 10_000,
      },
    ],
    slots: [{ service: 'api', slot: 1, engine: 'E1', host: 'ssh://one', specHash: `hash-${word}` }],
    networks: [{ name: 'back', labels: {} }],
    volumes: [{ name: 'data', driver: 'local', labels: {} }],
  };
}
