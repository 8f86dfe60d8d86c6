// Changes when: which of the things that people choose or drop are uploaded does.
import { type FileHandle, noteHandle } from './handles.ts';

const MEDIA =
  /\.(mp4|m4v|mov|qt|mkv|mk3d|webm|avi|flv|f4v|wmv|asf|mpe?g|mpv|m2v|vob|ts|m2ts|mts|3gpp?|3g2|ogv|ogg|oga|opus|mxf|mp3|m4a|m4b|aac|flac|wav|aiff?|wma|gif)$/i;

/** Goes by type and name; only used to leave out what lies beside videos in a folder. */
export function isMedia(file: { readonly name: string; readonly type: string }): boolean {
  if (file.name.startsWith('.')) return false;
  return /^(video|audio)\//.test(file.type) || MEDIA.test(file.name);
}

/** What a video is called until somebody says otherwise: the server's own rule. */
export function titleOf(filename: string): string {
  const dot = filename.lastIndexOf('.');
  const extension = filename.length - dot - 1;
  return dot > 0 && extension > 0 && extension <= 5 ? filename.slice(0, dot) : filename;
}

/** What was chosen, and how many files of folders were left out because they are no media. */
export interface Choice {
  readonly files: File[];
  readonly leftOut: number;
}

/** The media in a folder that was chosen. */
export function fromFolder(files: Iterable<File>): Choice {
  const all = [...files];
  const media = all.filter(isMedia);
  return { files: media, leftOut: all.length - media.length };
}

/** Not in every browser. */
type WithHandle = DataTransferItem & {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
};

/** Files that were dropped, with those in dropped folders. Single files are taken as they are. */
export async function fromDrop(data: DataTransfer): Promise<Choice> {
  // The list dies with the event, so entries are taken before anything is awaited.
  const items = [...data.items].filter((item) => item.kind === 'file');
  const dropped = items.map((item) => {
    const entry = item.webkitGetAsEntry?.() ?? null;
    const single = entry?.isDirectory ? null : (item as WithHandle);
    const handle = single?.getAsFileSystemHandle?.().catch(() => null) ?? null;
    return { entry, file: item.getAsFile(), handle };
  });
  const files: File[] = [];
  let leftOut = 0;
  for (const { entry, file, handle } of dropped) {
    if (entry?.isDirectory) {
      const folder = fromFolder(await filesIn(entry as FileSystemDirectoryEntry));
      files.push(...folder.files);
      leftOut += folder.leftOut;
    } else if (file) {
      const kept = await handle;
      if (kept?.kind === 'file') noteHandle(file, kept as FileHandle);
      files.push(file);
    }
  }
  return { files, leftOut };
}

async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const files: File[] = [];
  for (const entry of await entriesIn(folder)) {
    if (entry.isDirectory) files.push(...(await filesIn(entry as FileSystemDirectoryEntry)));
    else files.push(await fileOf(entry as FileSystemFileEntry));
  }
  return files;
}

async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    // Browsers hand out a hundred at a time, and nothing at the end.
    const some = await new Promise<FileSystemEntry[]>((done, fail) =>
      reader.readEntries(done, fail),
    );
    if (some.length === 0) break;
    entries.push(...some);
  }
  return entries.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((done, fail) => entry.file(done, fail));
}
