// Changes when: what stands in the cards, or beside them, does.
import { describe, expect, it } from 'vitest';
import { sampleProgress, sampleVideo } from '../api/video.sample.ts';
import type { Video } from '../api/video.ts';
import type { UploadView } from '../upload/view.ts';
import { type Card, cardsOf, vanished } from './cards.ts';
import { leadingOf, makingOf, renditionsOf, sendingOf } from './measure.ts';
import { newsOf } from './news.ts';
import { overviewOf } from './overview.ts';
import { actionsOf, late, outlookOf, phaseOf, problemOfCard } from './phase.ts';

function upload(change: Partial<UploadView> = {}): UploadView {
  return {
    key: 'file-1',
    title: 'Clip',
    filename: 'Clip.mp4',
    size: 1_000,
    state: 'uploading',
    bytes: 500,
    perSecond: 100,
    secondsLeft: 5,
    videoId: null,
    trouble: null,
    problem: null,
    late: false,
    batch: 1,
    ...change,
  };
}

const card = (up: Partial<UploadView> | null, video: Partial<Video> | null): Card => ({
  key: 'k',
  title: 'Clip',
  upload: up && upload(up),
  video: video && sampleVideo(video),
});

const failure = (code: string) => ({ code, message: '', detail: '' });

const growing: Partial<Video> = {
  state: 'active',
  progress: sampleProgress(500, 100),
  playback: { hls: '/v', expires_at: null, growing: true, seconds: 3 },
};

describe('cardsOf', () => {
  it('makes one card of an upload and its video', () => {
    const [two, one] = cardsOf(
      [upload({ videoId: 'v1' })],
      [sampleVideo({ id: 'v2' }), sampleVideo({ id: 'v1' })],
    );
    expect([one?.key, one?.video?.id]).toEqual(['file-1', 'v1']);
    expect([two?.key, two?.upload]).toEqual(['v2', null]);
  });

  it('puts the newest on top, as the server will', () => {
    const uploads = [
      upload({ key: 'a', videoId: 'v1' }),
      upload({ key: 'b' }),
      upload({ key: 'c', videoId: 'v3' }),
      upload({ key: 'd', videoId: 'unheard of' }),
    ];
    const videos = ['v3', 'v1', 'old'].map((id) => sampleVideo({ id }));
    const order = (...cards: Parameters<typeof cardsOf>) => cardsOf(...cards).map(({ key }) => key);
    expect(order(uploads, videos)).toEqual(['d', 'c', 'b', 'a', 'old']);
    expect(order(uploads, [])).toEqual(['d', 'c', 'b', 'a']);
  });

  it('tells namesakes apart by the names of their files', () => {
    const named = (id: string, filename: string) => sampleVideo({ id, title: 'Clip', filename });
    const titles = (...videos: Video[]) => cardsOf([], videos).map(({ title }) => title);
    expect(titles(named('1', 'Clip.mp4'))).toEqual(['Clip']);
    expect(titles(named('1', 'Clip.mp4'), named('2', 'Clip.mov'))).toEqual([
      'Clip.mp4',
      'Clip.mov',
    ]);
    const alone = cardsOf([], [named('1', 'Clip.mp4')]);
    const both = cardsOf([upload({ filename: 'Clip.avi' })], [named('1', 'Clip.mp4')], alone);
    expect(both.map(({ title }) => title)).toEqual(['Clip.avi', 'Clip.mp4']);
  });

  it('keeps the same object for a card that did not change', () => {
    const [up, video] = [upload(), sampleVideo()];
    const before = cardsOf([up], [video]);
    const after = cardsOf([upload({ bytes: 600 })], [video], before);
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });

  it('takes a new video for that of an upload which is still to hear its name', () => {
    const up = upload({ filename: 'a.mp4', size: 9 });
    const fresh = sampleVideo({ id: 'v1', filename: 'a.mp4', size: 9, state: 'created' });
    const [one, two] = cardsOf([up], [fresh]);
    expect([one?.key, one?.video?.id, two]).toEqual(['file-1', 'v1', undefined]);
    const known = cardsOf([], [fresh]);
    expect(cardsOf([up], [fresh], known).map(({ key }) => key)).toEqual(['file-1', 'v1']);
    const twice = [up, upload({ key: 'file-2', filename: 'a.mp4', size: 9 })];
    const both = cardsOf(twice, [fresh, { ...fresh, id: 'v2' }]);
    expect(new Set(both.map(({ key }) => key))).toEqual(new Set(['file-1', 'file-2']));
    expect(cardsOf([up], [{ ...fresh, size: 8 }])).toHaveLength(2);
  });

  it('notices what somebody else removed', () => {
    const before = cardsOf([upload({ videoId: 'v1' })], [sampleVideo({ id: 'v1' })]);
    expect(vanished(before, [sampleVideo({ id: 'v2' })])).toEqual(['v1']);
    expect(vanished(cardsOf([upload({ videoId: 'v1' })], []), [])).toEqual([]);
  });
});

