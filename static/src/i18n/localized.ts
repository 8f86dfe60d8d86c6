// Changes when: how an element learns that the language has changed does.
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { browserPreferences } from '../preferences.ts';
import type { Messages } from './en.ts';
import type { Formats } from './format.ts';
import { Language, type LanguageCode } from './language.ts';

/** The page's language. */
export const language = new Language({ languages: navigator.languages, ...browserPreferences });

/** Gives an element its words, and draws it anew when they change. */
export class Localized implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  #leave: (() => void) | null = null;

  constructor(host: ReactiveControllerHost) {
    this.#host = host;
    host.addController(this);
  }

  get code(): LanguageCode {
    return language.code;
  }

  get text(): Messages {
    return language.text;
  }

  get format(): Formats {
    return language.format;
  }

  hostConnected(): void {
    this.#leave = language.subscribe(() => this.#host.requestUpdate());
  }

  hostDisconnected(): void {
    this.#leave?.();
  }
}
