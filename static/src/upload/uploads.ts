// Changes when: what this page does with all its uploads together does.
import type { Problem } from '../api/problem.ts';
import { Observable } from '../observable.ts';
import { unfinished } from './lifecycle.ts';
import { forget, newest, type UrlStorage } from './resume.ts';
import { startable } from './scheduler.ts';
import { type Surroundings, Transfer } from './transfer.ts';
import type { UploadView } from './view.ts';

export interface Added {
  readonly added: number;
  /** Those that are on their way already. */
  readonly known: number;
}

type Outside = Omit<Surroundings, 'choose'> & { readonly storage: UrlStorage };

const TICK = 1_000;

/** The files that were chosen in this page, in the order in which they were chosen. */
export class Uploads extends Observable {
  readonly #outside: Outside;
  #transfers: Transfer[] = [];
  #batch = 0;
  #serial = 0;
  #starting = false;
  #ticking = false;

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
      if (!unfinished(transfer.state)) continue;
      this.#forget(transfer);
      transfer.refuse(problem);
    }
  }

  /** This video is no more, so there is nothing to send it to. */
  drop(videoId: string): void {
    for (const transfer of this.#of(videoId)) {
      this.#forget(transfer);
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

  #append(file: File): void {
    this.#serial += 1;
    const transfer = new Transfer(`file-${this.#serial}`, file, this.#batch, {
      ...this.#outside,
      choose: (previous) => newest(previous, this.#urls()),
    });
    transfer.subscribe(() => this.#pump());
    this.#transfers.push(transfer);
  }

  #pump(): void {
    // Starting one changes it, which comes back here.
    if (this.#starting) return;
    this.#starting = true;
    for (const transfer of startable(this.#transfers)) transfer.start();
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

  /** Nobody shall go on with it at another visit. */
  #forget({ url }: Transfer): void {
    if (url) void forget(this.#outside.storage, url);
  }

  #remove(transfer: Transfer): void {
    this.#transfers = this.#transfers.filter((other) => other !== transfer);
    this.#pump();
  }

  #urls(): Set<string> {
    return new Set(this.#transfers.flatMap((transfer) => transfer.url ?? []));
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
