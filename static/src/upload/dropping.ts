// Changes when: how files that are dragged over the page are met does.
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { type Choice, fromDrop } from './files.ts';

/** The whole page takes files: nobody has to aim. */
export class Dropping implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #take: (choice: Choice) => void;
  #depth = 0;
  #listening: AbortController | null = null;

  constructor(host: ReactiveControllerHost, take: (choice: Choice) => void) {
    this.#host = host;
    this.#take = take;
    host.addController(this);
  }

  /** Files are being held over the page. */
  get over(): boolean {
    return this.#depth > 0;
  }

  hostConnected(): void {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    // Entering a child comes before leaving its parent, so the depth tells where the pointer is.
    addEventListener('dragenter', (event) => this.#move(event, 1), { signal });
    addEventListener('dragleave', (event) => this.#move(event, -1), { signal });
    addEventListener('dragover', (event) => this.#hold(event), { signal });
    addEventListener('drop', (event) => void this.#drop(event), { signal });
  }

  hostDisconnected(): void {
    this.#listening?.abort();
  }

  #move(event: DragEvent, by: number): void {
    if (!withFiles(event)) return;
    event.preventDefault();
    this.#set(this.#depth + by);
  }

  #hold(event: DragEvent): void {
    if (!withFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  }

  async #drop(event: DragEvent): Promise<void> {
    if (!withFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    this.#set(0);
    this.#take(await fromDrop(event.dataTransfer));
  }

  #set(depth: number): void {
    const before = this.over;
    this.#depth = Math.max(0, depth);
    if (this.over !== before) this.#host.requestUpdate();
  }
}

function withFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
