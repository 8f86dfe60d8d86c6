// Changes when: windows.ts does.
import { describe, expect, it } from 'vitest';
import { FakeTus } from './tus.fake.ts';
import { type Wanted, Windows } from './windows.ts';

/** Windows of a file of a hundred bytes: two that come first, and three others. */
class Bench {
  readonly made: FakeTus[] = [];
  readonly sums: number[] = [];
  ended = 0;
  failed = 0;
  readonly windows: Windows;

  constructor(lanes: number, urls: Record<number, string> = {}) {
    const stretch = (start: number, end: number): Wanted => {
      const url = urls[start];
      return url ? { start, end, url, offset: 5 } : { start, end };
    };
    this.windows = new Windows(
      new Blob([new Uint8Array(100)]),
      {
        name: 'a'.repeat(32),
        first: [stretch(0, 10), stretch(90, 100)],
        rest: [stretch(10, 40), stretch(40, 70), stretch(70, 90)],
      },
      lanes,
      {
        metadata: { filename: 'a.mp4' },
        onProgress: (bytes) => this.sums.push(bytes),
        onSuccess: () => {
          this.ended += 1;
        },
        onError: () => {
          this.failed += 1;
        },
      },
      (file, options) => {
        const tus = new FakeTus(file, options);
        this.made.push(tus);
        return tus;
      },
    );
  }

  tus(n: number): FakeTus {
    const found = this.made[n];
    if (!found) throw new Error(`only ${this.made.length} were made`);
    return found;
  }

  get running(): number[] {
    return this.made.flatMap((tus, n) => (tus.running ? n : []));
  }

  succeed(...numbers: number[]): void {
    for (const n of numbers) this.tus(n).succeed();
  }
}

describe('Windows', () => {
  it('says of each where it belongs', () => {
    const { made } = new Bench(1);
    expect(made.map(({ file, options }) => [options.metadata?.start, file.size])).toEqual([
      ['0', 10],
      ['90', 10],
      ['10', 30],
      ['40', 30],
      ['70', 20],
    ]);
    for (const { options } of made) {
      expect(options.metadata).toMatchObject({
        filename: 'a.mp4',
        assembly: 'a'.repeat(32),
        size: '100',
      });
    }
  });

  it('sends what comes first one after another, and the rest on several connections', () => {
    const bench = new Bench(2);
    bench.windows.start();
    expect(bench.running).toEqual([0]);
    bench.succeed(0);
    expect(bench.running).toEqual([1]);
    bench.succeed(1);
    expect(bench.running).toEqual([2, 3]);
    bench.succeed(3);
    expect(bench.running).toEqual([2, 4]);
    bench.succeed(2, 4);
    expect([bench.running, bench.ended]).toEqual([[], 1]);
  });

  it('has one progress', () => {
    const bench = new Bench(2);
    bench.windows.start();
    bench.tus(0).sent(4);
    bench.succeed(0);
    bench.tus(1).sent(10);
    bench.succeed(1);
    bench.tus(2).sent(7);
    bench.tus(3).sent(2);
    expect(bench.sums).toEqual([4, 20, 27, 29]);
  });

  it('stops and goes on where it was', () => {
    const bench = new Bench(2);
    bench.windows.start();
    bench.succeed(0, 1);
    void bench.windows.abort();
    expect(bench.running).toEqual([]);
    bench.windows.start();
    expect(bench.running).toEqual([2, 3]);
    expect(bench.made.map(({ starts }) => starts)).toEqual([1, 1, 2, 2, 0]);
  });

  it('fails once, and then none of it runs', () => {
    const bench = new Bench(3);
    bench.windows.start();
    bench.succeed(0, 1);
    bench.tus(3).giveUp(new Error('no'));
    expect([bench.running, bench.failed]).toEqual([[], 1]);
  });

  it('takes all of it back by one that is not whole', async () => {
    const bench = new Bench(1);
    bench.windows.start();
    expect(bench.windows.url).toBeNull();
    bench.tus(0).created('/files/1');
    expect(bench.windows.url).toBe('/files/1');
    bench.succeed(0);
    bench.tus(1).created('/files/2');
    await bench.windows.abort(true);
    expect(bench.made.map(({ terminated }) => terminated)).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
  });

  it('goes on with those that there are', () => {
    const bench = new Bench(1, { 0: '/files/1', 10: '/files/3' });
    const urls = bench.made.map(({ options }) => options.uploadUrl);
    expect(urls).toEqual(['/files/1', undefined, '/files/3', undefined, undefined]);
    bench.windows.start();
    bench.tus(0).sent(8);
    expect(bench.sums).toEqual([13]);
  });
});
