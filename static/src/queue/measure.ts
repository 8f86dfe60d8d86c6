// Changes when: which numbers a card shows of its upload and its processing does.
import { ended, received, type Video } from '../api/video.ts';
import type { Card } from './cards.ts';
import { phaseOf } from './phase.ts';

/** Bytes of one file on their way. */
export interface Sending {
  readonly percent: number;
  readonly bytes: number;
  readonly size: number;
  readonly perSecond: number | null;
  readonly secondsLeft: number | null;
  readonly done: boolean;
}

/** How far processing is. */
export interface Making {
  readonly percent: number;
  /** Seconds of it: those that can be watched, or before there are any, those that are made. */
  readonly ready: number;
  readonly duration: number | null;
  readonly secondsLeft: number | null;
  /** Short sides of the renditions that there are: 720, 360. */
  readonly renditions: readonly number[];
}

/** How far the movements of people are known, in seconds; null: nobody looks for them any more. */
export interface Moving {
  readonly seconds: number;
  readonly duration: number | null;
}

export function movingOf({ video }: Card): Moving | null {
  const pose = video?.progress.stages.pose;
  if (!video || !pose || ended(video)) return null;
  return {
    seconds: pose.media_seconds,
    duration: video.progress.stages.encoding.duration ?? video.duration,
  };
}

/** While this page sends, its own count is the fresher one; else the server's. */
export function sendingOf(card: Card): Sending | null {
  const { upload, video } = card;
  if (upload && upload.state !== 'done' && upload.state !== 'cancelled') {
    return {
      percent: share(upload.bytes, upload.size),
      bytes: upload.bytes,
      size: upload.size,
      perSecond: upload.state === 'uploading' && !upload.trouble ? upload.perSecond : null,
      secondsLeft: upload.state === 'uploading' && !upload.trouble ? upload.secondsLeft : null,
      done: false,
    };
  }
  if (!video) return null;
  if (upload) return whole(upload.size);
  const { bytes, length, bytes_per_second: perSecond } = video.progress.stages.receiving;
  const moving = phaseOf(card) === 'uploading';
  return {
    percent: share(bytes, length),
    bytes,
    size: length,
    perSecond: moving ? perSecond : null,
    secondsLeft: moving && perSecond ? (length - bytes) / perSecond : null,
    done: received(video),
  };
}

function whole(size: number): Sending {
  return { percent: 100, bytes: size, size, perSecond: null, secondsLeft: null, done: true };
}

export function makingOf({ video }: Card): Making | null {
  if (!video || ended(video)) return null;
  const { encoding } = video.progress.stages;
  const duration = encoding.duration ?? video.duration;
  const ready = video.playback?.seconds ?? encoding.media_seconds;
  return {
    // What is said in words and what is drawn are one measure.
    percent: duration ? share(ready, duration) : encoding.percent,
    ready,
    duration,
    secondsLeft: received(video) && video.state === 'active' ? video.progress.time_left : null,
    renditions: sidesOf(video),
  };
}

/** Short sides of the renditions, largest first. */
export function renditionsOf({ video }: Card): number[] {
  return video ? sidesOf(video) : [];
}

/** The runner that the end waits for, and how far it is. */
export interface Leading {
  readonly runner: 'sent' | 'made';
  /** The same number as in words. */
  readonly percent: number;
}

/** Upload as long as bytes are missing, then processing; null when nothing is under way. */
export function leadingOf(card: Card): Leading | null {
  const phase = phaseOf(card);
  if (phase === 'completed' || phase === 'partial' || phase === 'failed') return null;
  const sending = sendingOf(card);
  if (sending && !sending.done) return { runner: 'sent', percent: sending.percent };
  return { runner: 'made', percent: makingOf(card)?.percent ?? 0 };
}

function sidesOf(video: Video): number[] {
  const { renditions } = video.progress.stages.encoding;
  const sides = renditions.map(({ width, height }) => Math.min(width, height));
  return [...new Set(sides)].sort((a, b) => b - a);
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, (part / whole) * 100) : 100;
}
