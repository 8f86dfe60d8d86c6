// Changes when: how the player comes up over the page and goes away again does.
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Pose } from '../api/video.ts';
import { base, buttons } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { icon } from '../icons.ts';
import type { Outlook } from '../queue/phase.ts';
import { playerDialogStyle } from './player-dialog-style.ts';

/** What is on. */
export interface Showing {
  readonly id: string;
  readonly title: string;
  readonly hls: string;
  /** Null: all of it is there. */
  readonly outlook: Outlook | null;
  readonly sound: boolean;
  /** Width by height. */
  readonly aspect: number;
  readonly poster: string | null;
  readonly storyboard: string | null;
  /** Seconds that can be watched. */
  readonly reach: number;
  readonly pose: Pose | null;
  /** Ids of its neighbours on the list. */
  readonly previous: string | null;
  readonly next: string | null;
}

/** The player was closed. */
export class PlayerClosed extends Event {
  static readonly type = 'player-closed';

  constructor() {
    super(PlayerClosed.type, { bubbles: true, composed: true });
  }
}

/** Another video is to be on. */
export class PlayerMoved extends Event {
  static readonly type = 'player-moved';
  readonly id: string;

  constructor(id: string) {
    super(PlayerMoved.type, { bubbles: true, composed: true });
    this.id = id;
  }
}

export class PlayerDialog extends LitElement {
  static override properties = {
    showing: { attribute: false },
    loaded: { state: true },
  };

  declare showing: Showing | null;
  /** The player is a large piece of code, so it comes when it is first needed. */
  declare loaded: 'not' | 'loading' | 'yes' | 'failed';
  readonly #words = new Localized(this);
  /** Addresses carry a grant that changes from day to day; what is on stays on. */
  #source = '';
  #poster: string | null = null;
  #came: Element | null = null;

  constructor() {
    super();
    this.showing = null;
    this.loaded = 'not';
  }

  override render(): TemplateResult {
    const { showing } = this;
    const { text } = this.#words;
    return html`
      <dialog
        aria-labelledby="title"
        @close=${() => this.dispatchEvent(new PlayerClosed())}
        @click=${this.#beside}
        @keydown=${this.#key}
      >
        <div class="sheet" style="--aspect: ${showing?.aspect ?? 16 / 9}; --widest: ${showing?.sound ? 720 : 1280}px">
          <div class="bar">
            <h2 id="title">${showing?.title ?? ''}</h2>
            ${showing?.previous || showing?.next ? this.#neighbours(showing) : nothing}
            <button class="close" aria-label=${text.player.close} @click=${this.close}>
              ${icon('close')}
            </button>
          </div>
          ${showing ? this.#inside(showing) : nothing}
        </div>
      </dialog>
    `;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('showing') ?? null;
    if (changed.has('showing') && this.showing && this.showing.id !== before?.id) {
      this.#source = this.showing.hls;
      this.#poster = this.showing.poster;
    }
  }

  override updated(changed: PropertyValues<this>): void {
    const dialog = this.#dialog;
    if (this.showing && !dialog.open) {
      this.#came = deepestActive();
      dialog.showModal();
      void this.#load();
    } else if (!this.showing && dialog.open) {
      dialog.close();
    }
    if (changed.has('showing') && !this.showing) this.#back();
    if (changed.has('loaded') && this.loaded === 'yes') void this.#focusPlayer();
  }

  readonly close = (): void => {
    this.#dialog.close();
  };

  get #dialog(): HTMLDialogElement {
    const dialog = this.renderRoot.querySelector('dialog');
    if (!dialog) throw new Error('drawn before it is asked');
    return dialog;
  }

  /** At an end of the list a button stays where it is, so that the focus does as well. */
  #neighbours({ previous, next }: Showing): TemplateResult {
    const { player } = this.#words.text;
    const button = (name: 'previous' | 'next', id: string | null, keys: string) => html`
      <button
        class="close"
        aria-label=${player[name]}
        title=${player[name]}
        aria-keyshortcuts=${keys}
        aria-disabled=${String(id === null)}
        @click=${() => this.#move(id)}
      >
        ${icon(name)}
      </button>
    `;
    return html`<div class="neighbours">
      ${button('previous', previous, 'Shift+P')} ${button('next', next, 'Shift+N')}
    </div>`;
  }

  #move(id: string | null): void {
    if (id) this.dispatchEvent(new PlayerMoved(id));
  }

  #key({ key, shiftKey, altKey, ctrlKey, metaKey }: KeyboardEvent): void {
    if (!shiftKey || altKey || ctrlKey || metaKey) return;
    if (key === 'N') this.#move(this.showing?.next ?? null);
    if (key === 'P') this.#move(this.showing?.previous ?? null);
  }

  #inside(showing: Showing): TemplateResult {
    const { player } = this.#words.text;
    if (this.loaded === 'yes') {
      return html`<reelrace-player
        .src=${this.#source}
        .label=${player.label(showing.title)}
        .outlook=${showing.outlook}
        ?sound=${showing.sound}
        .poster=${this.#poster}
        .storyboard=${showing.storyboard}
        .reach=${showing.reach}
        .pose=${showing.pose}
      ></reelrace-player>`;
    }
    if (this.loaded === 'failed') {
      return html`<div class="wait" role="alert">
        <p>${player.problems.page}</p>
        <button class="button" @click=${this.#load}>${icon('retry')}${player.retry}</button>
      </div>`;
    }
    return html`<p class="wait" role="status">${player.loading}</p>`;
  }

  async #load(): Promise<void> {
    if (this.loaded === 'yes') return this.#focusPlayer();
    this.loaded = 'loading';
    try {
      await import('./player.ts');
      this.loaded = 'yes';
    } catch {
      this.loaded = 'failed';
    }
  }

  async #focusPlayer(): Promise<void> {
    await this.updateComplete;
    const player = this.renderRoot.querySelector<LitElement>('reelrace-player');
    await player?.updateComplete;
    player?.focus();
  }

  #beside(event: MouseEvent): void {
    if (event.target === this.#dialog) this.close();
  }

  /** Back to the button that it was opened with. */
  #back(): void {
    if (this.#came instanceof HTMLElement && this.#came.isConnected) this.#came.focus();
    this.#came = null;
  }

  static override styles = [base, buttons, playerDialogStyle];
}

/** The element in focus, through all shadow roots. */
function deepestActive(): Element | null {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active;
}

customElements.define('reelrace-player-dialog', PlayerDialog);
