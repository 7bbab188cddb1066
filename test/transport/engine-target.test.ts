// The last step of every way into an engine: the names move, and what goes wrong then is told as it is.
import { expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { cleanUpIn, type EngineTarget, moveTags } from '../../src/transport/engine-target.ts';
import { testContext } from '../engine/support.ts';

/** Moves three tags in an engine where these calls fail; returns what it was asked to do. */
async function move(failing: readonly string[]): Promise<readonly string[]> {
  const calls: string[] = [];
  const call = async (text: string) => {
    calls.push(text);
    if (failing.includes(text)) throw new ShipperError('ENGINE', `Cannot ${text}: no`);
  };
  const engine = {
    tagImage: (_ctx: unknown, _from: string, to: string) => call(`tag ${to}`),
    removeImage: (_ctx: unknown, name: string) => call(`remove ${name}`),
  } as Partial<Engine> as Engine;
  const cleanUp = cleanUpIn(nodeSystem(), engine);
  const target = { engine, temporary: 'tmp', name: 'x', cleanUp } as unknown as EngineTarget;
  const tags = ['a:1', 'b:1', 'c:1'];
  await moveTags(testContext(), target, { images: [], index: undefined, tags });
  return calls;
}

it('a temporary name that cannot be removed is no failure', async () => {
  const calls = ['tag a:1', 'tag b:1', 'tag c:1', 'remove tmp'];
  expect(await move([])).toEqual(calls);
  expect(await move(['remove tmp'])).toEqual(calls);
});

it('a later tag that fails says which are in place', async () => {
  await expect(move(['tag a:1'])).rejects.toMatchObject({
    code: 'ENGINE',
    message: 'Cannot tag a:1: no',
  });
  await expect(move(['tag c:1'])).rejects.toMatchObject({
    code: 'PARTIAL',
    message: 'Cannot tag c:1: no; already written: docker-daemon:a:1, docker-daemon:b:1',
  });
});
