// Changes when: how a state looks as a word with its colour does.
import { css, html, type TemplateResult } from 'lit';
import type { Tone } from './phase.ts';

export function chip(tone: Tone, word: string): TemplateResult {
  return html`<span class="chip" data-tone=${tone}><span class="dot"></span>${word}</span>`;
}

export const chipStyle = css`
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 7px;
    padding: 3px 11px 3px 9px;
    border-radius: 99px;
    background: var(--chip-soft);
    color: var(--chip-ink);
    font-size: 0.8125rem;
    font-weight: 650;
    line-height: 1.5;
    white-space: nowrap;
    transition:
      background-color 300ms,
      color 300ms;
  }

  .dot {
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--chip-dot);
    transition: background-color 300ms;
  }

  .chip[data-tone='active'] .dot {
    animation: pulse 2.2s ease-in-out infinite;
  }

  .chip[data-tone='waiting'] {
    --chip-soft: var(--waiting-soft);
    --chip-ink: var(--waiting-ink);
    --chip-dot: var(--waiting);
  }

  .chip[data-tone='active'] {
    --chip-soft: var(--active-soft);
    --chip-ink: var(--active-ink);
    --chip-dot: var(--active);
  }

  .chip[data-tone='paused'] {
    --chip-soft: var(--paused-soft);
    --chip-ink: var(--paused-ink);
    --chip-dot: var(--paused);
  }

  .chip[data-tone='completed'] {
    --chip-soft: var(--completed-soft);
    --chip-ink: var(--completed-ink);
    --chip-dot: var(--completed);
  }

  .chip[data-tone='partial'] {
    --chip-soft: var(--partial-soft);
    --chip-ink: var(--partial-ink);
    --chip-dot: var(--partial);
  }

  .chip[data-tone='failed'] {
    --chip-soft: var(--failed-soft);
    --chip-ink: var(--failed-ink);
    --chip-dot: var(--failed);
  }

  @keyframes pulse {
    50% {
      opacity: 0.35;
      transform: scale(0.8);
    }
  }

  @media (forced-colors: active) {
    .chip {
      outline: 1px solid CanvasText;
    }

    .dot {
      background: CanvasText;
    }
  }
`;
