// Changes when: what the player shows around the picture does.
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { setLanguage } from 'media-chrome/dist/utils/i18n.js';
import 'media-chrome/dist/lang/de.js';
import 'media-chrome';
import 'media-chrome/dist/menu/index.js';
import type { Pose } from '../api/video.ts';
import { systemClock } from '../clock.ts';
import { base, buttons } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { icon } from '../icons.ts';
import '../overlays/pose.ts';
import { browserPreferences } from '../preferences.ts';
import type { Outlook } from '../queue/phase.ts';
import { playerStyle } from './player-style.ts';
import { Previews } from './previews.ts';
import { Stream, type StreamProblem } from './stream.ts';

/** Seconds from the end at which a growing stream counts as watched up to its edge. */
const EDGE = 1;
const SKELETON = 'reelrace.skeleton';

export class ReelracePlayer extends LitElement {
  static override properties = {
    src: {},
    label: {},
    outlook: {},
    sound: { type: Boolean, reflect: true },
    poster: {},
    storyboard: {},
    reach: { type: Number },
    pose: { attribute: false },
    skeleton: { state: true },
    waiting: { state: true },
  };

  /** Address of the multivariant playlist. */
  declare src: string;
  declare label: string;
  declare outlook: Outlook | null;
  /** There is no picture. */
  declare sound: boolean;
  /** What is shown until the first picture is there. */
  declare poster: string | null;
  declare storyboard: string | null;
  /** Seconds that there are, as the server says. */
  declare reach: number;
  declare pose: Pose | null;
  /** Whether skeletons are wanted; kept from one visit to the next. */
  declare skeleton: boolean;
  declare waiting: boolean;
  readonly #words = new Localized(this);
  readonly #video = document.createElement('video');
  #noted = false;
  /** The picture comes first; what lies around it may come once it moves. */
  #moving = false;
  readonly #stream = new Stream(this.#video, systemClock);
  readonly #previews = new Previews(this.#video);