describe('phaseOf', () => {
  it.each<[Partial<UploadView> | null, Partial<Video> | null, string]>([
    [{ state: 'waiting' }, null, 'waiting'],
    [{ state: 'uploading' }, null, 'uploading'],
    [{ state: 'uploading', trouble: 'offline' }, growing, 'reconnecting'],
    [{ state: 'paused' }, growing, 'paused'],
    [{ state: 'failed' }, null, 'failed'],
    [{ state: 'uploading' }, { state: 'failed' }, 'failed'],
    [{ state: 'done' }, null, 'queued'],
    // Our own upload is done; the server's answer is older.
    [{ state: 'done' }, growing, 'processing'],
    [null, growing, 'uploading'],
    [null, { state: 'active', progress: sampleProgress(500, 0) }, 'interrupted'],
    [null, { state: 'created', progress: sampleProgress(500, null) }, 'interrupted'],
    [null, { state: 'created' }, 'queued'],
    [null, { state: 'waiting' }, 'queued'],
    [null, { state: 'active' }, 'processing'],
    [null, { state: 'completed' }, 'completed'],
    [null, { state: 'partial' }, 'partial'],
  ])('%o with %o is %s', (up, video, phase) => {
    expect(phaseOf(card(up, video))).toBe(phase);
  });
});

describe('actionsOf', () => {
  it.each<[Partial<UploadView> | null, Partial<Video> | null, string]>([
    [{ state: 'waiting' }, null, 'pause cancel'],
    [{ state: 'uploading' }, growing, 'play pause cancel'],
    [{ state: 'paused' }, growing, 'play resume cancel'],
    [{ state: 'failed' }, null, 'retry dismiss'],
    [{ state: 'failed', problem: { code: 'too_large', title: '', detail: '' } }, null, 'dismiss'],
    [{ state: 'failed' }, { state: 'failed', playback: null }, 'retry delete'],
    [{ state: 'done' }, null, ''],
    [null, { state: 'completed' }, 'play delete'],
    [null, { state: 'failed', playback: null }, 'retry delete'],
    [null, { state: 'failed', playback: null, error: failure('not_media') }, 'delete'],
    [null, { state: 'failed', playback: null, progress: sampleProgress(500) }, 'delete'],
    [
      { state: 'failed' },
      { state: 'failed', playback: null, progress: sampleProgress(500) },
      'retry delete',
    ],
    [null, { state: 'partial', error: failure('crashed') }, 'play retry delete'],
  ])('%o with %o offers %s', (up, video, actions) => {
    expect(actionsOf(card(up, video), false).join(' ')).toBe(actions);
  });

  it('offers to go on where this browser can', () => {
    const left = card(null, { state: 'created', playback: null, progress: sampleProgress(500, 0) });
    expect(actionsOf(left, true)).toEqual(['continue', 'delete']);
    expect(actionsOf(left, false)).toEqual(['delete']);
  });
});

describe('measure', () => {
  it('believes the page while it sends, and the server else', () => {
    expect(sendingOf(card({ bytes: 750 }, growing))).toMatchObject({
      percent: 75,
      perSecond: 100,
      secondsLeft: 5,
    });
    expect(sendingOf(card(null, growing))).toMatchObject({ bytes: 500, secondsLeft: 5 });
    expect(sendingOf(card({ state: 'done' }, growing))).toMatchObject({ percent: 100, done: true });
    expect(sendingOf(card({ size: 0, bytes: 0 }, null))).toMatchObject({ percent: 100 });
  });

  it('promises no time while an upload stands still', () => {
    for (const change of [{ state: 'paused' }, { trouble: 'offline' }] as const) {
      expect(sendingOf(card(change, null))).toMatchObject({ perSecond: null, secondsLeft: null });
    }
  });

  it('leads with the upload as long as bytes are missing', () => {
    expect(leadingOf(card({ bytes: 750 }, growing))).toEqual({ runner: 'sent', percent: 75 });
    expect(leadingOf(card({ state: 'done' }, growing))).toEqual({ runner: 'made', percent: 30 });
    expect(leadingOf(card({ state: 'done' }, null))).toEqual({ runner: 'made', percent: 0 });
    expect(leadingOf(card(null, { state: 'completed' }))).toBeNull();
  });

  it('tells how much is made, until it is over', () => {
    expect(makingOf(card(null, { state: 'active', playback: null }))).toMatchObject({
      ready: 4,
      duration: 10,
      secondsLeft: 6,
    });
    expect(makingOf(card(null, growing))).toMatchObject({
      percent: 30,
      ready: 3,
      secondsLeft: null,
    });
    expect(makingOf(card(null, { state: 'completed' }))).toBeNull();
    expect(renditionsOf(card(null, {}))).toEqual([720, 360]);
  });
});

