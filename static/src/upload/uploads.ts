// Changes when: what this page does with all its uploads together does.
import type { Problem } from '../api/problem.ts';
import { Observable } from '../observable.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Handles } from './handles.ts';
import { unfinished } from './lifecycle.ts';
import { AT_ONCE, startable } from './scheduler.ts';
import { type Surroundings, Transfer } from './transfer.ts';
import { type Begun, matches, type Unfinished } from './unfinished.ts';
import type { UploadView } from './view.ts';

export interface Added {
  readonly added: number;
  /** Those that are on their way already. */
  readonly known: number;
}

type Outside = Omit<Surroundings, 'begun' | 'inTurn'> & {
  readonly begun: Begun;
  /** Where it is kept which file a video is of. */
  readonly keep: Pick<Handles, 'keep' | 'forget'>;
};

const TICK = 1_000;

/** The files that were chosen in this page, in the order in which they were chosen. */
export class Uploads extends Observable {
  readonly #outside: Outside;
  #transfers: Transfer[] = [];
  #batch = 0;
  #serial = 0;
  #starting = false;
  #ticking = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(outside: Outside) {
    super();
    this.#outside = outside;
  }

  get all(): readonly UploadView[] {
    return this.#transfers.map((transfer) => transfer.view);
  }

  /** Something is on its way. */
  get busy(): boolean {
    return this.#transfers.some((transfer) => transfer.state === 'uploading');
  }

  /** Closing the page would interrupt something. */
  get unfinished(): boolean {
    return this.#transfers.some((transfer) => unfinished(transfer.state));
  }

  /** Queues files; one that is there but stands still goes on. */
  add(files: readonly File[]): Added {
    this.#batch += 1;
    let added = 0;
    for (const file of files) {
      const same = this.#transfers.find((transfer) => ongoing(transfer) && alike(transfer, file));
      if (same) {
        same.resume();
        same.retry();
      } else {
        this.#append(file);
        added += 1;
      }
    }
    this.#pump();
    return { added, known: files.length - added };
  }

  /**
   * Goes on with the upload of a video. False: it is of another file, or there is none any more.
   * Rejects with an `ApiError`, or if the file cannot be read.
   */
  async goOn(videoId: string, file: File): Promise<boolean> {
    const fingerprint = await fingerprintOf(file);
    const found = await this.#outside.begun.ofVideo(videoId);
    if (!found || !matches(found, { name: file.name, size: file.size, fingerprint })) return false;
    if (this.#of(videoId).length === 0) {
      this.#batch += 1;
      this.#append(file, found);
      this.#pump();
    }
    return true;
  }

  pause(key: string): void {
    this.#find(key)?.pause();
  }

  resume(key: string): void {
    this.#find(key)?.resume();
  }

  retry(key: string): void {
    this.#find(key)?.retry();
  }

  /** Takes an upload off the list and back from the server. */
  async cancel(key: string): Promise<void> {
    const transfer = this.#find(key);
    if (!transfer) return;
    this.#remove(transfer);
    await transfer.cancel();
  }

  pauseAll(): void {
    // Those that wait first: else each would start as the one before it stops.
    for (const transfer of [...this.#transfers].reverse()) transfer.pause();
  }

  resumeAll(): void {
    for (const transfer of this.#transfers) transfer.resume();
  }

  /** The server has given up on this video. */
  refuse(videoId: string, problem: Problem): void {
    for (const transfer of this.#of(videoId)) {
      if (unfinished(transfer.state)) transfer.refuse(problem);
    }
  }

  /** This video is no more, so there is nothing to send it to. */
  drop(videoId: string): void {
    for (const transfer of this.#of(videoId)) {
      transfer.pause();
      this.#remove(transfer);
    }
  }

  /** The server does not answer any more. */
  cutOff(): void {
    for (const transfer of this.#transfers) transfer.cutOff();
  }

  /** The browser says that there is a connection again. */
  wake(): void {
    for (const transfer of this.#transfers) transfer.wake();
  }

  /** `found` is what it goes on with; else what the server knows of it is looked for. */
  #append(file: File, found: Unfinished | null = null): void {
    this.#serial += 1;
    let first = found;
    const transfer = new Transfer(`file-${this.#serial}`, file, this.#batch, {
      ...this.#outside,
      inTurn: (task) => this.#inTurn(task),
      begun: async (known) => {
        const chosen = first ?? (await this.#outside.begun.of(known, () => this.#taken()));
        first = null;
        return chosen;
      },
    });
    const remember = this.#remembering(transfer);
    transfer.subscribe(() => {
      remember();
      this.#pump();
    });
    this.#transfers.push(transfer);
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#last.then(task);
    this.#last = run.catch(() => {});
    return run;
  }

  /** As long as it is unfinished, another visit can go on with the same file. */
  #remembering(transfer: Transfer): () => void {
    const { keep } = this.#outside;
    let kept: string | null = null;
    return () => {
      const { videoId, state } = transfer.view;
      const wanted = state === 'done' || state === 'cancelled' ? null : videoId;
      if (wanted === kept) return;
      if (kept) void keep.forget(kept);
      if (wanted) void keep.keep(wanted, transfer.file);
      kept = wanted;
    };
  }

  #pump(): void {
    // Starting one changes it, which comes back here.
    if (this.#starting) return;
    this.#starting = true;
    for (const transfer of startable(this.#transfers, this.#atOnce)) transfer.start();
    this.#starting = false;
    if (this.busy && !this.#ticking) this.#tick();
    this.changed();
  }

  #tick(): void {
    this.#ticking = this.busy;
    if (!this.#ticking) return;
    this.#outside.clock.after(TICK, () => {
      for (const transfer of this.#transfers) transfer.tick();
      this.#tick();
    });
  }

  #remove(transfer: Transfer): void {
    this.#transfers = this.#transfers.filter((other) => other !== transfer);
    this.#pump();
  }

  get #atOnce(): number {
    return this.#outside.several() ? 1 : AT_ONCE;
  }

  /** Videos that somebody here sends. */
  #taken(): Set<string> {
    return new Set(this.#transfers.flatMap((transfer) => transfer.view.videoId ?? []));
  }

  #find(key: string): Transfer | undefined {
    return this.#transfers.find((transfer) => transfer.view.key === key);
  }

  #of(videoId: string): Transfer[] {
    return this.#transfers.filter((transfer) => transfer.view.videoId === videoId);
  }
}

function ongoing(transfer: Transfer): boolean {
  return unfinished(transfer.state) || transfer.state === 'failed';
}

function alike(transfer: Transfer, file: File): boolean {
  const { name, size, lastModified } = transfer.file;
  return name === file.name && size === file.size && lastModified === file.lastModified;
}
