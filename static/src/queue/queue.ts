// Changes when: how what is sent here and what the server says come together does.

import type { Library } from '../api/library.ts';
import { ApiError, ownProblem, type Problem } from '../api/problem.ts';
import { Observable } from '../observable.ts';
import type { Uploads } from '../upload/uploads.ts';
import { type Card, cardsOf, vanished } from './cards.ts';
import { type News, newsOf } from './news.ts';
import { problemOf, repeatable } from './phase.ts';

/** Something that did not work, outside of any one card. */
export interface Mishap {
  readonly title: string;
  readonly problem: Problem;
}

/** All cards, and what can be done with them. */
export class Queue extends Observable {
  readonly #uploads: Uploads;
  readonly #library: Library;
  #cards: readonly Card[] = [];
  #news: readonly News[] = [];
  #mishap: Mishap | null = null;
  #settling = false;

  constructor(uploads: Uploads, library: Library) {
    super();
    this.#uploads = uploads;
    this.#library = library;
    let sent = new Set<string>();
    uploads.subscribe(() => {
      // A new or a finished upload changes the server's list as well.
      const marks = new Set(uploads.all.map((u) => `${u.videoId} ${u.state === 'done'}`));
      const fresh = [...marks].some((mark) => !sent.has(mark));
      sent = marks;
      if (fresh) library.refresh();
      this.#merge();
    });
    library.subscribe(() => {
      this.#settle();
      this.#merge();
    });
  }

  get cards(): readonly Card[] {
    return this.#cards;
  }

  /** What the last change brought. */
  get news(): readonly News[] {
    return this.#news;
  }

  get mishap(): Mishap | null {
    return this.#mishap;
  }

  dismissMishap(): void {
    this.#mishap = null;
    this.changed();
  }

  find(key: string): Card | undefined {
    return this.#cards.find((card) => card.key === key);
  }

  ofVideo(id: string): Card | undefined {
    return this.#cards.find((card) => card.video?.id === id);
  }

  /** Out of sight at once; it comes back if the server could not be told. */
  async remove(card: Card): Promise<void> {
    const { upload } = card;
    const videoId = card.video?.id ?? upload?.videoId;
    // First, and at once: else the upload would be taken for one whose video was removed.
    const cancelled = this.#uploads.cancel(card.key);
    try {
      if (!videoId) await cancelled;
      // An upload that is not complete takes its video along.
      else if (upload && upload.bytes < upload.size) await this.#library.hide(videoId, cancelled);
      else await this.#library.remove(videoId);
    } catch (error) {
      this.#tell(card, error);
    }
  }

  /** What failed, here or at the server, is tried once more. */
  async retry(card: Card): Promise<void> {
    if (!card.video || !repeatable(card)) return this.#uploads.retry(card.key);
    try {
      await this.#library.retry(card.video.id);
      this.#uploads.retry(card.key);
    } catch (error) {
      this.#tell(card, error);
    }
  }

  #tell(card: Card, error: unknown): void {
    const problem = error instanceof ApiError ? error.problem : ownProblem('network');
    this.#mishap = { title: card.title, problem };
    this.changed();
  }

  /** What the server says of a video may end its upload here. */
  #settle(): void {
    // Ending an upload is a change of its own, which comes back here.
    if (this.#settling) return;
    this.#settling = true;
    for (const id of vanished(this.#cards, this.#library.videos)) this.#uploads.drop(id);
    for (const video of this.#library.videos) {
      if (video.state !== 'failed') continue;
      const problem = problemOf(video);
      if (problem) this.#uploads.refuse(video.id, problem);
    }
    this.#settling = false;
  }

  #merge(): void {
    const before = this.#cards;
    this.#cards = cardsOf(this.#uploads.all, this.#library.videos, before);
    this.#news = newsOf(before, this.#cards);
    this.changed();
  }
}
