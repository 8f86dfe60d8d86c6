// Changes when: what we need of tus-js-client's `Upload` does.

export interface Tus {
  /** Null until the server has named it. */
  readonly url: string | null;
  start(): void;
  /** Stops it; to `terminate` takes it back from the server as well. */
  abort(terminate?: boolean): Promise<void>;
}
