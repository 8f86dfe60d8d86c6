// Changes when: which uploads and videos make up which card, and in what order, does.
import type { Video } from '../api/video.ts';
import type { UploadView } from '../upload/view.ts';

/** One thing that people see: a file that this page sends, a video of the server, or both. */
export interface Card {
  readonly key: string;
  readonly upload: UploadView | null;
  readonly video: Video | null;
}

/**
 * Uploads of this page first, the latest choice on top and in its own order, so that nothing
 * moves while they run; then the server's other videos as they come. A card that did not change
 * is the same object as in `before`.
 */
export function cardsOf(
  uploads: readonly UploadView[],
  videos: readonly Video[],
  before: readonly Card[] = [],
): Card[] {
  const rest = new Map(videos.map((video) => [video.id, video]));
  const old = new Map(before.map((card) => [card.key, card]));
  const same = (card: Card): Card => {
    const last = old.get(card.key);
    return last && last.upload === card.upload && last.video === card.video ? last : card;
  };
  const ordered = [...uploads].sort((a, b) => b.batch - a.batch);
  const sent = ordered.map((upload) => {
    const video = upload.videoId === null ? null : (rest.get(upload.videoId) ?? null);
    if (video) rest.delete(video.id);
    return same({ key: upload.key, upload, video });
  });
  return [
    ...sent,
    ...[...rest.values()].map((video) => same({ key: video.id, upload: null, video })),
  ];
}

/** Ids of videos that cards had and the server no longer names: somebody removed them. */
export function vanished(before: readonly Card[], videos: readonly Video[]): string[] {
  const there = new Set(videos.map((video) => video.id));
  return before.flatMap((card) => (card.video && !there.has(card.video.id) ? card.video.id : []));
}

export function titleOfCard(card: Card): string {
  return card.video?.title || card.upload?.title || card.upload?.filename || '';
}
