// Changes when: what transfer.ts needs of tus-js-client does.
import type { DetailedError, HttpRequest, HttpResponse, UploadOptions } from 'tus-js-client';
import type { Tus } from './tus.ts';

/** An upload whose server is the test. */
export class FakeTus implements Tus {
  url: string | null = null;
  running = false;
  terminated = false;
  starts = 0;
  readonly file: Blob;
  readonly options: UploadOptions;

  constructor(file: Blob, options: UploadOptions) {
    this.file = file;
    this.options = options;
    this.url = options.uploadUrl ?? null;
  }

  start(): void {
    this.running = true;
    this.starts += 1;
  }

  async abort(terminate = false): Promise<void> {
    this.running = false;
    this.terminated ||= terminate;
  }

  // --- what the test's server does ---

  /** Answers the creation. */
  created(url = '/files/1', videoId = 'v1'): void {
    this.answer('POST', 201, videoId);
    this.url = url;
    this.options.onUploadUrlAvailable?.();
  }

  /** Hands an answer to whoever looks at answers; throws what they throw. */
  answer(method: string, status: number, videoId: string | null = null): void {
    const request = { getMethod: () => method } as HttpRequest;
    const response = {
      getStatus: () => status,
      getHeader: (name: string) =>
        name === 'Reelrace-Video-Id' ? (videoId ?? undefined) : undefined,
    } as HttpResponse;
    void this.options.onAfterResponse?.(request, response);
  }

  sent(bytes: number): void {
    this.options.onProgress?.(bytes, this.file.size);
  }

  succeed(): void {
    this.running = false;
    this.options.onSuccess?.({ lastResponse: {} as HttpResponse });
  }

  /** A request failed: `status` is zero if there was no answer. True if it is tried again. */
  fail(status: number, body = '', causingError: Error | null = null): boolean {
    const response = { getStatus: () => status, getBody: () => body } as HttpResponse;
    const error = Object.assign(new Error('failed'), {
      originalRequest: {} as HttpRequest,
      originalResponse: status ? response : null,
      causingError,
    }) as DetailedError;
    const again = this.options.onShouldRetry?.(error, 0, this.options) ?? false;
    if (!again) this.giveUp(error);
    return again;
  }

  giveUp(error: Error): void {
    this.running = false;
    this.options.onError?.(error);
  }
}
