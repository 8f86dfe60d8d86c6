// Changes when: which uploads run at the same time does.
import type { UploadState } from './lifecycle.ts';

/** A browser opens six connections to a server; the others are for playing and asking. */
export const AT_ONCE = 3;

/** Which of these, given in the order in which they were chosen, are to be started now. */
export function startable<T extends { readonly state: UploadState }>(
  uploads: readonly T[],
  limit: number = AT_ONCE,
): T[] {
  const running = uploads.filter((upload) => upload.state === 'uploading').length;
  const waiting = uploads.filter((upload) => upload.state === 'waiting');
  return waiting.slice(0, Math.max(0, limit - running));
}
