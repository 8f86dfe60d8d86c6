// Changes when: how the system's own dialog for choosing files is opened does.

/** Opens the dialog; whoever calls this must be answering a click or a key. */
export function pick(kind: 'files' | 'folder' | 'one', take: (files: File[]) => void): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = kind !== 'one';
  if (kind === 'folder') input.webkitdirectory = true;
  // Names as well: systems know few types of these, and would grey the others out.
  else input.accept = 'video/*,audio/*,.mkv,.mts,.m2ts,.ts,.avi,.flv,.wmv,.vob,.mxf,.gif';
  input.addEventListener('change', () => take([...(input.files ?? [])]));
  input.click();
}

/** Telephones have the dialog, but no folders to choose. */
export function foldersCanBePicked(): boolean {
  return 'webkitdirectory' in HTMLInputElement.prototype && matchMedia('(pointer: fine)').matches;
}
