// Changes when: how people choose their language does.
import { css, html, LitElement, type TemplateResult } from 'lit';
import { base } from '../controls.ts';
import { LANGUAGES } from './language.ts';
import { Localized, language } from './localized.ts';

export class LanguageSwitch extends LitElement {
  readonly #words = new Localized(this);

  override render(): TemplateResult {
    return html`
      <div role="group" aria-label=${this.#words.text.page.language}>
        ${LANGUAGES.map(
          ({ code, name }) => html`
            <button
              lang=${code}
              aria-pressed=${String(code === this.#words.code)}
              aria-label=${name}
              @click=${() => language.choose(code)}
            >
              <span class="full">${name}</span><span class="short">${code.toUpperCase()}</span>
            </button>
          `,
        )}
      </div>
    `;
  }

  static override styles = [
    base,
    css`
      div {
        display: flex;
        padding: 3px;
        border-radius: 99px;
        background: var(--sunken);
      }

      button {
        min-height: 34px;
        padding: 4px 13px;
        border: 0;
        border-radius: 99px;
        background: none;
        color: var(--ink-soft);
        font: 600 0.875rem / 1.2 var(--font);
        cursor: pointer;
        transition: background-color var(--quick);
      }

      @media (hover: hover) {
        button:hover {
          color: var(--ink);
        }
      }

      button[aria-pressed='true'] {
        background: var(--surface);
        box-shadow: 0 1px 3px rgb(0 0 0 / 16%);
        color: var(--ink);
      }

      .short {
        display: none;
      }

      @media (max-width: 559px) {
        .full {
          display: none;
        }

        .short {
          display: inline;
        }
      }

      @media (pointer: coarse) {
        button {
          min-height: 40px;
          min-width: 44px;
        }
      }

      @media (forced-colors: active) {
        button[aria-pressed='true'] {
          outline: 2px solid Highlight;
        }
      }
    `,
  ];
}

customElements.define('reelrace-language', LanguageSwitch);
