// Changes when: how an upload of an earlier visit is found again does.
import { defaultOptions, type PreviousUpload } from 'tus-js-client';

/** Where tus-js-client keeps the URLs of uploads that have begun. */
export interface UrlStorage {
  findAllUploads(): Promise<PreviousUpload[]>;
  removeUpload(urlStorageKey: string): Promise<void>;
}

export const browserStorage: UrlStorage = defaultOptions.urlStorage;

/** The newest of the earlier uploads of a file that nobody here is going on with already. */
export function newest(
  previous: readonly PreviousUpload[],
  taken: ReadonlySet<string>,
): PreviousUpload | null {
  const free = previous.filter((upload) => upload.uploadUrl && !taken.has(upload.uploadUrl));
  const age = (upload: PreviousUpload) => Date.parse(upload.creationTime) || 0;
  return free.sort((a, b) => age(b) - age(a))[0] ?? null;
}

/** Name and size of a file; by that an unfinished video and what is kept here are matched. */
export function tag(filename: string, size: number): string {
  return `${size} ${filename.normalize('NFC')}`;
}

/** Tags of all uploads that this browser could go on with. */
export async function resumableTags(storage: UrlStorage): Promise<Set<string>> {
  const kept = await storage.findAllUploads();
  return new Set(kept.map((upload) => tag(upload.metadata.filename ?? '', upload.size ?? 0)));
}

/** Never go on with the upload at `url`. */
export async function forget(storage: UrlStorage, url: string): Promise<void> {
  for (const upload of await storage.findAllUploads()) {
    if (upload.uploadUrl === url) await storage.removeUpload(upload.urlStorageKey);
  }
}
