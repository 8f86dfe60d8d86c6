// Changes when: how the page's language is chosen and kept does.
import { Observable } from '../observable.ts';
import type { Preferences } from '../preferences.ts';
import { de } from './de.ts';
import { en, type Messages } from './en.ts';
import { Formats } from './format.ts';

const TEXTS = { de, en } satisfies Record<string, Messages>;

export type LanguageCode = keyof typeof TEXTS;

/** Each in its own words, as people look for it. */
export const LANGUAGES: readonly { readonly code: LanguageCode; readonly name: string }[] = [
  { code: 'de', name: 'Deutsch' },
  { code: 'en', name: 'English' },
];

const KEY = 'reelrace.language';

/** What the page is told by and keeps in; a browser's own in the page. */
export interface Surroundings extends Preferences {
  readonly languages: readonly string[];
}

/** The language in force. */
export class Language extends Observable {
  readonly #preferences: Surroundings;
  #tag: string;
  #formats: Formats | null = null;

  constructor(preferences: Surroundings) {
    super();
    this.#preferences = preferences;
    this.#tag = tagFor(preferences.read(KEY), preferences.languages);
  }

  get code(): LanguageCode {
    return codeOf(this.#tag) ?? 'en';
  }

  get text(): Messages {
    return TEXTS[this.code];
  }

  /** Numbers follow the region, too: `de-AT`, `en-GB`. */
  get format(): Formats {
    this.#formats ??= new Formats(this.#tag);
    return this.#formats;
  }

  choose(code: LanguageCode): void {
    if (code === this.code) return;
    this.#preferences.write(KEY, code);
    this.#tag = tagFor(code, this.#preferences.languages);
    this.#formats = null;
    this.changed();
  }
}

/** The first that we speak of what was chosen and what the browser says; else English. */
export function tagFor(chosen: string | null, spoken: readonly string[]): string {
  const wanted = chosen === null ? null : codeOf(chosen);
  const found = spoken.find((tag) => (wanted ? codeOf(tag) === wanted : codeOf(tag)));
  return found ?? wanted ?? 'en';
}

function codeOf(tag: string): LanguageCode | null {
  const base = tag.toLowerCase().split('-')[0] ?? '';
  return Object.hasOwn(TEXTS, base) ? (base as LanguageCode) : null;
}

/** The words for an error: ours by its code, else the server's sentence. */
export function wordsFor(
  problem: { readonly code: string; readonly title: string },
  text: Messages,
): string {
  const known: Readonly<Record<string, string>> = text.errors;
  const ours = Object.hasOwn(known, problem.code) ? known[problem.code] : undefined;
  return ours ?? (problem.title || text.errors.unexpected);
}