  constructor() {
    super();
    this.src = '';
    this.label = '';
    this.outlook = null;
    this.sound = false;
    this.poster = null;
    this.storyboard = null;
    this.reach = 0;
    this.pose = null;
    this.skeleton = browserPreferences.read(SKELETON) === 'on';
    this.waiting = false;
    // media-chrome reads its words once, when its elements are made.
    setLanguage(this.#words.code);
    this.#video.slot = 'media';
    this.#video.playsInline = true;
    this.#video.autoplay = true;
    Object.assign(this.#video, { videoRenditions: this.#stream.renditions });
    this.#video.addEventListener('waiting', () => {
      this.waiting = true;
    });
    for (const moving of ['playing', 'seeking', 'pause', 'ended']) {
      this.#video.addEventListener(moving, () => {
        this.waiting = false;
      });
    }
    this.#video.addEventListener('playing', () => {
      this.#moving = true;
      this.#preview();
    });
    this.#stream.subscribe(() => this.requestUpdate());
    this.addEventListener('keydown', (event) => this.#key(event));
  }

  override render(): TemplateResult {
    const { text } = this.#words;
    return html`
      <media-controller
        aria-label=${this.label}
        hotkeys="noshift+/ noc"
        autohide=${this.sound ? -1 : 3}
        ?hidden=${this.#stream.problem !== null}
      >
        ${this.#video}
        ${
          this.pose
            ? html`<reelrace-pose
                noautohide
                .video=${this.#video}
                .pose=${this.pose}
                ?on=${this.skeleton}
              ></reelrace-pose>`
            : nothing
        }
        ${this.sound ? html`<div slot="centered-chrome" class="sound" noautohide>${icon('sound')}</div>` : nothing}
        <media-loading-indicator slot="centered-chrome" noautohide></media-loading-indicator>
        <media-settings-menu hidden anchor="auto">
          <media-settings-menu-item>
            ${text.player.speed}
            <media-playback-rate-menu slot="submenu" hidden rates="0.25 0.5 0.75 1 1.25 1.5 2">
              <div slot="title">${text.player.speed}</div>
            </media-playback-rate-menu>
          </media-settings-menu-item>
          <media-settings-menu-item>
            ${text.player.quality}
            <media-rendition-menu slot="submenu" hidden>
              <div slot="title">${text.player.quality}</div>
            </media-rendition-menu>
          </media-settings-menu-item>
        </media-settings-menu>
        <div class="controls">
          <media-time-range @pointerenter=${this.#preview}></media-time-range>
          <media-control-bar>
            <media-play-button></media-play-button>
            <media-seek-backward-button class="roomy" seekoffset="10"></media-seek-backward-button>
            <media-seek-forward-button class="roomy" seekoffset="10"></media-seek-forward-button>
            <media-mute-button></media-mute-button>
            <media-volume-range class="roomy"></media-volume-range>
            <media-time-display showduration notoggle></media-time-display>
            <span class="gap"></span>
            ${this.pose ? this.#switch() : nothing}
            <media-settings-menu-button></media-settings-menu-button>
            ${this.sound ? nothing : html`<media-pip-button></media-pip-button>`}
            ${this.sound ? nothing : html`<media-fullscreen-button></media-fullscreen-button>`}
          </media-control-bar>
        </div>
      </media-controller>
      ${this.#stream.problem ? this.#sorry(this.#stream.problem) : this.#note()}
    `;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('poster')) this.#video.poster = this.poster ?? '';
    if (!changed.has('src') || !this.src) return;
    this.#noted = false;
    this.#moving = false;
    this.#stream.open(this.src);
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('storyboard') || changed.has('reach')) this.#preview();
  }

  override firstUpdated(): void {
    // Its controls are hidden until the pointer moves; who has just come should see them.
    this.renderRoot
      .querySelector('media-controller')
      ?.dispatchEvent(new PointerEvent('pointermove', { pointerType: 'mouse' }));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stream.close();
  }

  /** Keys work at once: space, arrows, M, F, S. */
  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>('media-play-button')?.focus();
  }

  #switch(): TemplateResult {
    const { skeleton } = this.#words.text.player;
    return html`<button
      class="switch"
      role="switch"
      aria-checked=${String(this.skeleton)}
      aria-label=${skeleton}
      aria-keyshortcuts="S"
      title=${skeleton}
      @click=${this.#toggle}
    >
      ${icon('figure')}<span aria-hidden="true">${skeleton}</span>
    </button>`;
  }

  readonly #toggle = (): void => {
    this.skeleton = !this.skeleton;
    browserPreferences.write(SKELETON, this.skeleton ? 'on' : 'off');
  };

  #key(event: KeyboardEvent): void {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || shiftKey || key.toLowerCase() !== 's') return;
    if (this.pose) this.#toggle();
  }

  readonly #preview = (): void => {
    if (this.#moving) void this.#previews.follow(this.storyboard, this.reach);
  };

  /** Once there, it stays until the player closes: what is watched should not jump. */
  #note(): TemplateResult | typeof nothing {
    const { growing, ready } = this.#stream;
    const stuck = this.waiting && this.#stream.troubled;
    this.#noted ||= (growing && ready > 0) || stuck;
    if (!this.#noted) return nothing;
    return html`<p class="note" role="status" data-tone=${this.#tone(stuck)}>
      <span class="dot"></span>${this.#standing(stuck)}
    </p>`;
  }

  #standing(stuck: boolean): string {
    const { growing, ready } = this.#stream;
    const { text, format } = this.#words;
    if (stuck) return text.player.trouble;
    if (!growing) return text.player.whole;
    const edge = this.waiting && this.#video.currentTime > ready - EDGE;
    if (edge && this.#moves) return text.player.edge;
    return text.player[this.outlook ?? 'uploading'](format.clock(ready));
  }

  #tone(stuck: boolean): 'active' | 'done' | 'still' | 'stuck' {
    if (stuck) return 'stuck';
    if (!this.#stream.growing) return 'done';
    if (this.outlook === 'offline') return 'stuck';
    return this.#moves ? 'active' : 'still';
  }

  get #moves(): boolean {
    return this.outlook === 'uploading' || this.outlook === 'processing';
  }

  #sorry(problem: StreamProblem): TemplateResult {
    const { player } = this.#words.text;
    const again = problem === 'network' || problem === 'media';
    return html`<div class="sorry" role="alert">
      ${icon('alert')}
      <p>${player.problems[problem]}</p>
      ${
        again
          ? html`<button class="button" @click=${() => this.#stream.open(this.src)}>
              ${icon('retry')}${player.retry}
            </button>`
          : nothing
      }
    </div>`;
  }

  static override styles = [base, buttons, playerStyle];
}

customElements.define('reelrace-player', ReelracePlayer);
