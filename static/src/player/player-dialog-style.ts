// Changes when: how the player lies over the page does.
import { css } from 'lit';

export const playerDialogStyle = css`
  :host {
    display: contents;
  }

  dialog {
    width: 100%;
    max-width: none;
    height: 100%;
    max-height: none;
    margin: 0;
    padding: 0;
    border: 0;
    background: none;
  }

  dialog[open] {
    display: grid;
    place-items: center;
    animation: rise 180ms ease-out;
  }

  dialog::backdrop {
    background: rgb(5 9 13 / 86%);
  }

  .sheet {
    display: grid;
    grid-template: auto minmax(0, 1fr) / minmax(0, 1fr);
    width: min(calc(100vw - 48px), var(--widest), calc((100dvh - 148px) * var(--aspect)));
    min-width: min(calc(100vw - 48px), 520px);
    max-height: calc(100dvh - 32px);
    border-radius: 18px;
    background: #10171e;
    color: #f2f6fa;
    overflow: hidden;
    box-shadow: 0 24px 80px rgb(0 0 0 / 60%);
  }

  .bar {
    display: flex;
    gap: 12px;
    align-items: center;
    justify-content: space-between;
    padding: 8px 8px 8px 18px;
  }

  h2 {
    overflow: hidden;
    font-size: 1.0625rem;
    font-weight: 650;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .close {
    display: grid;
    flex: none;
    place-items: center;
    width: 44px;
    height: 44px;
    border: 0;
    border-radius: 12px;
    background: none;
    color: inherit;
    cursor: pointer;
  }

  .neighbours {
    display: flex;
    flex: none;
    margin-inline-start: auto;
  }

  .close[aria-disabled='true'] {
    color: rgb(255 255 255 / 34%);
    cursor: default;
  }

  @media (hover: hover) {
    .close:not([aria-disabled='true']):hover {
      background: rgb(255 255 255 / 12%);
    }
  }

  :focus-visible {
    outline-color: #8ab8ff;
    outline-offset: -3px;
  }

  reelrace-player {
    height: 100%;
  }

  .wait {
    display: grid;
    gap: 16px;
    place-content: center;
    justify-items: center;
    min-height: 280px;
    padding: 24px;
    color: #c6d2dc;
    text-align: center;
  }

  .wait .button {
    border-color: rgb(255 255 255 / 40%);
    color: inherit;
  }

  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(10px);
    }
  }

  @media (max-width: 639px), (max-height: 480px) {
    .sheet {
      width: 100vw;
      min-width: 0;
      height: 100dvh;
      max-height: none;
      border-radius: 0;
    }
  }
`;
