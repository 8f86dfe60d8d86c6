// Changes when: how a card looks does.
import { css } from 'lit';

export const cardStyle = css`
  :host {
    container-type: inline-size;
  }

  article {
    display: grid;
    grid-template:
      'tile head' auto
      'tile body' auto
      'tile actions' auto
      / 200px minmax(0, 1fr);
    column-gap: 20px;
    align-content: start;
    align-items: start;
    padding: 16px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
    box-shadow: var(--shadow);
    animation: appear 240ms ease-out;
  }

  reelrace-tile {
    grid-area: tile;
  }

  .head {
    display: grid;
    grid-area: head;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 2px 12px;
    align-items: start;
  }

  h3 {
    overflow: hidden;
    font-size: 1.0625rem;
    font-weight: 680;
    line-height: 1.5;
    letter-spacing: -0.012em;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .facts {
    grid-column: 1 / -1;
    color: var(--ink-soft);
    font-size: 0.875rem;
    font-variant-numeric: tabular-nums;
  }

  /* Each part brings its dot along; those at the start of a line are cut off. */
  .parts {
    display: flex;
    flex-wrap: wrap;
    margin-inline-start: -1.1em;
    clip-path: inset(-4px 0 -4px 1.1em);
  }

  .parts > span {
    padding-inline-start: 1.1em;
  }

  .parts > span::before {
    display: inline-block;
    width: 1.1em;
    margin-inline-start: -1.1em;
    color: var(--edge);
    content: '·' / '';
    text-align: center;
  }

  .body {
    grid-area: body;
  }

  .race {
    display: grid;
    gap: 4px;
    padding-block: 12px 2px;
  }

  .race reelrace-progress {
    margin-bottom: 6px;
  }

  .line {
    display: flex;
    flex-wrap: wrap;
    column-gap: 0.7em;
    align-items: baseline;
    padding-inline-start: 18px;
    color: var(--ink-soft);
    font-size: 0.875rem;
    font-variant-numeric: tabular-nums;
  }

  .line b {
    color: var(--ink);
    font-weight: 640;
  }

  .swatch {
    display: inline-block;
    width: 10px;
    height: 10px;
    margin-inline: -18px 8px;
    border-radius: 3px;
    background: var(--made);
  }

  .sent .swatch {
    background: var(--sent);
  }

  [data-still='true'] .sent .swatch {
    background: var(--edge);
  }

  .line .icon {
    align-self: center;
    width: 16px;
    height: 16px;
    margin-inline: -21px -6px;
    color: var(--completed);
    stroke-width: 3;
  }

  .moves .icon,
  .late .icon {
    margin-inline: -21px -6px;
    color: var(--ink-soft);
    stroke-width: 2.4;
  }

  .early,
  .early .icon {
    color: var(--active-ink);
    font-weight: 600;
  }

  .remark {
    display: flex;
    gap: 8px;
    margin-top: 10px;
    color: var(--ink-soft);
    font-size: 0.9375rem;
    text-wrap: pretty;
  }

  .remark .icon {
    margin-top: 1.5px;
  }

  .remark[data-tone='failed'] {
    color: var(--failed-ink);
  }

  .remark[data-tone='partial'] {
    color: var(--partial-ink);
  }

  .actions {
    display: flex;
    grid-area: actions;
    flex-wrap: wrap;
    gap: 8px;
    align-items: center;
    margin-top: 14px;
  }

  .asking {
    padding: 12px 14px;
    border-radius: 12px;
    background: var(--sunken);
  }

  .asking p {
    flex: 1 1 16em;
    font-size: 0.9375rem;
    font-weight: 600;
  }

  .answers {
    display: flex;
    flex-wrap: wrap;
    gap: inherit;
  }

  .asking .keep {
    border-color: var(--edge);
  }

  .actions > .plain:only-child {
    background: var(--sunken);
    color: var(--ink);
  }

  @keyframes appear {
    from {
      opacity: 0;
      transform: translateY(6px);
    }
  }

  @container (max-width: 679px) {
    article {
      grid-template-columns: 128px minmax(0, 1fr);
      column-gap: 14px;
    }

    .actions:not(.asking) {
      flex-wrap: nowrap;
      gap: 6px;
    }

    .actions .button {
      padding-inline: 11px;
    }

    /* What ends something steps back to its picture; its name is still read out. */
    .actions > .end:not(:only-child) {
      flex: none;
      width: 44px;
      padding-inline: 0;
    }

    .actions > .end:not(:only-child) span {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
  }

  @container (max-width: 559px) {
    article {
      grid-template:
        'tile head' auto
        'body body' auto
        'actions actions' auto
        / 92px minmax(0, 1fr);
      column-gap: 14px;
      padding: 14px;
    }

    .head {
      grid-template-columns: minmax(0, 1fr);
      justify-items: start;
    }

    h3 {
      display: -webkit-box;
      font-size: 1rem;
      max-width: 100%;
      line-height: 1.3;
      white-space: normal;
      hyphens: auto;
      overflow-wrap: break-word;
      -webkit-box-orient: vertical;
      -webkit-line-clamp: 2;
    }

    .chip {
      margin-block: 4px 2px;
    }

    .actions {
      gap: 6px;
    }

    .actions:not(.asking) {
      flex-wrap: nowrap;
      align-items: stretch;
    }

    .answers {
      flex: 1 1 100%;
    }

    .actions .button {
      flex: 1 1 auto;
      gap: 6px;
      min-width: min-content;
      padding-inline: 6px;
      font-size: 0.875rem;
    }
  }

  /* Words matter more than pictures where there is no room for both. */
  @container (max-width: 319px) {
    .actions > :not(.end) .icon {
      display: none;
    }
  }
`;
