// Changes when: how often we ask the server, and when we rest, does.
import type { Clock } from '../clock.ts';

/**
 * `connecting` until the first answer; `live` while the server tells of changes by itself;
 * `online` while it answers questions; `offline` after failures in a row.
 */
export type Link = 'connecting' | 'live' | 'online' | 'reconnecting' | 'offline';

/** The server can be reached. */
export function reachable(link: Link): boolean {
  return link === 'live' || link === 'online';
}

export interface Polling<T> {
  ask(signal: AbortSignal): Promise<T>;
  /** An answer. */
  tell(value: T): void;
  /** The connection's state changed. */
  link(link: Link): void;
  /** Milliseconds until the next question, after an answer. */
  interval(): number;
}

const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;
const OFFLINE_AFTER = 3;

/** Milliseconds to wait after `failures` in a row; `chance` (0 to 1) spreads a crowd out. */
export function backoff(failures: number, chance: number): number {
  const full = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** (failures - 1));
  return full * (0.75 + chance / 2);
}

/** Asks again and again: sooner or later as `interval` says, with backoff when nobody answers. */
export class Poller<T> {
  readonly #polling: Polling<T>;
  readonly #clock: Clock;
  readonly #chance: () => number;
  #failures = 0;
  #link: Link = 'connecting';
  #running = false;
  #asking: AbortController | null = null;
  #again = false;
  #callOff: (() => void) | null = null;

  constructor(polling: Polling<T>, clock: Clock, chance: () => number = Math.random) {
    this.#polling = polling;
    this.#clock = clock;
    this.#chance = chance;
  }

  /** Also takes up again after `pause`. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    // How it was before says nothing any more.
    this.#failures = 0;
    this.#link = 'connecting';
    this.now();
  }

  pause(): void {
    this.#running = false;
    this.#callOff?.();
    this.#callOff = null;
    this.#asking?.abort();
    this.#asking = null;
  }

  /** Asks at once; an answer that is on its way may be too old, so it asks once more after it. */
  now(): void {
    if (!this.#running) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#callOff?.();
    this.#callOff = null;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    let wait: number;
    try {
      const value = await this.#polling.ask(asking.signal);
      if (this.#asking !== asking) return;
      this.#failures = 0;
      this.#turn('online');
      this.#polling.tell(value);
      wait = this.#polling.interval();
    } catch {
      if (this.#asking !== asking) return;
      this.#failures += 1;
      this.#turn(this.#failures < OFFLINE_AFTER ? 'reconnecting' : 'offline');
      wait = backoff(this.#failures, this.#chance());
    }
    this.#asking = null;
    if (this.#again) {
      this.#again = false;
      this.now();
    } else {
      this.#callOff = this.#clock.after(wait, () => this.now());
    }
  }

  #turn(link: Link): void {
    if (link === this.#link) return;
    this.#link = link;
    this.#polling.link(link);
  }
}
