// Changes when: the picture at the left of a card does.
import { css, html, nothing, svg, type TemplateResult } from 'lit';
import type { Formats } from '../i18n/format.ts';
import { type IconName, icon } from '../icons.ts';
import type { Card } from './cards.ts';
import { wholeOf } from './measure.ts';
import { type Phase, phaseOf, playbackOf } from './phase.ts';

const RADIUS = 21;
const ROUND = 2 * Math.PI * RADIUS;

const SYMBOLS: Partial<Record<Phase, IconName>> = {
  failed: 'alert',
  paused: 'pause',
  interrupted: 'pause',
  waiting: 'clock',
  queued: 'clock',
  reconnecting: 'clock',
};

/** For the eye: what it shows stands in words beside it, and what it does is a button there. */
export function tile(card: Card, format: Formats, play: () => void): TemplateResult {
  const playable = playbackOf(card) !== null;
  const whole = wholeOf(card);
  const duration = card.video?.duration ?? null;
  return html`
    <div
      class="tile"
      aria-hidden="true"
      ?data-playable=${playable}
      @click=${playable ? play : nothing}
    >
      <div class="disc">
        ${whole === null ? nothing : ring(whole)}
        ${inside(card, playable, whole, format)}
      </div>
      ${duration ? html`<span class="length">${format.clock(duration)}</span>` : nothing}
    </div>
  `;
}

function inside(card: Card, playable: boolean, whole: number | null, format: Formats) {
  if (playable) return icon('play');
  const symbol = SYMBOLS[phaseOf(card)];
  if (symbol) return icon(symbol);
  return whole === null ? icon('clock') : html`<span class="share">${format.percent(whole)}</span>`;
}

/** A pie that fills up clockwise. */
function ring(whole: number): TemplateResult<2> {
  return svg`<svg class="ring" viewBox="0 0 48 48" fill="none" focusable="false">
    <circle cx="24" cy="24" r=${RADIUS} />
    <circle class="share" cx="24" cy="24" r=${RADIUS} transform="rotate(-90 24 24)"
      stroke-dasharray=${ROUND} stroke-dashoffset=${ROUND * (1 - whole / 100)} />
  </svg>` as TemplateResult<2>;
}

export const tileStyle = css`
  .tile {
    position: relative;
    display: grid;
    place-items: center;
    aspect-ratio: 16 / 9;
    overflow: hidden;
    border-radius: 12px;
    background: linear-gradient(155deg, var(--tile), var(--tile-end));
    box-shadow: inset 0 0 0 1px rgb(255 255 255 / 7%);
    color: var(--on-tile);
  }

  .tile[data-playable] {
    cursor: pointer;
  }

  .disc {
    position: relative;
    display: grid;
    place-items: center;
    width: 52px;
    height: 52px;
    border-radius: 50%;
    background: rgb(255 255 255 / 10%);
    transition:
      transform var(--quick),
      background-color var(--quick);
  }

  .tile[data-playable] .disc {
    background: rgb(255 255 255 / 18%);
  }

  @media (hover: hover) {
    .tile[data-playable]:hover .disc {
      background: rgb(255 255 255 / 30%);
      transform: scale(1.06);
    }
  }

  .tile .icon {
    width: 24px;
    height: 24px;
  }

  .ring {
    position: absolute;
    inset: 0;
  }

  .ring circle {
    stroke: rgb(255 255 255 / 18%);
    stroke-width: 4;
  }

  .ring .share {
    stroke: #7fb4ff;
    stroke-linecap: round;
    transition: stroke-dashoffset 400ms linear;
  }

  span.share {
    font-size: 0.75rem;
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    letter-spacing: -0.02em;
  }

  .length {
    position: absolute;
    right: 7px;
    bottom: 6px;
    padding: 1px 6px;
    border-radius: 6px;
    background: rgb(6 12 18 / 72%);
    font-size: 0.75rem;
    font-weight: 600;
    font-variant-numeric: tabular-nums;
  }
`;
