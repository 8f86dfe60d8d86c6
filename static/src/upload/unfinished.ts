// Changes when: how an upload that was begun earlier, or elsewhere, is found again does.
import type { Clock } from '../clock.ts';

/** An upload of mine that lacks bytes, as the server tells of it. */
export interface Unfinished {
  /** Null of a part that somebody else's client will join. */
  readonly video: string | null;
  readonly size: number | null;
  /** What windows are declared with; null: one upload is all of it. */
  readonly assembly: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly windows: readonly {
    readonly url: string;
    readonly start: number;
    readonly length: number | null;
    readonly offset: number;
  }[];
}

/** What a file is known by. */
export interface Known {
  readonly name: string;
  readonly size: number;
  readonly fingerprint: string;
}

/** Whether an upload is one of this file. */
export function matches({ metadata, size }: Unfinished, file: Known): boolean {
  if (size !== file.size) return false;
  const { fingerprint, filename = '' } = metadata;
  if (fingerprint) return fingerprint === file.fingerprint;
  return filename.normalize('NFC') === file.name.normalize('NFC');
}

const FRESH = 5_000;

/** The list of them, asked for once for all files that are chosen together. */
export class Begun {
  readonly #ask: () => Promise<readonly Unfinished[]>;
  readonly #clock: Clock;
  #asked: { readonly at: number; readonly list: Promise<readonly Unfinished[]> } | null = null;

  constructor(ask: () => Promise<readonly Unfinished[]>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** The newest of this file whose video is not in `taken`. Rejects with an `ApiError`. */
  async of(file: Known, taken: () => ReadonlySet<string>): Promise<Unfinished | null> {
    const list = await this.#list();
    const others = taken();
    const free = ({ video }: Unfinished) => video !== null && !others.has(video);
    return list.find((one) => free(one) && matches(one, file)) ?? null;
  }

  /** That of a video. Rejects with an `ApiError`. */
  async ofVideo(id: string): Promise<Unfinished | null> {
    this.#asked = null;
    return (await this.#list()).find(({ video }) => video === id) ?? null;
  }

  #list(): Promise<readonly Unfinished[]> {
    const now = this.#clock.now();
    if (this.#asked && now - this.#asked.at < FRESH) return this.#asked.list;
    const list = this.#ask();
    const asked = { at: now, list };
    this.#asked = asked;
    list.catch(() => {
      if (this.#asked === asked) this.#asked = null;
    });
    return list;
  }
}
