// Changes when: what this page knows of the server's videos, and how it keeps that fresh, does.
import type { Clock } from '../clock.ts';
import { Observable } from '../observable.ts';
import type { Client, Page } from './client.ts';
import { Live, type Stream } from './live.ts';
import { type Link, Poller } from './poller.ts';
import { live, type Video } from './video.ts';

const PAGE = 50;
const BUSY = 1_000;
const IDLE = 10_000;
/** A list this long is asked for half as often, twice this long a third as often, and so on. */
const LONG = 100;
/** So often a stream may fail in a row until questions are asked instead. */
const FAILURES = 2;

/** My videos, newest first, as the server last told them: by a stream, or else when asked. */
export class Library extends Observable {
  readonly #client: Client;
  readonly #poller: Poller<Page>;
  readonly #live: Live | null;
  /** JSON of each, so that what has not changed stays the same object. */
  readonly #told = new Map<string, { text: string; video: Video }>();
  readonly #removed = new Set<string>();
  #videos: readonly Video[] = [];
  #wanted = PAGE;
  #asked = 0;
  #link: Link = 'connecting';
  /** Where older ones begin; null: there are none. */
  #next: string | null = null;
  #shown = false;

  /**
   * `busy` says whether something is going on that the server's list cannot show yet; `open`
   * opens a stream of events, if that can be done.
   */
  constructor(
    client: Client,
    clock: Clock,
    busy: () => boolean,
    open: ((address: string) => Stream) | null = null,
  ) {
    super();
    this.#client = client;
    this.#poller = new Poller<Page>(
      {
        ask: (signal) => {
          // What is shown must not fall out of the list because newer ones came.
          this.#asked = Math.max(this.#wanted, this.#videos.length + PAGE / 2);
          return client.videos(this.#asked, null, signal);
        },
        tell: ({ videos, next }) => this.#take(videos, next),
        link: (link) => {
          this.#turn(link);
          if (link === 'online') this.#live?.now();
        },
        interval: () => interval(this.#videos, busy()),
      },
      clock,
    );
    const listener = {
      snapshot: (page: Page) => void this.#snapshot(page),
      video: (video: Video) => this.#put(video),
      removed: (id: string) => this.#drop(id),
      broken: (failures: number) => this.#broken(failures),
    };
    this.#live = open && new Live(open, listener, clock);
  }

  get videos(): readonly Video[] {
    return this.#videos;
  }

  get link(): Link {
    return this.#link;
  }

  /** There are older ones that were not asked for. */
  get more(): boolean {
    return this.#next !== null;
  }

  /** Listens or asks while the page can be seen, and rests while it cannot. */
  follow(page: Document): void {
    const look = () => {
      if (this.#shown === !page.hidden) return;
      this.#shown = !page.hidden;
      if (!this.#shown) {
        this.#poller.pause();
        this.#live?.stop();
      } else if (this.#live) this.#live.start();
      else this.#poller.start();
    };
    page.addEventListener('visibilitychange', look);
    look();
  }

  /** The connection may have come back, or have gone without a word. */
  wake(): void {
    this.#poller.now();
    this.#live?.now();
  }

  /** Something has changed; a stream tells that by itself. */
  refresh(): void {
    this.#poller.now();
  }

  /** Rejects with an `ApiError`. */
  async showOlder(): Promise<void> {
    this.#wanted = this.#videos.length + PAGE;
    if (this.#link !== 'live') this.#poller.now();
    else await this.#older(PAGE);
  }

  /** Has a video made once more. Rejects with an `ApiError`. */
  async retry(id: string): Promise<void> {
    this.#put(await this.#client.retry(id));
  }

  /** Erases a video for good. Rejects with an `ApiError`. */
  async remove(id: string): Promise<void> {
    await this.hide(id, this.#client.remove(id));
  }

  /** Out of sight at once, and back again if `removal`, which erases it, does not succeed. */
  async hide(id: string, removal: Promise<void>): Promise<void> {
    const hidden = this.#videos.find((video) => video.id === id);
    this.#removed.add(id);
    this.#show(this.#videos);
    try {
      await removal;
    } catch (error) {
      this.#removed.delete(id);
      if (hidden) this.#put(hidden);
      throw error;
    } finally {
      this.#poller.now();
    }
  }

  /** The newest are known now. Of the older ones what was known stays until they are read again. */
  async #snapshot({ videos, next }: Page): Promise<void> {
    const oldest = videos.at(-1);
    const ids = new Set(videos.map((video) => video.id));
    const older = this.#videos.filter(
      (video) => next && oldest && isOlder(video, oldest) && !ids.has(video.id),
    );
    if (older.length === 0) return this.#take(videos, next);
    this.#show([...videos, ...older]);
    try {
      const rest = await this.#client.videos(older.length, next);
      const known = this.#videos.filter((video) => oldest && !isOlder(video, oldest));
      this.#take([...known, ...rest.videos], rest.next);
    } catch {
      // They are as they were known before, and can still be asked for.
    }
  }

  async #older(count: number): Promise<void> {
    if (!this.#next) return;
    const { videos, next } = await this.#client.videos(count, this.#next);
    const ids = new Set(videos.map((video) => video.id));
    this.#take([...this.#videos.filter((video) => !ids.has(video.id)), ...videos], next);
  }

  #put(video: Video): void {
    const others = this.#videos.filter((other) => other.id !== video.id);
    const known = others.length < this.#videos.length;
    const place = known
      ? this.#videos.findIndex((other) => other.id === video.id)
      : others.findIndex((other) => isOlder(other, video));
    if (place === -1 && this.#next) return; // It is among the older ones that are not shown.
    this.#show(others.toSpliced(place === -1 ? others.length : place, 0, video));
  }

  #drop(id: string): void {
    this.#show(this.#videos.filter((video) => video.id !== id));
  }

  #broken(failures: number): void {
    if (!this.#shown) return;
    if (failures === 0) {
      this.#poller.pause();
      this.#turn('live');
    } else if (failures < FAILURES) this.#turn('reconnecting');
    else this.#poller.start();
  }

  #turn(link: Link): void {
    if (link === this.#link) return;
    this.#link = link;
    this.changed();
  }

  #take(videos: readonly Video[], next: string | null): void {
    const more = this.more;
    this.#next = next;
    if (!this.#show(videos) && more !== this.more) this.changed();
  }

  /** Whether anything is new. */
  #show(videos: readonly Video[]): boolean {
    const shown = videos.filter((video) => !this.#removed.has(video.id));
    const next = shown.map((video) => this.#same(video));
    const ids = new Set(next.map((video) => video.id));
    for (const id of this.#told.keys()) if (!ids.has(id)) this.#told.delete(id);
    const old = this.#videos;
    if (next.length === old.length && next.every((video, n) => video === old[n])) return false;
    this.#videos = next;
    this.changed();
    return true;
  }

  #same(video: Video): Video {
    const told = this.#told.get(video.id);
    if (told?.video === video) return video;
    const text = JSON.stringify(video);
    if (told?.text === text) return told.video;
    this.#told.set(video.id, { text, video });
    return video;
  }
}

/** In the server's order: by time, and at the same moment by id. */
function isOlder(video: Video, other: Video): boolean {
  if (video.created_at !== other.created_at) return video.created_at < other.created_at;
  return video.id < other.id;
}

/** Milliseconds until the next look at these videos. */
export function interval(videos: readonly Video[], busy: boolean): number {
  if (!busy && !videos.some(live)) return IDLE;
  return BUSY * (1 + Math.floor(videos.length / LONG));
}
