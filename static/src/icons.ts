// Changes when: an icon is drawn anew or added.
import { svg, type TemplateResult } from 'lit';

const SHAPES = {
  play: svg`<path d="M8 5.3v13.4a.8.8 0 0 0 1.2.7l10.6-6.7a.8.8 0 0 0 0-1.4L9.2 4.6a.8.8 0 0 0-1.2.7Z" fill="currentColor" stroke="none"/>`,
  pause: svg`<path d="M9 5v14M15 5v14" stroke-width="3"/>`,
  resume: svg`<path d="M6 5v14M11 6.5v11l8-5.5Z"/>`,
  retry: svg`<path d="M4.5 12a7.5 7.5 0 1 1 2.4 5.5M4 20v-4.2h4.2"/>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  trash: svg`<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10 11v5M14 11v5"/>`,
  folder: svg`<path d="M3.5 18.5v-13h6l2 2.5h9v10.5Z"/>`,
  upload: svg`<path d="M12 16.5V5M7 9.7 12 4.6l5 5.1M4.5 15v4.5h15V15"/>`,
  check: svg`<path d="m5 12.5 4.6 4.7L19 7.5"/>`,
  alert: svg`<path d="M12 7.5v6M12 16.6v.1M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17Z"/>`,
  sound: svg`<path d="M9 17.5V6l10-2v11.5M9 17.5a2.5 2.5 0 1 1-2.5-2.5A2.5 2.5 0 0 1 9 17.5Zm10-2a2.5 2.5 0 1 1-2.5-2.5 2.5 2.5 0 0 1 2.5 2.5Z"/>`,
  figure: svg`<circle cx="12" cy="4.6" r="1.6"/><path d="M4.5 8.5 12 10l7.5-1.5M12 10v5l-3.5 5.5M12 15l3.5 5.5"/>`,
  next: svg`<path d="M6.5 5.5v13l9-6.5ZM18.5 5.5v13"/>`,
  previous: svg`<path d="M17.5 5.5v13l-9-6.5ZM5.5 5.5v13"/>`,
  clock: svg`<path d="M12 7v5.3l3.4 2M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17Z"/>`,
} satisfies Record<string, unknown>;

export type IconName = keyof typeof SHAPES;

/** A picture for the eye only: what it means stands beside it, or in a label. */
export function icon(name: IconName): TemplateResult<2> {
  return svg`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" fill="none"
    stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"
    aria-hidden="true" focusable="false">${SHAPES[name]}</svg>` as TemplateResult<2>;
}

/** The mark: a reel on a race. It turns while bytes arrive. */
export function mark(): TemplateResult<2> {
  return svg`<svg class="mark" viewBox="0 0 40 40" width="36" height="36" fill="none"
    aria-hidden="true" focusable="false">
    <g class="reel">
      <circle cx="20" cy="16" r="12.6" stroke="currentColor" stroke-width="2.8"/>
      <circle cx="20" cy="9.9" r="3" fill="currentColor"/>
      <circle cx="25.3" cy="19.1" r="3" fill="currentColor"/>
      <circle cx="14.7" cy="19.1" r="3" fill="currentColor"/>
      <circle cx="20" cy="16" r="1.5" fill="currentColor"/>
    </g>
    <path class="race" d="M2 35c3 0 3-3 6-3s3 3 6 3 3-3 6-3 3 3 6 3 3-3 6-3 3 3 6 3"
      stroke="var(--active)" stroke-width="2.8" stroke-linecap="round"/>
  </svg>` as TemplateResult<2>;
}
