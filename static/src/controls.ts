// Changes when: how buttons, links and focus look everywhere does.
import { css } from 'lit';

/** For every element: its shadow root knows nothing of the page's own rules. */
export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  :host {
    display: block;
  }

  :host([hidden]),
  [hidden] {
    display: none !important;
  }

  h1,
  h2,
  h3,
  p,
  ol,
  ul,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }

  ol,
  ul {
    list-style: none;
  }

  :focus-visible {
    outline: 3px solid var(--focus);
    outline-offset: 2px;
  }

  .icon {
    flex: none;
    display: block;
  }

  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;

export const buttons = css`
  button {
    -webkit-tap-highlight-color: transparent;
    touch-action: manipulation;
  }

  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 40px;
    padding: 7px 16px;
    border: 1.5px solid var(--line);
    border-radius: var(--radius-small);
    background: transparent;
    color: var(--ink);
    font: 600 0.9375rem / 1.3 var(--font);
    cursor: pointer;
    transition:
      background-color var(--quick),
      border-color var(--quick),
      box-shadow var(--quick),
      color var(--quick);
  }

  .button:has(> .icon) {
    padding-inline-start: 12px;
  }

  @media (hover: hover) {
    .button:hover {
      border-color: var(--edge);
      background: var(--sunken);
    }
  }

  .button:active {
    transform: translateY(1px);
  }

  .button.primary {
    border-color: var(--ink);
    background: var(--ink);
    color: var(--on-ink);
  }

  @media (hover: hover) {
    /* It keeps its weight: a lighter one would look switched off. */
    .button.primary:hover {
      border-color: var(--ink);
      background: var(--ink);
      box-shadow: 0 0 0 4px color-mix(in srgb, var(--ink) 18%, transparent);
    }
  }

  .button.tonal {
    border-color: transparent;
    background: var(--sunken);
  }

  @media (hover: hover) {
    .button.tonal:hover {
      border-color: var(--edge);
    }
  }

  .button.danger {
    border-color: var(--failed-ink);
    background: var(--failed-ink);
    color: var(--surface);
  }

  @media (hover: hover) {
    .button.danger:hover {
      filter: brightness(1.1);
    }
  }

  .button.plain {
    border-color: transparent;
    color: var(--ink-soft);
  }

  @media (hover: hover) {
    .button.plain:hover {
      color: var(--ink);
    }
  }

  @media (pointer: coarse) {
    .button {
      min-height: 44px;
    }
  }

  @media (forced-colors: active) {
    .button {
      border-color: ButtonText;
    }
  }
`;
