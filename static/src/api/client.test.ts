// Changes when: client.ts or problem.ts does.
import { describe, expect, it } from 'vitest';
import { Client, type Fetcher } from './client.ts';
import { ApiError, problemOf } from './problem.ts';
import { sampleVideo } from './video.sample.ts';

function answering(...answers: (Response | Error)[]): { asked: string[]; fetcher: Fetcher } {
  const asked: string[] = [];
  return {
    asked,
    fetcher: async (path, init) => {
      asked.push(`${init.method} ${path}`);
      const answer = answers.shift();
      if (!answer || answer instanceof Error) throw answer ?? new Error('asked too often');
      return answer;
    },
  };
}

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

async function codeOf(task: Promise<unknown>): Promise<string> {
  const error = await task.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof ApiError ? `${error.status} ${error.code}` : String(error);
}

describe('Client', () => {
  it('pages through long lists', async () => {
    const many = (n: number, at: number) =>
      Array.from({ length: n }, (_, k) => sampleVideo({ id: `${at + k}` }));
    const { asked, fetcher } = answering(
      json({ videos: many(200, 0), next: '801-c7' }),
      json({ videos: many(30, 200), next: null }),
    );
    const found = await new Client(fetcher).videos(250);
    expect([found.videos.length, found.next]).toEqual([230, null]);
    expect(asked).toEqual(['GET /api/videos?limit=200', 'GET /api/videos?limit=50&before=801-c7']);
  });

  it('stops at the last page, full or not', async () => {
    const { asked, fetcher } = answering(json({ videos: [sampleVideo()], next: null }));
    await new Client(fetcher).videos(50);
    expect(asked).toHaveLength(1);
  });

  it('goes on where a list stopped', async () => {
    const { asked, fetcher } = answering(json({ videos: [sampleVideo()], next: '7-a' }));
    const found = await new Client(fetcher).videos(1, '9-b');
    expect([asked, found.next]).toEqual([['GET /api/videos?limit=1&before=9-b'], '7-a']);
  });

  it('asks for a video to be made once more', async () => {
    const { asked, fetcher } = answering(json(sampleVideo({ state: 'waiting' }), 202));
    expect((await new Client(fetcher).retry('v')).state).toBe('waiting');
    expect(asked).toEqual(['POST /api/videos/v/retry']);
  });

  it('gives errors their code', async () => {
    const problem = { code: 'not_found', title: 'There is nothing here.', detail: '' };
    const { fetcher } = answering(
      json(problem, 404),
      new Response('<h1>Bad Gateway</h1>', { status: 502 }),
      new TypeError('Failed to fetch'),
      new DOMException('late', 'TimeoutError'),
    );
    const client = new Client(fetcher);
    expect(await codeOf(client.video('a'))).toBe('404 not_found');
    expect(await codeOf(client.video('a'))).toBe('502 unexpected');
    expect(await codeOf(client.video('a'))).toBe('0 network');
    expect(await codeOf(client.video('a'))).toBe('0 timeout');
  });

  it('is content when what it removes is gone already', async () => {
    const { fetcher } = answering(json({ code: 'not_found' }, 404), json({ code: 'gone' }, 403));
    const client = new Client(fetcher);
    await client.remove('a');
    expect(await codeOf(client.remove('a'))).toBe('403 gone');
  });
});

describe('problemOf', () => {
  it('takes a problem document only', () => {
    expect(problemOf('{"code":"too_large","title":"Too large.","detail":"x"}')).toEqual({
      code: 'too_large',
      title: 'Too large.',
      detail: 'x',
    });
    for (const body of ['', 'null', '[]', '{}', '{"code":7}', '<html>']) {
      expect(problemOf(body).code).toBe('unexpected');
    }
  });
});
