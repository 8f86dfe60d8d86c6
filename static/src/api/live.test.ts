// Changes when: live.ts does.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { FakeEvents } from './live.fake.ts';
import { Live } from './live.ts';
import { sampleVideo } from './video.sample.ts';

class Ear {
  readonly clock = new ManualClock();
  readonly events = new FakeEvents();
  readonly heard: unknown[] = [];
  readonly live = new Live(
    this.events.open,
    {
      snapshot: ({ videos }) => this.heard.push(['snapshot', videos.length]),
      video: ({ id }) => this.heard.push(['video', id]),
      removed: (id) => this.heard.push(['removed', id]),
      broken: (failures) => this.heard.push(['broken', failures]),
    },
    this.clock,
    () => 0.5,
  );

  /** What was heard since the last look. */
  get news(): unknown[] {
    return this.heard.splice(0);
  }
}

describe('Live', () => {
  it('tells what it hears', () => {
    const ear = new Ear();
    ear.live.start();
    ear.events.tell('snapshot', { videos: [sampleVideo()], next: null });
    ear.events.tell('progress', sampleVideo({ id: 'v' }));
    ear.events.tell('removed', { video: 'v' });
    expect(ear.news).toEqual([
      ['snapshot', 1],
      ['broken', 0],
      ['video', 'v'],
      ['removed', 'v'],
    ]);
  });

  it('comes back later each time, at random, and at once after a success', () => {
    const ear = new Ear();
    ear.live.start();
    const waits: (number | null)[] = [];
    for (const how of ['error', 'error', 'bye']) {
      ear.events.tell(how, null);
      waits.push(ear.clock.next);
      ear.clock.advance(ear.clock.next ?? 0);
    }
    expect([waits, ear.events.opened]).toEqual([[1_000, 2_000, 4_000], 4]);
    ear.events.tell('snapshot', { videos: [], next: null });
    ear.events.fail();
    expect(ear.clock.next).toBe(1_000);
    expect(ear.news.at(-1)).toEqual(['broken', 1]);
  });

  it('does not wait for ever for a stream that says nothing', () => {
    const ear = new Ear();
    ear.live.start();
    ear.clock.advance(15_000);
    expect(ear.news).toEqual([['broken', 1]]);
    ear.clock.advance(1_000);
    ear.events.tell('snapshot', { videos: [], next: null });
    ear.clock.advance(119_000);
    expect(ear.events.opened).toBe(2);
    ear.clock.advance(1_000);
    expect([ear.events.opened, ear.news.length]).toEqual([3, 2]);
  });

  it('is silent once it was stopped', () => {
    const ear = new Ear();
    ear.live.start();
    ear.live.stop();
    ear.events.tell('snapshot', { videos: [], next: null });
    ear.live.now();
    expect([ear.news, ear.clock.next, ear.events.opened]).toEqual([[], null, 1]);
    ear.live.start();
    expect(ear.events.opened).toBe(2);
  });
});
