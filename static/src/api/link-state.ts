// Changes when: how people see whether the server can be reached does.
import { css, html, LitElement, type TemplateResult } from 'lit';
import { base } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import type { Link } from './poller.ts';

export class LinkState extends LitElement {
  static override properties = { link: {} };

  declare link: Link;
  readonly #words = new Localized(this);

  constructor() {
    super();
    this.link = 'connecting';
  }

  override render(): TemplateResult {
    return html`<p role="status" data-link=${this.link}>
      <span class="dot"></span><span class="word">${this.#words.text.link[this.link]}</span>
    </p>`;
  }

  static override styles = [
    base,
    css`
      p {
        display: flex;
        gap: 8px;
        align-items: center;
        color: var(--ink-soft);
        font-size: 0.875rem;
        font-weight: 560;
      }

      .dot {
        flex: none;
        width: 8px;
        height: 8px;
        border-radius: 50%;
        background: var(--waiting);
      }

      [data-link='live'] .dot,
      [data-link='online'] .dot {
        background: var(--completed);
      }

      /* A ring around it: what changes is told as it happens. */
      [data-link='live'] .dot {
        box-shadow: 0 0 0 3px color-mix(in srgb, var(--completed) 26%, transparent);
      }

      [data-link='offline'] .dot {
        background: var(--failed);
      }

      /* On a telephone only what is out of order takes up room. */
      @media (max-width: 559px) {
        [data-link='live'] .word,
        [data-link='online'] .word,
        [data-link='connecting'] .word {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
          white-space: nowrap;
        }
      }
    `,
  ];
}

customElements.define('reelrace-link', LinkState);
