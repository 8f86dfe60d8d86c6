// Changes when: how speed and time left are estimated does.

const WINDOW = 8_000;
const SHORTEST = 700;

/** How fast a count of bytes grows, over the last seconds. Times are milliseconds. */
export class Pace {
  #seen: { at: number; bytes: number }[] = [];

  note(at: number, bytes: number): void {
    const last = this.#seen.at(-1);
    // A resumed upload may start again further back: what was before says nothing any more.
    if (last && bytes < last.bytes) this.#seen = [];
    this.#seen.push({ at, bytes });
    while (this.#seen.length > 2 && at - (this.#seen[0]?.at ?? at) > WINDOW) this.#seen.shift();
  }

  reset(): void {
    this.#seen = [];
  }

  /** Bytes per second; null until it can be told. Falls while nothing comes. */
  perSecond(at: number): number | null {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (!first || !last || at - first.at < SHORTEST || last === first) return null;
    return ((last.bytes - first.bytes) / (at - first.at)) * 1_000;
  }
}

/** Seconds; null if it cannot be told. */
export function timeLeft(bytesLeft: number, perSecond: number | null): number | null {
  if (bytesLeft <= 0) return 0;
  return perSecond && perSecond > 0 ? bytesLeft / perSecond : null;
}
