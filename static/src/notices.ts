// Changes when: how people are told what concerns no single card does.
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { base } from './controls.ts';
import { wordsFor } from './i18n/language.ts';
import { Localized } from './i18n/localized.ts';
import { icon } from './icons.ts';
import type { Mishap } from './queue/queue.ts';

/** Somebody has read it. */
export class NoticeDismissed extends Event {
  static readonly type = 'notice-dismissed';

  constructor() {
    super(NoticeDismissed.type, { bubbles: true, composed: true });
  }
}

export class Notices extends LitElement {
  static override properties = {
    lines: { attribute: false },
    mishap: { attribute: false },
    offline: { type: Boolean },
  };

  /** Good to know. */
  declare lines: readonly string[];
  declare mishap: Mishap | null;
  declare offline: boolean;
  readonly #words = new Localized(this);

  constructor() {
    super();
    this.lines = [];
    this.mishap = null;
    this.offline = false;
  }

  override render(): TemplateResult {
    return html`
      <div role="alert">
        ${this.mishap ? this.#notice('failed', this.#sorry(this.mishap), true) : nothing}
        ${this.offline ? this.#notice('failed', this.#words.text.link.hint, false) : nothing}
      </div>
      <div role="status">${this.lines.map((line) => this.#notice('plain', line, true))}</div>
    `;
  }

  #sorry({ title, problem }: Mishap): string {
    const { text } = this.#words;
    return text.page.failed(title, wordsFor(problem, text));
  }

  #notice(tone: string, line: string, dismissible: boolean): TemplateResult {
    const dismiss = () => this.dispatchEvent(new NoticeDismissed());
    return html`
      <div class="notice" data-tone=${tone}>
        <p>${line}</p>
        ${
          dismissible
            ? html`<button aria-label=${this.#words.text.page.close} @click=${dismiss}>
                ${icon('close')}
              </button>`
            : nothing
        }
      </div>
    `;
  }

  static override styles = [
    base,
    css`
      :host {
        position: fixed;
        z-index: 4;
        inset: auto 16px max(16px, env(safe-area-inset-bottom));
        display: grid;
        justify-items: center;
        pointer-events: none;
      }

      [role] {
        display: grid;
        justify-items: center;
        width: 100%;
      }

      .notice {
        display: flex;
        gap: 12px;
        align-items: center;
        max-width: 620px;
        margin-top: 8px;
        padding: 10px 10px 10px 18px;
        border-radius: 14px;
        background: var(--ink);
        box-shadow: 0 8px 32px rgb(0 0 0 / 28%);
        color: var(--on-ink);
        font-size: 0.9375rem;
        pointer-events: auto;
        animation: rise 200ms ease-out;
      }

      .notice[data-tone='failed'] {
        border: 1px solid var(--failed);
        background: var(--failed-soft);
        color: var(--failed-ink);
      }

      .notice p {
        padding-block: 5px;
        overflow-wrap: anywhere;
      }

      .notice button {
        display: grid;
        flex: none;
        place-items: center;
        width: 36px;
        height: 36px;
        border: 0;
        border-radius: 9px;
        background: none;
        color: inherit;
        cursor: pointer;
      }

      @media (hover: hover) {
        .notice button:hover {
          background: rgb(127 127 127 / 24%);
        }
      }

      .notice button:focus-visible {
        outline-color: currentColor;
        outline-offset: -3px;
      }

      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(8px);
        }
      }
    `,
  ];
}

customElements.define('reelrace-notices', Notices);
