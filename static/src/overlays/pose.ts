// Changes when: how the skeleton is kept in step with the picture does.
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Pose } from '../api/video.ts';
import { systemClock } from '../clock.ts';
import { base } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { draw, fitted } from './drawing.ts';
import { PoseTrack, readFrames } from './track.ts';

/** Half a picture's time is never longer, in seconds: nothing runs slower on purpose. */
const MOST_SLACK = 0.02;
const LEAST_SLACK = 0.001;

/** Skeletons over the picture of a video element, which fills the same place. */
export class PoseOverlay extends LitElement {
  static override properties = {
    video: { attribute: false },
    pose: { attribute: false },
    on: { type: Boolean },
    nobody: { state: true },
  };

  declare video: HTMLVideoElement;
  declare pose: Pose | null;
  /** Else nothing is drawn, and nothing loaded. */
  declare on: boolean;
  declare nobody: boolean;
  readonly #words = new Localized(this);
  readonly #track = new PoseTrack(readFrames, systemClock);
  readonly #sizes = new ResizeObserver(() => this.#draw());
  #frame = 0;
  /** Of the picture that is shown, in seconds. */
  #time = 0;
  #exact = false;
  #slack = LEAST_SLACK;

  constructor() {
    super();
    this.pose = null;
    this.on = false;
    this.nobody = false;
    this.#track.subscribe(() => this.#draw());
  }

  override render(): TemplateResult {
    return html`
      <canvas aria-hidden="true"></canvas>
      <div role="status">
        ${this.nobody ? html`<p>${this.#words.text.player.nobody}</p>` : nothing}
      </div>
    `;
  }

  override firstUpdated(): void {
    this.#sizes.observe(this.#canvas);
    for (const moving of ['enterpictureinpicture', 'leavepictureinpicture', 'emptied', 'resize']) {
      this.video.addEventListener(moving, () => this.#draw());
    }
    // Until a picture is presented this must do; it lies anywhere within the picture's time.
    this.#time = this.video.currentTime;
    this.#next();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('pose') && this.pose) this.#track.follow(this.pose.ndjson, this.pose.seconds);
    if (!changed.has('on') && !changed.has('pose')) return;
    if (this.#active) this.#show();
    else this.#stop();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#sizes.disconnect();
    this.video.cancelVideoFrameCallback(this.#frame);
    this.#stop();
  }

  get #active(): boolean {
    return this.on && this.pose !== null && this.isConnected;
  }

  get #canvas(): HTMLCanvasElement {
    const canvas = this.renderRoot.querySelector('canvas');
    if (!canvas) throw new Error('drawn before it is asked');
    return canvas;
  }

  #stop(): void {
    this.#track.clear();
    this.nobody = false;
    this.#draw();
  }

  /** Also while it is off: so it knows which picture is shown when it is switched on in a pause. */
  #next(): void {
    this.#frame = this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      const step = mediaTime - this.#time;
      if (step > 0 && step < 0.2) {
        this.#slack = Math.min(MOST_SLACK, Math.max(LEAST_SLACK, step / 2));
      }
      this.#time = mediaTime;
      this.#exact = true;
      if (this.#active) this.#show();
      this.#next();
    });
  }

  #show(): void {
    this.#track.want(this.#time);
    this.#draw();
  }

  #draw(): void {
    if (!this.hasUpdated) return;
    const canvas = this.#canvas;
    const unit = devicePixelRatio;
    const [width, height] = [canvas.clientWidth * unit, canvas.clientHeight * unit].map(Math.round);
    if (canvas.width !== width) canvas.width = width ?? 0;
    if (canvas.height !== height) canvas.height = height ?? 0;
    const context = canvas.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { videoWidth, videoHeight } = this.video;
    // In a window of its own the picture is somewhere else.
    const away = document.pictureInPictureElement === this.video;
    if (!this.#active || away || !videoWidth || !videoHeight) return;
    const surface = { x: 0, y: 0, width: canvas.width, height: canvas.height };
    const people = this.#track.at(this.#time, this.#slack, this.#exact);
    this.nobody = this.#track.nobody(this.#time);
    if (people) draw(context, people, fitted(videoWidth, videoHeight, surface), unit);
  }

  static override styles = [
    base,
    css`
      :host {
        position: relative;
      }

      canvas {
        display: block;
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
      }

      p {
        position: absolute;
        top: 12px;
        left: 12px;
        padding: 4px 11px;
        border-radius: 99px;
        background: rgb(6 12 18 / 78%);
        color: #e6edf3;
        font: 560 0.8125rem / 1.5 var(--font);
      }
    `,
  ];
}

customElements.define('reelrace-pose', PoseOverlay);
