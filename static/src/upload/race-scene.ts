// Changes when: the drawing above the upload buttons does.
import { css, svg, type TemplateResult } from 'lit';

const FRAMES = [0, 1, 2, 3, 4, 5];

/** Bytes flow in from the left and turn the reel; frames that can be watched leave it. */
export function raceScene(): TemplateResult<2> {
  return svg`<svg class="scene" viewBox="0 0 360 116" fill="none" aria-hidden="true" focusable="false">
    <defs>
      <linearGradient id="in" x1="0" x2="1">
        <stop offset="0" stop-color="#000" />
        <stop offset="0.55" stop-color="#fff" />
      </linearGradient>
      <linearGradient id="out" x1="0" x2="1">
        <stop offset="0.35" stop-color="#fff" />
        <stop offset="1" stop-color="#000" />
      </linearGradient>
      <mask id="arriving"><rect x="0" y="60" width="146" height="56" fill="url(#in)" /></mask>
      <mask id="leaving"><rect x="208" y="60" width="152" height="56" fill="url(#out)" /></mask>
    </defs>
    <g mask="url(#arriving)">
      <g class="water">
        <path d="M-40 88q10-9 20 0t20 0 20 0 20 0 20 0 20 0 20 0 20 0 20 0" />
        <path class="deep" d="M-50 101q10-9 20 0t20 0 20 0 20 0 20 0 20 0 20 0 20 0 20 0" />
      </g>
    </g>
    <g mask="url(#leaving)">
      <g class="film">
        ${FRAMES.map(
          (n) => svg`<g transform="translate(${176 + n * 36} 82)">
            <rect width="29" height="21" rx="4.5" />
            <path d="M11.5 6.2v8.6l7.2-4.3Z" />
          </g>`,
        )}
      </g>
    </g>
    <g class="reel">
      <circle class="rim" cx="178" cy="58" r="44" />
      <circle cx="178" cy="37" r="10.5" />
      <circle cx="196.2" cy="68.5" r="10.5" />
      <circle cx="159.8" cy="68.5" r="10.5" />
      <circle cx="178" cy="58" r="4.5" />
    </g>
  </svg>` as TemplateResult<2>;
}

export const raceSceneStyle = css`
  .scene {
    display: block;
    width: 100%;
    max-width: 400px;
    margin-inline: auto;
  }

  .scene .reel circle {
    fill: var(--ink);
  }

  .scene .reel .rim {
    fill: var(--surface);
    stroke: var(--ink);
    stroke-width: 6;
  }

  .scene .reel {
    transform-origin: 178px 58px;
  }

  .scene .water path {
    stroke: var(--active);
    stroke-width: 5;
    stroke-linecap: round;
  }

  .scene .water .deep {
    opacity: 0.45;
  }

  .scene .film rect {
    fill: var(--ink);
  }

  .scene .film path {
    fill: var(--surface);
  }

  .lively .scene .reel {
    animation: turn 4s linear infinite;
  }

  .lively .scene .water {
    animation: flow 1.4s linear infinite;
  }

  .lively .scene .film {
    animation: leave 1.8s linear infinite;
  }

  @keyframes turn {
    to {
      transform: rotate(360deg);
    }
  }

  @keyframes flow {
    to {
      transform: translateX(40px);
    }
  }

  @keyframes leave {
    to {
      transform: translateX(36px);
    }
  }
`;
