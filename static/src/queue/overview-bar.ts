// Changes when: how all uploads together are shown does.
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { base, buttons } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { icon } from '../icons.ts';
import type { Overview } from './overview.ts';
import './progress.ts';

/** All uploads are to stop, or to go on. */
export class AllRequest extends Event {
  static readonly type = 'all-request';
  readonly action: 'pause' | 'resume';

  constructor(action: 'pause' | 'resume') {
    super(AllRequest.type, { bubbles: true, composed: true });
    this.action = action;
  }
}

export class OverviewBar extends LitElement {
  static override properties = { overview: { attribute: false } };

  declare overview: Overview | null;
  readonly #words = new Localized(this);

  constructor() {
    super();
    this.overview = null;
  }

  override render(): TemplateResult | typeof nothing {
    const { overview } = this;
    if (!overview) return nothing;
    const { text, format } = this.#words;
    const { sending, stuck, waiting, paused } = overview;
    const counts = [
      sending ? text.overview.sending(sending) : null,
      stuck ? text.overview.stuck(stuck) : null,
      waiting ? text.overview.waiting(waiting) : null,
      paused ? text.overview.paused(paused) : null,
    ].filter(Boolean);
    const amount = text.queue.of(format.bytes(overview.bytes), format.bytes(overview.size));
    const left = overview.secondsLeft ? text.queue.left(format.span(overview.secondsLeft)) : null;
    const action = sending + stuck + waiting > 0 ? 'pause' : 'resume';
    return html`
      <section aria-label=${text.overview.title}>
        <div class="words">
          <b>${counts.join(', ')}</b>
          <span>${[amount, left].filter(Boolean).join(' · ')}</span>
        </div>
        <reelrace-progress
          ?still=${sending === 0}
          .sent=${overview.percent}
          .sentLabel=${text.overview.title}
          .sentText=${`${format.percent(overview.percent)}, ${amount}`}
        ></reelrace-progress>
        <button class="button" @click=${() => this.dispatchEvent(new AllRequest(action))}>
          ${icon(action)}
          ${action === 'pause' ? text.overview.pauseAll : text.overview.resumeAll}
        </button>
      </section>
    `;
  }

  static override styles = [
    base,
    buttons,
    css`
      section {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 8px 20px;
        align-items: center;
        padding: 12px 16px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        font-variant-numeric: tabular-nums;
      }

      .words {
        display: flex;
        flex-wrap: wrap;
        gap: 0 14px;
        font-size: 0.9375rem;
      }

      .words span {
        color: var(--ink-soft);
      }

      reelrace-progress {
        grid-row: 2;
      }

      .button {
        grid-row: 1 / 3;
        grid-column: 2;
      }

      @media (max-width: 559px) {
        section {
          grid-template-columns: minmax(0, 1fr);
        }

        .button {
          grid-row: 3;
          grid-column: 1;
        }
      }
    `,
  ];
}

customElements.define('reelrace-overview', OverviewBar);
