// Changes when: library.ts or what counts as live in video.ts does.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { Client } from './client.ts';
import { interval, Library } from './library.ts';
import { sampleProgress, sampleVideo } from './video.sample.ts';
import { live, type Video } from './video.ts';

/** A server with videos that tests put there and take away. */
class Shelf {
  videos: Video[] = [];
  broken = false;
  readonly clock = new ManualClock();
  readonly library = new Library(
    new Client(async (path, { method }) => {
      if (this.broken) throw new TypeError('down');
      const id = path.split('/')[3] ?? '';
      if (method === 'DELETE') {
        this.videos = this.videos.filter((video) => video.id !== id);
        return new Response(null, { status: 204 });
      }
      return new Response(JSON.stringify({ videos: this.videos }));
    }),
    this.clock,
    () => false,
  );

  async turn(ms = 10_000): Promise<void> {
    this.clock.advance(ms);
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  }

  async open(...videos: Video[]): Promise<void> {
    this.videos = videos;
    this.library.follow({ hidden: false, addEventListener() {} } as unknown as Document);
    await this.turn(0);
  }
}

describe('Library', () => {
  it('keeps what did not change the same object, and tells only of changes', async () => {
    const shelf = new Shelf();
    await shelf.open(sampleVideo({ id: '1' }), sampleVideo({ id: '2', title: 'old' }));
    const [first, second] = shelf.library.videos;
    let changes = 0;
    shelf.library.subscribe(() => {
      changes += 1;
    });
    await shelf.turn();
    expect(changes).toBe(0);
    shelf.videos = [sampleVideo({ id: '1' }), sampleVideo({ id: '2', title: 'new' })];
    await shelf.turn();
    expect(changes).toBe(1);
    expect(shelf.library.videos[0]).toBe(first);
    expect(shelf.library.videos[1]).not.toBe(second);
  });

  it('hides what is removed at once, and for good', async () => {
    const shelf = new Shelf();
    const [one, two] = [sampleVideo({ id: '1' }), sampleVideo({ id: '2' })];
    await shelf.open(one, two);
    const removal = shelf.library.remove('1');
    expect(shelf.library.videos.map((video) => video.id)).toEqual(['2']);
    await removal;
    shelf.videos = [one, two];
    await shelf.turn();
    expect(shelf.library.videos.map((video) => video.id)).toEqual(['2']);
  });

  it('shows it again when it could not be removed', async () => {
    const shelf = new Shelf();
    await shelf.open(sampleVideo({ id: '1' }));
    shelf.broken = true;
    await expect(shelf.library.remove('1')).rejects.toMatchObject({ code: 'network' });
    shelf.broken = false;
    await shelf.turn();
    expect(shelf.library.videos).toHaveLength(1);
  });
});

describe('interval', () => {
  it('is short while something is going on', () => {
    const done = sampleVideo();
    const working = sampleVideo({ state: 'active' });
    expect(interval([done], false)).toBe(10_000);
    expect(interval([done], true)).toBe(1_000);
    expect(interval([done, working], false)).toBe(1_000);
    expect(
      interval(
        Array.from({ length: 250 }, () => working),
        false,
      ),
    ).toBe(3_000);
  });

  it('takes an upload that stands still for nothing going on', () => {
    const standing = { state: 'created', progress: sampleProgress(500, 0) } as const;
    const moving = { state: 'created', progress: sampleProgress(500, 9) } as const;
    expect(live(sampleVideo(standing))).toBe(false);
    expect(live(sampleVideo(moving))).toBe(true);
  });
});
