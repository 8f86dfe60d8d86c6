// Changes when: what media-chrome's quality menu asks of a video does.

/** One line of the menu. */
export interface MenuRendition {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly bitrate: number;
}

/**
 * The `videoRenditions` that media-chrome looks for on a media element: a list with a selected
 * index (-1: automatic) that tells when it changes.
 */
export class RenditionList extends EventTarget {
  [index: number]: MenuRendition;
  readonly #choose: (index: number) => void;
  #length = 0;
  #selected = -1;

  /** `choose` is called when somebody picks another one. */
  constructor(choose: (index: number) => void) {
    super();
    this.#choose = choose;
  }

  get length(): number {
    return this.#length;
  }

  get selectedIndex(): number {
    return this.#selected;
  }

  set selectedIndex(index: number) {
    if (index === this.#selected) return;
    this.#selected = index;
    this.#choose(index);
    this.dispatchEvent(new Event('change'));
  }

  *[Symbol.iterator](): Iterator<MenuRendition> {
    for (let n = 0; n < this.#length; n += 1) {
      const rendition = this[n];
      if (rendition) yield rendition;
    }
  }

  /** What there is to choose from. Sound alone has no sizes, so there is nothing to choose. */
  set(levels: readonly { width: number; height: number; bitrate: number }[]): void {
    for (let n = 0; n < this.#length; n += 1) delete this[n];
    const seen = levels.filter((level) => level.width > 0 && level.height > 0);
    this.#length = seen.length === levels.length ? levels.length : 0;
    this.#selected = -1;
    levels.slice(0, this.#length).forEach(({ width, height, bitrate }, n) => {
      this[n] = { id: String(n), width, height, bitrate };
    });
    this.dispatchEvent(new Event('addrendition'));
  }
}
