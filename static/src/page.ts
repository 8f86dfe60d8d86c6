// Changes when: how the page is put together, or which part answers which wish, does.
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import './api/link-state.ts';
import type { Library } from './api/library.ts';
import { reachable } from './api/poller.ts';
import { ApiError } from './api/problem.ts';
import type { Video } from './api/video.ts';
import { base, buttons } from './controls.ts';
import './i18n/language-switch.ts';
import type { Messages } from './i18n/en.ts';
import type { LanguageCode } from './i18n/language.ts';
import { Localized } from './i18n/localized.ts';
import { icon, mark } from './icons.ts';
import { NoticeDismissed } from './notices.ts';
import { pageStyle } from './page-style.ts';
import { PlayerClosed, PlayerMoved, type Showing } from './player/player-dialog.ts';
import { Watching } from './player/watching.ts';
import type { Card } from './queue/cards.ts';
import { overviewOf } from './queue/overview.ts';
import { AllRequest } from './queue/overview-bar.ts';
import { outlookOf, playbackOf } from './queue/phase.ts';
import type { Queue } from './queue/queue.ts';
import { OlderWanted, type QueueList } from './queue/queue-list.ts';
import { CardRequest } from './queue/video-card.ts';
import { type DropZone, FilesChosen } from './upload/drop-zone.ts';
import { Dropping } from './upload/dropping.ts';
import { pick } from './upload/file-picker.ts';
import type { Choice } from './upload/files.ts';
import type { Handles } from './upload/handles.ts';
import type { Uploads } from './upload/uploads.ts';

/** More than these at once nobody wants read out. */
const MOST_NEWS = 3;

/** A sentence, in whatever language is spoken when it is read. */
type Line = (text: Messages) => string;

/** The parts that the page brings together. */
export interface Parts {
  readonly uploads: Uploads;
  readonly library: Library;
  readonly queue: Queue;
  readonly handles: Handles;
}

export class Page extends LitElement {
  static override properties = {
    parts: { attribute: false },
    notices: { state: true },
    held: { state: true },
  };

  declare parts: Parts;
  /** What became of the last choice of files. */
  declare notices: readonly Line[];
  /** Ids of the videos whose files this browser remembers. */
  declare held: ReadonlySet<string>;
  readonly #words = new Localized(this);
  readonly #dropping = new Dropping(this, (choice) => this.#add(choice));
  readonly #watching = new Watching(this);
  /** What was read out last, and in which language: nobody wants it once more in another. */
  #news: { readonly code: LanguageCode; readonly line: string } | null = null;

