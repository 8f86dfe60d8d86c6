// Changes when: poller.ts does.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { backoff, type Link, Poller } from './poller.ts';

/** A server that answers when the test says so. */
class Desk {
  readonly clock = new ManualClock();
  readonly told: number[] = [];
  readonly links: Link[] = [];
  asked = 0;
  aborted = 0;
  interval = 1_000;
  #settle: { answer: (value: number) => void; refuse: () => void } | null = null;
  readonly poller = new Poller<number>(
    {
      ask: (signal) => {
        this.asked += 1;
        signal.addEventListener('abort', () => {
          this.aborted += 1;
        });
        return new Promise((answer, refuse) => {
          this.#settle = { answer, refuse: () => refuse(new Error('down')) };
        });
      },
      tell: (value) => this.told.push(value),
      link: (link) => this.links.push(link),
      interval: () => this.interval,
    },
    this.clock,
    () => 0.5,
  );

  async answer(value: number): Promise<void> {
    this.#settle?.answer(value);
    await turn();
  }

  async refuse(): Promise<void> {
    this.#settle?.refuse();
    await turn();
  }
}

/** Lets all promises that are due run. */
async function turn(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await Promise.resolve();
}

describe('Poller', () => {
  it('asks at once, and again after the interval', async () => {
    const desk = new Desk();
    desk.poller.start();
    await desk.answer(1);
    expect([desk.told, desk.links, desk.clock.next]).toEqual([[1], ['online'], 1_000]);
    desk.interval = 10_000;
    desk.clock.advance(1_000);
    await desk.answer(2);
    expect([desk.told, desk.clock.next]).toEqual([[1, 2], 10_000]);
  });

  it('waits longer after each failure, and says so', async () => {
    const desk = new Desk();
    desk.poller.start();
    const waits: (number | null)[] = [];
    for (let n = 0; n < 4; n += 1) {
      await desk.refuse();
      waits.push(desk.clock.next);
      desk.clock.advance(desk.clock.next ?? 0);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(desk.links).toEqual(['reconnecting', 'offline']);
    await desk.answer(1);
    expect(desk.links.at(-1)).toBe('online');
    expect(desk.clock.next).toBe(1_000);
  });

  it('asks once more when what is on its way may be too old', async () => {
    const desk = new Desk();
    desk.poller.start();
    desk.poller.now();
    desk.poller.now();
    expect(desk.asked).toBe(1);
    await desk.answer(1);
    expect(desk.asked).toBe(2);
    await desk.answer(2);
    expect([desk.asked, desk.clock.next]).toEqual([2, 1_000]);
  });

  it('rests while paused, and asks at once when it goes on', async () => {
    const desk = new Desk();
    desk.poller.start();
    desk.poller.pause();
    expect(desk.aborted).toBe(1);
    await desk.answer(1);
    expect([desk.told, desk.clock.next]).toEqual([[], null]);
    desk.poller.now();
    expect(desk.asked).toBe(1);
    desk.poller.start();
    await desk.answer(2);
    expect(desk.told).toEqual([2]);
  });
});

describe('backoff', () => {
  it('grows to half a minute, and spreads', () => {
    expect([1, 2, 3, 6, 60].map((n) => backoff(n, 0.5))).toEqual([
      1_000, 2_000, 4_000, 30_000, 30_000,
    ]);
    expect([backoff(1, 0), backoff(1, 1)]).toEqual([750, 1_250]);
  });
});
