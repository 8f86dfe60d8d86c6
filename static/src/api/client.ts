// Changes when: how the JSON API is called does.

import type { Unfinished } from '../upload/unfinished.ts';
import { ApiError, ownProblem, problemOf } from './problem.ts';
import type { Video } from './video.ts';

/** What `fetch` is to us. */
export type Fetcher = (path: string, init: RequestInit) => Promise<Response>;

/** Videos, newest first. */
export interface Page {
  readonly videos: readonly Video[];
  /** Where the next page begins; null: there is none. */
  readonly next: string | null;
}

const PAGE = 200;
const PATIENCE = 20_000;

/** The JSON API. Everything may throw an `ApiError`. */
export class Client {
  readonly #fetch: Fetcher;

  constructor(fetcher: Fetcher = (path, init) => fetch(path, init)) {
    this.#fetch = fetcher;
  }

  /** `count` videos of mine: the newest, or those that follow the place `before`. */
  async videos(count: number, before: string | null = null, signal?: AbortSignal): Promise<Page> {
    const videos: Video[] = [];
    let next = before;
    do {
      const limit = Math.min(PAGE, count - videos.length);
      const from = next ? `&before=${next}` : '';
      const page = await this.#json<Page>('GET', `/api/videos?limit=${limit}${from}`, signal);
      videos.push(...page.videos);
      next = page.next ?? null;
    } while (next && videos.length < count);
    return { videos, next };
  }

  async video(id: string, signal?: AbortSignal): Promise<Video> {
    return this.#json<Video>('GET', `/api/videos/${id}`, signal);
  }

  /** My uploads that lack bytes, newest first. */
  async unfinished(): Promise<readonly Unfinished[]> {
    const { uploads } = await this.#json<{ uploads: Unfinished[] }>('GET', '/api/uploads');
    return uploads;
  }

  /** Has a video that failed or ended early made once more. */
  async retry(id: string): Promise<Video> {
    return this.#json<Video>('POST', `/api/videos/${id}/retry`);
  }

  /** Also fine if it is gone already. */
  async remove(id: string): Promise<void> {
    try {
      await this.#send('DELETE', `/api/videos/${id}`);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  async #json<T>(method: string, path: string, signal?: AbortSignal): Promise<T> {
    const answer = await this.#send(method, path, signal);
    try {
      return (await answer.json()) as T;
    } catch (error) {
      throw broken(error, signal);
    }
  }

  async #send(method: string, path: string, signal?: AbortSignal): Promise<Response> {
    const patience = AbortSignal.timeout(PATIENCE);
    let answer: Response;
    try {
      answer = await this.#fetch(path, {
        method,
        headers: { Accept: 'application/json' },
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
      });
    } catch (error) {
      throw broken(error, signal);
    }
    if (!answer.ok) throw new ApiError(problemOf(await answer.text()), answer.status);
    return answer;
  }
}

/** Whoever gave up a request itself gets its own error back. */
function broken(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return error;
  const late = error instanceof DOMException && error.name === 'TimeoutError';
  return new ApiError(ownProblem(late ? 'timeout' : 'network'), 0);
}
