// What the compiler knows of a task: the types of its values, and what a caller may leave out.
import { describe, expectTypeOf, it } from 'vitest';
import { choice, duration, flag, list, number, option, positional, task } from '../../src/index.ts';

describe('the types of a task', () => {
  it('are those of its schema', () => {
    task(
      {
        service: positional(),
        count: positional(number()),
        how: positional(choice(['up', 'down'])),
        note: positional({ optional: true }),
        tag: positional({ default: 'latest' }),
        batch: option(2),
        name: option('x'),
        pull: option(true),
        message: option(),
        needed: option({ required: true }),
        force: flag(),
        mode: choice(['fast', 'slow']),
        speed: choice(['fast', 'slow'], { default: 'fast' }),
        limit: number(),
        most: number({ default: 1 }),
        wait: duration({ default: '30s' }),
        tags: list(),
        ports: list(number()),
      },
      (input) => {
        expectTypeOf(input.service).toEqualTypeOf<string>();
        expectTypeOf(input.note).toEqualTypeOf<string | undefined>();
        expectTypeOf(input.tag).toEqualTypeOf<string>();
        expectTypeOf(input.count).toEqualTypeOf<number>();
        expectTypeOf(input.how).toEqualTypeOf<'up' | 'down'>();
        expectTypeOf(input.batch).toEqualTypeOf<number>();
        expectTypeOf(input.name).toEqualTypeOf<string>();
        expectTypeOf(input.pull).toEqualTypeOf<boolean>();
        expectTypeOf(input.message).toEqualTypeOf<string | undefined>();
        expectTypeOf(input.needed).toEqualTypeOf<string>();
        expectTypeOf(input.force).toEqualTypeOf<boolean>();
        expectTypeOf(input.mode).toEqualTypeOf<'fast' | 'slow' | undefined>();
        expectTypeOf(input.speed).toEqualTypeOf<'fast' | 'slow'>();
        expectTypeOf(input.limit).toEqualTypeOf<number | undefined>();
        expectTypeOf(input.most).toEqualTypeOf<number>();
        expectTypeOf(input.wait).toEqualTypeOf<number>();
        expectTypeOf(input.tags).toEqualTypeOf<readonly string[]>();
        expectTypeOf(input.ports).toEqualTypeOf<readonly number[]>();
        expectTypeOf(input.signal).toEqualTypeOf<AbortSignal>();
        expectTypeOf(input.dryRun).toEqualTypeOf<boolean>();
      },
    );
  });

  it('say what a caller must give, and what comes back', () => {
    const bounce = task(
      { service: positional(), batch: option(2), force: flag() },
      async ({ batch }) => batch,
    );
    type Input = Parameters<typeof bounce>[0];
    type Ship = Input['ship'];
    expectTypeOf<{ ship: Ship; service: string }>().toExtend<Input>();
    expectTypeOf<{ ship: Ship; service: string; batch: number }>().toExtend<Input>();
    expectTypeOf<{ ship: Ship }>().not.toExtend<Input>();
    expectTypeOf<{ ship: Ship; service: number }>().not.toExtend<Input>();
    expectTypeOf<ReturnType<typeof bounce>>().toEqualTypeOf<Promise<number>>();
  });

  it('refuse what no parameter is', () => {
    // @ts-expect-error a string is no parameter
    const wrong = () => task({ service: 'api' }, () => undefined);
    // @ts-expect-error a default of another type
    const other = () => number({ default: 'x' });
    // @ts-expect-error a default that is none of the choices
    const third = () => choice(['a', 'b'], { default: 'c' });
    expectTypeOf(wrong).toBeFunction();
    expectTypeOf(other).toBeFunction();
    expectTypeOf(third).toBeFunction();
  });
});
