// Changes when: transfer.ts or uploads.ts does.
import { describe, expect, it, vi } from 'vitest';
import { ApiError, ownProblem } from '../api/problem.ts';
import { ManualClock } from '../clock.ts';
import { FakeTus } from './tus.fake.ts';
import { Begun, type Unfinished } from './unfinished.ts';
import { Uploads } from './uploads.ts';

/** A page with uploads, whose server is the test. */
class Bench {
  readonly clock = new ManualClock();
  readonly made: FakeTus[] = [];
  online = true;
  begun: Unfinished[] = [];
  broken = false;
  several = false;
  readonly kept = new Map<string, string>();
  readonly uploads = new Uploads({
    clock: this.clock,
    begun: new Begun(async () => {
      if (this.broken) throw new ApiError(ownProblem('network'), 0);
      return this.begun;
    }, this.clock),
    keep: {
      keep: async (videoId, { name }) => void this.kept.set(videoId, name),
      forget: async (videoId) => void this.kept.delete(videoId),
    },
    several: () => this.several,
    make: (file, options) => {
      const tus = new FakeTus(file, options);
      this.made.push(tus);
      return tus;
    },
    online: () => this.online,
  });

  get states(): string {
    return this.uploads.all.map(({ state }) => state).join(' ');
  }

  tus(n: number): FakeTus {
    const found = this.made[n];
    if (!found) throw new Error(`only ${this.made.length} were made`);
    return found;
  }

  async add(...names: string[]): Promise<void> {
    this.uploads.add(names.map((name) => file(name)));
    await this.opened();
  }

  /** Files are read before they are sent. */
  async opened(more = 0): Promise<void> {
    const sending = this.uploads.all.filter(({ state }) => state === 'uploading').length;
    await vi.waitUntil(() => this.made.filter(({ starts }) => starts > 0).length >= sending + more);
  }
}

const file = (name: string) => new File([new Uint8Array(1_000)], name, { lastModified: 1 });

async function turn(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

const begun = (video: string, filename: string, change: Partial<Unfinished> = {}): Unfinished => ({
  video,
  size: 1_000,
  assembly: null,
  metadata: { filename },
  windows: [{ url: `/files/${video}`, start: 0, length: 1_000, offset: 400 }],
  ...change,
});

describe('Uploads', () => {
  it('keeps three in flight, and goes on with the next', async () => {
    const bench = new Bench();
    await bench.add('a', 'b', 'c', 'd');
    expect(bench.states).toBe('uploading uploading uploading waiting');
    bench.tus(1).created();
    bench.tus(1).succeed();
    await bench.opened(1);
    expect(bench.states).toBe('uploading done uploading uploading');
    bench.uploads.pauseAll();
    expect(bench.states).toBe('paused done paused paused');
    bench.uploads.resumeAll();
    expect(bench.states).toBe('uploading done uploading uploading');
  });

  it('does not queue what is on its way, and wakes what stands still', async () => {
    const bench = new Bench();
    await bench.add('a', 'b');
    bench.uploads.pause('file-1');
    expect(bench.uploads.add([file('a'), file('b'), file('c')])).toEqual({ added: 1, known: 2 });
    expect(bench.states).toBe('uploading uploading uploading');
  });

  it('tells bytes, speed and time left', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.tus(0).created('/files/1', 'v1');
    bench.tus(0).sent(0);
    bench.clock.advance(2_500);
    bench.tus(0).sent(500);
    expect(bench.uploads.all[0]).toMatchObject({
      bytes: 500,
      perSecond: 200,
      secondsLeft: 2.5,
      videoId: 'v1',
    });
  });

  it('lets a creation that is under way end before it pauses', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.uploads.pause('file-1');
    expect(bench.tus(0).running).toBe(true);
    bench.tus(0).created('/files/1', 'v1');
    expect(bench.tus(0).running).toBe(false);
    expect(bench.uploads.all[0]).toMatchObject({ state: 'paused', videoId: 'v1' });
    bench.uploads.resume('file-1');
    await turn();
    expect(bench.tus(0)).toMatchObject({ running: true, starts: 2 });
  });

  it('takes back from the server what is cancelled, even while it is being created', async () => {
    const bench = new Bench();
    await bench.add('a', 'b');
    bench.tus(0).created();
    await bench.uploads.cancel('file-1');
    expect(bench.tus(0).terminated).toBe(true);
    await bench.uploads.cancel('file-2');
    expect(bench.tus(1).terminated).toBe(false);
    bench.tus(1).created();
    expect(bench.tus(1).terminated).toBe(true);
    expect(bench.uploads.all).toEqual([]);
  });

  it('goes on with an upload of an earlier visit, but not twice with the same', async () => {
    const bench = new Bench();
    bench.begun = [begun('v9', 'a')];
    await bench.add('a', 'b');
    expect(bench.made.map(({ options }) => options.uploadUrl)).toEqual(['/files/v9', undefined]);
    expect(bench.uploads.all.map(({ videoId }) => videoId)).toEqual(['v9', null]);
  });

  it('goes on with the upload of a video that somebody has the file of', async () => {
    const bench = new Bench();
    bench.begun = [begun('v8', 'a'), begun('v9', 'a')];
    expect(await bench.uploads.goOn('v9', file('b'))).toBe(false);
    expect(await bench.uploads.goOn('v7', file('a'))).toBe(false);
    expect(await bench.uploads.goOn('v9', file('a'))).toBe(true);
    await bench.opened();
    expect(bench.tus(0).options.uploadUrl).toBe('/files/v9');
    expect(await bench.uploads.goOn('v9', file('a'))).toBe(true);
    expect(bench.uploads.all).toHaveLength(1);
  });

  it('remembers which file a video is of, until it is sent', async () => {
    const bench = new Bench();
    await bench.add('a', 'b');
    bench.tus(0).created('/files/1', 'v1');
    bench.tus(1).created('/files/2', 'v2');
    expect([...bench.kept]).toEqual([
      ['v1', 'a'],
      ['v2', 'b'],
    ]);
    bench.tus(0).succeed();
    await bench.uploads.cancel('file-2');
    expect([...bench.kept]).toEqual([]);
  });

  it('asks again what there is of a file when the server does not answer', async () => {
    const bench = new Bench();
    bench.broken = true;
    bench.uploads.add([file('a')]);
    await vi.waitUntil(() => bench.uploads.all[0]?.trouble === 'retrying');
    expect(bench.made).toHaveLength(0);
    bench.broken = false;
    bench.clock.advance(4_000);
    await bench.opened();
    expect(bench.uploads.all[0]).toMatchObject({ state: 'uploading', trouble: null });
  });

  it('drops what was removed, and refuses what the server cannot use', async () => {
    const bench = new Bench();
    bench.begun = [begun('v1', 'a')];
    await bench.add('a', 'b');
    bench.tus(0).answer('HEAD', 200, 'v1');
    bench.tus(1).created('/files/2', 'v2');
    bench.uploads.refuse('v1', { code: 'not_media', title: '', detail: '' });
    expect(bench.states).toBe('failed uploading');
    expect(bench.tus(0).running).toBe(false);
    bench.uploads.drop('v2');
    expect(bench.uploads.all.map(({ filename }) => filename)).toEqual(['a']);
  });
});

