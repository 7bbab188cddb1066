// The table of orchestration 5.3, row by row, and that every way through it ends.
import { describe, expect, it } from 'vitest';
import type { ContainerStatus, RestartPolicy } from '../../src/engine/containers.ts';
import {
  isSafe,
  nextStep,
  type SlotContainer,
  type SlotGoal,
  type SlotMemory,
  type SlotRules,
  type SlotStep,
  type UpdateOrder,
} from '../../src/rollout/slot-plan.ts';

const ALWAYS: RestartPolicy = { name: 'unless-stopped', maximumRetryCount: 0 };
const NO: RestartPolicy = { name: 'no', maximumRetryCount: 0 };

/** `old:running`, `new:created`: a container of the old or the new specification; `~` after it: its policy is `no`. */
function slot(text: string): readonly SlotContainer[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [name = '', status = ''] = word.replace('~', '').split(':');
      return {
        id: name,
        name,
        release: name.startsWith('old') ? '1' : '2',
        specHash: name.replace(/\d$/, ''),
        status: status as ContainerStatus,
        restartPolicy: word.endsWith('~') ? NO : ALWAYS,
        servingPolicy: ALWAYS,
      };
    });
}

const NEW: SlotGoal = { kind: 'run', specHash: 'new', release: '2' };
const OLD: SlotGoal = { kind: 'run', specHash: 'old', release: '1' };

function rules(order: UpdateOrder, goal: SlotGoal = NEW, isDiscarded = false): SlotRules {
  return {
    goal,
    order,
    isGated: false,
    isDiscarded: ({ specHash }) => isDiscarded && goal.kind === 'run' && specHash !== goal.specHash,
  };
}

function memory(passed = '', routed = '', drained = '', fresh = ''): SlotMemory {
  const set = (text: string) => new Set(text.split(' '));
  return {
    fresh: set(fresh),
    passed: set(passed),
    routed: set(routed),
    drained: set(drained),
  };
}

function text(step: SlotStep): string {
  return 'container' in step ? `${step.kind} ${step.container.id}` : step.kind;
}

describe('nextStep() when deploying', () => {
  it.each<[string, string, string, SlotMemory?]>([
    ['', 'create', 'create'],
    ['old:running', 'create', 'create'],
    ['old:running new:created', 'start new', 'drain old'],
    ['old:running new:running', 'gate new', 'gate new'],
    ['old:running new:running', 'route new', 'route new', memory('new')],
    ['old:running new:running', 'drain old', 'drain old', memory('new', 'new')],
    ['old:running new:running', 'stop old', 'stop old', memory('new', 'new', 'old')],
    ['old:exited new:running', 'retire old', 'retire old', memory('new', 'new', 'old')],
    ['old:exited~ new:created', 'start new', 'start new'],
    ['old:exited~ new:running', 'done', 'done'],
    ['new:running', 'done', 'done'],
    ['new:running', 'gate new', 'gate new', memory('', '', '', 'new')],
    ['new:running~', 'revive new', 'revive new'],
    ['new:paused', 'unpause new', 'unpause new'],
    ['old:exited~ new:exited~', 'revive new', 'revive new'],
    ['old:exited~ new:exited', 'start new', 'start new'],
    ['old:removing', 'wait old', 'wait old'],
    ['old:dead new:running', 'remove old', 'remove old'],
    ['new:running new2:running', 'gate new', 'gate new'],
    ['new:running new2:running', 'drain new2', 'drain new2', memory('new', 'new')],
    ['old:restarting', 'create', 'create'],
  ])('%s: start-first %s, stop-first %s', (there, startFirst, stopFirst, seen = memory()) => {
    expect(text(nextStep(slot(there), rules('start-first'), seen))).toBe(startFirst);
    expect(text(nextStep(slot(there), rules('stop-first'), seen))).toBe(stopFirst);
  });
});

