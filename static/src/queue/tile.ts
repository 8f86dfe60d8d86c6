// Changes when: the picture at the left of a card does.
import { html, LitElement, nothing, type PropertyValues, svg, type TemplateResult } from 'lit';
import { base } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { type IconName, icon } from '../icons.ts';
import type { Tile as Still } from '../pictures/cues.ts';
import { Storyboard } from '../pictures/storyboard.ts';
import type { Card } from './cards.ts';
import { type Leading, leadingOf } from './measure.ts';
import { type Phase, phaseOf, playbackOf } from './phase.ts';
import { tileStyle } from './tile-style.ts';

const RADIUS = 21;
const ROUND = 2 * Math.PI * RADIUS;
/** A picture of this shape (width by height) may fill the tile; of others too much would be lost. */
const FILLING = { least: 1.2, most: 2.4 };
/** What runs by itself: so many pictures, each so long. All of it is over within five seconds. */
const RUN = { pictures: 12, each: 380 };

const SYMBOLS: Partial<Record<Phase, IconName>> = {
  failed: 'alert',
  paused: 'pause',
  interrupted: 'pause',
  waiting: 'clock',
  queued: 'clock',
  reconnecting: 'clock',
};

/**
 * The poster, and how far things are. Under a mouse the video runs through it; with the focus in
 * its card it does so once, by itself. What is drawn over it stands in words beside it.
 */
export class ReelraceTile extends LitElement {
  static override properties = {
    card: { attribute: false },
    still: { state: true },
    share: { state: true },
  };

  declare card: Card;
  /** What is shown instead of the poster. */
  declare still: Still | null;
  /** Where in the video that is, 0 to 1; null: nowhere. */
  declare share: number | null;
  readonly #words = new Localized(this);
  readonly #storyboard = new Storyboard();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.still = null;
    this.share = null;
    this.addEventListener('pointermove', (event) => this.#point(event));
    this.addEventListener('pointerleave', () => this.rest());
  }

  override render(): TemplateResult {
    const { card } = this;
    const { format } = this.#words;
    const { video } = card;
    const leading = leadingOf(card);
    const length = this.share === null ? (video?.duration ?? null) : this.share * this.#seconds;
    const playable = playbackOf(card) !== null;
    const sound = playable && !video?.width;
    return html`
      <div class="tile" data-shape=${this.#shape} ?data-pictured=${!!video?.poster} ?data-playable=${playable}>
        ${video?.poster ? this.#poster(video.poster) : nothing}
        ${sound ? waves() : nothing}
        ${this.still ? this.#frame(this.still) : nothing}
        <div class="disc" aria-hidden="true" ?data-away=${this.still !== null}>
          ${leading ? ring(leading) : nothing} ${this.#inside(playable, leading)}
        </div>
        ${
          length
            ? html`<span class="length" aria-hidden="true">${format.clock(length)}</span>`
            : nothing
        }
        <div
          class="place"
          style="transform: scaleX(${this.share ?? 0})"
          ?data-away=${this.share === null}
        ></div>
      </div>
    `;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('card');
    if (before && before.video?.id !== this.card.video?.id) this.rest();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.rest();
  }

  /** Shows the video in brief, once. */
  async run(): Promise<void> {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    clearTimeout(this.#timer);
    let n = 0;
    const next = async () => {
      if (n === RUN.pictures || !this.isConnected) return this.rest();
      await this.#show(n / RUN.pictures);
      n += 1;
      this.#timer = setTimeout(next, RUN.each);
    };
    this.#timer = setTimeout(next, RUN.each);
  }

  /** Back to the poster. */
  rest(): void {
    clearTimeout(this.#timer);
    this.share = null;
    this.still = null;
  }

  get #seconds(): number {
    return playbackOf(this.card)?.seconds ?? 0;
  }

  get #shape(): 'filling' | 'framed' {
    const { width, height } = this.card.video ?? {};
    const aspect = width && height ? width / height : 16 / 9;
    return aspect >= FILLING.least && aspect <= FILLING.most ? 'filling' : 'framed';
  }

  #point(event: PointerEvent): void {
    if (event.pointerType === 'touch') return;
    const { left, width } = this.getBoundingClientRect();
    clearTimeout(this.#timer);
    void this.#show(Math.min(1, Math.max(0, (event.clientX - left) / width)));
  }

  async #show(share: number): Promise<void> {
    const address = this.card.video?.storyboard;
    if (!address || this.#seconds === 0) return;
    this.share = share;
    await this.#storyboard.look(address, this.#seconds);
    const still = await this.#storyboard.at(share * this.#seconds);
    // In the meantime the pointer may have gone elsewhere.
    if (still && this.share === share) this.still = still;
  }

  #poster(src: string): TemplateResult {
    const there = (event: Event) => (event.target as Element).toggleAttribute('data-there', true);
    const alt = this.#words.text.queue.poster(this.card.title);
    return html`
      ${
        this.#shape === 'framed'
          ? html`<img class="haze" src=${src} alt="" @load=${there} decoding="async" />`
          : nothing
      }
      <img class="poster" src=${src} alt=${alt} @load=${there} decoding="async" />
    `;
  }

  #frame({ src, x, width, height }: Still): TemplateResult {
    return html`<div class="still" aria-hidden="true">
      <div class="window" style="aspect-ratio: ${width} / ${height}">
        <img src=${src} alt="" style="left: ${(-100 * x) / width}%" />
      </div>
    </div>`;
  }

  #inside(playable: boolean, leading: Leading | null): TemplateResult | TemplateResult<2> {
    if (playable) return icon('play');
    const symbol = SYMBOLS[phaseOf(this.card)];
    if (symbol) return icon(symbol);
    return leading
      ? html`<span class="share">${this.#words.format.percent(leading.percent)}</span>`
      : icon('clock');
  }

  static override styles = [base, tileStyle];
}

/** A pie that fills up clockwise, in the colour of its runner. */
function ring({ runner, percent }: Leading): TemplateResult<2> {
  return svg`<svg class="ring" viewBox="0 0 48 48" fill="none" focusable="false">
    <circle cx="24" cy="24" r=${RADIUS} />
    <circle class="share ${runner}" cx="24" cy="24" r=${RADIUS} transform="rotate(-90 24 24)"
      stroke-dasharray=${ROUND} stroke-dashoffset=${ROUND * (1 - percent / 100)} />
  </svg>` as TemplateResult<2>;
}

/** Sound has no picture: the same waves stand for all of it. */
function waves(): TemplateResult<2> {
  const heights = [10, 18, 30, 22, 44, 34, 56, 40, 26, 48, 62, 36, 20, 42, 30, 50, 24, 14, 28, 12];
  return svg`<svg class="waves" viewBox="0 0 160 90" preserveAspectRatio="xMidYMid slice"
    aria-hidden="true" focusable="false">
    ${heights.map(
      (height, n) =>
        svg`<rect x=${3 + n * 8} y=${45 - height / 2} width="3" height=${height} rx="1.5"/>`,
    )}
  </svg>` as TemplateResult<2>;
}

customElements.define('reelrace-tile', ReelraceTile);
