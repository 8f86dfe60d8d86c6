// Changes when: how the player looks does. It is dark on every page: pictures are.
import { css } from 'lit';

export const playerStyle = css`
  :host {
    --player-ink: #f2f6fa;
    display: grid;
    grid-template-rows: minmax(0, 1fr) auto;
    min-height: 0;
    color: var(--player-ink);
  }

  media-controller {
    --media-background-color: #05080b;
    --media-primary-color: var(--player-ink);
    --media-secondary-color: transparent;
    --media-control-background: transparent;
    --media-control-hover-background: rgb(255 255 255 / 14%);
    --media-font-family: var(--font);
    --media-font-size: 14px;
    --media-font-weight: 560;
    --media-control-height: 24px;
    --media-control-padding: 10px;
    --media-tooltip-background: rgb(16 22 28 / 94%);
    --media-tooltip-border-radius: 8px;
    --media-range-track-height: 5px;
    --media-range-track-border-radius: 3px;
    --media-range-track-background: rgb(255 255 255 / 28%);
    --media-time-range-buffered-color: rgb(255 255 255 / 34%);
    --media-range-bar-color: #6ea8ff;
    --media-range-thumb-background: #ffffff;
    --media-range-thumb-height: 14px;
    --media-range-thumb-width: 14px;
    --media-range-thumb-border-radius: 7px;
    --media-preview-time-margin: 0;
    --media-preview-thumbnail-max-width: 192px;
    --media-preview-thumbnail-max-height: 128px;
    --media-preview-thumbnail-min-width: 0px;
    --media-preview-thumbnail-min-height: 0px;
    --media-preview-thumbnail-border-radius: 8px;
    --media-preview-thumbnail-background: #05080b;
    --media-preview-box-margin: 0 0 8px;
    --media-preview-transition-delay-in: 0s;
    --media-preview-transition-duration-in: 90ms;
    --media-menu-background: rgb(18 25 32 / 96%);
    --media-menu-border-radius: 12px;
    --media-menu-item-hover-background: rgb(255 255 255 / 12%);
    --media-settings-menu-min-width: 220px;
    --media-focus-box-shadow: inset 0 0 0 3px #8ab8ff;
    --media-menu-item-focus-shadow: inset 0 0 0 3px #8ab8ff;
    --media-control-transition-in: opacity 160ms;
    width: 100%;
    height: 100%;
    min-height: 0;
    overflow: hidden;
    aspect-ratio: var(--aspect, 16 / 9);
  }

  @media (max-width: 639px), (max-height: 480px) {
    media-controller {
      aspect-ratio: auto;
    }
  }

  video {
    width: 100%;
    height: 100%;
    object-fit: contain;
  }

  media-controller:focus-visible {
    outline: none;
  }

  /* Under the controls, and out of the pointer's way. */
  reelrace-pose {
    position: absolute;
    inset: 0;
    pointer-events: none;
  }

  .controls {
    position: relative;
    width: 100%;
    padding-top: 64px;
    background: linear-gradient(transparent, rgb(3 6 9 / 50%) 40%, rgb(3 6 9 / 84%));
    pointer-events: none;
  }

  .controls > * {
    pointer-events: auto;
  }

  media-time-range {
    --media-control-hover-background: none;
    width: calc(100% - 20px);
    height: 28px;
    margin-inline: 10px;
  }

  media-settings-menu {
    z-index: 2;
    right: 10px;
    bottom: 80px;
    border: 1px solid rgb(255 255 255 / 14%);
    border-radius: 12px;
  }

  media-control-bar {
    display: flex;
    align-items: center;
    width: 100%;
    padding: 0 6px 6px;
  }

  media-control-bar > * {
    border-radius: 10px;
  }

  media-volume-range {
    width: 96px;
  }

  media-time-display {
    padding-inline: 10px;
    font-variant-numeric: tabular-nums;
  }

  .gap {
    flex: 1;
  }

  .switch {
    display: flex;
    gap: 7px;
    align-items: center;
    height: 44px;
    padding-inline: 10px;
    border: 0;
    background: none;
    color: inherit;
    font: 560 0.875rem / 1 var(--font);
    cursor: pointer;
  }

  .switch .icon {
    width: 24px;
    height: 24px;
  }

  /* On: underlined, as well as in a colour of its own. */
  .switch[aria-checked='true'] {
    background: rgb(110 168 255 / 22%);
    box-shadow: inset 0 -3px 0 #6ea8ff;
  }

  @media (hover: hover) {
    .switch:hover {
      background: rgb(255 255 255 / 14%);
    }

    .switch[aria-checked='true']:hover {
      background: rgb(110 168 255 / 34%);
    }
  }

  .switch:focus-visible {
    outline: none;
    box-shadow: inset 0 0 0 3px #8ab8ff;
  }

  media-controller:not([breakpointmd]) .switch span {
    display: none;
  }

  .sound .icon {
    width: 88px;
    height: 88px;
    color: rgb(255 255 255 / 34%);
    stroke-width: 1.2;
  }

  media-controller:not([breakpointsm]) {
    --media-control-padding: 10px 8px;
  }

  media-controller:not([breakpointmd]) .roomy {
    display: none;
  }

  .note {
    display: flex;
    gap: 10px;
    align-items: center;
    min-height: 44px;
    padding: 10px 16px;
    font-size: 0.9375rem;
    font-variant-numeric: tabular-nums;
  }

  @media (max-width: 639px) {
    .note {
      min-height: 66px;
    }
  }

  .dot {
    flex: none;
    width: 9px;
    height: 9px;
    border-radius: 50%;
    background: #6ea8ff;
    animation: pulse 2.2s ease-in-out infinite;
  }

  [data-tone='done'] .dot {
    background: #45c17d;
    animation: none;
  }

  [data-tone='still'] .dot {
    background: #8595a3;
    animation: none;
  }

  [data-tone='stuck'] .dot {
    background: #e6b422;
  }

  .sorry {
    display: grid;
    grid-row: 1 / 3;
    gap: 14px;
    place-content: center;
    justify-items: center;
    min-height: 240px;
    padding: 32px;
    text-align: center;
    text-wrap: balance;
  }

  .sorry p {
    max-width: 34em;
  }

  .sorry > .icon {
    width: 40px;
    height: 40px;
    color: #f28b86;
  }

  .sorry .button {
    border-color: rgb(255 255 255 / 40%);
    color: inherit;
  }

  @media (hover: hover) {
    .sorry .button:hover {
      background: rgb(255 255 255 / 12%);
    }
  }

  @keyframes pulse {
    50% {
      opacity: 0.35;
      transform: scale(0.8);
    }
  }
`;
