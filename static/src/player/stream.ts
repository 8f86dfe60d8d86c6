// Changes when: how a stream is brought to the video element does (hls.js is spoken to nowhere else).
import Hls, { type ErrorData, type HlsConfig } from 'hls.js';
import type { Clock } from '../clock.ts';
import { Observable } from '../observable.ts';
import { type Fault, Remedies } from './remedy.ts';
import { RenditionList } from './renditions.ts';

export type StreamProblem = 'network' | 'gone' | 'media' | 'unsupported';

const CONFIG: Partial<HlsConfig> = {
  // A playlist that still grows would be joined near its end.
  startPosition: 0,
  liveDurationInfinity: false,
  capLevelToPlayerSize: true,
  backBufferLength: 90,
};

/** Plays one stream in one video element, whether it is finished or still growing. */
export class Stream extends Observable {
  readonly renditions = new RenditionList((index) => {
    if (this.#hls) this.#hls.nextLevel = index;
  });
  readonly #video: HTMLVideoElement;
  readonly #clock: Clock;
  #hls: Hls | null = null;
  #remedies = new Remedies();
  #callOff: (() => void) | null = null;
  #source = '';
  #ready = 0;
  #growing = false;
  #troubled = false;
  #problem: StreamProblem | null = null;

  constructor(video: HTMLVideoElement, clock: Clock) {
    super();
    this.#video = video;
    this.#clock = clock;
    video.addEventListener('error', () => {
      if (!this.#hls && video.error) this.#fail(video.error.code === 2 ? 'network' : 'media');
    });
  }

  /** Seconds that there are. */
  get ready(): number {
    return this.#ready;
  }

  /** The playlist has not ended. */
  get growing(): boolean {
    return this.#growing;
  }

  /** Something did not come; it is asked for again. */
  get troubled(): boolean {
    return this.#troubled;
  }

  get problem(): StreamProblem | null {
    return this.#problem;
  }

  open(source: string): void {
    this.close();
    this.#source = source;
    this.#problem = null;
    this.#troubled = false;
    // Chromium says that it may play HLS natively, and does it badly: so this is asked first.
    if (Hls.isSupported()) this.#attach();
    else if (this.#video.canPlayType('application/vnd.apple.mpegurl')) this.#video.src = source;
    else this.#fail('unsupported');
  }

  close(): void {
    this.#callOff?.();
    this.#callOff = null;
    this.#hls?.destroy();
    this.#hls = null;
    this.#remedies = new Remedies();
    this.#video.removeAttribute('src');
  }

  #attach(): void {
    const hls = new Hls(CONFIG);
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, (_, { levels }) => this.renditions.set(levels));
    hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => {
      this.#ready = details.edge;
      this.#growing = details.live;
      this.#trouble(false);
      this.changed();
    });
    hls.on(Hls.Events.FRAG_LOADED, () => {
      this.#remedies.loaded();
      this.#trouble(false);
    });
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.type === Hls.ErrorTypes.NETWORK_ERROR) this.#trouble(true);
      if (data.fatal) this.#cure(data);
    });
    hls.loadSource(this.#source);
    hls.attachMedia(this.#video);
  }

  #cure(data: ErrorData): void {
    const hls = this.#hls;
    if (!hls) return;
    const remedy = this.#remedies.judge(faultOf(data, this.#clock.now()));
    switch (remedy.do) {
      case 'reload':
        this.#callOff = this.#clock.after(remedy.after, () => {
          // Without levels not even the first playlist came.
          if (hls.levels.length === 0) hls.loadSource(this.#source);
          else hls.startLoad(this.#video.currentTime);
        });
        break;
      case 'swap':
        hls.swapAudioCodec();
        hls.recoverMediaError();
        break;
      case 'recover':
        hls.recoverMediaError();
        break;
      case 'give-up':
        this.#fail(remedy.why);
        break;
    }
  }

  #trouble(troubled: boolean): void {
    if (troubled === this.#troubled) return;
    this.#troubled = troubled;
    this.changed();
  }

  #fail(problem: StreamProblem): void {
    this.#hls?.destroy();
    this.#hls = null;
    this.#problem = problem;
    this.changed();
  }
}

function faultOf(data: ErrorData, at: number): Fault {
  const status = data.response?.code ?? null;
  switch (data.type) {
    case Hls.ErrorTypes.NETWORK_ERROR:
      return { kind: 'network', status, at };
    case Hls.ErrorTypes.MEDIA_ERROR:
      return { kind: 'media', status, at };
    default:
      return { kind: 'other', status, at };
  }
}
