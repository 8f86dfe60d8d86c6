// Changes when: tests need other videos to work with.
import type { Progress, Video } from './video.ts';

/** A video as the server tells of it; unless said otherwise, one that is done. */
export function sampleVideo(change: Partial<Video> = {}): Video {
  return {
    id: 'a'.repeat(32),
    title: 'Clip',
    filename: 'Clip.mp4',
    state: 'completed',
    created_at: 1_000,
    size: 1_000,
    duration: 10,
    width: 640,
    height: 360,
    progress: sampleProgress(1_000),
    playback: { hls: '/v/g/a/index.m3u8', expires_at: null, growing: false, seconds: 10 },
    poster: null,
    storyboard: null,
    pose: null,
    error: null,
    warnings: [],
    attempts: 1,
    ...change,
  };
}

/** How far a file of a thousand bytes and ten seconds is. */
export function sampleProgress(bytes: number, perSecond: number | null = null): Progress {
  return {
    percent: bytes / 20,
    stages: {
      receiving: { percent: bytes / 10, bytes, length: 1_000, bytes_per_second: perSecond },
      probing: { percent: 100 },
      encoding: {
        percent: 40,
        media_seconds: 4,
        duration: 10,
        renditions: [
          { name: 'v360', width: 640, height: 360, media_seconds: 4 },
          { name: 'v720', width: 1280, height: 720, media_seconds: 4 },
        ],
      },
      finishing: { percent: 0 },
    },
    speed: null,
    time_left: 6,
  };
}
