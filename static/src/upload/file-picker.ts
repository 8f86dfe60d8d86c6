// Changes when: how the system's own dialog for choosing files is opened does.
import { type FileHandle, noteHandle } from './handles.ts';

type Kind = 'files' | 'folder' | 'one';

declare global {
  interface Window {
    /** Not in every browser, and only on secure pages. */
    showOpenFilePicker?(options: { multiple: boolean }): Promise<FileHandle[]>;
  }
}

/** Opens the dialog; whoever calls this must be answering a click or a key. */
export function pick(kind: Kind, take: (files: File[]) => void): void {
  if (kind !== 'folder' && window.showOpenFilePicker) void pickHandles(kind, take);
  else pickInput(kind, take);
}

/** Telephones have the dialog, but no folders to choose. */
export function foldersCanBePicked(): boolean {
  return 'webkitdirectory' in HTMLInputElement.prototype && matchMedia('(pointer: fine)').matches;
}

/** What is chosen this way can be read again after the page was closed. */
async function pickHandles(kind: Kind, take: (files: File[]) => void): Promise<void> {
  let handles: FileHandle[] = [];
  try {
    handles = (await window.showOpenFilePicker?.({ multiple: kind === 'files' })) ?? [];
  } catch (error) {
    // Closed without a choice; or the browser does not allow it here.
    if (!(error instanceof DOMException && error.name === 'AbortError')) pickInput(kind, take);
    return;
  }
  const files = await Promise.all(handles.map(fileOf));
  take(files.filter((file) => file !== null));
}

async function fileOf(handle: FileHandle): Promise<File | null> {
  try {
    const file = await handle.getFile();
    noteHandle(file, handle);
    return file;
  } catch {
    return null;
  }
}

function pickInput(kind: Kind, take: (files: File[]) => void): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = kind !== 'one';
  if (kind === 'folder') input.webkitdirectory = true;
  // Names as well: systems know few types of these, and would grey the others out.
  else input.accept = 'video/*,audio/*,.mkv,.mts,.m2ts,.ts,.avi,.flv,.wmv,.vob,.mxf,.gif';
  input.addEventListener('change', () => take([...(input.files ?? [])]));
  input.click();
}
