// Changes when: queue.ts does.
import { describe, expect, it, vi } from 'vitest';
import { Client } from '../api/client.ts';
import { Library } from '../api/library.ts';
import { sampleProgress, sampleVideo } from '../api/video.sample.ts';
import type { Video } from '../api/video.ts';
import { ManualClock } from '../clock.ts';
import { FakeTus } from '../upload/tus.fake.ts';
import { Begun } from '../upload/unfinished.ts';
import { Uploads } from '../upload/uploads.ts';
import type { Card } from './cards.ts';
import { phaseOf } from './phase.ts';
import { Queue } from './queue.ts';

/** A page and its server, both in the hands of the test. */
class Desk {
  readonly clock = new ManualClock();
  readonly asked: string[] = [];
  readonly made: FakeTus[] = [];
  videos: Video[] = [];
  retried = new Response('{"code":"not_retryable","title":"No."}', { status: 409 });
  broken = false;
  readonly uploads = new Uploads({
    clock: this.clock,
    begun: new Begun(async () => [], this.clock),
    keep: { keep: async () => {}, forget: async () => {} },
    several: () => false,
    make: (file, options) => {
      const tus = new FakeTus(file, options);
      this.made.push(tus);
      return tus;
    },
    online: () => true,
  });
  readonly library = new Library(
    new Client(async (path, { method }) => {
      if (this.broken) throw new TypeError('down');
      if (method === 'GET') return new Response(JSON.stringify({ videos: this.videos }));
      this.asked.push(`${method} ${path}`);
      if (method === 'POST') return this.retried;
      return new Response(null, { status: 204 });
    }),
    this.clock,
    () => this.uploads.busy,
  );
  readonly queue = new Queue(this.uploads, this.library);

  /** The server has these from now on, and the page has asked. */
  async has(...videos: Video[]): Promise<void> {
    this.videos = videos;
    await turn();
    this.clock.advance(10_000);
    await turn();
  }

  /** Has an upload under way, whose video is `v1`. */
  async sending(): Promise<FakeTus> {
    this.library.follow({ hidden: false, addEventListener() {} } as unknown as Document);
    this.uploads.add([new File([new Uint8Array(1_000)], 'a.mp4')]);
    await vi.waitUntil(() => this.made[0]?.starts);
    await this.has();
    const [tus] = this.made;
    if (!tus) throw new Error('nothing was started');
    tus.created('/files/1', 'v1');
    tus.sent(500);
    await this.has(sampleVideo({ id: 'v1', state: 'active', progress: sampleProgress(400, 9) }));
    return tus;
  }

  get card(): Card {
    const [card] = this.queue.cards;
    if (!card) throw new Error('there is no card');
    return card;
  }

  get phases(): string[] {
    return this.queue.cards.map(phaseOf);
  }
}

/** Lets all promises that are due run. */
async function turn(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await Promise.resolve();
}

describe('Queue', () => {
  it('shows an upload and its video as one', async () => {
    const desk = new Desk();
    const tus = await desk.sending();
    expect(desk.phases).toEqual(['uploading']);
    expect(desk.card).toMatchObject({ key: 'file-1', video: { id: 'v1' } });
    tus.succeed();
    expect(desk.phases).toEqual(['processing']);
    await desk.has(sampleVideo({ id: 'v1' }));
    expect(desk.phases).toEqual(['completed']);
    expect(desk.queue.news).toEqual([{ kind: 'completed', title: 'Clip' }]);
  });

  it('stops sending what the server cannot use, and says why', async () => {
    const desk = new Desk();
    const tus = await desk.sending();
    const error = { code: 'not_media', message: 'Not media.', detail: '' };
    await desk.has(sampleVideo({ id: 'v1', state: 'failed', error, playback: null }));
    expect(desk.phases).toEqual(['failed']);
    expect(tus.running).toBe(false);
  });

  it('drops an upload whose video somebody else removed', async () => {
    const desk = new Desk();
    const tus = await desk.sending();
    await desk.has();
    expect(desk.queue.cards).toEqual([]);
    expect(tus).toMatchObject({ running: false, terminated: false });
  });

  it('ends an upload that is cancelled, and its video with it', async () => {
    const desk = new Desk();
    const tus = await desk.sending();
    const removal = desk.queue.remove(desk.card);
    expect(desk.queue.cards).toEqual([]);
    await removal;
    expect(tus.terminated).toBe(true);
    expect(desk.asked).toEqual([]);
  });

  it('removes a video that was received whole', async () => {
    const desk = new Desk();
    const tus = await desk.sending();
    tus.succeed();
    await desk.has(sampleVideo({ id: 'v1' }));
    await desk.queue.remove(desk.card);
    expect(desk.asked).toEqual(['DELETE /api/videos/v1']);
    expect([desk.queue.cards, desk.queue.mishap]).toEqual([[], null]);
  });

  it('tells when that did not work, and shows it again', async () => {
    const desk = new Desk();
    await desk.sending();
    desk.uploads.drop('v1');
    desk.broken = true;
    await desk.queue.remove(desk.card);
    expect(desk.queue.mishap).toMatchObject({ title: 'Clip', problem: { code: 'network' } });
    desk.broken = false;
    await desk.has(...desk.videos);
    expect(desk.queue.cards).toHaveLength(1);
    desk.queue.dismissMishap();
    expect(desk.queue.mishap).toBeNull();
  });

  it('has a failed video made once more, or tells why that cannot be', async () => {
    const desk = new Desk();
    await desk.sending();
    desk.uploads.drop('v1');
    const error = { code: 'crashed', message: '', detail: '' };
    await desk.has(sampleVideo({ id: 'v1', state: 'failed', error, playback: null }));
    await desk.queue.retry(desk.card);
    expect(desk.asked).toEqual(['POST /api/videos/v1/retry']);
    expect(desk.queue.mishap).toMatchObject({ problem: { code: 'not_retryable' } });
    expect(desk.phases).toEqual(['failed']);
    const waiting = sampleVideo({ id: 'v1', state: 'waiting', playback: null });
    desk.retried = new Response(JSON.stringify(waiting), { status: 202 });
    await desk.queue.retry(desk.card);
    expect(desk.phases).toEqual(['queued']);
  });
});
