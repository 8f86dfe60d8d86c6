// Changes when: how one part tells others that it changed does.

/** Something that others may watch. What changed is read from it, never sent along. */
export class Observable {
  readonly #watchers = new Set<() => void>();

  /** Calls `watcher` after every change; the answer ends that. */
  subscribe(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  protected changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
