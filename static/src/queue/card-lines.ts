// Changes when: what a card says in words of its upload, its processing and its troubles does.
import { html, nothing, type TemplateResult } from 'lit';
import { received, type Video } from '../api/video.ts';
import type { Messages } from '../i18n/en.ts';
import type { Formats } from '../i18n/format.ts';
import { wordsFor } from '../i18n/language.ts';
import { icon } from '../icons.ts';
import type { Card } from './cards.ts';
import {
  type Making,
  type Moving,
  makingOf,
  movingOf,
  renditionsOf,
  type Sending,
  sendingOf,
} from './measure.ts';
import { late, type Phase, phaseOf, playbackOf, problemOfCard, toneOf } from './phase.ts';
import './progress.ts';

type Words = { readonly text: Messages; readonly format: Formats };
/** No byte moves in these. */
const STILL: ReadonlySet<Phase> = new Set(['paused', 'interrupted', 'reconnecting', 'failed']);

type Part = string | TemplateResult | typeof nothing | null;

/** Size of the picture, qualities, bytes and when it was made. */
export function facts(card: Card, { text, format }: Words, now: number): TemplateResult {
  const { video, upload } = card;
  const sides = renditionsOf(card).map((side) => `${side}p`);
  const size = video?.size ?? upload?.size ?? 0;
  const parts: Part[] = [
    video?.width && video.height ? format.size(video.width, video.height) : null,
    video?.playback && !video.width ? text.queue.sound : null,
    format.bytes(size),
    video ? format.moment(video.created_at, now) : null,
    sides.length
      ? html`<span class="unseen">${text.queue.qualities}: </span>${sides.join(', ')}`
      : null,
  ];
  return html`<p class="facts">${row(parts)}</p>`;
}

/** The race, and its two runners in words; nothing once it is over. */
export function race(card: Card, words: Words): TemplateResult | typeof nothing {
  const sending = sendingOf(card);
  const making = makingOf(card);
  const phase = phaseOf(card);
  if (!sending || phase === 'completed' || phase === 'partial') return nothing;
  if (phase === 'waiting' && sending.bytes === 0) return nothing;
  if (phase === 'failed' && (sending.done || card.video?.state === 'failed')) return nothing;
  const sent = sendingParts(sending, words);
  const made = making ? makingParts(card, making, words) : null;
  const { text } = words;
  const resting = STILL.has(phase);
  return html`
    <div class="race" data-still=${resting}>
      <reelrace-progress
        ?still=${resting}
        .sent=${sending.percent}
        .made=${made ? (making?.percent ?? null) : null}
        .sentLabel=${text.queue.upload}
        .madeLabel=${text.queue.processing}
        .sentText=${sent.spoken}
        .madeText=${made?.spoken ?? ''}
      ></reelrace-progress>
      <p class="line sent" data-done=${sending.done}>${sent.shown}</p>
      ${made ? html`<p class="line made">${made.shown}</p>` : nothing}
      ${made ? moves(movingOf(card), words) : nothing}
      ${early(card, text)}
      ${late(card) ? html`<p class="line late">${icon('clock')}${text.queue.late}</p>` : nothing}
    </div>
  `;
}

/** Looking for people is part of the processing, and the slowest of it. */
function moves(moving: Moving | null, { text, format }: Words): TemplateResult | typeof nothing {
  if (!moving || moving.seconds === 0) return nothing;
  const { seconds, duration } = moving;
  const there = format.clock(seconds);
  const said = duration ? text.queue.of(there, format.clock(duration)) : text.queue.soFar(there);
  return html`<p class="line moves">${icon('figure')}<b>${text.queue.movements}</b> ${said}</p>`;
}

/** What sets this page apart, said where it happens. */
function early(card: Card, { queue }: Messages): TemplateResult | typeof nothing {
  const phase = phaseOf(card);
  if (!playbackOf(card)?.growing || (phase !== 'uploading' && phase !== 'processing')) {
    return nothing;
  }
  return html`<p class="line early">
    ${icon('play')}${phase === 'uploading' ? queue.whileUploading : queue.whileProcessing}
  </p>`;
}

/** What went wrong, or was odd. */
export function remarks(card: Card, words: Words, held: boolean): TemplateResult[] {
  const { text } = words;
  const said: TemplateResult[] = [];
  const problem = problemOfCard(card);
  if (problem) said.push(remark('alert', wordsFor(problem, text), phaseOf(card)));
  if (phaseOf(card) === 'interrupted') {
    const hint = held ? text.queue.interruptedHeld : text.queue.interrupted;
    said.push(remark('pause', hint, 'paused'));
  }
  if (phaseOf(card) === 'reconnecting') said.push(remark('retry', text.queue.again, 'paused'));
  for (const line of warnings(card.video, text)) said.push(remark('alert', line, 'paused'));
  return said;
}

function remark(name: Parameters<typeof icon>[0], line: string, tone: string): TemplateResult {
  return html`<p class="remark" data-tone=${tone}>${icon(name)}<span>${line}</span></p>`;
}

function warnings(video: Video | null, text: Messages): string[] {
  const known: Readonly<Record<string, string>> = text.warnings;
  const lines = (video?.warnings ?? []).map(({ code }) => known[code] ?? text.warnings.other);
  return [...new Set(lines)];
}

function sendingParts(sending: Sending, { text, format }: Words) {
  if (sending.done) {
    return { spoken: text.queue.uploaded, shown: html`${icon('check')}${text.queue.uploaded}` };
  }
  const share = format.percent(sending.percent);
  const spoken = text.queue.of(format.bytes(sending.bytes), format.bytes(sending.size));
  const shown = html`<b><span class="swatch"></span>${text.queue.upload} ${share}</b>${row([
    spoken,
    sending.perSecond ? format.bytesPerSecond(sending.perSecond) : null,
    sending.secondsLeft ? text.queue.left(format.span(sending.secondsLeft)) : null,
  ])}`;
  return { spoken: `${share}, ${spoken}`, shown };
}

function makingParts(card: Card, making: Making, { text, format }: Words) {
  const begun = making.ready > 0;
  const spoken = begun ? madeSaid(making, { text, format }) : beginningSaid(card, text);
  if (spoken === null) return null;
  const share = begun ? ` ${format.percent(making.percent)}` : '';
  const left = making.secondsLeft ? text.queue.left(format.span(making.secondsLeft)) : null;
  const shown = html`<b><span class="swatch"></span>${text.queue.processing}${share}</b>${row([
    spoken,
    left,
  ])}`;
  return { spoken: `${share} ${spoken}`.trim(), shown };
}

function madeSaid({ ready, duration }: Making, { text, format }: Words): string {
  const made = format.clock(ready);
  return duration ? text.queue.of(made, format.clock(duration)) : text.queue.soFar(made);
}

/** Before the first second is counted; null while there is nothing to say. */
function beginningSaid(card: Card, text: Messages): string | null {
  const { video } = card;
  if (!video) return null;
  if (video.playback) return text.queue.readyBegin;
  if (video.state === 'active')
    return toneOf(phaseOf(card)) === 'paused' ? null : text.queue.starting;
  return received(video) ? text.queue.queued : null;
}

/** Parts with a dot between them, which is only drawn, and not at the start of a line. */
function row(parts: readonly Part[]): TemplateResult {
  const there = parts.filter((part) => part !== null && part !== nothing);
  return html`<span class="parts">${there.map((part) => html`<span>${part}</span> `)}</span>`;
}
