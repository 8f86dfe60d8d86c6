// Changes when: how the page's address says what is being watched does.
import type { ReactiveController, ReactiveControllerHost } from 'lit';

const PREFIX = '#watch=';

/** Which video is on. It stands in the address, so that "back" closes it, as people expect. */
export class Watching implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  #id: string | null = null;
  /** The entry in the browser's history is ours. */
  #pushed = false;

  constructor(host: ReactiveControllerHost) {
    this.#host = host;
    host.addController(this);
  }

  get id(): string | null {
    return this.#id;
  }

  hostConnected(): void {
    addEventListener('popstate', this.#read);
    this.#read();
  }

  hostDisconnected(): void {
    removeEventListener('popstate', this.#read);
  }

  open(id: string): void {
    history.pushState(null, '', PREFIX + id);
    this.#pushed = true;
    this.#read();
  }

  /** Another one instead: "back" still closes. */
  turn(id: string): void {
    history.replaceState(null, '', PREFIX + id);
    this.#read();
  }

  close(): void {
    if (this.#id === null) return;
    if (this.#pushed) {
      this.#pushed = false;
      history.back();
    } else {
      history.replaceState(null, '', location.pathname + location.search);
    }
    this.#set(null);
  }

  readonly #read = (): void => {
    const { hash } = location;
    this.#set(hash.startsWith(PREFIX) ? hash.slice(PREFIX.length) : null);
  };

  #set(id: string | null): void {
    if (id === this.#id) return;
    this.#id = id;
    this.#host.requestUpdate();
  }
}
