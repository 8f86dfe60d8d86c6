// Changes when: what the server's WebVTT files of pictures say does.

/** What shows the time from `start` to `end`, in seconds: a part of the picture at `src`. */
export interface Tile {
  readonly start: number;
  readonly end: number;
  readonly src: string;
  /** Pixels of the picture as it is stored. */
  readonly x: number;
  readonly width: number;
  readonly height: number;
}

const TIMES = /^(\d+):(\d{2}):(\d{2}\.\d{3}) --> (\d+):(\d{2}):(\d{2}\.\d{3})/;
const PLACE = /^([^#]+)#xywh=(\d+),\d+,(\d+),(\d+)$/;

/** The tiles of a storyboard whose address is `base`, in order. Unknown lines are passed over. */
export function tilesOf(text: string, base: string): Tile[] {
  const found: Tile[] = [];
  let times: [number, number] | null = null;
  for (const line of text.split(/\r?\n/)) {
    const at = TIMES.exec(line);
    const place = times && PLACE.exec(line);
    if (at) times = [seconds(at.slice(1, 4)), seconds(at.slice(4, 7))];
    else if (times && place) {
      const [, name = '', x, width, height] = place;
      found.push({
        start: times[0],
        end: times[1],
        src: new URL(name, base).href,
        x: Number(x),
        width: Number(width),
        height: Number(height),
      });
      times = null;
    }
  }
  return found;
}

/** The tile that shows what there is at `time`; before the first and after the last those. */
export function tileAt(tiles: readonly Tile[], time: number): Tile | null {
  let [low, high] = [0, tiles.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((tiles[middle]?.start ?? 0) <= time) low = middle;
    else high = middle;
  }
  return tiles[low] ?? null;
}

function seconds([hours, minutes, rest]: readonly string[]): number {
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}
