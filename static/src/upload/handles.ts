// Changes when: how a browser remembers which file an upload is of does (File System Access).

/** What this page needs of a handle; the type of the DOM lacks permissions. */
export interface FileHandle extends FileSystemFileHandle {
  requestPermission?(descriptor: { mode: 'read' }): Promise<PermissionState>;
}

const NAME = 'reelrace';
const STORE = 'files';

const handles = new WeakMap<File, FileHandle>();

/** A file came with a handle, by which it can be read again after the page is gone. */
export function noteHandle(file: File, handle: FileHandle): void {
  handles.set(file, handle);
}

/** Handles of files by the videos that they become. Where a browser has none, it stays empty. */
export class Handles {
  readonly #database: Promise<IDBDatabase> | null;

  constructor(factory: IDBFactory | undefined = globalThis.indexedDB) {
    this.#database = factory ? opened(factory) : null;
    this.#database?.catch(() => {}); // Storage is switched off: then nothing is remembered.
  }

  /** Ids of the videos whose files are known. */
  async videos(): Promise<string[]> {
    return ((await this.#ask('readonly', (store) => store.getAllKeys())) ?? []) as string[];
  }

  async keep(videoId: string, file: File): Promise<void> {
    const handle = handles.get(file);
    if (handle) await this.#ask('readwrite', (store) => store.put(handle, videoId));
  }

  async forget(videoId: string): Promise<void> {
    await this.#ask('readwrite', (store) => store.delete(videoId));
  }

  /**
   * The file of a video, after the browser has asked; null: it is not known, not allowed, or no
   * longer there. Whoever calls this must be answering a click or a key.
   */
  async file(videoId: string): Promise<File | null> {
    const handle = await this.#ask<FileHandle>('readonly', (store) => store.get(videoId));
    try {
      const allowed = await handle?.requestPermission?.({ mode: 'read' });
      if (!handle || (allowed ?? 'granted') !== 'granted') return null;
      const file = await handle.getFile();
      noteHandle(file, handle);
      return file;
    } catch {
      return null;
    }
  }

  async #ask<T>(
    mode: IDBTransactionMode,
    question: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T | undefined> {
    try {
      const database = await this.#database;
      if (!database) return undefined;
      return await answered(question(database.transaction(STORE, mode).objectStore(STORE)));
    } catch {
      return undefined; // As above, or this browser cannot keep handles.
    }
  }
}

function opened(factory: IDBFactory): Promise<IDBDatabase> {
  const request = factory.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answered(request);
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}
