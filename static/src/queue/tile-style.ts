// Changes when: how the picture of a card looks does.
import { css } from 'lit';

export const tileStyle = css`
  :host {
    container-type: inline-size;
  }

  .tile {
    position: relative;
    display: grid;
    place-items: center;
    aspect-ratio: 16 / 9;
    overflow: hidden;
    border-radius: 12px;
    background: linear-gradient(155deg, var(--tile), var(--tile-end));
    color: var(--on-tile);
    isolation: isolate;
  }

  /* A hairline, so that a picture as light as the card has an edge. */
  .tile::after {
    position: absolute;
    inset: 0;
    border-radius: inherit;
    box-shadow: inset 0 0 0 1px rgb(127 140 150 / 26%);
    content: '';
    pointer-events: none;
  }

  .tile[data-playable] {
    cursor: pointer;
  }

  .poster,
  .haze {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: cover;
    opacity: 0;
    transition: opacity 260ms ease-out;
  }

  [data-shape='framed'] .poster {
    object-fit: contain;
  }

  .haze {
    filter: blur(14px) brightness(0.6);
    transform: scale(1.25);
  }

  .poster[data-there],
  .haze[data-there] {
    opacity: 1;
  }

  .still {
    position: absolute;
    inset: 0;
    display: grid;
    place-items: center;
    background: var(--tile-end);
  }

  .window {
    position: relative;
    height: 100%;
    overflow: hidden;
  }

  [data-shape='filling'] .window {
    min-width: 100%;
    height: auto;
    min-height: 100%;
  }

  .window img {
    position: absolute;
    top: 0;
    height: 100%;
    max-width: none;
  }

  .waves {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    fill: color-mix(in srgb, var(--on-tile) 30%, transparent);
  }

  .disc {
    position: relative;
    display: grid;
    place-items: center;
    width: 52px;
    height: 52px;
    border-radius: 50%;
    background: rgb(9 16 23 / 66%);
    color: #ffffff;
    transition:
      opacity var(--quick),
      transform var(--quick),
      background-color var(--quick);
  }

  /* Where there is a picture, its middle belongs to it. */
  [data-pictured] .disc {
    place-self: end start;
    width: 36px;
    height: 36px;
    margin: 7px;
  }

  [data-pictured] .icon {
    width: 17px;
    height: 17px;
  }

  .disc[data-away],
  .place[data-away] {
    opacity: 0;
  }

  @media (hover: hover) {
    .tile[data-playable]:hover .disc {
      background: rgb(9 16 23 / 82%);
      transform: scale(1.06);
    }
  }

  .icon {
    width: 24px;
    height: 24px;
  }

  .ring {
    position: absolute;
    inset: 0;
  }

  .ring circle {
    stroke: rgb(255 255 255 / 24%);
    stroke-width: 4;
  }

  .ring .share {
    stroke: #8dbcff;
    stroke-linecap: round;
    transition: stroke-dashoffset 400ms linear;
  }

  .ring .made {
    stroke: #d5e7ff;
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
    bottom: 7px;
    padding: 1px 6px;
    border-radius: 6px;
    background: rgb(6 12 18 / 78%);
    color: #ffffff;
    font-size: 0.75rem;
    font-weight: 600;
    font-variant-numeric: tabular-nums;
  }

  .place {
    position: absolute;
    inset: auto 0 0;
    height: 3px;
    background: #8dbcff;
    transform-origin: left;
    transition: opacity var(--quick);
  }

  @container (max-width: 120px) {
    .tile {
      aspect-ratio: 4 / 3;
    }

    .disc {
      width: 40px;
      height: 40px;
    }

    /* There is no room for both in the middle. */
    .tile:has(.length) .disc {
      width: 36px;
      height: 36px;
      margin-bottom: 14px;
    }

    [data-pictured].tile .disc {
      width: 28px;
      height: 28px;
      margin: 4px;
    }

    [data-pictured] .icon {
      width: 14px;
      height: 14px;
    }

    .length {
      right: 4px;
      bottom: 4px;
      padding-inline: 4px;
      font-size: 0.6875rem;
    }
  }
`;
