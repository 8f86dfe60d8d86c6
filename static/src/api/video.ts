// Changes when: what `/api/videos` answers does.

export type VideoState = 'created' | 'waiting' | 'active' | 'completed' | 'partial' | 'failed';

export interface Rendition {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly media_seconds: number;
}

/** Percentages are 0 to 100; times are seconds; null is what is not known. */
export interface Progress {
  readonly percent: number;
  readonly stages: {
    readonly receiving: {
      readonly percent: number;
      readonly bytes: number;
      readonly length: number;
      readonly bytes_per_second: number | null;
    };
    readonly probing: { readonly percent: number };
    readonly encoding: {
      readonly percent: number;
      readonly media_seconds: number;
      readonly duration: number | null;
      readonly renditions: readonly Rendition[];
    };
    /** Only where movements are looked for. */
    readonly pose?: {
      readonly percent: number;
      readonly frames: number;
      readonly media_seconds: number;
    };
    readonly finishing: { readonly percent: number };
  };
  readonly speed: number | null;
  readonly time_left: number | null;
}

export interface Playback {
  readonly hls: string;
  /** Milliseconds since 1970; null: never. */
  readonly expires_at: number | null;
  /** More of it is still being made. */
  readonly growing: boolean;
  /** How much of it can be watched. */
  readonly seconds: number;
}

/** What is known of the movements of people: the landmarks of `frames` pictures. */
export interface Pose {
  readonly model: string;
  /** Pictures looked at a second, at most. */
  readonly rate: number;
  readonly frames: number;
  /** How far they reach. */
  readonly seconds: number;
  readonly ndjson: string;
}

export interface Video {
  readonly id: string;
  readonly title: string;
  readonly filename: string;
  readonly state: VideoState;
  /** Milliseconds since 1970. */
  readonly created_at: number;
  readonly size: number;
  readonly duration: number | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly progress: Progress;
  /** There as soon as the first seconds can be watched. */
  readonly playback: Playback | null;
  /** Address of the picture that stands for it. */
  readonly poster: string | null;
  /** Address of a WebVTT file: which picture shows what there is at a time. */
  readonly storyboard: string | null;
  readonly pose: Pose | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly detail: string;
  } | null;
  readonly warnings: readonly { readonly code: string; readonly detail: string }[];
  readonly attempts: number;
}

/** Nothing more will become of it. */
export function ended(video: Video): boolean {
  return video.state === 'completed' || video.state === 'partial' || video.state === 'failed';
}

/** The server has every byte. */
export function received(video: Video): boolean {
  const { bytes, length } = video.progress.stages.receiving;
  return bytes >= length;
}

/** Bytes are coming in, from this page or another. */
export function receiving(video: Video): boolean {
  return !received(video) && (video.progress.stages.receiving.bytes_per_second ?? 0) > 0;
}

/** Something is going on that is worth looking at often. */
export function live(video: Video): boolean {
  return !ended(video) && (received(video) || receiving(video));
}
