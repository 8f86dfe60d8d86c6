// Changes when: how one file is sent as several uploads does.
import type { UploadOptions } from 'tus-js-client';
import type { Stretch } from './boxes.ts';
import type { Route } from './route.ts';
import type { Tus } from './tus.ts';

/** A stretch of the file; with an address if the server has it already. */
export type Wanted = Stretch & { readonly url?: string; readonly offset?: number };

/** All the windows of one file. */
export interface Assembly {
  /** 32 hexadecimal digits: what the windows have in common. */
  readonly name: string;
  readonly first: readonly Wanted[];
  readonly rest: readonly Wanted[];
}

interface Part {
  readonly length: number;
  readonly early: boolean;
  readonly tus: Tus;
  bytes: number;
  running: boolean;
  done: boolean;
}

/**
 * Looks like one upload. What comes first is sent one after another, the rest on so many
 * connections. The server joins by itself, as each window says where it belongs.
 */
export class Windows implements Tus {
  readonly #options: UploadOptions;
  readonly #size: number;
  readonly #lanes: number;
  readonly #parts: readonly Part[];
  #stopped = true;

  constructor(
    file: Blob,
    assembly: Assembly,
    lanes: number,
    options: UploadOptions,
    make: (file: Blob, options: UploadOptions) => Tus,
  ) {
    this.#options = options;
    this.#size = file.size;
    this.#lanes = lanes;
    const part = (wanted: Wanted, early: boolean): Part => {
      const blob = file.slice(wanted.start, wanted.end);
      const own: UploadOptions = {
        ...options,
        ...(wanted.url ? { uploadUrl: wanted.url } : {}),
        metadata: {
          ...options.metadata,
          assembly: assembly.name,
          start: String(wanted.start),
          size: String(file.size),
        },
        onProgress: (bytes) => this.#progress(made, bytes),
        onSuccess: (payload) => {
          made.bytes = made.length;
          made.done = true;
          made.running = false;
          if (this.#parts.every(({ done }) => done)) options.onSuccess?.(payload);
          else this.#next();
        },
        onError: (error) => {
          this.#halt();
          options.onError?.(error);
        },
      };
      const made: Part = {
        length: wanted.end - wanted.start,
        early,
        tus: make(blob, own),
        bytes: wanted.offset ?? 0,
        running: false,
        done: false,
      };
      return made;
    };
    this.#parts = [
      ...assembly.first.map((wanted) => part(wanted, true)),
      ...assembly.rest.map((wanted) => part(wanted, false)),
    ];
  }

  get url(): string | null {
    return this.#parts.find(({ tus }) => tus.url)?.tus.url ?? null;
  }

  start(): void {
    this.#stopped = false;
    this.#next();
  }

  async abort(terminate = false): Promise<void> {
    this.#halt();
    if (!terminate) return;
    // One that is not whole takes all the others with it.
    const created = this.#parts.filter(({ tus }) => tus.url);
    const open = created.find(({ done }) => !done) ?? created[0];
    await open?.tus.abort(true);
  }

  #next(): void {
    if (this.#stopped) return;
    const open = this.#parts.filter(({ done }) => !done);
    const early = open.filter((part) => part.early);
    const wanted = early.length ? early.slice(0, 1) : open.slice(0, this.#lanes);
    for (const part of wanted) {
      if (part.running) continue;
      part.running = true;
      part.tus.start();
    }
  }

  #halt(): void {
    this.#stopped = true;
    for (const part of this.#parts) {
      if (part.running) void part.tus.abort(false);
      part.running = false;
    }
  }

  #progress(part: Part, bytes: number): void {
    part.bytes = bytes;
    const sum = this.#parts.reduce((total, { bytes: there }) => total + there, 0);
    this.#options.onProgress?.(sum, this.#size);
  }
}

/** A name that nobody else has. */
export function newAssembly(route: Route): Assembly {
  const digits = crypto.getRandomValues(new Uint8Array(16));
  const name = [...digits].map((digit) => digit.toString(16).padStart(2, '0')).join('');
  return { name, ...route };
}
