// Changes when: how one card is laid out, and what its buttons ask for, does.
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { base, buttons } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { type IconName, icon } from '../icons.ts';
import { facts, race, remarks } from './card-lines.ts';
import { cardStyle } from './card-style.ts';
import { type Card, filenameOf } from './cards.ts';
import { chip, chipStyle } from './chip.ts';
import { type Action, actionsOf, begun, phaseOf, playbackOf, toneOf } from './phase.ts';
import './tile.ts';
import type { ReelraceTile } from './tile.ts';

/** Somebody wants something done with a card. */
export class CardRequest extends Event {
  static readonly type = 'card-request';
  readonly action: Action;
  readonly card: Card;

  constructor(action: Action, card: Card) {
    super(CardRequest.type, { bubbles: true, composed: true });
    this.action = action;
    this.card = card;
  }
}

const ICONS: Record<Action, IconName> = {
  play: 'play',
  pause: 'pause',
  resume: 'resume',
  retry: 'retry',
  proceed: 'resume',
  continue: 'folder',
  cancel: 'close',
  dismiss: 'close',
  delete: 'trash',
};

/** One of a kind in each card: when one takes another's place, the focus stays. */
const PLACES: Record<Action, string> = {
  play: 'play',
  pause: 'go',
  resume: 'go',
  retry: 'go',
  proceed: 'go',
  continue: 'go',
  cancel: 'end',
  dismiss: 'end',
  delete: 'end',
};

/** What is asked back before it is done. */
type Question = 'delete' | 'cancel' | 'dismiss';

export class VideoCard extends LitElement {
  static override properties = {
    card: { attribute: false },
    held: { type: Boolean },
    asking: { state: true },
  };

  declare card: Card;
  /** This browser remembers its file. */
  declare held: boolean;
  /** What is to be confirmed. */
  declare asking: Question | null;
  readonly #words = new Localized(this);
  #focused = false;

  constructor() {
    super();
    this.held = false;
    this.asking = null;
  }

  override render(): TemplateResult {
    const { card } = this;
    const { text } = this.#words;
    const phase = phaseOf(card);
    return html`
      <article
        tabindex="-1"
        aria-labelledby="title"
        @keydown=${this.#key}
        @focusin=${this.#come}
        @focusout=${this.#go}
      >
        <reelrace-tile .card=${card} @click=${this.#play}></reelrace-tile>
        <div class="head">
          <h3 id="title" title=${filenameOf(card) || card.title}>${card.title}</h3>
          ${chip(toneOf(phase), text.phases[phase])}
          ${facts(card, this.#words, Date.now())}
        </div>
        <div class="body">
          ${race(card, this.#words)} ${remarks(card, this.#words, this.held)}
        </div>
        ${this.asking ? this.#confirm(this.asking) : this.#actions()}
      </article>
    `;
  }

  override focus(): void {
    const button = this.renderRoot.querySelector('button');
    (button ?? this.renderRoot.querySelector('article'))?.focus();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    this.#focused = this.shadowRoot?.activeElement != null;
    if (changed.has('card') && this.asking && !this.#offered().includes(this.asking)) {
      this.asking = null;
    }
  }

  override updated(changed: PropertyValues<this>): void {
    if (!this.#focused || this.shadowRoot?.activeElement) return;
    // The button in focus is gone: stay in the card instead of falling back to the page's top.
    const next = this.asking ? '.keep' : changed.get('asking') ? '.end' : 'article';
    this.renderRoot.querySelector<HTMLElement>(next)?.focus();
  }

  #actions(): TemplateResult | typeof nothing {
    const offered = this.#offered();
    if (offered.length === 0) return nothing;
    const { text } = this.#words;
    const name = (action: Action) => text.actions[action];
    return html`
      <div class="actions">
        ${repeat(
          offered,
          (action) => PLACES[action],
          (action) => html`
            <button
              class="button ${this.#weight(action)} ${PLACES[action]}"
              aria-label=${text.actions.on(name(action), this.card.title)}
              @click=${() => this.#ask(action)}
            >
              ${icon(ICONS[action])}<span>${name(action)}</span>
            </button>
          `,
        )}
      </div>
    `;
  }

  /** What can be played before its time is the one thing worth shouting. */
  #weight(action: Action): string {
    if (action === 'play' && playbackOf(this.card)?.growing) return 'primary';
    return PLACES[action] === 'end' ? 'plain' : 'tonal';
  }

  #confirm(asking: Question): TemplateResult {
    const { question, yes, no } = this.#words.text.confirm[asking];
    return html`
      <div class="actions asking" role="group" aria-labelledby="question">
        <p id="question">${question}</p>
        <div class="answers">
          <button class="button danger" @click=${() => this.#request(asking)}>${yes}</button>
          <button class="button keep" aria-describedby="question" @click=${this.#keep}>${no}</button>
        </div>
      </div>
    `;
  }

  #offered(): Action[] {
    return actionsOf(this.card, this.held);
  }

  #ask(action: Action): void {
    const losing = action === 'cancel' || action === 'dismiss';
    if (action === 'delete' || (losing && begun(this.card))) this.asking = action;
    else this.#request(action);
  }

  #keep(): void {
    this.asking = null;
  }

  /** Whoever comes by the keyboard sees what the mouse would show. */
  #come({ target, relatedTarget }: FocusEvent): void {
    const within = relatedTarget instanceof Node && this.renderRoot.contains(relatedTarget);
    if (!within && (target as Element).matches(':focus-visible')) void this.#tile?.run();
  }

  #go({ relatedTarget }: FocusEvent): void {
    const within = relatedTarget instanceof Node && this.renderRoot.contains(relatedTarget);
    if (!within) this.#tile?.rest();
  }

  #play(): void {
    if (playbackOf(this.card)) this.#request('play');
  }

  get #tile(): ReelraceTile | null {
    return this.renderRoot.querySelector('reelrace-tile');
  }

  #key(event: KeyboardEvent): void {
    if (event.key === 'Escape' && this.asking) this.#keep();
  }

  #request(action: Action): void {
    this.dispatchEvent(new CardRequest(action, this.card));
  }

  static override styles = [base, buttons, chipStyle, cardStyle];
}

customElements.define('reelrace-card', VideoCard);
