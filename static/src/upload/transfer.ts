// Changes when: how one file is sent does (tus-js-client is spoken to nowhere else).
import type { DetailedError, HttpRequest, HttpResponse, UploadOptions } from 'tus-js-client';
import { ApiError, ownProblem, type Problem } from '../api/problem.ts';
import type { Clock } from '../clock.ts';
import { Observable } from '../observable.ts';
import { titleOf } from './files.ts';
import { after, type UploadAction, type UploadState } from './lifecycle.ts';
import { type Means, open } from './opening.ts';
import { Pace, timeLeft } from './pace.ts';
import { Refused, reason } from './reason.ts';
import { RETRY_DELAYS, retriable, STALLED_AFTER } from './retry.ts';
import type { Tus } from './tus.ts';
import type { UploadView } from './view.ts';

export interface Surroundings extends Means {
  readonly clock: Clock;
  online(): boolean;
  /** Files are looked at in the order in which they were chosen, so that they are created in it. */
  inTurn<T>(task: () => Promise<T>): Promise<T>;
}

const VIDEO_HEADER = 'Reelrace-Video-Id';
const TELL_EVERY = 250;
/** Milliseconds until it is asked once more what there is of a file. */
const ASK_AGAIN = 4_000;
const GONE = new Set(['not_found', 'gone', 'upload_gone']);