describe('Transfer', () => {
  it('says that it tries again, and that it got through', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.tus(0).created();
    expect(bench.tus(0).fail(503)).toBe(true);
    expect(bench.uploads.all[0]?.trouble).toBe('retrying');
    bench.tus(0).answer('HEAD', 200, 'v1');
    expect(bench.uploads.all[0]?.trouble).toBeNull();
  });

  it('waits for the connection instead of failing', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.tus(0).created();
    bench.online = false;
    expect(bench.tus(0).fail(0)).toBe(false);
    expect(bench.uploads.all[0]).toMatchObject({ state: 'uploading', trouble: 'offline' });
    bench.online = true;
    bench.uploads.wake();
    await turn();
    expect(bench.tus(0)).toMatchObject({ running: true, starts: 2 });
  });

  it('fails at once where another try would be in vain, and says why', async () => {
    const bench = new Bench();
    await bench.add('a');
    expect(bench.tus(0).fail(413, '{"code":"too_large","title":"Too large."}')).toBe(false);
    expect(bench.uploads.all[0]).toMatchObject({ state: 'failed', problem: { code: 'too_large' } });
    bench.uploads.retry('file-1');
    await turn();
    expect(bench.uploads.all[0]).toMatchObject({ state: 'uploading', problem: null });
  });

  it('does not begin anew behind the back of people when its upload is gone', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.tus(0).created();
    bench.uploads.pause('file-1');
    bench.uploads.resume('file-1');
    await turn();
    let refusal: unknown;
    try {
      bench.tus(0).answer('HEAD', 404);
    } catch (error) {
      refusal = error;
    }
    bench.tus(0).fail(0, '', refusal as Error);
    expect(bench.uploads.all[0]).toMatchObject({
      state: 'failed',
      problem: { code: 'upload_gone' },
    });
    bench.uploads.retry('file-1');
    await bench.opened(1);
    expect(bench.made).toHaveLength(2);
    expect(bench.uploads.all[0]).toMatchObject({ state: 'uploading', bytes: 0, videoId: null });
  });

  it('gives a dead connection up', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.tus(0).created();
    bench.tus(0).sent(100);
    bench.clock.advance(70_000);
    expect(bench.tus(0).starts).toBe(1);
    bench.clock.advance(10_000);
    await turn();
    expect(bench.tus(0).starts).toBe(2);
  });
});
