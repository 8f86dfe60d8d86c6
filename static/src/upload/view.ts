// Changes when: what others may know of an upload does.
import type { Problem } from '../api/problem.ts';
import type { UploadState } from './lifecycle.ts';

/** Why nothing moves although it should: tried again by itself. */
export type Trouble = 'offline' | 'retrying';

/** An upload as others see it; a new object after every change. */
export interface UploadView {
  readonly key: string;
  readonly title: string;
  readonly filename: string;
  readonly size: number;
  readonly state: UploadState;
  readonly bytes: number;
  readonly perSecond: number | null;
  readonly secondsLeft: number | null;
  readonly videoId: string | null;
  readonly trouble: Trouble | null;
  readonly problem: Problem | null;
  /** Nothing of it can be watched before all of it has arrived. */
  readonly late: boolean;
  /** Files chosen together have the same number; later choices have greater ones. */
  readonly batch: number;
}
