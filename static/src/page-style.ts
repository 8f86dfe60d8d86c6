// Changes when: how the page's parts are arranged does.
import { css } from 'lit';

export const pageStyle = css`
  :host {
    display: grid;
    grid-template: auto 1fr / minmax(0, 1fr);
    min-height: 100dvh;
  }

  header,
  main {
    width: 100%;
    max-width: 1320px;
    margin-inline: auto;
    padding-inline: max(20px, env(safe-area-inset-left));
  }

  header {
    display: flex;
    gap: 10px 20px;
    align-items: center;
    padding-block: 18px;
  }

  .brand {
    display: flex;
    gap: 10px;
    align-items: center;
    margin-inline-end: auto;
    font-size: 1.25rem;
    font-weight: 740;
    letter-spacing: -0.03em;
  }

  .mark {
    display: block;
    overflow: visible;
  }

  .mark .reel {
    transform-origin: 20px 16px;
  }

  .busy .mark .reel {
    animation: turn 5s linear infinite;
  }

  @keyframes turn {
    to {
      transform: rotate(360deg);
    }
  }

  main {
    padding-block: 12px 96px;
  }

  .filled {
    display: grid;
    gap: 28px;
    align-content: start;
  }

  .loading {
    padding-block: 20vh;
    color: var(--ink-soft);
    text-align: center;
    animation: late 1s step-end;
  }

  @keyframes late {
    from {
      opacity: 0;
    }
  }

  .list {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 16px;
    align-content: start;
  }

  h2 {
    font-size: 1.25rem;
    font-weight: 700;
    letter-spacing: -0.02em;
  }

  h2:focus-visible {
    border-radius: 4px;
  }

  .skip {
    position: absolute;
    z-index: 5;
    top: 10px;
    left: 20px;
    padding: 10px 16px;
    border-radius: var(--radius-small);
    background: var(--ink);
    color: var(--on-ink);
    font-weight: 600;
  }

  .skip:not(:focus) {
    clip-path: inset(50%);
  }

  .veil {
    position: fixed;
    z-index: 3;
    inset: 0;
    display: grid;
    place-items: center;
    background: color-mix(in srgb, var(--active-soft) 88%, transparent);
    color: var(--active-ink);
    pointer-events: none;
  }

  .veil::before {
    position: absolute;
    inset: 14px;
    border: 3px dashed var(--active);
    border-radius: 24px;
    content: '';
  }

  .veil p {
    display: grid;
    gap: 12px;
    justify-items: center;
    font-size: 1.5rem;
    font-weight: 700;
    letter-spacing: -0.02em;
  }

  .veil .icon {
    width: 44px;
    height: 44px;
  }

  @media (max-width: 359px) {
    header,
    main {
      padding-inline: 14px;
    }

    header {
      gap: 10px;
    }
  }

  @media (min-width: 1080px) {
    header,
    main {
      padding-inline: 32px;
    }

    .filled {
      grid-template-columns: 340px minmax(0, 1fr);
      gap: 48px;
    }

    .filled reelrace-upload {
      position: sticky;
      top: 24px;
      align-self: start;
    }
  }
`;
