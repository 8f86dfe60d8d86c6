// Changes when: how the server tells of changes by itself (`/api/events`) does.
import type { Clock } from '../clock.ts';
import type { Page } from './client.ts';
import { backoff } from './poller.ts';
import type { Video } from './video.ts';

/** What we need of an `EventSource`. */
export interface Stream {
  addEventListener(type: string, hear: (event: { readonly data?: unknown }) => void): void;
  close(): void;
}

/** Who is told. */
export interface Listener {
  /** How everything is now; first of all, and whenever something may have been missed. */
  snapshot(page: Page): void;
  /** How one video is now. */
  video(video: Video): void;
  removed(id: string): void;
  /** It broke off, or could not be opened, so often in a row; zero: it is heard. */
  broken(failures: number): void;
}

const ADDRESS = '/api/events';
/** An open stream that does not even begin is not believed in any more. */
const PATIENCE = 15_000;
/** After so long a silence the line itself may be dead; browsers do not notice that. */
const SILENCE = 120_000;

/** Listens, and opens the stream again, ever later, when it breaks. */
export class Live {
  readonly #open: (address: string) => Stream;
  readonly #listener: Listener;
  readonly #clock: Clock;
  readonly #chance: () => number;
  #stream: Stream | null = null;
  #running = false;
  #failures = 0;
  #callOff: (() => void) | null = null;

  constructor(
    open: (address: string) => Stream,
    listener: Listener,
    clock: Clock,
    chance: () => number = Math.random,
  ) {
    this.#open = open;
    this.#listener = listener;
    this.#clock = clock;
    this.#chance = chance;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#connect();
  }

  /** A stream is one of the six connections that a browser has for a server. */
  stop(): void {
    this.#running = false;
    this.#let();
  }

  /** Tries at once: there is reason to hope, or to doubt that the line still works. */
  now(): void {
    if (this.#running) this.#connect();
  }

  #connect(): void {
    this.#let();
    const stream = this.#open(ADDRESS);
    this.#stream = stream;
    this.#wait(PATIENCE, () => this.#break());
    const hear = <T>(type: string, tell: (told: T) => void) =>
      stream.addEventListener(type, ({ data }) => {
        if (this.#stream !== stream) return;
        this.#wait(SILENCE, () => this.#connect());
        tell(JSON.parse(String(data)) as T);
      });
    hear<Page>('snapshot', (page) => {
      this.#failures = 0;
      this.#listener.snapshot(page);
      this.#listener.broken(0);
    });
    hear<Video>('progress', (video) => this.#listener.video(video));
    hear<{ video: string }>('removed', ({ video }) => this.#listener.removed(video));
    // The library of the browser would come back after a fixed time, all pages at once.
    for (const end of ['error', 'bye']) {
      stream.addEventListener(end, () => {
        if (this.#stream === stream) this.#break();
      });
    }
  }

  #break(): void {
    this.#let();
    this.#failures += 1;
    this.#wait(backoff(this.#failures, this.#chance()), () => this.#connect());
    this.#listener.broken(this.#failures);
  }

  #let(): void {
    this.#callOff?.();
    this.#callOff = null;
    this.#stream?.close();
    this.#stream = null;
  }

  #wait(ms: number, task: () => void): void {
    this.#callOff?.();
    this.#callOff = this.#clock.after(ms, task);
  }
}
