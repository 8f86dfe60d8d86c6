// Changes when: what live.ts needs of an `EventSource` does.
import type { Stream } from './live.ts';

/** Streams whose server is the test; what is told goes to the one that was opened last. */
export class FakeEvents {
  opened = 0;
  #last: FakeStream | null = null;

  readonly open = (): Stream => {
    this.opened += 1;
    this.#last = new FakeStream();
    return this.#last;
  };

  get listening(): boolean {
    return this.#last !== null && !this.#last.closed;
  }

  tell(type: string, value: unknown): void {
    this.#last?.hear(type, { data: JSON.stringify(value) });
  }

  fail(): void {
    this.#last?.hear('error', {});
  }
}

class FakeStream implements Stream {
  closed = false;
  readonly #hearing = new Map<string, (event: { readonly data?: unknown }) => void>();

  addEventListener(type: string, hear: (event: { readonly data?: unknown }) => void): void {
    this.#hearing.set(type, hear);
  }

  close(): void {
    this.closed = true;
  }

  hear(type: string, event: { readonly data?: unknown }): void {
    if (!this.closed) this.#hearing.get(type)?.(event);
  }
}
