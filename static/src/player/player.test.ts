// Changes when: remedy.ts or renditions.ts does.
import { describe, expect, it } from 'vitest';
import { Remedies } from './remedy.ts';
import { RenditionList } from './renditions.ts';

describe('Remedies', () => {
  const network = { kind: 'network', status: null, at: 0 } as const;
  const media = (at: number) => ({ kind: 'media', status: null, at }) as const;

  it('loads again, ever later, and gives up in the end', () => {
    const remedies = new Remedies();
    const waits = Array.from({ length: 7 }, () => remedies.judge(network)).map((remedy) =>
      remedy.do === 'reload' ? remedy.after : remedy.do,
    );
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 'give-up']);
  });

  it('starts anew once something was loaded', () => {
    const remedies = new Remedies();
    remedies.judge(network);
    remedies.judge(network);
    remedies.loaded();
    expect(remedies.judge(network)).toEqual({ do: 'reload', after: 500 });
  });

  it('knows when a video is gone', () => {
    const gone = { do: 'give-up', why: 'gone' };
    expect(new Remedies().judge({ ...network, status: 404 })).toEqual(gone);
    expect(new Remedies().judge({ ...network, status: 503 })).toMatchObject({ do: 'reload' });
  });

  it('recovers from media errors unless they come back at once', () => {
    const remedies = new Remedies();
    expect(remedies.judge(media(0)).do).toBe('recover');
    expect(remedies.judge(media(1_000)).do).toBe('swap');
    expect(remedies.judge(media(2_000))).toEqual({ do: 'give-up', why: 'media' });
    expect(new Remedies().judge(media(0)).do).toBe('recover');
    const later = new Remedies();
    later.judge(media(0));
    expect(later.judge(media(60_000)).do).toBe('recover');
  });
});

describe('RenditionList', () => {
  const level = (height: number) => ({ width: (height * 16) / 9, height, bitrate: height * 1_000 });

  it('is the list that media-chrome reads', () => {
    const chosen: number[] = [];
    const list = new RenditionList((index) => chosen.push(index));
    list.set([level(720), level(360)]);
    expect([list.length, list[1]?.height, [...list].map(({ id }) => id)]).toEqual([
      2,
      360,
      ['0', '1'],
    ]);
    expect(Array.prototype.findIndex.call(list, (entry) => entry.id === '1')).toBe(1);
    list.selectedIndex = 1;
    list.selectedIndex = 1;
    list.selectedIndex = -1;
    expect(chosen).toEqual([1, -1]);
  });

  it('forgets the stream before', () => {
    const list = new RenditionList(() => {});
    list.set([level(720), level(360)]);
    list.set([level(240)]);
    expect([list.length, list[1]]).toEqual([1, undefined]);
  });

  it('offers nothing for sound alone', () => {
    const list = new RenditionList(() => {});
    list.set([{ width: 0, height: 0, bitrate: 128_000 }]);
    expect(list.length).toBe(0);
  });
});
