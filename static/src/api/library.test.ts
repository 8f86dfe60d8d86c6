// Changes when: library.ts or what counts as live in video.ts does.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { Client } from './client.ts';
import { interval, Library } from './library.ts';
import { FakeEvents } from './live.fake.ts';
import { sampleProgress, sampleVideo } from './video.sample.ts';
import { live, type Video } from './video.ts';

/** A server with videos that tests put there and take away. */
class Shelf {
  videos: Video[] = [];
  broken = false;
  readonly clock = new ManualClock();
  readonly events = new FakeEvents();
  readonly asked: string[] = [];
  readonly library = new Library(
    new Client(async (path, { method }) => {
      this.asked.push(path);
      if (this.broken) throw new TypeError('down');
      const id = path.split('/')[3] ?? '';
      if (method === 'DELETE') {
        this.videos = this.videos.filter((video) => video.id !== id);
        return new Response(null, { status: 204 });
      }
      const { searchParams } = new URL(path, 'http://a');
      const [at] = (searchParams.get('before') ?? '').split('-');
      const rest = this.videos.filter((video) => !at || video.created_at < Number(at));
      return new Response(JSON.stringify(this.page(rest, Number(searchParams.get('limit')))));
    }),
    this.clock,
    () => false,
    this.events.open,
  );

  page(videos: readonly Video[], limit: number) {
    const last = videos[limit - 1];
    const next = last && videos.length > limit ? `${last.created_at}-${last.id}` : null;
    return { videos: videos.slice(0, limit), next };
  }

  async turn(ms = 10_000): Promise<void> {
    this.clock.advance(ms);
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  }

  /** What the page gets when it cannot have a stream. */
  async open(...videos: Video[]): Promise<void> {
    this.videos = videos;
    this.see(true);
    for (let n = 0; n < 2; n += 1) {
      this.events.fail();
      await this.turn(0);
      this.clock.advance(2_000);
    }
    await this.turn(0);
  }

  /** What it gets when it can. */
  async listen(...videos: Video[]): Promise<void> {
    this.videos = videos;
    this.see(true);
    this.events.tell('snapshot', this.page(videos, 50));
    await this.turn(0);
  }

  see(visible: boolean): void {
    if (!this.look) {
      const document = {
        hidden: !visible,
        addEventListener: (_: string, look: () => void) => {
          this.look = look;
        },
      };
      this.document = document;
      this.library.follow(document as unknown as Document);
    } else {
      this.document.hidden = !visible;
      this.look();
    }
  }

  get ids(): string[] {
    return this.library.videos.map((video) => video.id);
  }

  private look: (() => void) | null = null;
  private document = { hidden: false };
}

const numbered = (n: number) => sampleVideo({ id: `${n}`, created_at: n });

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

describe('Library, while it listens', () => {
  it('keeps its videos by what it is told, and asks nothing', async () => {
    const shelf = new Shelf();
    await shelf.listen(numbered(3), numbered(1));
    expect([shelf.ids, shelf.library.link]).toEqual([['3', '1'], 'live']);
    shelf.events.tell('progress', numbered(2));
    shelf.events.tell('progress', numbered(4));
    expect(shelf.ids).toEqual(['4', '3', '2', '1']);
    const [first, second] = shelf.library.videos;
    shelf.events.tell('progress', { ...numbered(3), title: 'new' });
    expect(shelf.library.videos[0]).toBe(first);
    expect([second?.title, shelf.library.videos[1]?.title]).toEqual(['Clip', 'new']);
    shelf.events.tell('removed', { video: '3' });
    expect(shelf.ids).toEqual(['4', '2', '1']);
    await shelf.turn(60_000);
    expect(shelf.asked).toEqual([]);
  });

  it('asks instead when it cannot listen, and listens again when it can', async () => {
    const shelf = new Shelf();
    await shelf.open(numbered(1));
    expect([shelf.ids, shelf.library.link]).toEqual([['1'], 'online']);
    const asked = shelf.asked.length;
    await shelf.turn(20_000);
    expect(shelf.asked.length).toBeGreaterThan(asked);
    await shelf.turn(30_000);
    shelf.events.tell('snapshot', { videos: [numbered(2)], next: null });
    expect([shelf.ids, shelf.library.link]).toEqual([['2'], 'live']);
    const answered = shelf.asked.length;
    await shelf.turn(30_000);
    expect(shelf.asked.length).toBe(answered);
  });

  it('says when the server cannot be reached at all', async () => {
    const shelf = new Shelf();
    await shelf.listen(numbered(1));
    shelf.broken = true;
    const links = [];
    for (let n = 0; n < 8; n += 1) {
      shelf.events.fail();
      await shelf.turn(2_000);
      links.push(shelf.library.link);
    }
    expect(new Set(links)).toEqual(new Set(['reconnecting', 'offline']));
    expect(links.at(-1)).toBe('offline');
    expect(shelf.ids).toEqual(['1']);
  });

  it('lets go while the page is hidden', async () => {
    const shelf = new Shelf();
    await shelf.listen(numbered(1));
    shelf.see(false);
    expect(shelf.events.listening).toBe(false);
    shelf.see(true);
    shelf.events.tell('snapshot', { videos: [numbered(2)], next: null });
    expect(shelf.ids).toEqual(['2']);
  });

  it('pages through what a snapshot does not hold, and reads it again with the next one', async () => {
    const shelf = new Shelf();
    const many = Array.from({ length: 120 }, (_, n) => numbered(1_000 - n));
    await shelf.listen(...many);
    expect([shelf.ids.length, shelf.library.more]).toEqual([50, true]);
    shelf.events.tell('progress', numbered(1));
    expect(shelf.ids.length).toBe(50);
    await shelf.library.showOlder();
    expect([shelf.ids.length, shelf.library.more]).toEqual([100, true]);
    shelf.videos = many.filter((video) => video.id !== '990' && video.id !== '920');
    shelf.events.tell('snapshot', shelf.page(shelf.videos, 50));
    await shelf.turn(0);
    expect(shelf.ids).toEqual(shelf.videos.slice(0, shelf.ids.length).map(({ id }) => id));
    expect(shelf.ids.length).toBeGreaterThan(95);
    await shelf.library.showOlder();
    expect([shelf.ids.length, shelf.library.more]).toEqual([118, false]);
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
