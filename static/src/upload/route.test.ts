// Changes when: route.ts does.
import { describe, expect, it } from 'vitest';
import type { Stretch } from './boxes.ts';
import { gapsIn, routeOf, withKnown } from './route.ts';

const KB = 1 << 10;
const MB = 1 << 20;
const pairs = (stretches: readonly Stretch[]) => stretches.map(({ start, end }) => [start, end]);
const index = (start: number, end: number, ...passed: number[]) => ({
  start,
  end,
  passed: [0, 24, ...passed].map((at) => ({ start: at, end: at + 16 })),
});

describe('routeOf', () => {
  it('sends what the index needs first', () => {
    const route = routeOf(10 * MB, index(9 * MB, 10 * MB), false);
    expect(pairs(route?.first ?? [])).toEqual([
      [0, 64 * KB],
      [9 * MB, 10 * MB],
    ]);
    expect(pairs(route?.rest ?? [])).toEqual([[64 * KB, 9 * MB]]);
  });

  it('takes along what lies around the index', () => {
    const route = routeOf(10 * MB, index(9 * MB, 10 * MB - 100, 9 * MB - 8), false);
    expect(pairs(route?.first ?? []).at(-1)).toEqual([9 * MB - 8, 10 * MB]);
  });

  it('leaves what is large behind the index for later, and reads headers on the way', () => {
    const route = routeOf(20 * MB, index(9 * MB, 10 * MB, 5 * MB), false);
    expect(pairs(route?.first ?? [])).toEqual([
      [0, 64 * KB],
      [5 * MB, 5 * MB + 16],
      [9 * MB, 10 * MB],
    ]);
    expect(pairs(route?.rest ?? [])).toEqual([
      [64 * KB, 5 * MB],
      [5 * MB + 16, 9 * MB],
      [10 * MB, 20 * MB],
    ]);
  });

  it('sends all else in one piece', () => {
    expect(routeOf(100 * MB, null, false)).toBeNull();
    expect(routeOf(MB, null, true)).toBeNull();
    expect(routeOf(100 * KB, index(90 * KB, 100 * KB), false)).toBeNull();
    expect(routeOf(0, null, true)).toBeNull();
  });

  it('cuts large files into parts for several connections', () => {
    const route = routeOf(40 * MB, null, true);
    expect(route?.first).toEqual([]);
    expect(pairs(route?.rest ?? [])).toEqual([
      [0, 16 * MB],
      [16 * MB, 32 * MB],
      [32 * MB, 40 * MB],
    ]);
    expect(routeOf(2 ** 40, null, true)?.rest).toHaveLength(256);
  });
});

describe('withKnown', () => {
  const route = {
    first: [
      { start: 0, end: 10 },
      { start: 90, end: 100 },
    ],
    rest: [{ start: 10, end: 90 }],
  };

  it('goes on with the windows that there are, in the same order', () => {
    const known = [
      { start: 10, end: 90, url: 'b' },
      { start: 0, end: 10, url: 'a' },
    ];
    expect(withKnown(route, known)).toEqual({
      first: [known[1], { start: 90, end: 100 }],
      rest: [known[0]],
    });
  });

  it('fills what others have left', () => {
    const { first, rest } = withKnown(route, [{ start: 5, end: 50 }]);
    expect(pairs(first)).toEqual([
      [0, 5],
      [5, 50],
      [90, 100],
    ]);
    expect(pairs(rest)).toEqual([[50, 90]]);
  });
});

describe('gapsIn', () => {
  it.each<[number[][], number[][]]>([
    [[], [[10, 20]]],
    [[[0, 30]], []],
    [
      [
        [0, 12],
        [15, 18],
      ],
      [
        [12, 15],
        [18, 20],
      ],
    ],
    [
      [
        [18, 40],
        [0, 5],
      ],
      [[10, 18]],
    ],
    [[[30, 40]], [[10, 20]]],
  ])('beside %o there is %o', (covered, gaps) => {
    const stretches = covered.map(([start = 0, end = 0]) => ({ start, end }));
    expect(pairs(gapsIn({ start: 10, end: 20 }, stretches))).toEqual(gaps);
  });
});
