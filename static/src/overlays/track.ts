// Changes when: which pose frames are loaded, and how long they are kept, does.
import type { Clock } from '../clock.ts';
import { Observable } from '../observable.ts';
import { between, framesOf, type Person, type PoseFrame, placeAt } from './frames.ts';

/** Answers with the text at an address. */
export type Reader = (address: string, signal: AbortSignal) => Promise<string>;

/** Seconds that are asked for at once. */
const SPAN = 4;
/** Windows that are kept: those before the one being played, and those after it. */
const BEHIND = 1;
const AHEAD = 2;
const AGAIN = 2_000;

interface Window {
  frames: PoseFrame[];
  /** Seconds; frames up to there are known. */
  until: number;
  asking: AbortController | null;
}

/** The pose frames around what is being played. There are never more than four windows of them. */
export class PoseTrack extends Observable {
  readonly #read: Reader;
  readonly #clock: Clock;
  readonly #windows = new Map<number, Window>();
  #address = '';
  #reach = 0;
  #place = 0;
  /** Set while nothing is asked for because something did not come. */
  #callOff: (() => void) | null = null;

  constructor(read: Reader, clock: Clock) {
    super();
    this.#read = read;
    this.#clock = clock;
  }

  /** Where the frames are, and up to which second there are some. */
  follow(address: string, reach: number): void {
    // What shrinks is something new at the same address.
    if (address !== this.#address || reach < this.#reach) this.clear();
    this.#address = address;
    this.#reach = reach;
  }

  clear(): void {
    this.#callOff?.();
    this.#callOff = null;
    for (const window of this.#windows.values()) window.asking?.abort();
    this.#windows.clear();
  }

  /** Loads what is needed around `time`, and lets go of the rest. */
  want(time: number): void {
    this.#place = Math.max(0, Math.floor(time / SPAN));
    for (const [place, window] of this.#windows) {
      if (place >= this.#place - BEHIND && place <= this.#place + AHEAD) continue;
      window.asking?.abort();
      this.#windows.delete(place);
    }
    for (let place = this.#place; place <= this.#place + AHEAD; place += 1) this.#load(place);
  }

  /**
   * Everybody in the picture that is shown at `time`, give or take `slack`; null: not known.
   * `exact`: that is the picture's own time, so that there may be something between two frames.
   */
  at(time: number, slack: number, exact = true): readonly Person[] | null {
    const window = this.#windows.get(Math.max(0, Math.floor(time / SPAN)));
    if (!window || time >= window.until) return null;
    const frames = this.#near(time);
    const place = placeAt(frames, time + slack);
    const [shown, next] = [frames[place], frames[place + 1]];
    if (!shown) return [];
    return next && exact ? between(shown, next, time) : shown.people;
  }

  /** Nobody is in any picture around `time`. */
  nobody(time: number): boolean {
    const window = this.#windows.get(Math.max(0, Math.floor(time / SPAN)));
    if (!window || window.frames.length === 0) return false;
    return this.#near(time).every((frame) => frame.people.length === 0);
  }

  #near(time: number): PoseFrame[] {
    const place = Math.max(0, Math.floor(time / SPAN));
    return [place - 1, place, place + 1].flatMap((n) => this.#windows.get(n)?.frames ?? []);
  }

  #load(place: number): void {
    const [start, end] = [place * SPAN, (place + 1) * SPAN];
    const window = this.#windows.get(place) ?? { frames: [], until: start, asking: null };
    const reach = Math.min(end, this.#reach);
    if (window.asking || this.#callOff || reach <= window.until) return;
    this.#windows.set(place, window);
    void this.#ask(window, reach, end);
  }

  async #ask(window: Window, reach: number, end: number): Promise<void> {
    const asking = new AbortController();
    window.asking = asking;
    const address = `${this.#address}?start=${window.until}&end=${end}`;
    try {
      const found = framesOf(await this.#read(address, asking.signal));
      if (asking.signal.aborted) return;
      const last = window.frames.at(-1)?.index ?? -1;
      window.frames.push(...found.filter((frame) => frame.index > last));
      window.until = reach;
      window.asking = null;
      this.changed();
    } catch {
      if (asking.signal.aborted) return;
      window.asking = null;
      this.#callOff ??= this.#clock.after(AGAIN, () => {
        this.#callOff = null;
        this.want(this.#place * SPAN);
      });
    }
  }
}

export async function readFrames(address: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(address, { signal });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.text();
}
