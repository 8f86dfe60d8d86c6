// Changes when: one of the small rules of uploading does.
import { describe, expect, it } from 'vitest';
import { fromFolder, isMedia, titleOf } from './files.ts';
import { fingerprintOf } from './fingerprint.ts';
import { after, type UploadState } from './lifecycle.ts';
import { Pace, timeLeft } from './pace.ts';
import { retriable } from './retry.ts';
import { startable } from './scheduler.ts';
import { matches, type Unfinished } from './unfinished.ts';

describe('lifecycle', () => {
  it('knows what may happen when', () => {
    expect(after('waiting', 'start')).toBe('uploading');
    expect(after('uploading', 'pause')).toBe('paused');
    expect(after('paused', 'resume')).toBe('waiting');
    expect(after('failed', 'retry')).toBe('waiting');
    expect(after('uploading', 'finish')).toBe('done');
  });

  it('lets nothing happen to what is over', () => {
    for (const over of ['done', 'cancelled'] satisfies UploadState[]) {
      for (const action of ['start', 'pause', 'resume', 'retry', 'fail', 'cancel'] as const) {
        expect(after(over, action)).toBeNull();
      }
    }
  });
});

describe('startable', () => {
  const queue = (...states: UploadState[]) => states.map((state, n) => ({ state, n }));

  it('fills three places, in order', () => {
    const found = startable(queue('done', 'uploading', 'paused', 'waiting', 'waiting', 'waiting'));
    expect(found.map(({ n }) => n)).toEqual([3, 4]);
  });

  it('starts nothing while all are taken', () => {
    expect(startable(queue('uploading', 'uploading', 'uploading', 'waiting'))).toEqual([]);
  });
});

describe('Pace', () => {
  it('is the slope of the last seconds', () => {
    const pace = new Pace();
    expect(pace.perSecond(0)).toBeNull();
    for (let s = 0; s <= 20; s += 1) pace.note(s * 1_000, s < 10 ? s * 10 : 100 + (s - 10) * 100);
    expect(pace.perSecond(20_000)).toBe(100);
  });

  it('falls while nothing comes', () => {
    const pace = new Pace();
    pace.note(0, 0);
    pace.note(1_000, 1_000);
    expect(pace.perSecond(1_000)).toBe(1_000);
    expect(pace.perSecond(4_000)).toBe(250);
  });

  it('begins anew when an upload goes on further back', () => {
    const pace = new Pace();
    pace.note(0, 5_000);
    pace.note(1_000, 6_000);
    pace.note(2_000, 4_000);
    expect(pace.perSecond(2_500)).toBeNull();
    pace.note(3_000, 4_500);
    expect(pace.perSecond(3_000)).toBe(500);
  });

  it('tells the time that is left', () => {
    expect(timeLeft(1_000, 500)).toBe(2);
    expect(timeLeft(0, null)).toBe(0);
    expect(timeLeft(1_000, null)).toBeNull();
    expect(timeLeft(1_000, 0)).toBeNull();
  });
});

describe('retriable', () => {
  it('tries again what may pass', () => {
    for (const status of [0, 408, 409, 423, 429, 500, 502, 503]) {
      expect(retriable(status)).toBe(true);
    }
    for (const status of [400, 403, 404, 410, 412, 413, 415, 507]) {
      expect(retriable(status)).toBe(false);
    }
  });
});

describe('files', () => {
  it('finds the media in a folder', () => {
    const names = ['b.MP4', '.hidden.mp4', 'notes.txt', 'clip.mts', 'Thumbs.db', 'song.flac'];
    const chosen = fromFolder(names.map((name) => new File(['x'], name)));
    expect(chosen.files.map(({ name }) => name)).toEqual(['b.MP4', 'clip.mts', 'song.flac']);
    expect(chosen.leftOut).toBe(3);
    expect(isMedia({ name: 'recording', type: 'video/webm' })).toBe(true);
  });

  it('names a video after its file', () => {
    expect(titleOf('Party.mp4')).toBe('Party');
    expect(titleOf('v1.2 final.mov')).toBe('v1.2 final');
    expect(titleOf('no extension')).toBe('no extension');
    expect(titleOf('.mp4')).toBe('.mp4');
    expect(titleOf('Dr. Who and friends')).toBe('Dr. Who and friends');
  });
});

describe('matches', () => {
  const begun = (metadata: Record<string, string>, size = 7): Unfinished => ({
    video: 'v1',
    size,
    assembly: null,
    metadata,
    windows: [],
  });
  const file = { name: 'B\u00fchne.mp4', size: 7, fingerprint: '7-f' };

  it('knows a file by its bytes', () => {
    expect(matches(begun({ fingerprint: '7-f', filename: 'renamed.mp4' }), file)).toBe(true);
    expect(matches(begun({ fingerprint: '7-g', filename: file.name }), file)).toBe(false);
  });

  it('knows one of another client by name and size, however its letters are composed', () => {
    expect(matches(begun({ filename: 'Bu\u0308hne.mp4' }), file)).toBe(true);
    expect(matches(begun({ filename: file.name }, 8), file)).toBe(false);
    expect(matches(begun({}), file)).toBe(false);
  });
});

describe('fingerprintOf', () => {
  const bytes = (change: (all: Uint8Array) => void = () => {}) => {
    const all = new Uint8Array(300_000).map((_, n) => n % 251);
    change(all);
    return new Blob([all]);
  };

  it('is the same for the same bytes, and another for others', async () => {
    const first = await fingerprintOf(bytes());
    expect(await fingerprintOf(bytes())).toBe(first);
    const others = [
      bytes((all) => all.fill(1, 0, 1)),
      bytes((all) => all.fill(1, 299_999)),
      new Blob([bytes(), 'x']),
      new Blob([]),
      new Blob(['a']),
      new Blob(['b']),
    ];
    const found = await Promise.all(others.map(fingerprintOf));
    expect(new Set([first, ...found]).size).toBe(others.length + 1);
  });

  it('is another for files that differ only in the middle', async () => {
    const stem = (value: number) => {
      const all = new Uint8Array(4_000_000);
      all.fill(value, 1_000_000, 3_000_000);
      return new Blob([all]);
    };
    expect(await fingerprintOf(stem(1))).not.toBe(await fingerprintOf(stem(2)));
    expect(await fingerprintOf(stem(1))).toBe(await fingerprintOf(stem(1)));
  });

  it('tells what it is made of, so that one of before matches none', async () => {
    expect(await fingerprintOf(new Blob(['a']))).toMatch(/^2-1-[0-9a-f]{16}$/);
  });
});
