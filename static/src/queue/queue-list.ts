// Changes when: how the cards stand together does.
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { base, buttons } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import type { Card } from './cards.ts';
import './video-card.ts';
import type { VideoCard } from './video-card.ts';

/** Older videos than those on the page are wanted. */
export class OlderWanted extends Event {
  static readonly type = 'older-wanted';

  constructor() {
    super(OlderWanted.type, { bubbles: true, composed: true });
  }
}

export class QueueList extends LitElement {
  static override properties = {
    cards: { attribute: false },
    held: { attribute: false },
    more: { type: Boolean },
  };

  declare cards: readonly Card[];
  /** Ids of the videos whose files this browser remembers. */
  declare held: ReadonlySet<string>;
  declare more: boolean;
  readonly #words = new Localized(this);

  constructor() {
    super();
    this.cards = [];
    this.held = new Set();
    this.more = false;
  }

  override render(): TemplateResult {
    return html`
      <ul>
        ${repeat(
          this.cards,
          (card) => card.key,
          (card) => html`<li>
            <reelrace-card .card=${card} ?held=${this.held.has(card.video?.id ?? '')}></reelrace-card>
          </li>`,
        )}
      </ul>
      ${
        this.more
          ? html`<button class="button older" @click=${() => this.dispatchEvent(new OlderWanted())}>
              ${this.#words.text.queue.older}
            </button>`
          : nothing
      }
    `;
  }

  /** The card that stands at `index` once the list is drawn; the last one if there are fewer. */
  async focusAt(index: number): Promise<boolean> {
    await this.updateComplete;
    const cards = [...this.renderRoot.querySelectorAll<VideoCard>('reelrace-card')];
    const card = cards[Math.min(index, cards.length - 1)];
    card?.focus();
    return card !== undefined;
  }

  static override styles = [
    base,
    buttons,
    css`
      ul {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
      }

      .older {
        width: 100%;
        margin-top: 16px;
      }
    `,
  ];
}

customElements.define('reelrace-queue', QueueList);