describe('nextStep() when going back', () => {
  it.each<[string, string, string, SlotMemory?]>([
    ['old:running', 'done', 'done'],
    ['old:running new:created', 'remove new', 'remove new'],
    ['old:running new:running', 'drain new', 'drain new', memory('old', 'old')],
    ['old:running new:exited', 'remove new', 'remove new'],
    ['old:exited new:created', 'start old', 'start old'],
    ['old:exited~ new:running', 'revive old', 'drain new'],
    ['old:exited~ new:exited', 'revive old', 'revive old'],
    ['new:running', 'create', 'create'],
  ])('%s: start-first %s, stop-first %s', (there, startFirst, stopFirst, seen = memory()) => {
    expect(text(nextStep(slot(there), rules('start-first', OLD, true), seen))).toBe(startFirst);
    expect(text(nextStep(slot(there), rules('stop-first', OLD, true), seen))).toBe(stopFirst);
  });
});

describe('nextStep() when a slot is to go', () => {
  it.each<[string, string, SlotMemory?]>([
    ['', 'done'],
    ['old:running', 'drain old'],
    ['old:running', 'stop old', memory('', '', 'old')],
    ['old:exited', 'retire old'],
    ['old:exited~', 'done'],
  ])('%s: %s', (there, wanted, seen = memory()) => {
    expect(text(nextStep(slot(there), rules('start-first', { kind: 'none' }), seen))).toBe(wanted);
  });
});

it('isSafe() is where somebody is served: the old one, or a new one that has passed', () => {
  const startFirst = rules('start-first');
  expect(isSafe(slot('old:running new:created'), startFirst, memory())).toBe(true);
  expect(isSafe(slot('old:exited new:running'), startFirst, memory())).toBe(false);
  expect(isSafe(slot('old:exited new:running'), startFirst, memory('new'))).toBe(true);
});

/** Carries a step out on the table, as an engine would. */
function carryOut(containers: readonly SlotContainer[], step: SlotStep): readonly SlotContainer[] {
  if (step.kind === 'create') return [...containers, ...slot('new:created')];
  if (!('container' in step)) return containers;
  const { id } = step.container;
  const change = (part: Partial<SlotContainer>) =>
    containers.map((each) => (each.id === id ? { ...each, ...part } : each));
  switch (step.kind) {
    case 'start':
    case 'unpause':
    // What passes runs.
    case 'gate':
      return change({ status: 'running' });
    case 'stop':
      return change({ status: 'exited' });
    case 'retire':
      return change({ restartPolicy: NO });
    case 'revive':
      return change({ restartPolicy: ALWAYS });
    case 'remove':
      return containers.filter((each) => each.id !== id);
    case 'wait':
      return containers.filter((each) => each.id !== id);
    default:
      return containers;
  }
}

const STATES: readonly string[] = [
  ...[
    '',
    ':created',
    ':running',
    ':exited',
    ':exited~',
    ':paused',
    ':restarting',
    ':dead',
    ':removing',
  ],
];

describe.each<UpdateOrder>(['start-first', 'stop-first'])('%s', (order) => {
  it('comes to rest from every state, by few calls, and never leaves nobody served where one was', () => {
    for (const old of STATES) {
      for (const fresh of STATES) {
        const words = [old && `old${old}`, fresh && `new${fresh}`].filter(Boolean).join(' ');
        let containers = slot(words);
        const known = {
          fresh: new Set<string>(),
          passed: new Set<string>(),
          routed: new Set<string>(),
          drained: new Set<string>(),
        };
        const slotRules = rules(order);
        const served = () => containers.some(({ status }) => status === 'running');
        const wasServed = served();
        let calls = 0;
        for (; calls < 20; calls += 1) {
          const step = nextStep(containers, slotRules, known);
          if (step.kind === 'done') break;
          if (step.kind === 'start') known.fresh.add(step.container.id);
          if (step.kind === 'gate') known.passed.add(step.container.id);
          if (step.kind === 'route') known.routed.add(step.container.id);
          if (step.kind === 'drain') known.drained.add(step.container.id);
          containers = carryOut(containers, step);
          if (order === 'start-first' && wasServed)
            expect(served(), `${words}: ${text(step)}`).toBe(true);
        }
        expect(calls, words).toBeLessThan(15);
        const running = containers.filter(({ status }) => status === 'running');
        expect(
          running.map(({ specHash }) => specHash),
          words,
        ).toEqual(['new']);
      }
    }
  });
});
