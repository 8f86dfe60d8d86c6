// Changes when: what a card's state is called, or what can be done in it, does.

import type { Problem } from '../api/problem.ts';
import { type Playback, received, receiving, type Video } from '../api/video.ts';
import { hopeful } from '../upload/retry.ts';
import type { UploadView } from '../upload/view.ts';
import type { Card } from './cards.ts';

/** The one word for what is going on with a card. */
export type Phase =
  | 'waiting'
  | 'uploading'
  | 'reconnecting'
  | 'paused'
  | 'interrupted'
  | 'queued'
  | 'processing'
  | 'completed'
  | 'partial'
  | 'failed';

/** The colour that goes with it. */
export type Tone = 'waiting' | 'active' | 'paused' | 'completed' | 'partial' | 'failed';

export type Action =
  | 'play'
  | 'pause'
  | 'resume'
  | 'retry'
  | 'proceed'
  | 'continue'
  | 'cancel'
  | 'dismiss'
  | 'delete';

const TONES: Record<Phase, Tone> = {
  waiting: 'waiting',
  uploading: 'active',
  reconnecting: 'waiting',
  paused: 'paused',
  interrupted: 'paused',
  queued: 'waiting',
  processing: 'active',
  completed: 'completed',
  partial: 'partial',
  failed: 'failed',
};

export function toneOf(phase: Phase): Tone {
  return TONES[phase];
}

export function phaseOf({ upload, video }: Card): Phase {
  if (video?.state === 'failed') return 'failed';
  switch (upload?.state) {
    case 'waiting':
      return 'waiting';
    case 'uploading':
      return upload.trouble ? 'reconnecting' : 'uploading';
    case 'paused':
      return 'paused';
    case 'failed':
      return 'failed';
    default:
      // What the server said last may be older than the end of our own upload.
      return video ? phaseOfVideo(video, upload !== null || received(video)) : 'queued';
  }
}

function phaseOfVideo(video: Video, there: boolean): Phase {
  switch (video.state) {
    case 'completed':
    case 'partial':
    case 'failed':
      return video.state;
    default:
      if (!there) return receiving(video) ? 'uploading' : 'interrupted';
      return video.state === 'active' ? 'processing' : 'queued';
  }
}

/** What a person may do, the most likely first. `held`: this browser remembers its file. */
export function actionsOf(card: Card, held: boolean): Action[] {
  const { upload, video } = card;
  const play: Action[] = video?.playback ? ['play'] : [];
  if (upload && upload.state !== 'done' && video?.state !== 'failed') {
    return [...play, ...actionsOfUpload(upload)];
  }
  if (!video) return play;
  if (phaseOf(card) === 'interrupted') play.push(held ? 'proceed' : 'continue');
  return repeatable(card) ? [...play, 'retry', 'delete'] : [...play, 'delete'];
}

function actionsOfUpload({ state, problem }: UploadView): Action[] {
  switch (state) {
    case 'uploading':
    case 'waiting':
      return ['pause', 'cancel'];
    case 'paused':
      return ['resume', 'cancel'];
    default:
      return hopeful(problem?.code ?? '') ? ['retry', 'dismiss'] : ['dismiss'];
  }
}

/** What the file itself is will be the same the next time. */
const SETTLED = new Set([
  'empty',
  'not_media',
  'unsupported_codec',
  'encrypted',
  'no_media',
  'nothing_wanted',
]);

/** May it go better when the server makes it once more? */
export function repeatable({ upload, video }: Card): boolean {
  if (video?.state !== 'failed' && video?.state !== 'partial') return false;
  // What is missing of the file can only come from here.
  return (upload !== null || received(video)) && !SETTLED.has(video.error?.code ?? '');
}

export function playbackOf(card: Card): Playback | null {
  return card.video?.playback ?? null;
}

/** Why there is more to come of what can be watched, or why there is not yet. */
export type Outlook = 'uploading' | 'processing' | 'paused' | 'interrupted' | 'offline';

/** Null: all of it is there. `reachable`: the server can be reached. */
export function outlookOf(card: Card, reachable: boolean): Outlook | null {
  if (!playbackOf(card)?.growing) return null;
  const phase = phaseOf(card);
  if (!reachable || phase === 'reconnecting') return 'offline';
  if (phase === 'paused' || phase === 'interrupted') return phase;
  return card.video && received(card.video) ? 'processing' : 'uploading';
}

/** What can be watched of it waits for its end, as this page knows: its index is there. */
export function late(card: Card): boolean {
  return card.upload?.late === true && !playbackOf(card) && unsent(card);
}

function unsent({ upload, video }: Card): boolean {
  return upload?.state !== 'done' && !(video && received(video)) && video?.state !== 'failed';
}

/** Why it failed or ended early. */
export function problemOfCard({ upload, video }: Card): Problem | null {
  return (video && problemOf(video)) ?? upload?.problem ?? null;
}

export function problemOf({ error, state }: Video): Problem | null {
  if (!error || (state !== 'failed' && state !== 'partial')) return null;
  return { code: error.code, title: error.message, detail: error.detail };
}

/** Something is worth losing if it is cancelled. */
export function begun({ upload }: Card): boolean {
  return (upload?.bytes ?? 0) > 0;
}
