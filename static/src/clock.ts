// Changes when: what time-dependent parts ask of a clock does.

/** Milliseconds, and being called later. Injected, so that tests need not wait. */
export interface Clock {
  now(): number;
  /** Runs `task` once after `ms`; the answer calls it off. */
  after(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** A clock that stands still until it is told to advance. */
export class ManualClock implements Clock {
  #now = 0;
  #tasks: { at: number; task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** Runs what is due in the next `ms`, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#tasks.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#tasks = this.#tasks.filter((entry) => entry !== due);
      this.#now = due.at;
      due.task();
    }
    this.#now = end;
  }

  /** Milliseconds until the next task; null if there is none. */
  get next(): number | null {
    return this.#tasks.length ? Math.min(...this.#tasks.map((e) => e.at)) - this.#now : null;
  }
}