  constructor() {
    super();
    this.notices = [];
    this.held = new Set();
    this.addEventListener(FilesChosen.type, (event) => this.#add((event as FilesChosen).choice));
    this.addEventListener(CardRequest.type, (event) => this.#act(event as CardRequest));
    this.addEventListener(AllRequest.type, (event) => this.#all(event as AllRequest));
    this.addEventListener(OlderWanted.type, () => void this.#older());
    this.addEventListener(NoticeDismissed.type, () => this.#dismiss());
    this.addEventListener(PlayerClosed.type, () => this.#watching.close());
    this.addEventListener(PlayerMoved.type, (event) => {
      this.#watching.turn((event as PlayerMoved).id);
    });
    addEventListener('beforeunload', (event) => {
      if (this.parts.uploads.unfinished) event.preventDefault();
    });
  }

  override firstUpdated(): void {
    const { queue, library, uploads } = this.parts;
    queue.subscribe(() => this.#changed());
    let link = library.link;
    library.subscribe(() => {
      // Whoever answers questions again takes bytes again.
      if (reachable(library.link) && !reachable(link)) uploads.wake();
      if (library.link === 'offline' && link !== 'offline') uploads.cutOff();
      link = library.link;
      this.requestUpdate();
    });
    addEventListener('online', () => {
      uploads.wake();
      library.wake();
    });
    void this.#lookForFiles();
  }

  override render(): TemplateResult {
    const { text, code } = this.#words;
    const { library, uploads, queue } = this.parts;
    const { cards } = queue;
    const overview = overviewOf(uploads.all);
    const known = library.link !== 'connecting' || cards.length > 0;
    return html`
      <header class=${uploads.busy ? 'busy' : ''}>
        ${cards.length ? html`<a class="skip" href="#list" @click=${this.#skip}>${text.page.skip}</a>` : nothing}
        <p class="brand">${mark()}<span>${text.page.title}</span></p>
        <reelrace-link .link=${library.link}></reelrace-link>
        <reelrace-language></reelrace-language>
      </header>
      <main class=${cards.length ? 'filled' : 'empty'}>
        ${
          known
            ? html`
                <reelrace-upload
                  ?roomy=${cards.length === 0}
                  .lively=${uploads.busy || this.#dropping.over}
                ></reelrace-upload>
                <section class="list" aria-labelledby="list" ?hidden=${cards.length === 0}>
                  <h2 id="list" tabindex="-1">${text.queue.title}</h2>
                  <reelrace-overview
                    .overview=${overview}
                    ?hidden=${overview === null}
                  ></reelrace-overview>
                  <reelrace-queue
                    .cards=${cards}
                    .held=${this.held}
                    .more=${library.more}
                  ></reelrace-queue>
                </section>
              `
            : html`<p class="loading">${text.page.loading}</p>`
        }
      </main>
      <reelrace-notices
        .lines=${this.notices.map((line) => line(text))}
        .mishap=${queue.mishap}
        ?offline=${library.link === 'offline'}
      ></reelrace-notices>
      <div class="unseen" role="status">${this.#news?.code === code ? this.#news.line : ''}</div>
      <div class="veil" ?hidden=${!this.#dropping.over} aria-hidden="true">
        <p>${icon('upload')}${text.drop.release}</p>
      </div>
      <reelrace-player-dialog .showing=${this.#showing()}></reelrace-player-dialog>
    `;
  }

  override updated(_: PropertyValues<this>): void {
    const { text, code, format } = this.#words;
    document.documentElement.lang = code;
    const overview = overviewOf(this.parts.uploads.all);
    const share = overview ? `${format.percent(overview.percent)} · ` : '';
    document.title = share + text.page.title;
  }

  #changed(): void {
    const { news } = this.parts.queue;
    const { text, code } = this.#words;
    const lines =
      news.length > MOST_NEWS
        ? [text.news.many(news.length)]
        : news.map(({ kind, title }) => text.news[kind](title));
    if (lines.length) this.#news = { code, line: lines.join(' ') };
    this.requestUpdate();
  }

  #add({ files, leftOut }: Choice): void {
    const { added, known } = this.parts.uploads.add(files);
    const lines: Line[] = [];
    if (added + known === 0) lines.push(({ drop }) => drop.nothing);
    if (known) lines.push(({ drop }) => drop.known(known));
    if (leftOut && added + known) lines.push(({ drop }) => drop.leftOut(leftOut));
    this.#tell(lines);
  }

  #dismiss(): void {
    this.#tell([]);
    this.parts.queue.dismissMishap();
  }

  #tell(lines: readonly Line[]): void {
    this.notices = lines;
  }

  #act({ action, card }: CardRequest): void {
    const { uploads } = this.parts;
    this.#tell([]);
    switch (action) {
      case 'play':
        if (card.video) this.#watching.open(card.video.id);
        break;
      case 'pause':
        uploads.pause(card.key);
        break;
      case 'resume':
        uploads.resume(card.key);
        break;
      case 'retry':
        void this.parts.queue.retry(card);
        break;
      case 'proceed':
        void this.#proceed(card);
        break;
      case 'continue':
        this.#continue(card);
        break;
      case 'cancel':
      case 'dismiss':
      case 'delete':
        void this.#remove(card);
        break;
    }
  }

  async #older(): Promise<void> {
    try {
      await this.parts.library.showOlder();
    } catch {
      this.#tell([({ errors }) => errors.network]);
    }
  }

  #all({ action }: AllRequest): void {
    if (action === 'pause') this.parts.uploads.pauseAll();
    else this.parts.uploads.resumeAll();
  }

  #continue({ video }: Card): void {
    if (!video) return;
    pick('one', ([file]) => {
      if (file) void this.#goOn(video, file);
    });
  }

  async #proceed({ video }: Card): Promise<void> {
    if (!video) return;
    const file = await this.parts.handles.file(video.id);
    if (file) return this.#goOn(video, file);
    this.held = new Set([...this.held].filter((id) => id !== video.id));
    this.#tell([({ queue }) => queue.fileGone(video.filename)]);
  }

  async #goOn({ id, filename }: Video, file: File): Promise<void> {
    try {
      const same = await this.parts.uploads.goOn(id, file);
      if (!same) this.#tell([({ queue }) => queue.otherFile(filename)]);
    } catch (error) {
      const code = error instanceof ApiError ? 'network' : 'file_unreadable';
      this.#tell([({ errors }) => errors[code]]);
    }
  }

  /** The focus goes to the card that moves up, and not to the top of the page. */
  async #remove(card: Card): Promise<void> {
    const index = this.parts.queue.cards.indexOf(card);
    const gone = this.parts.queue.remove(card);
    await this.updateComplete;
    const list = this.renderRoot.querySelector<QueueList>('reelrace-queue');
    const moved = await list?.focusAt(index);
    if (!moved) this.renderRoot.querySelector<DropZone>('reelrace-upload')?.focus();
    await gone;
  }

  async #lookForFiles(): Promise<void> {
    this.held = new Set(await this.parts.handles.videos());
  }

  #skip(event: Event): void {
    event.preventDefault();
    this.renderRoot.querySelector<HTMLElement>('#list')?.focus();
  }

  #showing(): Showing | null {
    const { id } = this.#watching;
    const playable = this.parts.queue.cards.filter((card) => playbackOf(card));
    const place = playable.findIndex((card) => card.video?.id === id);
    const card = playable[place];
    const video = card?.video;
    if (!card || !video?.playback) return null;
    const { width, height, playback, poster, storyboard, pose } = video;
    return {
      id: video.id,
      title: card.title,
      hls: playback.hls,
      outlook: outlookOf(card, this.parts.library.link !== 'offline'),
      sound: !width,
      aspect: width && height ? width / height : 2,
      poster,
      storyboard,
      reach: playback.seconds,
      pose,
      previous: playable[place - 1]?.video?.id ?? null,
      next: playable[place + 1]?.video?.id ?? null,
    };
  }

  static override styles = [base, buttons, pageStyle];
}

customElements.define('reelrace-page', Page);