/** One file on its way to the server. */
export class Transfer extends Observable {
  readonly file: File;
  readonly #around: Surroundings;
  readonly #pace = new Pace();
  #view: UploadView;
  #tus: Tus | null = null;
  #opening = false;
  /** The upload is being created: its URL is not known yet. */
  #creating = false;
  #movedAt = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(key: string, file: File, batch: number, around: Surroundings) {
    super();
    this.file = file;
    this.#around = around;
    this.#view = {
      key,
      title: titleOf(file.name),
      filename: file.name,
      size: file.size,
      state: 'waiting',
      bytes: 0,
      perSecond: null,
      secondsLeft: null,
      videoId: null,
      trouble: null,
      problem: null,
      late: false,
      batch,
    };
  }

  get view(): UploadView {
    return this.#view;
  }

  get state(): UploadState {
    return this.#view.state;
  }

  get url(): string | null {
    return this.#tus?.url ?? null;
  }

  start(): void {
    if (!this.#move('start', { problem: null, trouble: null })) return;
    this.#pace.reset();
    void this.#send();
  }

  pause(): void {
    if (this.#move('pause', { trouble: null })) void this.#stop(false);
  }

  resume(): void {
    this.#move('resume');
  }

  retry(): void {
    if (this.state !== 'failed') return;
    const lost = GONE.has(this.#view.problem?.code ?? '');
    if (lost) this.#tus = null;
    this.#move('retry', { problem: null, ...(lost && { videoId: null, bytes: 0 }) });
  }

  /** Ends it and takes it back from the server. Rejects if the server could not be told. */
  async cancel(): Promise<void> {
    if (this.#move('cancel', { trouble: null })) await this.#stop(true);
  }

  /** The server has no use for this file: sending the rest would be in vain. */
  refuse(problem: Problem): void {
    if (this.#move('fail', { problem, trouble: null })) void this.#stop(false);
  }

  /** The server cannot be reached: nothing moves until it can, or a byte gets through. */
  cutOff(): void {
    if (this.state === 'uploading' && !this.#view.trouble) this.#set({ trouble: 'offline' });
  }

  /** The connection is back. */
  wake(): void {
    if (this.state === 'uploading' && this.#view.trouble) this.#again();
  }

  /** Once a second: speed falls while nothing comes, and a dead connection is given up. */
  tick(): void {
    if (this.state !== 'uploading') return;
    const idle = this.#around.clock.now() - this.#movedAt;
    if (idle > STALLED_AFTER && this.#view.trouble !== 'retrying') this.#again();
    this.#tell();
  }

  async #send(): Promise<void> {
    this.#movedAt = this.#around.clock.now();
    if (this.#opening || this.#creating) return;
    if (!this.#tus) await this.#open();
    if (!this.#tus || this.state !== 'uploading') return;
    this.#creating = this.#tus.url === null;
    this.#tus.start();
  }

  async #open(): Promise<void> {
    this.#opening = true;
    try {
      const { inTurn } = this.#around;
      const { tus, late, video } = await inTurn(() =>
        open(this.file, this.#options(), this.#around),
      );
      this.#tus = tus;
      this.#set({ late, trouble: null, videoId: video ?? this.#view.videoId });
    } catch (error) {
      if (!(error instanceof ApiError)) this.refuse(ownProblem('file_unreadable'));
      else if (!retriable(error.status)) this.refuse(error.problem);
      else if (this.state === 'uploading') {
        this.#set({ trouble: this.#around.online() ? 'retrying' : 'offline' });
        this.#around.clock.after(ASK_AGAIN, () => this.#resend());
      }
    } finally {
      this.#opening = false;
    }
  }

  #resend(): void {
    if (this.state === 'uploading' && !this.#tus) void this.#send();
  }

  async #stop(terminate: boolean): Promise<void> {
    // An upload that is just being created is stopped once its URL is known: else the server
    // would keep one that nobody can reach any more.
    if (!this.#tus || this.#creating) return;
    try {
      await this.#tus.abort(terminate);
    } catch (error) {
      if (!GONE.has(reason(error).problem.code)) throw error;
    }
  }

  #again(): void {
    this.#creating = false;
    void this.#tus?.abort(false);
    void this.#send();
  }

  #options(): UploadOptions {
    return {
      endpoint: '/files/',
      chunkSize: Number.POSITIVE_INFINITY,
      retryDelays: [...RETRY_DELAYS],
      // The server's own list tells where to go on, on any device.
      storeFingerprintForResuming: false,
      metadata: { filename: this.file.name, filetype: this.file.type },
      onAfterResponse: (request, response) => this.#answered(request, response),
      onUploadUrlAvailable: () => {
        this.#creating = false;
        if (this.state !== 'uploading') void this.#stop(this.state === 'cancelled');
      },
      onProgress: (bytes) => this.#progress(bytes),
      onSuccess: () => {
        this.#move('finish', { bytes: this.file.size, trouble: null });
      },
      onShouldRetry: (error) => this.#shouldRetry(error),
      onError: (error) => this.#failed(error),
    };
  }

  #answered(request: HttpRequest, response: HttpResponse): void {
    const status = response.getStatus();
    if (status < 400) {
      this.#movedAt = this.#around.clock.now();
      const videoId = response.getHeader(VIDEO_HEADER) ?? this.#view.videoId;
      if (videoId !== this.#view.videoId || this.#view.trouble) {
        this.#set({ videoId, trouble: null });
      }
    } else if (request.getMethod() === 'HEAD') {
      // Here the library would begin anew at once, whatever the reason.
      const known = this.#view.videoId !== null;
      if (retriable(status)) throw new Refused(status, ownProblem('unexpected'));
      if (known && status !== 403) throw new Refused(status, ownProblem('upload_gone'));
    }
  }

  #progress(bytes: number): void {
    if (this.state !== 'uploading') return;
    const now = this.#around.clock.now();
    if (bytes !== this.#view.bytes) this.#movedAt = now;
    this.#pace.note(now, bytes);
    const helped = this.#view.trouble !== null && bytes > this.#view.bytes;
    this.#view = { ...this.#view, bytes, trouble: helped ? null : this.#view.trouble };
    if (now - this.#toldAt >= TELL_EVERY) this.#tell();
  }

  #shouldRetry(error: DetailedError | Error): boolean {
    const { status } = reason(error);
    if (this.state === 'cancelled') return retriable(status);
    if (this.state !== 'uploading' || !retriable(status)) return false;
    if (status === 0) void this.#checkFile();
    const online = this.#around.online();
    this.#set({ trouble: online ? 'retrying' : 'offline' });
    return online;
  }

  #failed(error: DetailedError | Error): void {
    this.#creating = false;
    if (this.state !== 'uploading' || this.#view.trouble === 'offline') return;
    this.#move('fail', { problem: reason(error).problem, trouble: null });
  }

  /** A file that was changed, moved or deleted looks like a broken connection. */
  async #checkFile(): Promise<void> {
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      this.refuse(ownProblem('file_unreadable'));
    }
  }

  #move(action: UploadAction, change: Partial<UploadView> = {}): boolean {
    const state = after(this.state, action);
    if (state === null) return false;
    this.#set({ ...change, state });
    return true;
  }

  #tell(): void {
    this.#toldAt = this.#around.clock.now();
    const perSecond = this.#pace.perSecond(this.#toldAt);
    const secondsLeft = timeLeft(this.file.size - this.#view.bytes, perSecond);
    this.#set({ perSecond, secondsLeft });
  }

  #set(change: Partial<UploadView>): void {
    this.#view = { ...this.#view, ...change };
    this.changed();
  }
}
