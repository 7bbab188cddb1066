// Which hosts a run has: those that answer, told apart by their engines, before anything is touched.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { Engine, EngineFacts } from '../../src/engine/engine.ts';
import { connectFleet } from '../../src/rollout/fleet.ts';
import { environmentOf } from './services.ts';
import { contextOf, JumpingClock } from './stub-host.ts';

const PLACE = { file: 'shipper.yaml', line: 1, column: 1 };

/** What the engine of a host says, or why it does not. */
type Answer = Partial<EngineFacts> | Error;

/** Connects to hosts that answer so; the answer of a name that is not there is its own engine. */
async function connected(
  names: readonly string[],
  answers: Readonly<Record<string, Answer>>,
  more: { readonly skipUnreachable?: number; readonly hosts?: readonly string[] } = {},
) {
  const clock = new JumpingClock();
  const hosts = names.map((name) => ({
    kind: 'host' as const,
    address: `ssh://deploy@${name}`,
    place: PLACE,
  }));
  let now = 0;
  let most = 0;
  let closed = 0;
  const connect = async ({ address }: { readonly address: string }) => {
    const name = address.split('@')[1] ?? '';
    const answer = answers[name] ?? {};
    const facts = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      if (answer instanceof Error) throw answer;
      return { id: `ID-${name}`, apiVersion: '1.45', version: '26.1.5', ...answer };
    };
    const close = async () => {
      closed += 1;
    };
    return { facts, [Symbol.asyncDispose]: close } as unknown as Engine;
  };
  const environment = environmentOf({ hosts });
  const fleet = await connectFleet(contextOf(clock), environment, more, connect).catch(
    (error: unknown) => error as ShipperError,
  );
  return { fleet, most: () => most, closed: () => closed };
}

const away = (words: string) =>
  new ShipperError('ENGINE_UNREACHABLE', `Cannot reach the engine: ${words}`);

describe('connectFleet()', () => {
  it('refuses where a host does not answer, with its name and the way without it (D1)', async () => {
    const { fleet, closed } = await connected(['s1', 's2', 's3'], { s2: away('no route to host') });
    expect(fleet).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message:
        'Cannot reach 1 of 3 hosts of staging, nothing was changed: ssh://deploy@s2: Cannot reach the engine: no route to host',
      hint: 'mend them, or go on without them: --skip-unreachable 1',
    });
    expect(closed()).toBe(3);
  });

  it('leaves hosts out by permission, and not all of them (D1)', async () => {
    const answers = { s2: away('timed out') };
    const { fleet } = await connected(['s1', 's2'], answers, { skipUnreachable: 1 });
    expect(fleet).toMatchObject({
      hosts: [{ name: 'ssh://deploy@s1', id: 'ID-s1' }],
      skipped: [{ name: 'ssh://deploy@s2', error: answers.s2 }],
    });
    const none = await connected(['s2'], answers, { skipUnreachable: 9 });
    expect(none.fleet).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('Cannot reach its host of staging, nothing was changed'),
    });
  });

  it.each([
    ['a host key that has changed', away('Host key verification failed.'), 'ENGINE_UNREACHABLE'],
    ['a refused login', away('Permission denied (publickey).'), 'ENGINE_UNREACHABLE'],
    ['an engine that is too old', { apiVersion: '1.40', version: '19.03' }, 'UNSUPPORTED'],
  ])('refuses %s before anything is touched (D23)', async (_, answer, code) => {
    const { fleet, closed } = await connected(['s1', 's2'], { s2: answer });
    const says = answer instanceof Error ? answer.message : 'speaks API 1.40, and 1.41 is needed';
    expect(fleet).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(closed()).toBe(2);
  });

  it('has at most thirty of fifty hosts under way, and all of them in its answer (D24)', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
    const lost = ['s3', 's14', 's15', 's40', 's49'];
    const answers = Object.fromEntries(lost.map((name) => [name, away('no route to host')]));
    const { fleet, most } = await connected(names, answers, { skipUnreachable: 5 });
    if (fleet instanceof Error) throw fleet;
    expect(most()).toBe(30);
    expect(fleet.hosts.map(({ id }) => id)).toEqual(
      names.filter((name) => !lost.includes(name)).map((name) => `ID-${name}`),
    );
    expect(fleet.skipped.map(({ name }) => name)).toEqual(
      lost.map((name) => `ssh://deploy@${name}`),
    );
  });

  it('refuses one engine under two names, with the place of the second', async () => {
    const { fleet } = await connected(['s1', 'alias'], { alias: { id: 'ID-s1' } });
    expect(fleet).toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining(
        'ssh://deploy@alias is the engine that ssh://deploy@s1 is: name it once',
      ),
    });
  });

  it('takes the hosts that a pattern means, by address or by name, and tells one that means none', async () => {
    const names = ['web1', 'web2', 'db1'];
    const chosen = await connected(names, {}, { hosts: ['web?', 'ssh://deploy@d*'] });
    expect(chosen.fleet).toMatchObject({ hosts: [{}, {}, {}] });
    const none = await connected(names, {}, { hosts: ['mail*'] });
    expect(none.fleet).toMatchObject({ code: 'USAGE', hint: expect.stringContaining('@db1') });
  });
});
