// Changes when: which uploads and videos make up which card, and in what order, does.
import type { Video } from '../api/video.ts';
import type { UploadView } from '../upload/view.ts';

/** One thing that people see: a file that this page sends, a video of the server, or both. */
export interface Card {
  readonly key: string;
  /** The file's name instead of the title where another card has the same title. */
  readonly title: string;
  readonly upload: UploadView | null;
  readonly video: Video | null;
}

type Untitled = Omit<Card, 'title'>;

/**
 * The newest first: the server's order, in which uploads that it does not know yet have the
 * places that they will have. `uploads` are in the order in which they were chosen. A card that
 * did not change is the same object as in `before`.
 */
export function cardsOf(
  uploads: readonly UploadView[],
  videos: readonly Video[],
  before: readonly Card[] = [],
): Card[] {
  const numbered = uploads.map((upload, place) => ({ upload, place }));
  const sent = new Map(numbered.map((entry) => [entry.upload.videoId, entry]));
  for (const video of videos) {
    const ours = sent.has(video.id) ? undefined : unnamed(video, numbered, sent, before);
    if (ours) sent.set(video.id, ours);
  }
  const met = new Set(videos.map((video) => sent.get(video.id)?.upload.key));
  const unknown = numbered.filter(({ upload }) => !met.has(upload.key)).reverse();
  /** Those that were chosen after the one at `place`. */
  const newer = (place: number): Untitled[] => {
    const older = unknown.findIndex((entry) => entry.place <= place);
    return unknown
      .splice(0, older === -1 ? unknown.length : older)
      .map(({ upload }) => ({ key: upload.key, upload, video: null }));
  };
  const cards = videos.flatMap((video): Untitled[] => {
    const { upload, place } = sent.get(video.id) ?? { upload: null, place: -1 };
    return [...newer(place), { key: upload?.key ?? video.id, upload, video }];
  });
  cards.push(...newer(-1));
  // Some are sent at the same time: which of them the server met first moves none of them.
  const places = new Map(numbered.map(({ upload, place }) => [upload.key, place]));
  const placeOf = (card: Untitled) => places.get(card.key) ?? -1;
  const own = cards.filter(({ upload }) => upload).sort((a, b) => placeOf(b) - placeOf(a));
  const steady = cards.map((card) => (card.upload ? (own.shift() ?? card) : card));
  return titled(steady, before);
}

interface Numbered {
  readonly upload: UploadView;
  readonly place: number;
}

/**
 * The upload of which a new video is, though the answer that names it is still on its way: the
 * server tells of the video as soon as there is one.
 */
function unnamed(
  video: Video,
  uploads: readonly Numbered[],
  sent: ReadonlyMap<string | null, Numbered>,
  before: readonly Card[],
): Numbered | undefined {
  if (video.state !== 'created' || before.some(({ key }) => key === video.id)) return undefined;
  const claimed = new Set([...sent].flatMap(([id, { upload }]) => (id ? upload.key : [])));
  return uploads.find(
    ({ upload }) =>
      upload.videoId === null &&
      upload.state === 'uploading' &&
      upload.filename === video.filename &&
      upload.size === video.size &&
      !claimed.has(upload.key),
  );
}

/** Ids of videos that cards had and the server no longer names: somebody removed them. */
export function vanished(before: readonly Card[], videos: readonly Video[]): string[] {
  const there = new Set(videos.map((video) => video.id));
  return before.flatMap((card) => (card.video && !there.has(card.video.id) ? card.video.id : []));
}

export function filenameOf({ video, upload }: Untitled): string {
  return video?.filename || upload?.filename || '';
}

function titled(cards: readonly Untitled[], before: readonly Card[]): Card[] {
  const old = new Map(before.map((card) => [card.key, card]));
  const namesakes = new Map<string, number>();
  for (const card of cards) {
    const title = titleOf(card);
    namesakes.set(title, (namesakes.get(title) ?? 0) + 1);
  }
  return cards.map((card) => {
    const own = titleOf(card);
    const title = (namesakes.get(own) ?? 0) > 1 ? filenameOf(card) || own : own;
    const last = old.get(card.key);
    const same = last?.title === title && last.upload === card.upload && last.video === card.video;
    return last && same ? last : { ...card, title };
  });
}

function titleOf({ video, upload }: Untitled): string {
  return video?.title || upload?.title || upload?.filename || '';
}
