// Changes when: what this page knows of the server's videos, and how it keeps that fresh, does.
import type { Clock } from '../clock.ts';
import { Observable } from '../observable.ts';
import type { Client } from './client.ts';
import { type Link, Poller } from './poller.ts';
import { live, type Video } from './video.ts';

const PAGE = 50;
const BUSY = 1_000;
const IDLE = 10_000;
/** A list this long is asked for half as often, twice this long a third as often, and so on. */
const LONG = 100;

/** My videos, newest first, as the server last told them. */
export class Library extends Observable {
  readonly #client: Client;
  readonly #poller: Poller<Video[]>;
  /** JSON of each, so that what has not changed stays the same object. */
  readonly #told = new Map<string, { text: string; video: Video }>();
  readonly #removed = new Set<string>();
  #videos: readonly Video[] = [];
  #wanted = PAGE;
  #asked = 0;
  #link: Link = 'connecting';
  #more = false;

  /** `busy` says whether something is going on that the server's list cannot show yet. */
  constructor(client: Client, clock: Clock, busy: () => boolean) {
    super();
    this.#client = client;
    this.#poller = new Poller<Video[]>(
      {
        ask: (signal) => {
          // What is shown must not fall out of the list because newer ones came.
          this.#asked = Math.max(this.#wanted, this.#videos.length + PAGE / 2);
          return client.videos(this.#asked, signal);
        },
        tell: (videos) => {
          this.#more = videos.length >= this.#asked;
          this.#take(videos);
        },
        link: (link) => {
          this.#link = link;
          this.changed();
        },
        interval: () => interval(this.#videos, busy()),
      },
      clock,
    );
  }

  get videos(): readonly Video[] {
    return this.#videos;
  }

  get link(): Link {
    return this.#link;
  }

  /** There are older ones that were not asked for. */
  get more(): boolean {
    return this.#more;
  }

  /** Asks while the page can be seen, and rests while it cannot. */
  follow(page: Document): void {
    const look = () => (page.hidden ? this.#poller.pause() : this.#poller.start());
    page.addEventListener('visibilitychange', look);
    look();
  }

  refresh(): void {
    this.#poller.now();
  }

  showOlder(): void {
    this.#wanted = this.#videos.length + PAGE;
    this.#poller.now();
  }

  /** Erases a video for good. Rejects with an `ApiError`. */
  async remove(id: string): Promise<void> {
    await this.hide(id, this.#client.remove(id));
  }

  /** Out of sight at once, and back again if `removal`, which erases it, does not succeed. */
  async hide(id: string, removal: Promise<void>): Promise<void> {
    this.#removed.add(id);
    this.#take(this.#videos);
    try {
      await removal;
    } catch (error) {
      this.#removed.delete(id);
      throw error;
    } finally {
      this.#poller.now();
    }
  }

  #take(videos: readonly Video[]): void {
    const shown = videos.filter((video) => !this.#removed.has(video.id));
    const next = shown.map((video) => this.#same(video));
    const ids = new Set(next.map((video) => video.id));
    for (const id of this.#told.keys()) if (!ids.has(id)) this.#told.delete(id);
    const old = this.#videos;
    if (next.length === old.length && next.every((video, n) => video === old[n])) return;
    this.#videos = next;
    this.changed();
  }

  #same(video: Video): Video {
    const text = JSON.stringify(video);
    const told = this.#told.get(video.id);
    if (told?.text === text) return told.video;
    this.#told.set(video.id, { text, video });
    return video;
  }
}

/** Milliseconds until the next look at these videos. */
export function interval(videos: readonly Video[], busy: boolean): number {
  if (!busy && !videos.some(live)) return IDLE;
  return BUSY * (1 + Math.floor(videos.length / LONG));
}
