// Changes when: what may become of an upload does. The one table; nothing else is here.
//
//   waiting --start--> uploading --finish--> done
//      ^  \               |   \---fail----> failed
//      |   '---pause--> paused                 |
//      |                  |                    |
//      '-----resume-------'------retry---------'
//   any of them but done --cancel--> cancelled

export type UploadState = 'waiting' | 'uploading' | 'paused' | 'failed' | 'done' | 'cancelled';
export type UploadAction = 'start' | 'finish' | 'fail' | 'pause' | 'resume' | 'retry' | 'cancel';

const MOVES: Record<UploadAction, { from: readonly UploadState[]; to: UploadState }> = {
  start: { from: ['waiting'], to: 'uploading' },
  finish: { from: ['uploading'], to: 'done' },
  fail: { from: ['waiting', 'uploading', 'paused'], to: 'failed' },
  pause: { from: ['waiting', 'uploading'], to: 'paused' },
  resume: { from: ['paused'], to: 'waiting' },
  retry: { from: ['failed'], to: 'waiting' },
  cancel: { from: ['waiting', 'uploading', 'paused', 'failed'], to: 'cancelled' },
};

/** What becomes of an upload in `state`; null if the action does not apply to it. */
export function after(state: UploadState, action: UploadAction): UploadState | null {
  const move = MOVES[action];
  return move.from.includes(state) ? move.to : null;
}

/** There is still something to send. */
export function unfinished(state: UploadState): boolean {
  return state === 'waiting' || state === 'uploading' || state === 'paused';
}
