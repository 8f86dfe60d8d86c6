// Changes when: how the place where people add videos looks does.
import { css } from 'lit';

export const dropZoneStyle = css`
  .zone {
    display: grid;
    gap: 20px;
  }

  .saying {
    display: grid;
    gap: 8px;
  }

  h1 {
    font-size: 1.5rem;
    font-weight: 700;
    line-height: 1.15;
    letter-spacing: -0.022em;
    text-wrap: balance;
  }

  .lead {
    color: var(--ink-soft);
    text-wrap: pretty;
  }

  .panel {
    display: grid;
    gap: 18px;
    padding: 22px;
    border: 1.5px dashed var(--edge);
    border-radius: var(--radius);
    background: var(--surface);
    text-align: center;
  }

  .choose {
    display: grid;
    gap: 10px;
  }

  .here {
    color: var(--ink-soft);
    font-size: 0.875rem;
  }

  @media (pointer: coarse) {
    .here {
      display: none;
    }
  }

  :host([roomy]) .zone {
    gap: clamp(28px, 5vw, 44px);
    max-width: 860px;
    margin-inline: auto;
    padding-block: clamp(8px, 4vw, 40px);
  }

  :host([roomy]) .saying {
    gap: 14px;
    text-align: center;
  }

  :host([roomy]) h1 {
    font-size: clamp(1.9rem, 1.1rem + 3.6vw, 3.1rem);
    line-height: 1.08;
    letter-spacing: -0.032em;
  }

  :host([roomy]) .lead {
    font-size: clamp(1.0625rem, 1rem + 0.4vw, 1.25rem);
  }

  :host([roomy]) .panel {
    gap: 26px;
    padding: clamp(24px, 5vw, 44px);
    border-radius: 24px;
  }

  :host([roomy]) .choose {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
  }

  :host([roomy]) .choose .button {
    min-height: 48px;
    padding-inline: 22px;
    font-size: 1rem;
  }

  .several {
    display: flex;
    gap: 8px;
    align-items: center;
    justify-content: center;
    color: var(--ink-soft);
    font-size: 0.875rem;
    cursor: pointer;
  }

  .several input {
    flex: none;
    width: 24px;
    height: 24px;
    margin: 0;
    accent-color: var(--ink);
  }

  .steps {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));
    gap: 22px 28px;
  }

  .steps li {
    display: flex;
    gap: 12px;
  }

  .disc {
    display: grid;
    flex: none;
    place-items: center;
    width: 36px;
    height: 36px;
    border-radius: 50%;
    background: var(--sunken);
  }

  .steps h3 {
    font-size: 1rem;
    font-weight: 650;
    line-height: 36px;
  }

  .steps p {
    color: var(--ink-soft);
    font-size: 0.9375rem;
    text-wrap: pretty;
  }

  /* Beside a list on a narrow page it must leave room for the list. */
  @media (max-width: 1079px) {
    :host(:not([roomy])) .lead,
    :host(:not([roomy])) .scene {
      display: none;
    }

    :host(:not([roomy])) .zone {
      gap: 14px;
    }

    :host(:not([roomy])) .panel {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      justify-content: space-between;
      gap: 12px;
      padding: 14px;
    }

    :host(:not([roomy])) .choose {
      display: flex;
      flex-wrap: wrap;
    }
  }

  @media (max-width: 559px) {
    :host(:not([roomy])) .choose,
    :host(:not([roomy])) .choose .button,
    :host([roomy]) .choose .button {
      width: 100%;
    }

    :host(:not([roomy])) .here {
      display: none;
    }
  }
`;
