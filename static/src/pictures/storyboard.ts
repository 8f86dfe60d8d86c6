// Changes when: when the small pictures of a video are loaded does.
import { type Tile, tileAt, tilesOf } from './cues.ts';

/** Answers with the text at an address. */
export type Reader = (address: string) => Promise<string>;

/** Strips that are loaded ahead; of a longer video those that are looked at. */
const AHEAD = 16;

/** The small pictures of one video, loaded once somebody looks, and again when there are more. */
export class Storyboard {
  readonly #read: Reader;
  readonly #load: (src: string) => Promise<void>;
  readonly #loaded = new Map<string, Promise<void>>();
  #address = '';
  #reach = 0;
  #tiles: readonly Tile[] = [];
  #reading: Promise<void> | null = null;

  constructor(read: Reader = readText, load: (src: string) => Promise<void> = loadPicture) {
    this.#read = read;
    this.#load = load;
  }

  get tiles(): readonly Tile[] {
    return this.#tiles;
  }

  /** Follows a storyboard whose video reaches up to `reach` seconds by now. */
  async look(address: string, reach: number): Promise<void> {
    const place = address.split('/').at(-2);
    if (place !== this.#address.split('/').at(-2)) {
      this.#tiles = [];
      this.#reach = 0;
      this.#loaded.clear();
    }
    this.#address = address;
    // What is being read now may have been written before there was so much.
    await this.#reading;
    if (reach <= this.#reach && this.#tiles.length > 0) return;
    this.#reading ??= this.#again(address, reach);
    await this.#reading;
  }

  /** The tile for a time, once its picture can be drawn without a wait. */
  async at(time: number): Promise<Tile | null> {
    const tile = tileAt(this.#tiles, time);
    if (!tile) return null;
    try {
      await this.#ready(tile.src);
      return tile;
    } catch {
      this.#loaded.delete(tile.src);
      return null;
    }
  }

  async #again(address: string, reach: number): Promise<void> {
    try {
      const base = new URL(address, globalThis.location?.href ?? 'http://localhost/').href;
      const tiles = tilesOf(await this.#read(address), base);
      if (address !== this.#address) return;
      this.#tiles = tiles;
      this.#reach = reach;
      void this.#ahead();
    } catch {
      // Whoever looks again has it read again.
    } finally {
      this.#reading = null;
    }
  }

  /** One after the other: there are few connections, and others need them more. */
  async #ahead(): Promise<void> {
    const strips = [...new Set(this.#tiles.map((tile) => tile.src))];
    const step = Math.max(1, strips.length / AHEAD);
    for (let n = 0; n < strips.length; n += step) {
      await this.#ready(strips[Math.floor(n)] ?? '').catch(() => {});
    }
  }

  #ready(src: string): Promise<void> {
    const loading = this.#loaded.get(src) ?? this.#load(src);
    this.#loaded.set(src, loading);
    return loading;
  }
}

async function readText(address: string): Promise<string> {
  // A list that grows may be kept for a second, which can be a second too long.
  const answer = await fetch(address, { cache: 'no-cache' });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.text();
}

async function loadPicture(src: string): Promise<void> {
  const image = new Image();
  image.src = src;
  await image.decode();
}
