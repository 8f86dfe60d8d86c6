// Changes when: what is done about a playback error does.

/** An error that stops playback. Times are milliseconds of any steady clock. */
export interface Fault {
  readonly kind: 'network' | 'media' | 'other';
  /** HTTP status, where there was one. */
  readonly status: number | null;
  readonly at: number;
}

export type Remedy =
  | { readonly do: 'reload'; readonly after: number }
  | { readonly do: 'recover' | 'swap' }
  | { readonly do: 'give-up'; readonly why: 'network' | 'gone' | 'media' };

const RELOADS: readonly number[] = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
/** A media error that comes back so soon was not cured. */
const SOON = 5_000;
const GONE = new Set([401, 403, 404, 410]);

/** Remembers what was tried, so that nothing is tried for ever. */
export class Remedies {
  #reloads = 0;
  #media: number[] = [];

  judge(fault: Fault): Remedy {
    if (fault.kind === 'network') return this.#network(fault.status);
    if (fault.kind === 'media') return this.#decoding(fault.at);
    return { do: 'give-up', why: 'media' };
  }

  /** Something was loaded: the network is fine. */
  loaded(): void {
    this.#reloads = 0;
  }

  #network(status: number | null): Remedy {
    if (status !== null && GONE.has(status)) return { do: 'give-up', why: 'gone' };
    const after = RELOADS[this.#reloads];
    if (after === undefined) return { do: 'give-up', why: 'network' };
    this.#reloads += 1;
    return { do: 'reload', after };
  }

  #decoding(at: number): Remedy {
    this.#media = [...this.#media.filter((earlier) => at - earlier < SOON), at];
    if (this.#media.length === 1) return { do: 'recover' };
    return this.#media.length === 2 ? { do: 'swap' } : { do: 'give-up', why: 'media' };
  }
}
