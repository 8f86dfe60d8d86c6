// Changes when: cues.ts or storyboard.ts does.
import { describe, expect, it } from 'vitest';
import { tileAt, tilesOf } from './cues.ts';
import { Storyboard } from './storyboard.ts';

const BASE = 'http://a/v/g/id/e1/storyboard.vtt';
const cue = (from: string, to: string, text: string) => `00:00:${from} --> 00:00:${to}\n${text}\n`;
const FIRST = [
  'WEBVTT\n',
  cue('00.000', '02.000', 's.000000.1.jpg#xywh=0,0,160,90'),
  cue('02.000', '04.000', 's.000001.1.jpg#xywh=0,0,160,90'),
];
const MORE = [...FIRST, cue('04.000', '05.500', 's.000001.1.jpg#xywh=160,0,160,90')];

/** Lets all promises that are due run. */
async function turn(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

describe('tilesOf', () => {
  it('reads places and times', () => {
    const tiles = tilesOf(MORE.join('\n'), BASE);
    expect(tiles.map(({ start, end, x }) => [start, end, x])).toEqual([
      [0, 2, 0],
      [2, 4, 0],
      [4, 5.5, 160],
    ]);
    expect(tiles[2]).toMatchObject({
      src: 'http://a/v/g/id/e1/s.000001.1.jpg',
      width: 160,
      height: 90,
    });
    const late = 'WEBVTT\n\n123:04:05.250 --> 123:04:06.000\nx.jpg#xywh=0,0,2,2\n';
    expect(tilesOf(late, BASE)[0]?.start).toBe(123 * 3600 + 4 * 60 + 5.25);
  });

  it('passes over what it does not know', () => {
    expect(tilesOf('WEBVTT\n\nNOTE hi\n\n00:00:00.000 --> 00:00:01.000\nwords\n', BASE)).toEqual(
      [],
    );
    expect(tilesOf('<html>', BASE)).toEqual([]);
  });
});

describe('tileAt', () => {
  const tiles = tilesOf(MORE.join('\n'), BASE);

  it.each([
    [-1, 0],
    [0, 0],
    [1.999, 0],
    [2, 2],
    [4.1, 4],
    [99, 4],
  ])('at %d s is that of %d s', (time, start) => {
    expect(tileAt(tiles, time)?.start).toBe(start);
  });

  it('is none where there are none', () => {
    expect(tileAt([], 1)).toBeNull();
  });
});

describe('Storyboard', () => {
  it('is read once, again when there is more, and anew for another edition', async () => {
    const asked: string[] = [];
    let text = FIRST.join('\n');
    const board = new Storyboard(
      async (address) => {
        asked.push(address);
        return text;
      },
      async () => {},
    );
    await Promise.all([board.look(BASE, 4), board.look(BASE, 4)]);
    await board.look(BASE, 4);
    expect([asked.length, board.tiles.length]).toEqual([1, 2]);
    text = MORE.join('\n');
    await board.look(BASE.replace('/g/', '/other-grant/'), 5.5);
    expect([asked.length, board.tiles.length]).toEqual([2, 3]);
    expect((await board.at(5))?.x).toBe(160);
    text = 'WEBVTT\n';
    await board.look(BASE.replace('/e1/', '/e2/'), 1);
    expect([asked.length, board.tiles.length]).toEqual([3, 0]);
  });

  it('is read once more when there came more while it was read', async () => {
    const answers: ((text: string) => void)[] = [];
    const board = new Storyboard(
      () => new Promise((answer) => answers.push(answer)),
      async () => {},
    );
    const first = board.look(BASE, 4);
    await turn();
    const second = board.look(BASE, 5.5);
    answers[0]?.(FIRST.join('\n'));
    await first;
    await turn();
    answers[1]?.(MORE.join('\n'));
    await second;
    expect(board.tiles.length).toBe(3);
  });

  it('shows what could be loaded only, and tries again', async () => {
    let broken = true;
    const board = new Storyboard(
      async () => {
        if (broken) throw new Error('down');
        return FIRST.join('\n');
      },
      async () => {
        if (broken) throw new Error('down');
      },
    );
    await board.look(BASE, 4);
    expect(board.tiles).toEqual([]);
    broken = false;
    await board.look(BASE, 4);
    broken = true;
    expect(await board.at(1)).not.toBeUndefined();
    broken = false;
    expect((await board.at(3))?.start).toBe(2);
  });
});
