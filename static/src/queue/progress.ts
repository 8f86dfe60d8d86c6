// Changes when: the race of upload and processing is drawn differently.
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { base } from '../controls.ts';

/**
 * One track, two runners: what has arrived (lighter), and of that what is made (stronger).
 * The numbers stand beside it in words, so it is hidden from screen readers but for its names.
 */
export class ReelraceProgress extends LitElement {
  static override properties = {
    sent: { type: Number },
    made: { type: Number },
    sentLabel: {},
    madeLabel: {},
    sentText: {},
    madeText: {},
    still: { type: Boolean, reflect: true },
  };

  /** 0 to 100. */
  declare sent: number;
  /** 0 to 100; null while there is nothing to make. */
  declare made: number | null;
  declare sentLabel: string;
  declare madeLabel: string;
  declare sentText: string;
  declare madeText: string;
  /** Nothing moves at the moment. */
  declare still: boolean;

  constructor() {
    super();
    this.sent = 0;
    this.made = null;
    this.sentLabel = '';
    this.madeLabel = '';
    this.sentText = '';
    this.madeText = '';
    this.still = false;
  }

  override render(): TemplateResult {
    const { made } = this;
    return html`<div class="track">
      ${this.#runner('sent', this.sent, this.sentLabel, this.sentText)}
      ${made === null ? nothing : this.#runner('made', made, this.madeLabel, this.madeText)}
    </div>`;
  }

  #runner(name: string, share: number, label: string, words: string): TemplateResult {
    return html`<div
      class="runner ${name}"
      role="progressbar"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${Math.floor(share)}
      aria-valuetext=${words || nothing}
    >
      <div class="bar" style="transform: translateX(${share - 100}%)"></div>
    </div>`;
  }

  static override styles = [
    base,
    css`
      .track {
        position: relative;
        height: 8px;
        overflow: hidden;
        border-radius: 4px;
        background: var(--sunken);
        isolation: isolate;
      }

      .runner {
        position: absolute;
        inset: 0;
        overflow: hidden;
        border-radius: 4px;
      }

      .bar {
        width: 100%;
        height: 100%;
        border-radius: 4px;
        transition: transform 400ms linear;
      }

      .sent .bar {
        background: var(--sent);
      }

      .made .bar {
        background: var(--made);
      }

      :host([still]) .sent .bar {
        background: var(--edge);
      }

      @media (forced-colors: active) {
        .track {
          border: 1px solid CanvasText;
        }

        .sent .bar {
          background: GrayText;
        }

        .made .bar {
          background: Highlight;
        }
      }
    `,
  ];
}

customElements.define('reelrace-progress', ReelraceProgress);
