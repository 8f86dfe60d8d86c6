// Changes when: what is said of all uploads together does.
import type { UploadView } from '../upload/view.ts';

/** All uploads of this page that still have something to send. */
export interface Overview {
  readonly sending: number;
  /** Those that wait for the connection. */
  readonly stuck: number;
  readonly waiting: number;
  readonly paused: number;
  readonly bytes: number;
  readonly size: number;
  readonly percent: number;
  readonly secondsLeft: number | null;
}

/** Counts the unfinished, and the finished that were chosen together with them; null if none. */
export function overviewOf(uploads: readonly UploadView[]): Overview | null {
  const open = uploads.filter(({ state }) => ['waiting', 'uploading', 'paused'].includes(state));
  if (open.length === 0) return null;
  const oldest = Math.min(...open.map((upload) => upload.batch));
  const counted = uploads.filter((u) => u.batch >= oldest && u.state !== 'failed');
  const bytes = sum(counted.map((upload) => upload.bytes));
  const size = sum(counted.map((upload) => upload.size));
  const begun = open.filter((upload) => upload.state === 'uploading');
  const running = begun.filter((upload) => !upload.trouble);
  const perSecond = sum(running.map((upload) => upload.perSecond ?? 0));
  const left = sum(open.filter((u) => u.state !== 'paused').map((u) => u.size - u.bytes));
  return {
    sending: running.length,
    stuck: begun.length - running.length,
    waiting: open.filter((upload) => upload.state === 'waiting').length,
    paused: open.filter((upload) => upload.state === 'paused').length,
    bytes,
    size,
    percent: size > 0 ? (bytes / size) * 100 : 100,
    secondsLeft: perSecond > 0 ? left / perSecond : null,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