describe('outlookOf', () => {
  it('tells why there is more to come, or why not yet', () => {
    expect(outlookOf(card({}, growing), true)).toBe('uploading');
    expect(outlookOf(card({}, growing), false)).toBe('offline');
    expect(outlookOf(card({ trouble: 'retrying' }, growing), true)).toBe('offline');
    expect(outlookOf(card({ state: 'paused' }, growing), true)).toBe('paused');
    const whole = { ...growing, progress: sampleProgress(1_000) };
    expect(outlookOf(card({ state: 'done' }, whole), true)).toBe('processing');
    const silent = { ...growing, progress: sampleProgress(500, 0) };
    expect(outlookOf(card(null, silent), true)).toBe('interrupted');
    expect(outlookOf(card(null, { state: 'completed' }), false)).toBeNull();
  });
});

describe('late', () => {
  it('is true until the end is there, or the beginning can be watched after all', () => {
    const created = { state: 'created', playback: null, progress: sampleProgress(500) } as const;
    expect(late(card({ late: true }, created))).toBe(true);
    expect(late(card({ late: true }, null))).toBe(true);
    expect(late(card({ late: false }, created))).toBe(false);
    expect(late(card({ late: true }, growing))).toBe(false);
    expect(late(card({ late: true, state: 'done' }, created))).toBe(false);
  });
});

describe('problemOfCard', () => {
  it('prefers what the server says of the video', () => {
    const ours = { code: 'network', title: '', detail: '' };
    const error = { code: 'not_media', message: 'Not media.', detail: '' };
    const both = card({ state: 'failed', problem: ours }, { state: 'failed', error });
    expect(problemOfCard(both)?.code).toBe('not_media');
    expect(problemOfCard(card({ state: 'failed', problem: ours }, null))).toBe(ours);
    expect(problemOfCard(card(null, {}))).toBeNull();
  });
});

describe('overviewOf', () => {
  it('adds up what was chosen together', () => {
    const overview = overviewOf([
      upload({ batch: 1, state: 'done', bytes: 1_000 }),
      upload({ batch: 2, state: 'done', bytes: 1_000 }),
      upload({ batch: 2, bytes: 500, perSecond: 100 }),
      upload({ batch: 2, state: 'waiting', bytes: 0, perSecond: null }),
    ]);
    expect(overview).toEqual({
      sending: 1,
      stuck: 0,
      waiting: 1,
      paused: 0,
      bytes: 1_500,
      size: 3_000,
      percent: 50,
      secondsLeft: 15,
    });
  });

  it('does not call running what waits for the connection', () => {
    const overview = overviewOf([upload({ trouble: 'offline' }), upload({ trouble: 'retrying' })]);
    expect(overview).toMatchObject({ sending: 0, stuck: 2, secondsLeft: null });
  });

  it('is nothing once all is sent', () => {
    expect(overviewOf([upload({ state: 'done' }), upload({ state: 'failed' })])).toBeNull();
  });
});

describe('newsOf', () => {
  it('tells what became of a card, once', () => {
    const early = card(null, { state: 'active', playback: null });
    const playable = card(null, growing);
    const done = card(null, { state: 'completed' });
    expect(newsOf([], [done])).toEqual([]);
    expect(newsOf([early], [playable])).toEqual([{ kind: 'playable', title: 'Clip' }]);
    expect(newsOf([playable], [done])).toEqual([{ kind: 'completed', title: 'Clip' }]);
    expect(newsOf([done], [card(null, { state: 'completed' })])).toEqual([]);
  });
});
