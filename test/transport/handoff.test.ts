import { describe, expect, it } from 'vitest';
import { Handoff } from '../../src/transport/handoff.ts';

const A = Buffer.from('a');
const B = Buffer.from('b');

describe('Handoff', () => {
  it('gives chunks over one by one, each back when the next is asked for', async () => {
    const handoff = new Handoff();
    const log: string[] = [];
    const reading = (async () => {
      for await (const chunk of handoff) log.push(`read ${chunk}`);
      log.push('end');
    })();
    await handoff.put(A).then(() => log.push('a is back'));
    await handoff.put(B).then(() => log.push('b is back'));
    handoff.end();
    await reading;
    expect(log).toEqual(['read a', 'a is back', 'read b', 'b is back', 'end']);
  });

  it('tells the writer when the reader leaves with the chunk in its hands', async () => {
    const handoff = new Handoff();
    const putting = handoff.put(A);
    for await (const _ of handoff) break;
    await expect(putting).rejects.toThrow('nobody reads any more');
    await expect(handoff.put(B)).rejects.toThrow('nobody reads any more');
  });

  it('tells the writer when it is closed before anybody read', async () => {
    const handoff = new Handoff();
    const putting = handoff.put(A);
    handoff.close();
    await expect(putting).rejects.toThrow('nobody reads any more');
  });

  it("passes the writer's failure on in place of an end", async () => {
    const handoff = new Handoff();
    const reading = (async () => {
      for await (const _ of handoff);
    })();
    await handoff.put(A);
    handoff.fail(new Error('mine'));
    await expect(reading).rejects.toThrow('mine');
  });
});
