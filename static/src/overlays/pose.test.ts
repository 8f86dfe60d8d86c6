// Changes when: the skeleton's data, or where it is drawn, does.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { fitted, strength } from './drawing.ts';
import { between, framesOf, landmark, placeAt } from './frames.ts';
import { BONES, LANDMARKS, sideOf, sideOfBone } from './landmarks.ts';
import { PoseTrack } from './track.ts';

/** A line as the server has it: everybody stands at one point. */
function line(index: number, time: number, ...places: number[]): string {
  const people = places.map((place) => ({
    landmarks: Array.from({ length: LANDMARKS }, () => [place, 0.5, -0.1, 0.9]),
    world: [],
  }));
  return `${JSON.stringify({ index, time, people })}\n`;
}

const frames = (...lines: string[]) => framesOf(lines.join(''));

describe('landmarks', () => {
  it('are joined as MediaPipe joins them, each side in its own colour', () => {
    expect(BONES).toHaveLength(35);
    expect(new Set(BONES.map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`)).size).toBe(35);
    expect(Math.max(...BONES.flat())).toBe(LANDMARKS - 1);
    expect([15, 16, 2, 8, 0].map(sideOf)).toEqual(['left', 'right', 'left', 'right', 'middle']);
    expect([[11, 12] as const, [12, 24] as const, [0, 1] as const].map(sideOfBone)).toEqual([
      'middle',
      'right',
      'left',
    ]);
  });
});

describe('frames', () => {
  it('are read from lines', () => {
    const [one, two] = frames(line(0, 0, 0.25), line(1, 0.033333));
    expect([one?.people.length, two?.people.length, two?.time]).toEqual([1, 0, 0.033333]);
    const person = one?.people[0];
    expect(person && landmark(person, 32).x).toBe(0.25);
    expect(person && landmark(person, 32).visibility).toBeCloseTo(0.9);
  });

  it('are those that are not after the picture', () => {
    const three = frames(line(0, 0), line(1, 0.1), line(2, 0.2));
    expect([-1, 0, 0.0999, 0.1, 9].map((time) => placeAt(three, time))).toEqual([-1, 0, 0, 1, 2]);
  });

  it('have something between them only if it is the same person, soon after', () => {
    const x = (first: string, second: string, time: number) => {
      const [one, two] = frames(first, second);
      const [person] = one && two ? between(one, two, time) : [];
      return person && Math.round(landmark(person, 0).x * 1_000);
    };
    expect(x(line(0, 1, 0.2), line(1, 1.04, 0.24), 1.02)).toBe(220);
    expect(x(line(0, 1, 0.2), line(1, 1.04, 0.24), 1)).toBe(200);
    expect(x(line(0, 1, 0.2), line(1, 1.04, 0.9), 1.02)).toBe(200);
    expect(x(line(0, 1, 0.2), line(1, 2, 0.24), 1.5)).toBe(200);
    expect(x(line(0, 1, 0.2), line(1, 1.04, 0.24, 0.9), 1.02)).toBe(200);
  });
});

describe('fitted', () => {
  const surface = { x: 0, y: 0, width: 800, height: 400 };

  it('is all of the picture, in the middle', () => {
    expect(fitted(100, 100, surface)).toEqual({ x: 200, y: 0, width: 400, height: 400 });
    expect(fitted(1600, 400, surface)).toEqual({ x: 0, y: 100, width: 800, height: 200 });
  });
});

describe('strength', () => {
  it('is faint for what is hidden, and never nothing', () => {
    expect([strength(0), strength(0.3), strength(1)]).toEqual([0.3, 0.3, 1]);
    expect(strength(0.5)).toBeCloseTo(0.65);
  });
});

/** Pose frames at ten a second, as far as the test's server has them. */
class Dance {
  readonly clock = new ManualClock();
  readonly asked: string[] = [];
  readonly aborted: string[] = [];
  seconds = 60;
  broken = false;
  readonly track = new PoseTrack(async (address, signal) => {
    const { searchParams } = new URL(address, 'http://a');
    const [start, end] = [Number(searchParams.get('start')), Number(searchParams.get('end'))];
    this.asked.push(`${start}-${end}`);
    signal.addEventListener('abort', () => this.aborted.push(`${start}-${end}`));
    await Promise.resolve();
    if (this.broken) throw new TypeError('down');
    const first = Math.ceil(start * 10 - 1e-9);
    const count = Math.ceil(Math.min(end, this.seconds) * 10 - 1e-9) - first;
    return Array.from({ length: Math.max(0, count) }, (_, n) => {
      const index = first + n;
      return line(index, index / 10, ...(index < 300 ? [0.5] : []));
    }).join('');
  }, this.clock);

  async want(time: number): Promise<void> {
    this.track.follow('/pose.ndjson', this.seconds);
    this.track.want(time);
    for (let n = 0; n < 10; n += 1) await Promise.resolve();
  }

  /** News of the server since the last look. */
  get news(): string[] {
    return this.asked.splice(0);
  }
}

describe('PoseTrack', () => {
  it('loads around what is played, ahead of it, and each part once', async () => {
    const dance = new Dance();
    await dance.want(0);
    expect(dance.news).toEqual(['0-4', '4-8', '8-12']);
    await dance.want(3.9);
    expect(dance.news).toEqual([]);
    await dance.want(4);
    expect(dance.news).toEqual(['12-16']);
    expect(dance.track.at(5.05, 0.001)).toHaveLength(1);
    expect(dance.track.at(15.9, 0.001)).toHaveLength(1);
  });

  it('keeps little, and does not wait for what is not wanted any more', async () => {
    const dance = new Dance();
    dance.track.follow('/pose.ndjson', 60);
    dance.track.want(0);
    await dance.want(40);
    expect(dance.aborted).toEqual(['0-4', '4-8', '8-12']);
    expect(dance.track.at(1, 0)).toBeNull();
    dance.news;
    await dance.want(2);
    expect(dance.news[0]).toBe('0-4');
    expect(dance.track.at(41, 0)).toBeNull();
  });

  it('follows what grows, and never shows what is not known for what is', async () => {
    const dance = new Dance();
    dance.seconds = 2;
    await dance.want(0);
    expect([dance.news, dance.track.at(1, 0)?.length]).toEqual([['0-4'], 1]);
    expect(dance.track.at(2.5, 0)).toBeNull();
    dance.seconds = 6;
    await dance.want(0);
    expect(dance.news).toEqual(['2-4', '4-8']);
    expect(dance.track.at(5.9, 0)).toHaveLength(1);
    expect(dance.track.at(6, 0)).toBeNull();
    await dance.want(0);
    expect(dance.news).toEqual([]);
  });

  it('says where nobody is', async () => {
    const dance = new Dance();
    await dance.want(40);
    expect([dance.track.nobody(40), dance.track.nobody(20)]).toEqual([true, false]);
    await dance.want(20);
    expect(dance.track.nobody(20)).toBe(false);
  });

  it('asks again after a while when it gets no answer', async () => {
    const dance = new Dance();
    dance.broken = true;
    await dance.want(0);
    await dance.want(0);
    expect(dance.news).toEqual(['0-4', '4-8', '8-12']);
    expect(dance.track.at(1, 0)).toBeNull();
    dance.broken = false;
    dance.clock.advance(2_000);
    await dance.want(0);
    expect(dance.news).toEqual(['0-4', '4-8', '8-12']);
    expect(dance.track.at(1, 0)).toHaveLength(1);
  });

  it('begins anew when the video was made anew', async () => {
    const dance = new Dance();
    await dance.want(0);
    dance.seconds = 3;
    dance.news;
    await dance.want(0);
    expect(dance.news).toEqual(['0-4']);
  });
});
